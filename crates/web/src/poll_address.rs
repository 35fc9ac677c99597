//! The addresses of a poll: on both hosts the default poll is at the root, and every other one below `/p`. It also
//! corrects addresses that were typed or pasted with small mistakes.

use axum::response::{IntoResponse, Response};
use domain::{Poll, PollId};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use percent_encoding::percent_decode_str;

use program::settings::PublicUrl;

/// The longest address that is corrected, in bytes.
const MAX_MEANT_BYTES: usize = 500;
/// The placeholders of ids in the paths of pages; both kinds of ids follow the same rules.
const ANY_ID: [&str; 2] = ["{poll}", "{event}"];

/// The path of a poll's page: `/`, or `/p/lunch`.
pub fn path(poll: PollId) -> String {
    if poll == PollId::MAIN { "/".to_owned() } else { format!("/p/{poll}") }
}

/// The path of a poll's page. While something else is in front, the default poll is below `/p` too.
pub fn path_of(poll: &Poll) -> String {
    if poll.front_page().is_some() { format!("/p/{}", poll.id()) } else { path(poll.id()) }
}

/// The same at a public address.
pub fn url_of(at: &PublicUrl, poll: &Poll) -> String {
    if poll.front_page().is_some() { format!("{at}{}", path_of(poll)) } else { url(at, poll.id()) }
}

/// The address of a poll's page at a public address, as short as people would type it: `https://vote.example.org`, or
/// `https://vote.example.org/p/lunch`. Below a path it ends with a slash, since not every proxy adds it.
pub fn url(at: &PublicUrl, poll: PollId) -> String {
    let is_bare = poll == PollId::MAIN && at.base().as_str().is_empty();
    if is_bare { at.to_string() } else { format!("{at}{}", path(poll)) }
}

/// An address as people read and type it: without the scheme.
pub fn without_scheme(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, text)| text)
}

/// The address of a request that may be not found.
#[derive(Debug)]
pub struct Visit(Uri);

impl Visit {
    /// The part of a request that is needed once its answer is known; `None` if it is not `GET` or `HEAD`.
    pub fn of(method: &Method, uri: &Uri) -> Option<Self> {
        matches!(*method, Method::GET | Method::HEAD).then(|| Self(uri.clone()))
    }

    /// Redirects an address that was not found to the one of `pages` that is meant: it may have capital letters, an
    /// additional slash or full stop, or quotes of the text from which it was copied.
    pub fn redirect(&self, found: StatusCode, pages: &[&str]) -> Option<Response> {
        if found != StatusCode::NOT_FOUND {
            return None;
        }
        let path = meant(self.0.path(), pages)?;
        let to = self.0.query().map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
        let to = HeaderValue::try_from(to).ok()?;
        Some((StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, to)]).into_response())
    }
}

/// The path of the page that is meant by `path`; `None` if it is none, or this very path.
fn meant(path: &str, pages: &[&str]) -> Option<String> {
    let is_encoded = path
        .split('%')
        .skip(1)
        .all(|behind| behind.get(..2).is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())));
    if path.len() > MAX_MEANT_BYTES || !is_encoded {
        return None;
    }
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    let parts: Vec<String> = decoded.split(['/', '\\']).map(plain).filter(|part| !part.is_empty()).collect();
    let is_meant = |page: &&&str| {
        let mut expected = page.split('/').skip(1);
        let fits = parts.iter().all(|part| match expected.next() {
            Some(word) if ANY_ID.contains(&word) => PollId::parse(part).is_ok(),
            word => word == Some(part),
        });
        fits && expected.next().is_none()
    };
    pages.iter().find(is_meant)?;
    Some(format!("/{}", parts.join("/"))).filter(|meant| meant != path)
}

/// A part of an address, such as a poll's id, in small plain letters, without characters at its ends that are neither
/// letters nor digits. Between the ends only invisible characters are removed.
pub fn plain(part: &str) -> String {
    let letters = part.chars().filter(|c| !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'));
    let plain: String = letters
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
            c => c,
        })
        .collect();
    plain.trim_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use domain::{FrontPage, PollChange, PollSpec};

    use super::*;

    const PAGES: [&str; 4] = ["/p/{poll}", "/p/{poll}/embed", "/polls", "/organise/{poll}"];

    #[test]
    fn small_mistakes_in_an_address_are_corrected() {
        for (typed, page) in [
            ("/p/Lunch", "/p/lunch"),
            ("/P/lunch", "/p/lunch"),
            ("/p/lunch/", "/p/lunch"),
            ("//p//LUNCH//", "/p/lunch"),
            ("/p/lunch.", "/p/lunch"),
            ("/p/lunch%20", "/p/lunch"),
            ("/p/%20lunch%0A", "/p/lunch"),
            ("/p/lunch%C2%A0", "/p/lunch"),
            ("/p/%E2%80%9Clunch%E2%80%9D", "/p/lunch"),
            ("/p/lunch),", "/p/lunch"),
            ("/p/lun%E2%80%8Bch", "/p/lunch"),
            ("/p/l%75nch", "/p/lunch"),
            ("/p/team%E2%80%93lunch", "/p/team-lunch"),
            ("/p/%EF%BD%8C%EF%BD%95nch", "/p/lunch"),
            ("/p%2Flunch", "/p/lunch"),
            ("/p/Lunch/Embed/", "/p/lunch/embed"),
            ("/Polls/", "/polls"),
            ("/organise/Lunch", "/organise/lunch"),
        ] {
            assert_eq!(meant(typed, &PAGES).as_deref(), Some(page), "{typed}");
            assert_eq!(meant(page, &PAGES), None, "it leads nowhere else");
        }
        for other in [
            "/",
            "/p",
            "/p/",
            "/e/lunch",
            "/lunch",
            "/p/lunch/x",
            "/p/a/b",
            "/p/two%20words",
            "/p/%FF",
            "/p/%zz",
            "/p/lunch%",
            "/p/é",
            "/q/lunch",
            "/p/%C3%A9t%C3%A9",
            "/api/polls/Lunch",
        ] {
            assert_eq!(meant(other, &PAGES), None, "{other}");
        }
        assert_eq!(meant(&format!("/p/lunch{}", "/".repeat(1_000)), &PAGES), None);
    }

    #[test]
    fn only_get_and_head_are_redirected_with_their_query() {
        let uri: Uri = "/p/Lunch?code=K7QM".parse().unwrap();
        let visit = Visit::of(&Method::GET, &uri).unwrap();
        let response = visit.redirect(StatusCode::NOT_FOUND, &PAGES).unwrap();
        assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
        assert_eq!(response.headers()[header::LOCATION], "/p/lunch?code=K7QM");
        assert!(visit.redirect(StatusCode::OK, &PAGES).is_none());
        assert!(Visit::of(&Method::POST, &uri).is_none());
    }

    #[test]
    fn the_default_poll_is_at_the_root_and_others_below_p() {
        let lunch = PollId::parse("lunch").unwrap();
        assert_eq!((path(PollId::MAIN).as_str(), path(lunch).as_str()), ("/", "/p/lunch"));
        let at = |text: &str, poll| url(&text.parse().unwrap(), poll);
        assert_eq!(at("https://vote.example.org", PollId::MAIN), "https://vote.example.org");
        assert_eq!(at("https://vote.example.org", lunch), "https://vote.example.org/p/lunch");
        assert_eq!(at("https://example.org/vote", PollId::MAIN), "https://example.org/vote/");
        assert_eq!(at("https://example.org/vote/", lunch), "https://example.org/vote/p/lunch");
        let poll = Poll::new(PollId::MAIN, PollSpec::simple("Tea?", ["Yes", "No"])).unwrap();
        let aside = poll.after(&PollChange::PutInFront(Some(FrontPage::Poll(lunch))), 0).unwrap();
        let public: PublicUrl = "https://vote.example.org".parse().unwrap();
        assert_eq!((path_of(&poll).as_str(), path_of(&aside).as_str()), ("/", "/p/main"));
        assert_eq!(url_of(&public, &poll), "https://vote.example.org");
        assert_eq!(url_of(&public, &aside), "https://vote.example.org/p/main");
        assert_eq!(without_scheme("https://vote.example.org/p/lunch"), "vote.example.org/p/lunch");
    }
}
