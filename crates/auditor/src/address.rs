//! Where a poll's public things are, from the address of its page.

use domain::PollId;
use url::Url;

/// The result host of a poll, and the poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollAddress {
    /// Of the host, and of the path below which it serves; without a slash at its end.
    base: String,
    poll: PollId,
}

/// Not the address of a poll.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not the address of a poll's result page, such as https://result.example.org/p/lunch")]
pub struct PollAddressError(String);

impl PollAddress {
    /// From the address of the poll's page on the result host, `…/p/POLL` or below it, or of what is below
    /// `…/api/polls/POLL/`.
    pub fn parse(address: &str) -> Result<Self, PollAddressError> {
        Self::read(address).ok_or_else(|| PollAddressError(address.to_owned()))
    }

    fn read(address: &str) -> Option<Self> {
        let mut url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        url.set_query(None);
        url.set_fragment(None);
        let path = url.path().to_owned();
        let (below, rest) = path.split_once("/api/polls/").or_else(|| path.split_once("/p/"))?;
        let poll = PollId::parse(rest.split('/').next()?).ok()?;
        url.set_path(below);
        Some(Self { base: url.as_str().trim_end_matches('/').to_owned(), poll })
    }

    /// Which poll.
    pub fn poll(&self) -> PollId {
        self.poll
    }

    /// Of the installation's key.
    pub fn key(&self) -> String {
        format!("{}/.well-known/scrutin-key", self.base)
    }

    /// Of a thing of the poll, such as `published` or `seal`.
    pub fn of(&self, thing: &str) -> String {
        format!("{}/api/polls/{}/{thing}", self.base, self.poll)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_and_the_file_of_a_poll_lead_to_the_same_things() {
        for address in [
            "https://result.example.org/p/tea",
            "https://result.example.org/p/tea/check",
            "https://result.example.org/p/tea/check?x=1#0a0b",
            "https://result.example.org/api/polls/tea/published",
        ] {
            let address = PollAddress::parse(address).unwrap();
            assert_eq!(address.of("published"), "https://result.example.org/api/polls/tea/published");
            assert_eq!(address.key(), "https://result.example.org/.well-known/scrutin-key");
        }
        let below = PollAddress::parse("http://192.168.0.7:8081/results/p/tea").unwrap();
        assert_eq!(below.of("seal"), "http://192.168.0.7:8081/results/api/polls/tea/seal");
    }

    #[test]
    fn what_names_no_poll_is_refused() {
        for bad in ["", "tea", "https://example.org/", "https://example.org/p/", "ftp://example.org/p/tea", "/p/tea"] {
            assert!(PollAddress::parse(bad).is_err(), "{bad}");
        }
    }
}
