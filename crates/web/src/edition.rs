//! A fingerprint of the texts on a poll's pages. Both hosts compute it, so that an open page of either sees in a tally
//! that it is out of date.

use domain::{Poll, PollState, fnv1a};

/// The fingerprint of question, options, whether votes are hidden, and whether the poll is archived or published.
/// FNV-1a rather than the standard hasher, so that instances of two releases agree on it.
pub fn edition(poll: &Poll) -> String {
    let parts = std::iter::once(poll.question()).chain(poll.options().iter().map(String::as_str));
    // 0xff ends a part; it never occurs in UTF-8.
    let bytes = parts.flat_map(|part| part.bytes().chain([0xff])).chain([u8::from(poll.is_hidden())]);
    let bytes = bytes.chain(poll.archived().then_some(2)).chain(poll.is_published().then_some(4));
    format!("{:016x}", fnv1a(bytes))
}

/// What a page of a poll in this state depends on: a page with another key is out of date. Scripts of pages write the
/// same from a tally.
pub fn page_key(poll: &Poll, state: PollState) -> String {
    format!("{} {} {} {}", state.as_str(), poll.round(), poll.revision(), edition(poll))
}

#[cfg(test)]
mod tests {
    use domain::{PollChange, PollId, PollSpec};

    use super::*;

    #[test]
    fn the_edition_tells_apart_what_a_page_shows() {
        let poll =
            |question: &str, options: [&str; 2]| Poll::new(PollId::MAIN, PollSpec::simple(question, options)).unwrap();
        let first = poll("Which?", ["ab", "c"]);
        assert_eq!(edition(&first), edition(&first.after(&PollChange::Close, 1).unwrap()));
        assert_ne!(edition(&first), edition(&poll("Which?", ["a", "bc"])));
        assert_ne!(edition(&first), edition(&first.after(&PollChange::Hide, 1).unwrap()));

        let spec = PollSpec { publish: true, state: PollState::Closed, ..PollSpec::simple("Which?", ["ab", "c"]) };
        let closed = Poll::new(PollId::MAIN, spec).unwrap();
        let published = closed.after(&PollChange::Publish, 1).unwrap();
        assert_eq!(edition(&first), edition(&closed));
        assert_ne!(edition(&closed), edition(&published));
        assert_ne!(edition(&published), edition(&published.after(&PollChange::Archive, 1).unwrap()));
    }
}
