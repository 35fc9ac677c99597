//! What the all-in-one prints when it is ready: the addresses to open, and the organiser's way in.

use std::{
    fmt::Write,
    net::{IpAddr, SocketAddr},
};

use listener::reach::{self, Unreachable};
use program::settings::PublicUrl;
use web::counterpart::host_of;

/// The two addresses, as bound and as configured.
pub(crate) struct Places<'a> {
    pub(crate) vote: SocketAddr,
    pub(crate) result: SocketAddr,
    pub(crate) vote_url: Option<&'a PublicUrl>,
    pub(crate) result_url: Option<&'a PublicUrl>,
}

/// How the organiser gets in.
pub(crate) enum WayIn<'a> {
    /// By a link with this token in it. Only for whoever started the program: what is printed may be kept in a log.
    Token(&'a str),
    /// With the token that is there.
    Place(&'a str),
}

/// The lines to print.
pub(crate) fn greeting(places: &Places, way_in: &WayIn) -> String {
    let mut text = String::from("\n  Scrutin is ready.\n\n");
    let mut line = |name: &str, addresses: &[String]| {
        for (index, address) in addresses.iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            writeln!(text, "  {name:<9} {address}").expect("writing to a String");
        }
    };
    let found = reach::addresses(places.vote.port());
    let vote = urls(places.vote, places.vote_url, &found);
    line("Vote", &vote);
    line("Results", &urls(places.result, places.result_url, &reach::addresses(places.result.port())));
    // The last works on this computer, whichever network it is in by then.
    let organise = vote.last().map(|url| match way_in {
        WayIn::Token(token) => format!("{url}/organise/sign-in?token={token}"),
        WayIn::Place(place) => format!("{url}/organise ({place})"),
    });
    line("Organise", &organise.into_iter().collect::<Vec<_>>());
    if let (None, Err(why)) = (places.vote_url, found) {
        writeln!(text, "\n  {}", said(why)).expect("writing to a String");
    }
    text.push_str("\n  Ctrl-C stops it; nothing is lost.\n");
    text
}

/// Where browsers can reach a bound address: the configured URL; else the machine's addresses in its networks, the
/// likeliest first, and at the end the one on this machine.
fn urls(bound: SocketAddr, configured: Option<&PublicUrl>, found: &Result<Vec<IpAddr>, Unreachable>) -> Vec<String> {
    if let Some(url) = configured {
        return vec![url.to_string()];
    }
    let port = if bound.port() == 80 { String::new() } else { format!(":{}", bound.port()) };
    let at = |host: String| format!("http://{host}{port}");
    if !bound.ip().is_unspecified() {
        return vec![at(host_of(bound.ip()))];
    }
    let found = found.iter().flatten().map(|address| at(host_of(*address)));
    found.chain([at("localhost".into())]).collect()
}

/// Why no phone gets there.
fn said(why: Unreachable) -> &'static str {
    match why {
        Unreachable::LoopbackOnly => "Only this computer is served (VOTE_ADDR): phones can't vote.",
        Unreachable::NoNetwork | Unreachable::Elsewhere => {
            "This computer is in no network: phones can't vote yet. Once it is in one, load the pages again."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(addresses: &[&str]) -> Vec<IpAddr> {
        addresses.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn every_address_that_works_is_named() {
        let two = Ok(found(&["192.168.1.7", "10.42.0.1", "fd00::7"]));
        let any = "[::]:8080".parse().unwrap();
        assert_eq!(
            urls(any, None, &two),
            ["http://192.168.1.7:8080", "http://10.42.0.1:8080", "http://[fd00::7]:8080", "http://localhost:8080"]
        );
        assert_eq!(urls(any, None, &Err(Unreachable::NoNetwork)), ["http://localhost:8080"]);
        assert_eq!(urls("127.0.0.1:80".parse().unwrap(), None, &two), ["http://127.0.0.1"]);
        assert_eq!(urls("[::1]:8080".parse().unwrap(), None, &two), ["http://[::1]:8080"]);
        let url: PublicUrl = "https://vote.example.org/tonight/".parse().unwrap();
        assert_eq!(urls(any, Some(&url), &two), ["https://vote.example.org/tonight"]);
    }

    #[test]
    fn it_says_when_no_phone_can_reach_it() {
        let at = |vote: &str| Places {
            vote: vote.parse().unwrap(),
            result: "127.0.0.1:8081".parse().unwrap(),
            vote_url: None,
            result_url: None,
        };
        assert!(said(Unreachable::LoopbackOnly).contains("VOTE_ADDR"));
        let text = greeting(&at("0.0.0.0:8080"), &WayIn::Token("token"));
        assert_eq!(text.contains("in no network"), reach::addresses(8080).is_err(), "{text}");
        assert!(text.contains("http://localhost:8080/organise/sign-in?token=token"), "{text}");
    }
}
