//! The addresses that an organiser hands out.

use domain::PollId;
use http::{HeaderMap, header};
use service::counterpart;

use crate::app::App;

/// The origin by which this service is to be found: as configured, else as this browser came; `None` if it sent no
/// usable `Host`.
pub(crate) fn own_origin(app: &App, headers: &HeaderMap) -> Option<String> {
    if let Some(url) = &app.config.vote_url {
        return Some(url.as_str().to_owned());
    }
    let host = counterpart::host(headers)?;
    let authority: http::uri::Authority = headers.get(header::HOST)?.to_str().ok()?.parse().ok()?;
    Some(authority.port_u16().map_or_else(|| format!("http://{host}"), |port| format!("http://{host}:{port}")))
}

/// Where the holder of a voting code votes: the code is filled in there.
pub(crate) fn code_url(origin: &str, poll: PollId, code: &str) -> String {
    format!("{origin}/p/{poll}?code={code}")
}

/// An address as people read and type it: without the scheme.
pub(crate) fn without_scheme(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, text)| text)
}

/// Whether only this very machine finds the address.
pub(crate) fn is_local(origin: &str) -> bool {
    let host = without_scheme(origin);
    ["localhost", "127.", "[::1]"].iter().any(|local| host.starts_with(local))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_short_and_say_when_they_lead_nowhere_else() {
        assert_eq!(code_url("http://x", PollId::MAIN, "K7QM"), "http://x/p/main?code=K7QM");
        assert_eq!(without_scheme("https://vote.example.org/p/lunch"), "vote.example.org/p/lunch");
        assert!(is_local("http://localhost:8080") && is_local("http://127.0.0.1") && is_local("http://[::1]:8080"));
        assert!(!is_local("http://192.168.1.7:8080"));
    }
}
