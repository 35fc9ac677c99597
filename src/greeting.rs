//! What the all-in-one prints when it is ready: the addresses to open, and the organiser's way in.
//!
//! In a container these are the ones of the computer that runs it, as far as they can be known inside; the rest is how
//! to say them.

use std::{
    fmt::Write,
    net::{IpAddr, SocketAddr},
};

use listener::reach::{self, Unreachable};
use program::settings::PublicUrl;
use web::counterpart::host_of;

/// Where others reach a port of this machine, or why they don't.
type Reached = Result<Vec<IpAddr>, Unreachable>;

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
    lines(places, way_in, &reach::addresses(places.vote.port()), &reach::addresses(places.result.port()))
}

/// The lines, where others reach the ports of the two pages like this.
fn lines(places: &Places, way_in: &WayIn, vote: &Reached, result: &Reached) -> String {
    let mut text = String::from("\n  Scrutin is ready.\n\n");
    let mut line = |name: &str, addresses: &[String]| {
        for (index, address) in addresses.iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            writeln!(text, "  {name:<9} {address}").expect("writing to a String");
        }
    };
    let vote_urls = urls(places.vote, places.vote_url, vote);
    line("Vote", &vote_urls);
    line("Results", &urls(places.result, places.result_url, result));
    // The last works on this computer, whichever network it is in by then.
    let organise = vote_urls.last().map(|url| match way_in {
        WayIn::Token(token) => format!("{url}/organise/sign-in?token={token}"),
        WayIn::Place(place) => format!("{url}/organise ({place})"),
    });
    line("Organise", &organise.into_iter().collect::<Vec<_>>());
    if let (None, Err(why)) = (places.vote_url, vote) {
        writeln!(text, "\n  {}", said(*why, places)).expect("writing to a String");
    }
    text.push_str("\n  Ctrl-C stops it; nothing is lost.\n");
    text
}

/// Where browsers can reach a bound address: the configured URL; else the machine's addresses in its networks, the
/// likeliest first, and at the end the one on this machine.
fn urls(bound: SocketAddr, configured: Option<&PublicUrl>, found: &Reached) -> Vec<String> {
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
fn said(why: Unreachable, places: &Places) -> String {
    match why {
        Unreachable::LoopbackOnly => "Only this computer is served (VOTE_ADDR): phones can't vote.".into(),
        Unreachable::NoNetwork | Unreachable::Elsewhere => {
            "This computer is in no network: phones can't vote yet. Once it is in one, load the pages again.".into()
        }
        Unreachable::Inside => of_container(places.vote.port(), places.result.port()),
    }
}

/// What can't be seen from inside of a container, and how to say it.
fn of_container(vote: u16, result: u16) -> String {
    format!(
        "This is a container: so it is on the computer that runs it, with -p {vote}:{vote} -p {result}:{result}.
  Phones need that computer's address in their network, which can't be seen in here. Open the results
  by it, as http://192.168.1.7:{result}, and the QR code leads there too. Or set both addresses, as you must
  for other ports (-p 80:{vote}) and names, and behind a proxy:

    docker run -e VOTE_URL=http://192.168.1.7:{vote} -e RESULT_URL=http://192.168.1.7:{result} …"
    )
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
        assert!(said(Unreachable::LoopbackOnly, &at("127.0.0.1:8080")).contains("VOTE_ADDR"));
        let text = greeting(&at("0.0.0.0:8080"), &WayIn::Token("token"));
        assert_eq!(text.contains("in no network"), reach::addresses(8080).is_err(), "{text}");
        assert!(text.contains("http://localhost:8080/organise/sign-in?token=token"), "{text}");
    }

    #[test]
    fn in_a_container_it_says_how_to_name_the_addresses_outside() {
        let url: PublicUrl = "http://192.168.1.7:8000".parse().unwrap();
        let [vote, result] = ["[::]:8080", "[::]:8081"].map(|bound| bound.parse().unwrap());
        let said = |vote_url, result_url| {
            let inside = Err(Unreachable::Inside);
            lines(&Places { vote, result, vote_url, result_url }, &WayIn::Token("token"), &inside, &inside)
        };
        let text = said(None, None);
        for wanted in ["Vote      http://localhost:8080\n", "-p 8080:8080 -p 8081:8081", "-e VOTE_URL=http"] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        let told = said(Some(&url), Some(&url));
        assert!(told.contains("Vote      http://192.168.1.7:8000\n") && !told.contains("container"), "{told}");
    }
}
