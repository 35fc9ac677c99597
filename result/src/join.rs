//! How to come from the screen to the voting page: its address as text and as a QR code.

use std::fmt::Write;

use domain::PollId;
use fast_qr::{ECL, qr::QRBuilder};
use http::HeaderMap;
use serde::Serialize;
use service::counterpart::Counterpart;

/// The light frame around a QR code that readers need, in modules.
const QUIET_ZONE: usize = 4;

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

/// A QR code as one SVG path of its dark modules, each one unit large.
#[derive(Debug, Serialize)]
struct Qr {
    size: usize,
    path: String,
}

impl Join {
    /// The voting page of a poll, for the browser that sent these headers; `None` if its host is not known.
    pub(crate) fn new(vote: &Counterpart, headers: &HeaderMap, poll: PollId) -> Option<Self> {
        let origin = vote.origin(headers)?;
        let url = address(&origin, poll);
        let text = url.split_once("://").map_or(url.as_str(), |(_, text)| text).to_owned();
        let qr = Qr::new(&url);
        Some(Self { url, text, qr })
    }
}

/// The voting page of a poll on the vote host.
pub(crate) fn address(origin: &str, poll: PollId) -> String {
    if poll == PollId::MAIN { origin.to_owned() } else { format!("{origin}/p/{poll}") }
}

impl Qr {
    fn new(text: &str) -> Option<Self> {
        let code = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
        let mut path = String::new();
        for y in 0..code.size {
            let mut x = 0;
            while x < code.size {
                // Dark modules side by side are drawn as one.
                let run = (x..code.size).take_while(|&x| code[y][x].value()).count();
                if run > 0 {
                    let (left, top) = (x + QUIET_ZONE, y + QUIET_ZONE);
                    write!(path, "M{left} {top}h{run}v1h-{run}z").expect("writing to a String");
                }
                x += run + 1;
            }
        }
        Some(Self { size: code.size + 2 * QUIET_ZONE, path })
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
        // Version 2 has 25 modules on each side, and the first finder pattern is behind the quiet zone.
        let qr = join.qr.unwrap();
        assert_eq!(qr.size, 25 + 2 * QUIET_ZONE);
        assert!(qr.path.starts_with("M4 4h7v1h-7z"));
    }
}
