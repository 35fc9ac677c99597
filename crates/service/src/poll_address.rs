//! The addresses of a poll: on both hosts the default poll is at the root, and every other one below `/p`.

use domain::PollId;

/// The path of a poll's page: `/`, or `/p/lunch`.
pub fn path(poll: PollId) -> String {
    if poll == PollId::MAIN { "/".to_owned() } else { format!("/p/{poll}") }
}

/// The address of a poll's page on the host at `origin`, as short as people would type it: `https://vote.example.org`, or
/// `https://vote.example.org/p/lunch`.
pub fn url(origin: &str, poll: PollId) -> String {
    if poll == PollId::MAIN { origin.to_owned() } else { format!("{origin}{}", path(poll)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_poll_is_at_the_root_and_others_below_p() {
        let lunch = PollId::parse("lunch").unwrap();
        assert_eq!((path(PollId::MAIN).as_str(), path(lunch).as_str()), ("/", "/p/lunch"));
        assert_eq!(url("https://vote.example.org", PollId::MAIN), "https://vote.example.org");
        assert_eq!(url("https://vote.example.org", lunch), "https://vote.example.org/p/lunch");
    }
}
