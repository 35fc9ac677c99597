//! One voter: their cookies and receipts, and what they know of their ballots (acknowledged, not answered).

use http::{HeaderMap, header};

use crate::promise::Outcomes;

/// The longest cookie that is taken, in bytes.
const MAX_COOKIE_BYTES: usize = 4_096;

/// One voter.
#[derive(Debug, Default)]
pub(crate) struct Voter {
    /// The cookie that tells this voter from others, and the one that remembers their ballots.
    identity: Option<Box<str>>,
    memory: Option<Box<str>>,
    acknowledged: Option<u8>,
    satisfied: bool,
    /// The options of ballots without an answer, as a bit set. They may still arrive, also after a later one was
    /// acknowledged.
    unanswered: u32,
    /// The options of ballots of which the server answered that the outcome is unknown. It casts them before this
    /// answer or never, so the next acknowledged ballot replaces them all.
    in_doubt: u32,
    /// The receipt of the last acknowledged ballot, if it came with one.
    receipt: Option<Box<str>>,
    /// The receipt of some ballot before it.
    earlier_receipt: Option<Box<str>>,
}

/// The outcome of one ballot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VoteOutcome {
    /// Acknowledged: it must be counted.
    Recorded(Option<RecordedVote>),
    /// Refused with this status: it can't be counted, and a retry would be refused too.
    Refused(u16),
    /// Certainly not recorded.
    NotRecorded(Trouble),
    /// Recorded or not.
    Unknown(Trouble),
}

/// The API's answer for a recorded ballot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordedVote {
    pub(crate) receipt: Box<str>,
    pub(crate) position: LogPosition,
}

/// A position in the log: milliseconds and sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LogPosition(u64, u64);

/// Why a voter has no acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    NoConnection,
    NoAnswer,
    Broken,
    /// The server answered that the outcome is unknown. A ballot that is not cast by then is never cast.
    InDoubt,
    Status(u16),
}

/// The status that a receipt must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReceiptState {
    /// The ballot is the one that counts.
    Counted,
    /// A later ballot of the same voter counts.
    Replaced,
    /// One or the other: a ballot of unknown outcome may have come after it.
    Either,
}

impl LogPosition {
    /// Reads `milliseconds-sequence`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (millis, sequence) = text.split_once('-')?;
        Some(Self(millis.parse().ok()?, sequence.parse().ok()?))
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoConnection => f.write_str("no connection"),
            Self::NoAnswer => f.write_str("no answer in time"),
            Self::Broken => f.write_str("connection broken"),
            Self::InDoubt => f.write_str("the server does not know"),
            Self::Status(status) => write!(f, "HTTP {status}"),
        }
    }
}

impl Voter {
    /// Whether this voter has a cookie. Without it a retry would be another voter's ballot.
    pub(crate) fn is_known(&self) -> bool {
        self.identity.is_some()
    }

    /// Whether some ballot's outcome is not known.
    pub(crate) fn has_unknown(&self) -> bool {
        self.unknown() != 0
    }

    /// The options of all ballots whose outcome is not known, as a bit set.
    fn unknown(&self) -> u32 {
        self.unanswered | self.in_doubt
    }

    /// Whether their last attempt was acknowledged.
    pub(crate) fn is_satisfied(&self) -> bool {
        self.satisfied
    }

    /// The next choice: the option after the last one. With a random one, a server that loses changes would often show
    /// the right sums.
    pub(crate) fn other_choice(&self, options: u8) -> Option<u8> {
        self.acknowledged.map(|option| (option + 1) % options)
    }

    /// The cookies to send.
    pub(crate) fn cookies(&self) -> Option<String> {
        match (self.identity.as_deref(), self.memory.as_deref()) {
            (Some(voter), Some(ballots)) => Some(format!("{voter}; {ballots}")),
            (one, other) => one.or(other).map(str::to_owned),
        }
    }

    /// Keeps the cookies of an answer.
    pub(crate) fn keep_cookies(&mut self, headers: &HeaderMap) {
        for line in headers.get_all(header::SET_COOKIE) {
            let pair = line.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            if pair.len() > MAX_COOKIE_BYTES {
                continue;
            }
            match pair.split_once('=').map(|(name, _)| meaning(name)) {
                Some("voter") => self.identity = Some(pair.into()),
                Some("ballots") => self.memory = Some(pair.into()),
                _ => {}
            }
        }
    }

    /// Notes the outcome of a ballot for `option`.
    pub(crate) fn note(&mut self, option: u8, outcome: &VoteOutcome) {
        self.satisfied = matches!(outcome, VoteOutcome::Recorded(_));
        match outcome {
            VoteOutcome::Recorded(recorded) => {
                self.acknowledged = Some(option);
                self.in_doubt = 0;
                let receipt = recorded.as_ref().map(|recorded| recorded.receipt.clone());
                if let Some(earlier) = std::mem::replace(&mut self.receipt, receipt) {
                    self.earlier_receipt = Some(earlier);
                }
            }
            VoteOutcome::Unknown(Trouble::InDoubt) => self.in_doubt |= 1 << option,
            VoteOutcome::Unknown(_) => self.unanswered |= 1 << option,
            VoteOutcome::Refused(_) | VoteOutcome::NotRecorded(_) => {}
        }
    }

    /// The possible outcomes of this voter.
    pub(crate) fn outcomes(&self) -> Outcomes {
        Outcomes::of(self.acknowledged, self.unknown())
    }

    /// The possible outcomes, given the status of the last acknowledged ballot's receipt.
    pub(crate) fn outcomes_knowing(&self, counted: bool) -> Outcomes {
        match self.acknowledged {
            Some(option) if counted => Outcomes::of(Some(option), 0),
            Some(_) if self.has_unknown() => Outcomes::without_none(self.unknown()),
            _ => self.outcomes(),
        }
    }

    /// The receipts, the last ballot's first, each with the status that it must have.
    pub(crate) fn receipts(&self) -> impl Iterator<Item = (&str, ReceiptState)> {
        let last = if self.has_unknown() { ReceiptState::Either } else { ReceiptState::Counted };
        let last = self.receipt.as_deref().map(|receipt| (receipt, last));
        last.into_iter().chain(self.earlier_receipt.as_deref().map(|receipt| (receipt, ReceiptState::Replaced)))
    }

    /// The receipt that can tell which ballot of this voter counts, if that is not certain.
    pub(crate) fn telling_receipt(&self) -> Option<&str> {
        if self.outcomes().is_certain() { None } else { self.receipt.as_deref() }
    }
}

/// What a cookie is for: its name without `__Host-` and without the installation's mark behind it.
fn meaning(name: &str) -> &str {
    let name = name.strip_prefix("__Host-").unwrap_or(name);
    name.split_once('-').map_or(name, |(meaning, _)| meaning)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn recorded(receipt: &str) -> VoteOutcome {
        VoteOutcome::Recorded(Some(RecordedVote { receipt: receipt.into(), position: LogPosition::default() }))
    }

    #[test]
    fn cookies_are_kept_and_renewed() {
        let mut voter = Voter::default();
        let mut headers = HeaderMap::new();
        headers.append(header::SET_COOKIE, HeaderValue::from_static("voter-abcd=one; Path=/; HttpOnly"));
        voter.keep_cookies(&headers);
        assert_eq!(voter.cookies().as_deref(), Some("voter-abcd=one"));
        headers.clear();
        headers.append(header::SET_COOKIE, HeaderValue::from_static("__Host-ballots-abcd=two; Path=/"));
        headers.append(header::SET_COOKIE, HeaderValue::from_static("other=three"));
        voter.keep_cookies(&headers);
        assert_eq!(voter.cookies().as_deref(), Some("voter-abcd=one; __Host-ballots-abcd=two"));
    }

    #[test]
    fn a_receipt_says_replaced_once_a_later_ballot_was_acknowledged() {
        let mut voter = Voter::default();
        voter.note(0, &recorded("first"));
        assert_eq!(voter.receipts().collect::<Vec<_>>(), [("first", ReceiptState::Counted)]);
        voter.note(1, &VoteOutcome::Recorded(None));
        assert_eq!(voter.receipts().collect::<Vec<_>>(), [("first", ReceiptState::Replaced)]);
        voter.note(2, &recorded("third"));
        voter.note(0, &VoteOutcome::Unknown(Trouble::NoAnswer));
        assert_eq!(
            voter.receipts().collect::<Vec<_>>(),
            [("third", ReceiptState::Either), ("first", ReceiptState::Replaced)]
        );
    }

    #[test]
    fn a_receipt_settles_which_of_two_ballots_counts() {
        let mut voter = Voter::default();
        voter.note(1, &VoteOutcome::Unknown(Trouble::Broken));
        voter.note(0, &recorded("acknowledged"));
        assert_eq!(voter.outcomes(), Outcomes::of(Some(0), 0b10));
        assert_eq!(voter.telling_receipt(), Some("acknowledged"));
        assert_eq!(voter.outcomes_knowing(true), Outcomes::of(Some(0), 0));
        assert_eq!(voter.outcomes_knowing(false), Outcomes::of(Some(1), 0));
    }
    #[test]
    fn an_acknowledged_ballot_replaces_those_in_doubt_and_no_others() {
        let mut voter = Voter::default();
        voter.note(1, &VoteOutcome::Unknown(Trouble::InDoubt));
        assert_eq!(voter.outcomes(), Outcomes::of(None, 0b10));
        voter.note(0, &recorded("acknowledged"));
        assert_eq!(voter.outcomes(), Outcomes::of(Some(0), 0));
        assert_eq!(voter.receipts().collect::<Vec<_>>(), [("acknowledged", ReceiptState::Counted)]);
        for trouble in [Trouble::NoAnswer, Trouble::Broken, Trouble::Status(503)] {
            let mut voter = Voter::default();
            voter.note(1, &VoteOutcome::Unknown(trouble));
            voter.note(0, &recorded("acknowledged"));
            assert_eq!(voter.outcomes(), Outcomes::of(Some(0), 0b10), "{trouble}");
        }
    }
}
