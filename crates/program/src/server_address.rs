//! Addresses of servers that hold passwords (`REDIS_URL`, `DATABASE_URL`), and what is wrong with one. A password that
//! is not percent-encoded can end the host too early, and the parser's error then blames something else.

use std::{fmt::Display, str::FromStr};

use crate::settings::{Hidden, fail};

/// Reads the address, or ends the program with a line that names the setting and never shows the password.
pub fn read<T: FromStr<Err: Display>>(program: &str, key: &str, text: &Hidden) -> T {
    if let Some(raw) = raw_in_password(text.reveal()) {
        fail(program, &format!("{key}: {}", encode_it(raw)));
    }
    text.reveal().parse().unwrap_or_else(|error| fail(program, &format!("{key}: {error}")))
}

fn encode_it(raw: char) -> String {
    let encoded = format!("%{:02X}", u32::from(raw));
    format!(
        "the user or the password holds {raw:?}, which has a meaning of its own in an address: write it as {encoded}"
    )
}

/// The first character of user and password that must be percent-encoded and is not.
///
/// All parsers take a `%` without two digits literally. So does the Redis client with an `@`: it splits at the last
/// one. The PostgreSQL client splits at the first.
fn raw_in_password(address: &str) -> Option<char> {
    // Some settings take several addresses. In `key=value` pairs nothing needs encoding.
    address.split_ascii_whitespace().find_map(|address| {
        let (scheme, behind) = address.split_once("://")?;
        let authority = behind.split(['#', '/', '?']).next().unwrap_or_default();
        if scheme.starts_with("postgres") && authority.matches('@').count() > 1 {
            return Some('@');
        }
        let end = behind.find(['#', '/', '?'])?;
        let (host, rest) = behind.split_at(end);
        let raw = rest.chars().next()?;
        // No address of a server has a fragment. A path or a query may hold an `@` after host and port.
        let is_host = host.contains('@') || host.rsplit(':').next().is_some_and(is_port) || !host.contains(':');
        let cuts_a_password = raw == '#' || rest.contains('@') && !is_host;
        cuts_a_password.then_some(raw)
    })
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_an_address_within_its_password_is_named() {
        for (address, raw) in [
            ("postgres://vote:pa#ss@db:5432/votes", '#'),
            ("postgres://vote:pa/ss@db/votes", '/'),
            ("postgres://vote:pa?ss@db/votes", '?'),
            ("redis://:pa#ss@redis:6379", '#'),
            ("redis://:pa/ss@redis:6379/0", '/'),
            ("redis://a:6379 redis://:x?y@b:6379", '?'),
            ("redis://:p@ss#word@redis", '#'),
            ("postgresql://vote:p@ss@db/votes", '@'),
        ] {
            assert_eq!(raw_in_password(address), Some(raw), "{address}");
            assert!(encode_it(raw).ends_with(&format!("%{:02X}", u32::from(raw))));
        }
        for fine in [
            "redis://redis:6379",
            "redis://redis/0",
            "redis://:pa%23ss@redis:6379/0",
            "redis://:p@ss@redis",
            "postgres://vote:secret@db:5432/votes?application_name=a@b",
            "postgres://db:5432/votes?user=vote@db",
            "postgres://[::1]:5432/votes?user=a@b",
            "host=db user=vote password=pa#ss/x",
            "",
        ] {
            assert_eq!(raw_in_password(fine), None, "{fine}");
        }
    }
}
