//! How to come from the screen to the voting page: its address as text and as a QR code.

use domain::PollId;
use http::HeaderMap;
use serde::Serialize;
use service::{counterpart::Counterpart, poll_address, qr::Qr};

/// Where to vote.
#[derive(Debug, Serialize)]
pub(crate) struct Join {
    /// The address.
    url: String,
    /// The address as people read and type it: without the scheme.
    text: String,
    /// The QR code; `None` if the address is too long for one.
    qr: Option<Qr>,
}

impl Join {
    /// The voting page of a poll, for the browser that sent these headers; `None` if its host is not known.
    pub(crate) fn new(vote: &Counterpart, headers: &HeaderMap, poll: PollId) -> Option<Self> {
        let origin = vote.origin(headers)?;
        let url = poll_address::url(&origin, poll);
        let text = url.split_once("://").map_or(url.as_str(), |(_, text)| text).to_owned();
        let qr = Qr::new(&url);
        Some(Self { url, text, qr })
    }
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    #[test]
    fn the_default_poll_is_at_the_root_and_others_below_p() {
        let vote = Counterpart::Fixed("https://vote.example.org".parse().unwrap());
        let join = |poll| Join::new(&vote, &HeaderMap::new(), poll).unwrap();
        assert_eq!(join(PollId::MAIN).text, "vote.example.org");
        assert_eq!(join(PollId::parse("lunch").unwrap()).url, "https://vote.example.org/p/lunch");
    }

    #[test]
    fn an_unknown_host_is_not_guessed() {
        assert!(Join::new(&Counterpart::Port(8080), &HeaderMap::new(), PollId::MAIN).is_none());
        let headers = HeaderMap::from_iter([(header::HOST, "10.0.0.7:8081".parse().unwrap())]);
        let join = Join::new(&Counterpart::Port(8080), &headers, PollId::MAIN).unwrap();
        assert_eq!(join.url, "http://10.0.0.7:8080");
        assert_eq!(join.qr, Qr::new("http://10.0.0.7:8080"));
    }
}
