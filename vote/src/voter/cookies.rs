//! The cookies of a browser: which voter it is, and what was recorded for it.
//!
//! All are signed. One whose signature is wrong counts as absent, so a forged or truncated cookie makes a new voter.
//! They decide nothing: the log decides what is recorded. With `ballots` a page can show the recorded vote without
//! asking the log.
//!
//! Two valid `voter` cookies that differ are refused. Another host of the domain may have set its own in many browsers,
//! which would then be one voter, and nothing shows which cookie is whose. (Over TLS it can't: see [`web::cookies`].)
//!
//! The names carry the installation's mark. Release 0.1.0 had `voter` and `ballots` without; they are read where there
//! is no cookie of ours yet, so that nobody becomes a second voter, and go with the next release. They were signed for
//! other purposes: what is made now is worth nothing under an old name.
//!
//! | cookie | holds, in URL-safe base64 |
//! |---|---|
//! | `voter` | token (16 random bytes) ‖ MAC (16) |
//! | `ballots` | MAC (16) ‖ for each of the last 30 polls, the newest first: the entry below |
//!
//! An entry is the length of the poll's id (1) ‖ id ‖ round (4) ‖ choices (4; 0: not known) ‖ position (8) ‖ number of
//! the voting code (2; 0: none). With a code of an event the highest bit of the first byte is set, and the entry ends
//! with the length of the event's id (1) ‖ id.

use std::num::NonZeroU16;

use domain::{
    Choices, EventId, KeyPurpose, Poll, PollId, Position, Secret, Signer, VoterId, decode_base64, encode_base64,
};
use http::HeaderMap;
use web::cookies::{CookieName, CookieNames, CookieScope};

use super::{
    codes::HeldCode,
    turns::{TurnKeys, Turns},
};

/// The cookie that tells one voter from another.
const VOTER_COOKIE: &str = "voter";
/// The cookie that remembers what was recorded.
const BALLOTS_COOKIE: &str = "ballots";
const TOKEN_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
/// For how many polls a browser remembers its ballot.
const MAX_REMEMBERED: usize = 30;
/// Bytes of one remembered ballot beside the poll's id and its length.
const FIXED_BYTES: usize = 4 + 4 + 8 + 2;
/// The bit of an entry's first byte that says that an event's id is at its end.
const WITH_EVENT: u8 = 0x80;
/// The longest content of a `ballots` cookie, in bytes.
const MAX_BALLOTS_BYTES: usize = MAX_REMEMBERED * (2 * (1 + domain::MAX_POLL_ID_BYTES) + FIXED_BYTES);
/// One year.
const MAX_AGE_SECONDS: u64 = 31_536_000;

/// The voters' cookies of an installation: what they are called and signed with. Kept ready, because every ballot needs
/// it several times.
pub(crate) struct CookieKeys {
    now: KeyPair,
    /// The cookies of release 0.1.0.
    before: KeyPair,
    turns: TurnKeys,
}

/// The two cookies of one release.
struct KeyPair {
    voter: (CookieName, Signer),
    ballots: (CookieName, Signer),
}

impl CookieKeys {
    /// Those of the installation with this secret.
    pub(crate) fn new(secret: &Secret, scope: CookieScope) -> Self {
        let names = CookieNames::new(secret, scope);
        let now = KeyPair {
            voter: (names.of(VOTER_COOKIE), secret.signer(KeyPurpose::VoterCookie)),
            ballots: (names.of(BALLOTS_COOKIE), secret.signer(KeyPurpose::BallotsCookie)),
        };
        let unmarked = |what| CookieName::unmarked(what, CookieScope::AnyTransport);
        let before = KeyPair {
            voter: (unmarked(VOTER_COOKIE), secret.signer(KeyPurpose::FirstVoterCookie)),
            ballots: (unmarked(BALLOTS_COOKIE), secret.signer(KeyPurpose::FirstBallotsCookie)),
        };
        Self { now, before, turns: TurnKeys::new(secret, &names) }
    }
}

impl KeyPair {
    /// The voter's token in a request. The size limit on its head also limits the number of cookies.
    fn token(&self, headers: &HeaderMap) -> Result<Option<Token>, TwoVoters> {
        let mut tokens = self.voter.0.values(headers).filter_map(|value| voter_token(value, self));
        let Some(token) = tokens.next() else { return Ok(None) };
        if tokens.all(|other| other == token) { Ok(Some(token)) } else { Err(TwoVoters) }
    }

    /// The remembered ballots of this voter.
    fn ballots(&self, headers: &HeaderMap, token: &Token) -> Option<Vec<RememberedBallot>> {
        self.ballots.0.values(headers).find_map(|value| remembered(value, token, self))
    }
}

/// A request came with the cookies of two voters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TwoVoters;

/// The random number that identifies a voter.
type Token = [u8; TOKEN_BYTES];

/// The ballot that was recorded for this browser in one poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RememberedBallot {
    /// Which poll.
    pub(crate) poll: PollId,
    /// In which round of it; a ballot of an earlier round no longer counts.
    pub(crate) round: u32,
    /// The choices; `None` if only the position is known.
    pub(crate) choices: Option<Choices>,
    /// The position of the ballot in the log.
    pub(crate) position: Position,
    /// The voting code that it was cast with, if it was.
    pub(crate) code: Option<HeldCode>,
}

/// A browser, as far as its cookies tell.
#[derive(Clone)]
pub(crate) struct VotingBrowser {
    token: Token,
    known: bool,
    ballots: Vec<RememberedBallot>,
    turns: Turns,
}

impl VotingBrowser {
    /// Reads the cookies. Without a valid `voter` it is a new voter; two different ones are refused.
    pub(crate) fn of(headers: &HeaderMap, keys: &CookieKeys) -> Result<Self, TwoVoters> {
        let known = keys.now.token(headers)?;
        let before = if known.is_none() { keys.before.token(headers)? } else { None };
        let Some(token) = known.or(before) else {
            let (token, turns) = (program::random_bytes(), Turns::default());
            return Ok(Self { token, known: false, ballots: Vec::new(), turns });
        };
        let ballots = keys.now.ballots(headers, &token).or_else(|| keys.before.ballots(headers, &token));
        let turns = Turns::of(headers, &keys.turns, &token);
        // A browser with cookies of the release before gets new ones beside them.
        Ok(Self { token, known: known.is_some(), ballots: ballots.unwrap_or_default(), turns })
    }

    /// The voter's pseudonym in a poll: that of this voting code, else that of the browser and its turn.
    pub(crate) fn voter(&self, secret: &Secret, poll: PollId, code: Option<HeldCode>) -> VoterId {
        match (code, self.turns.in_poll(poll)) {
            (Some(code), _) => code.in_poll(secret, poll).voter(secret, poll),
            (None, None) => VoterId::of_cookie(secret, poll, &self.token),
            (None, Some(turn)) => VoterId::of_cookie(secret, poll, &[&self.token[..], turn].concat()),
        }
    }

    /// The turn in a poll, as the page's form carries it.
    pub(crate) fn turn(&self, poll: PollId) -> String {
        self.turns.text(poll)
    }

    /// Makes the next person another voter in this poll, and forgets the ballot of the last one.
    pub(crate) fn begin_next_turn(&mut self, poll: PollId) {
        self.ballots.retain(|ballot| ballot.poll != poll);
        self.turns.begin_next(poll);
    }

    /// Sets all cookies, for the next turn.
    pub(crate) fn set_cookies_of_turn(&self, headers: &mut HeaderMap, keys: &CookieKeys) {
        self.set_voter_cookie(headers, keys);
        self.set_ballots_cookie(headers, keys);
        self.turns.set_cookie(headers, &keys.turns, &self.token, MAX_AGE_SECONDS);
    }

    /// The recorded ballot in the present round of `poll`.
    pub(crate) fn recorded(&self, poll: &Poll) -> Option<RememberedBallot> {
        self.ballots.iter().find(|ballot| ballot.poll == poll.id() && ballot.round == poll.round()).copied()
    }

    /// The voting code used here last in `poll`, in any round; else, on the page of an event, in another of its polls.
    pub(crate) fn held_code(&self, poll: PollId, event: Option<EventId>) -> Option<HeldCode> {
        if let Some(ballot) = self.ballots.iter().find(|ballot| ballot.poll == poll) {
            return ballot.code;
        }
        let codes = self.ballots.iter().filter_map(|ballot| ballot.code);
        event.and_then(|event| codes.into_iter().find(|code| code.event == Some(event)))
    }

    /// Whether it voted in an earlier round of `poll` and not in the present one.
    pub(crate) fn voted_before_reset(&self, poll: &Poll) -> bool {
        self.ballots.iter().any(|ballot| ballot.poll == poll.id() && ballot.round < poll.round())
    }

    /// All that it remembers.
    #[cfg(fuzzing)]
    pub(crate) fn remembered(&self) -> &[RememberedBallot] {
        &self.ballots
    }

    /// Remembers a ballot in place of an earlier one of the same poll; the oldest poll beyond the limit is forgotten.
    pub(crate) fn remember(&mut self, ballot: RememberedBallot) {
        self.ballots.retain(|earlier| earlier.poll != ballot.poll);
        self.ballots.insert(0, ballot);
        self.ballots.truncate(MAX_REMEMBERED);
    }

    /// Sets `voter`, if the browser came without.
    pub(crate) fn set_voter_cookie(&self, headers: &mut HeaderMap, keys: &CookieKeys) {
        if self.known {
            return;
        }
        let (name, signer) = &keys.now.voter;
        let tag: [u8; TAG_BYTES] = signer.tag(&[&self.token]);
        name.set(headers, &encode_base64(&[&self.token, &tag]), MAX_AGE_SECONDS);
    }

    /// Sets `ballots` to the remembered ballots.
    pub(crate) fn set_ballots_cookie(&self, headers: &mut HeaderMap, keys: &CookieKeys) {
        let mut bytes = Vec::with_capacity(self.ballots.len() * (8 + FIXED_BYTES));
        for ballot in &self.ballots {
            write_ballot(&mut bytes, ballot);
        }
        // Tagged for this voter: one voter's `ballots` is worth nothing beside another's `voter`.
        let (name, signer) = &keys.now.ballots;
        name.set(headers, &signer.tagged(&self.token, &bytes), MAX_AGE_SECONDS);
    }
}

fn voter_token(value: &str, keys: &KeyPair) -> Option<Token> {
    let bytes: [u8; TOKEN_BYTES + TAG_BYTES] = decode_base64(value)?;
    let (token, tag) = bytes.split_first_chunk::<TOKEN_BYTES>()?;
    keys.voter.1.verify(tag.first_chunk::<TAG_BYTES>()?, &[token]).then_some(*token)
}

fn remembered(value: &str, token: &[u8], keys: &KeyPair) -> Option<Vec<RememberedBallot>> {
    let bytes = keys.ballots.1.untagged(token, value, MAX_BALLOTS_BYTES)?;
    let mut rest = bytes.as_slice();
    let mut ballots = Vec::new();
    while !rest.is_empty() {
        let (ballot, behind) = read_ballot(rest)?;
        // Release 0.1.0 gave the position of a used code's ballot, though not its choices, to anyone who typed the
        // code. The browser that cast it knows the choices.
        if ballot.code.is_none() || ballot.choices.is_some() {
            ballots.push(ballot);
        }
        rest = behind;
    }
    Some(ballots)
}

fn write_ballot(bytes: &mut Vec<u8>, ballot: &RememberedBallot) {
    let event = ballot.code.and_then(|code| code.event);
    write_id(bytes, ballot.poll.as_str(), if event.is_some() { WITH_EVENT } else { 0 });
    bytes.extend_from_slice(&ballot.round.to_be_bytes());
    bytes.extend_from_slice(&ballot.choices.map_or(0, Choices::bits).to_be_bytes());
    bytes.extend_from_slice(&ballot.position.as_i64().to_be_bytes());
    bytes.extend_from_slice(&ballot.code.map_or(0, |code| code.number.get()).to_be_bytes());
    if let Some(event) = event {
        write_id(bytes, event.as_str(), 0);
    }
}

fn write_id(bytes: &mut Vec<u8>, id: &str, mark: u8) {
    bytes.push(u8::try_from(id.len()).expect("an id has at most 32 bytes") | mark);
    bytes.extend_from_slice(id.as_bytes());
}

fn read_id(bytes: &[u8]) -> Option<(&str, bool, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (id, rest) = rest.split_at_checked(usize::from(first & !WITH_EVENT))?;
    Some((str::from_utf8(id).ok()?, first & WITH_EVENT != 0, rest))
}

fn read_ballot(bytes: &[u8]) -> Option<(RememberedBallot, &[u8])> {
    let (poll, with_event, rest) = read_id(bytes)?;
    let (round, rest) = rest.split_first_chunk::<4>()?;
    let (choices, rest) = rest.split_first_chunk::<4>()?;
    let (position, rest) = rest.split_first_chunk::<8>()?;
    let (number, rest) = rest.split_first_chunk::<2>()?;
    let (event, rest) = if with_event {
        let (event, _, rest) = read_id(rest)?;
        (Some(EventId::parse(event).ok()?), rest)
    } else {
        (None, rest)
    };
    let ballot = RememberedBallot {
        poll: PollId::parse(poll).ok()?,
        round: u32::from_be_bytes(*round),
        choices: Choices::from_bits(u32::from_be_bytes(*choices)).ok(),
        position: Position::from_i64(i64::from_be_bytes(*position))?,
        code: NonZeroU16::new(u16::from_be_bytes(*number)).map(|number| HeldCode { number, event }),
    };
    Some((ballot, rest))
}

#[cfg(test)]
mod tests {
    use domain::PollSpec;
    use http::header;

    use super::*;

    fn secret() -> Secret {
        Secret::parse(&"x".repeat(32)).unwrap()
    }

    fn keys() -> CookieKeys {
        CookieKeys::new(&secret(), CookieScope::AnyTransport)
    }

    fn ballot(poll: &str, choices: u32) -> RememberedBallot {
        let position = Position::new(1_700_000_000_000, 7).unwrap();
        let number = NonZeroU16::new(u16::try_from(choices / 2).unwrap());
        let (poll, code) = (PollId::parse(poll).unwrap(), number.map(|number| HeldCode { number, event: None }));
        RememberedBallot { poll, round: 1, choices: Choices::from_bits(choices).ok(), position, code }
    }

    /// Sends the set cookies back, as a browser does.
    fn returning(browser: &VotingBrowser) -> HeaderMap {
        let mut set = HeaderMap::new();
        browser.set_voter_cookie(&mut set, &keys());
        browser.set_ballots_cookie(&mut set, &keys());
        let pairs =
            set.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap().split(';').next().unwrap());
        let line = pairs.collect::<Vec<_>>().join("; ");
        HeaderMap::from_iter([(header::COOKIE, line.parse().unwrap())])
    }

    #[test]
    fn a_browser_is_the_same_voter_when_it_returns_and_remembers_its_ballots() {
        let mut browser = VotingBrowser::of(&HeaderMap::new(), &keys()).unwrap();
        browser.remember(ballot("lunch", 0b101));
        browser.remember(ballot("budget", 0));
        let back = VotingBrowser::of(&returning(&browser), &keys()).unwrap();
        assert!(back.known && !browser.known);
        assert_eq!(back.voter(&secret(), PollId::MAIN, None), browser.voter(&secret(), PollId::MAIN, None));
        assert_eq!(back.ballots, [ballot("budget", 0), ballot("lunch", 0b101)]);
    }

    #[test]
    fn a_code_of_an_event_is_remembered_for_its_other_polls() {
        let event = EventId::parse("an-event-with-a-name-of-32-signs").unwrap();
        let code = Some(HeldCode { number: NonZeroU16::MIN, event: Some(event) });
        let mut browser = VotingBrowser::of(&HeaderMap::new(), &keys()).unwrap();
        for poll in 0..MAX_REMEMBERED {
            let poll = format!("a-poll-with-a-long-name-of-32-{poll:02}");
            browser.remember(RememberedBallot { code, ..ballot(&poll, 1) });
        }
        let headers = returning(&browser);
        assert!(headers[header::COOKIE].len() < 3_800, "browsers hold 4,096 bytes a cookie");
        let back = VotingBrowser::of(&headers, &keys()).unwrap();
        assert_eq!(back.ballots, browser.ballots);
        assert_eq!(back.held_code(PollId::MAIN, Some(event)), code);
        assert_eq!(back.held_code(back.ballots[3].poll, None), code);
        let other = EventId::parse("other").unwrap();
        assert_eq!([None, Some(other)].map(|event| back.held_code(PollId::MAIN, event)), [None, None]);
    }

    #[test]
    fn another_voters_ballots_are_not_believed() {
        let mut mine = VotingBrowser::of(&HeaderMap::new(), &keys()).unwrap();
        mine.remember(ballot("lunch", 1));
        let theirs = VotingBrowser::of(&HeaderMap::new(), &keys()).unwrap();
        let mixed = {
            let text = |headers: HeaderMap| headers[header::COOKIE].to_str().unwrap().to_owned();
            let (mine, theirs) = (text(returning(&mine)), text(returning(&theirs)));
            let voter = theirs.split("; ").next().unwrap();
            let ballots = mine.split("; ").nth(1).unwrap();
            HeaderMap::from_iter([(header::COOKIE, format!("{voter}; {ballots}").parse().unwrap())])
        };
        let browser = VotingBrowser::of(&mixed, &keys()).unwrap();
        assert!(browser.known);
        assert_eq!(browser.ballots, []);
    }

    #[test]
    fn only_the_latest_polls_are_remembered_and_a_browser_can_hold_the_cookie() {
        let mut browser = VotingBrowser::of(&HeaderMap::new(), &keys()).unwrap();
        for poll in 0..40 {
            browser.remember(ballot(&format!("a-poll-with-a-long-name-of-32-{poll:02}"), 1));
        }
        let back = VotingBrowser::of(&returning(&browser), &keys()).unwrap();
        assert_eq!(back.ballots.len(), MAX_REMEMBERED);
        assert_eq!(back.ballots[0].poll.as_str(), "a-poll-with-a-long-name-of-32-39");
        assert!(returning(&browser)[header::COOKIE].len() < 3_000, "browsers hold 4,096 bytes a cookie");
    }

    #[test]
    fn a_ballot_of_an_earlier_round_is_not_shown_as_recorded() {
        let poll = Poll::new(PollId::MAIN, PollSpec::simple("Tea?", ["Yes", "No"])).unwrap();
        let mut browser = VotingBrowser::of(&HeaderMap::new(), &keys()).unwrap();
        browser.remember(ballot("main", 1));
        assert!(browser.recorded(&poll).is_some());
        let reset = poll.after(&domain::PollChange::Reset, 1).unwrap();
        assert_eq!(browser.recorded(&reset), None);
        assert!(browser.voted_before_reset(&reset));
    }
}
