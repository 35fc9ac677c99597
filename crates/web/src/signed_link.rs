//! Links by which the organiser's page on the vote host lets its reader fetch, from the result host, what is only
//! for the organiser: signed with the installation's secret for one poll, one purpose and five minutes.
//!
//! The organiser's token itself is never in such a link. What signs it is bound to the token, though
//! ([`crate::organiser::OrganiserToken::links`]): with another token all links end.

use domain::{KeyPurpose, PollId, Secret, decode_base64, encode_base64};

/// How long a link works, in milliseconds.
pub const VALID_MILLIS: u64 = 5 * 60 * 1_000;

const TAG_BYTES: usize = 16;
const TICKET_BYTES: usize = 8 + TAG_BYTES;

/// What a link is for. A link for one purpose is worth nothing for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The tally and the ballots, to download.
    Export,
    /// The votes of a poll whose results are hidden.
    Figures,
    /// A screen that the organiser opens, for which a place is kept.
    Projector,
}

impl Purpose {
    fn key(self) -> KeyPurpose {
        match self {
            Self::Export => KeyPurpose::ExportLinks,
            Self::Figures => KeyPurpose::FiguresLinks,
            Self::Projector => KeyPurpose::ProjectorLinks,
        }
    }
}

/// A ticket (32 URL-safe characters) that works until [`VALID_MILLIS`] from `now_millis`.
pub fn ticket(secret: &Secret, poll: PollId, purpose: Purpose, now_millis: u64) -> String {
    until(secret, poll, purpose, now_millis.saturating_add(VALID_MILLIS))
}

/// A ticket that works until a moment, in milliseconds since 1970.
pub fn until(secret: &Secret, poll: PollId, purpose: Purpose, until: u64) -> String {
    let (poll, until) = (poll.as_str().as_bytes(), until.to_be_bytes());
    let tag: [u8; TAG_BYTES] = secret.signer(purpose.key()).tag(&[poll, &until]);
    encode_base64(&[&until, &tag])
}

/// Whether the ticket is for this poll and purpose, and still works. If the clocks of the two services differ, it works
/// for longer or shorter by that.
pub fn is_valid(ticket: &str, secret: &Secret, poll: PollId, purpose: Purpose, now_millis: u64) -> bool {
    let Some(bytes) = decode_base64::<TICKET_BYTES>(ticket) else { return false };
    let (until, tag) = bytes.split_first_chunk::<8>().expect("24 bytes");
    let tag = tag.first_chunk::<TAG_BYTES>().expect("16 bytes");
    let signed = secret.signer(purpose.key()).verify(tag, &[poll.as_str().as_bytes(), until]);
    signed && now_millis <= u64::from_be_bytes(*until)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_for_one_poll_one_purpose_and_five_minutes() {
        let secret = Secret::parse(&"x".repeat(32)).unwrap();
        let lunch = PollId::parse("lunch").unwrap();
        let ticket = ticket(&secret, PollId::MAIN, Purpose::Export, 1_000);
        let valid = |poll, purpose, now| is_valid(&ticket, &secret, poll, purpose, now);
        assert!(valid(PollId::MAIN, Purpose::Export, 1_000));
        assert!(valid(PollId::MAIN, Purpose::Export, 1_000 + VALID_MILLIS));
        assert!(!valid(PollId::MAIN, Purpose::Export, 1_001 + VALID_MILLIS));
        assert!(!valid(lunch, Purpose::Export, 1_000));
        assert!(!valid(PollId::MAIN, Purpose::Figures, 1_000));
        let other = Secret::parse(&"y".repeat(32)).unwrap();
        assert!(!is_valid(&ticket, &other, PollId::MAIN, Purpose::Export, 1_000));
    }

    #[test]
    fn what_is_no_ticket_or_was_changed_is_refused() {
        let secret = Secret::parse(&"x".repeat(32)).unwrap();
        let ticket = ticket(&secret, PollId::MAIN, Purpose::Export, 1_000);
        // A later time under the same signature.
        let mut bytes: [u8; TICKET_BYTES] = decode_base64(&ticket).unwrap();
        bytes[4] ^= 1;
        let prolonged = encode_base64(&[&bytes]);
        for bad in ["", "x", "é", &ticket[1..], &format!("{ticket}A"), &prolonged] {
            assert!(!is_valid(bad, &secret, PollId::MAIN, Purpose::Export, 1_000), "{bad:?}");
        }
    }
}
