//! Splits the parameters that only we understand off the text of an address, so that the driver can read the rest: it
//! does not know all of libpq's.
//!
//! The text may hold a password: nothing of it gets into an error here. Text that can't be split is left to the driver,
//! which says what is wrong.

use percent_encoding::percent_decode_str;

/// What libpq and we understand, and the driver does not, or not fully.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnParameters {
    pub(crate) sslmode: Option<String>,
    pub(crate) sslrootcert: Option<String>,
    pub(crate) target_session_attrs: Option<String>,
}

impl OwnParameters {
    /// Keeps the parameter, if it is one of these; the last one counts.
    fn keep(&mut self, key: &str, value: String) -> bool {
        let place = match key {
            "sslmode" => &mut self.sslmode,
            "sslrootcert" => &mut self.sslrootcert,
            "target_session_attrs" => &mut self.target_session_attrs,
            _ => return false,
        };
        *place = Some(value);
        true
    }
}

/// Whether an address is a URL; else it is `key=value` pairs.
pub(crate) fn is_url(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

/// The text for the driver, and the parameters that were taken out of it.
pub(crate) fn split(text: &str) -> (String, OwnParameters) {
    if is_url(text) { split_url(text) } else { split_pairs(text) }
}

fn split_url(text: &str) -> (String, OwnParameters) {
    let mut own = OwnParameters::default();
    // As the driver does it: the user and the password end at the first `@`, and may hold a `?`.
    let hosts = text.find('@').unwrap_or(0);
    let Some(query) = text[hosts..].find('?').map(|place| hosts + place) else { return (text.to_owned(), own) };
    let others: Vec<&str> = text[query + 1..]
        .split('&')
        .filter(|pair| {
            let Some((key, value)) = pair.split_once('=') else { return true };
            !own.keep(key, percent_decode_str(value).decode_utf8_lossy().into_owned())
        })
        .collect();
    let question_mark = if others.is_empty() { "" } else { "?" };
    (format!("{}{question_mark}{}", &text[..query], others.join("&")), own)
}

fn split_pairs(text: &str) -> (String, OwnParameters) {
    let mut own = OwnParameters::default();
    let (mut others, mut rest) = (String::new(), text);
    while let Some((pair, key, value)) = next_pair(rest) {
        rest = &rest[pair.len()..];
        if !own.keep(key, value) {
            others.push_str(pair);
        }
    }
    others.push_str(rest);
    (others, own)
}

/// The first pair with the blanks around it, its key, and its value without quotes and backslashes.
fn next_pair(text: &str) -> Option<(&str, &str, String)> {
    let (key, behind) = text.split_once('=')?;
    let value = behind.trim_start();
    let (value, length) = if let Some(quoted) = value.strip_prefix('\'') {
        let (value, length) = unescaped(quoted, |c| c == '\'');
        (value, length + 2)
    } else {
        unescaped(value, char::is_whitespace)
    };
    let end = text.len() - behind.trim_start().len() + length;
    Some((text.get(..end)?, key.trim(), value))
}

/// The text up to the first character that ends it and has no backslash before it, and how many bytes that took.
fn unescaped(text: &str, ends: impl Fn(char) -> bool) -> (String, usize) {
    let (mut value, mut escaped) = (String::new(), false);
    for (place, c) in text.char_indices() {
        if escaped || c != '\\' && !ends(c) {
            value.push(c);
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else {
            return (value, place);
        }
    }
    (value, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(sslmode: Option<&str>, sslrootcert: Option<&str>, attributes: Option<&str>) -> OwnParameters {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        OwnParameters {
            sslmode: owned(sslmode),
            sslrootcert: owned(sslrootcert),
            target_session_attrs: owned(attributes),
        }
    }

    #[test]
    fn what_the_driver_does_not_know_is_taken_out_and_the_rest_stays() {
        for (text, rest, expected) in [
            ("postgres://u:p@db/votes", "postgres://u:p@db/votes", own(None, None, None)),
            ("postgres://u:p@db?sslmode=require", "postgres://u:p@db", own(Some("require"), None, None)),
            (
                "postgres://a,b:1/v?sslmode=verify-ca&application_name=x&sslrootcert=%2Fetc%2Fmy%20ca.pem",
                "postgres://a,b:1/v?application_name=x",
                own(Some("verify-ca"), Some("/etc/my ca.pem"), None),
            ),
            (
                "postgresql://u:what?sslmode=x@db/v?target_session_attrs=read-write&x",
                "postgresql://u:what?sslmode=x@db/v?x",
                own(None, None, Some("read-write")),
            ),
            ("host=db sslmode = require user=a", "host=db user=a", own(Some("require"), None, None)),
            (
                r"password='it\'s' sslrootcert='/my \'ca\'.pem' host=db",
                r"password='it\'s' host=db",
                own(None, Some("/my 'ca'.pem"), None),
            ),
            (r"password='a sslmode=b' host=db\ x", r"password='a sslmode=b' host=db\ x", own(None, None, None)),
            ("sslmode='open", "sslmode='open", own(None, None, None)),
            ("hidden", "hidden", own(None, None, None)),
            ("", "", own(None, None, None)),
        ] {
            assert_eq!(split(text), (rest.to_owned(), expected), "{text}");
        }
    }
}
