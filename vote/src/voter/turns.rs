//! Turns at a device that several people share: "next voter", in polls that allow it.
//!
//! A turn is a random number beside the browser's token, for one poll. The pseudonym in that poll is derived from both,
//! so the next person is another voter; in other polls the browser stays the same voter. The first turn has no number.
//! Turns are kept in a cookie, signed together with the voter's token:
//!
//! MAC (16) ‖ for each of the 30 polls with a turn, the newest first: length of the id (1) ‖ id ‖ turn (8)

use domain::{KeyPurpose, PollId, Secret, Signer, encode_base64};
use http::HeaderMap;
use web::cookies::{CookieName, CookieNames};

const COOKIE: &str = "turns";
const TURN_BYTES: usize = 8;
const MAX_TURNS: usize = 30;
/// The longest content of the cookie, in bytes.
const MAX_BYTES: usize = MAX_TURNS * (1 + domain::MAX_POLL_ID_BYTES + TURN_BYTES);

/// Distinguishes the voters at a shared device.
pub(crate) type Turn = [u8; TURN_BYTES];

/// Name and key of the cookie.
pub(crate) struct TurnKeys {
    name: CookieName,
    signer: Signer,
}

/// The polls in which a browser is not at its first turn.
#[derive(Clone, Default)]
pub(crate) struct Turns(Vec<(PollId, Turn)>);

impl TurnKeys {
    pub(crate) fn new(secret: &Secret, names: &CookieNames) -> Self {
        Self { name: names.of(COOKIE), signer: secret.signer(KeyPurpose::TurnsCookie) }
    }
}

impl Turns {
    /// Those of the voter with this token.
    pub(crate) fn of(headers: &HeaderMap, keys: &TurnKeys, token: &[u8]) -> Self {
        keys.name.values(headers).find_map(|value| read(value, keys, token)).unwrap_or_default()
    }

    /// The turn in this poll, if it is not the first.
    pub(crate) fn in_poll(&self, poll: PollId) -> Option<&Turn> {
        self.0.iter().find(|(known, _)| *known == poll).map(|(_, turn)| turn)
    }

    /// As the page's form carries it: empty for the first.
    pub(crate) fn text(&self, poll: PollId) -> String {
        self.in_poll(poll).map(|turn| encode_base64(&[turn])).unwrap_or_default()
    }

    /// Begins the next one in this poll.
    pub(crate) fn begin_next(&mut self, poll: PollId) {
        self.0.retain(|(known, _)| *known != poll);
        self.0.insert(0, (poll, program::random_bytes()));
        self.0.truncate(MAX_TURNS);
    }

    /// Sets the cookie.
    pub(crate) fn set_cookie(&self, headers: &mut HeaderMap, keys: &TurnKeys, token: &[u8], max_age_seconds: u64) {
        let mut bytes = Vec::new();
        for (poll, turn) in &self.0 {
            let id = poll.as_str().as_bytes();
            bytes.push(u8::try_from(id.len()).expect("an id has at most 32 bytes"));
            bytes.extend_from_slice(id);
            bytes.extend_from_slice(turn);
        }
        keys.name.set(headers, &keys.signer.tagged(token, &bytes), max_age_seconds);
    }
}

fn read(value: &str, keys: &TurnKeys, token: &[u8]) -> Option<Turns> {
    let bytes = keys.signer.untagged(token, value, MAX_BYTES)?;
    let mut rest = bytes.as_slice();
    let mut turns = Vec::new();
    while let Some((&length, behind)) = rest.split_first() {
        let (id, behind) = behind.split_at_checked(usize::from(length))?;
        let (turn, behind) = behind.split_first_chunk::<TURN_BYTES>()?;
        turns.push((PollId::parse(str::from_utf8(id).ok()?).ok()?, *turn));
        rest = behind;
    }
    Some(Turns(turns))
}

#[cfg(test)]
mod tests {
    use http::header;
    use web::cookies::CookieScope;

    use super::*;

    #[test]
    fn turns_come_back_as_they_were_set_and_only_to_their_voter() {
        let secret = Secret::parse(&"x".repeat(32)).unwrap();
        let keys = TurnKeys::new(&secret, &CookieNames::new(&secret, CookieScope::AnyTransport));
        let mut turns = Turns::default();
        for number in 0..40 {
            turns.begin_next(PollId::parse(&format!("a-poll-with-a-long-name-of-32-{number:02}")).unwrap());
        }
        let mut set = HeaderMap::new();
        turns.set_cookie(&mut set, &keys, b"token", 60);
        let pair = set[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        assert!(pair.len() < 2_500, "browsers hold 4,096 bytes a cookie");
        let headers = HeaderMap::from_iter([(header::COOKIE, pair.parse().unwrap())]);
        let back = Turns::of(&headers, &keys, b"token");
        assert_eq!(back.0, turns.0);
        assert_eq!(back.0.len(), MAX_TURNS);
        assert!(Turns::of(&headers, &keys, b"other").0.is_empty());
        assert_eq!(back.text(PollId::MAIN), "");
    }
}
