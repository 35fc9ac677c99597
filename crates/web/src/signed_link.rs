//! Links by which the organiser's page on the vote host lets its reader fetch, from the result host, what is only
//! for the organiser: signed with the installation's secret for one poll or event, one purpose and five minutes.
//!
//! The organiser's token itself is never in such a link. What signs it is bound to the token, though
//! ([`crate::organiser::OrganiserToken::links`]): with another token all links end.

use domain::{EventId, KeyPurpose, PollId, Secret, decode_base64, encode_base64};

/// How long a link works, in milliseconds.
pub const VALID_MILLIS: u64 = 5 * 60 * 1_000;

const TAG_BYTES: usize = 16;
const TICKET_BYTES: usize = 8 + TAG_BYTES;

/// What a link is for. A link for one purpose is worth nothing for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The tally and the ballots of a poll, or the tallies of an event's polls, to download.
    Export,
    /// The votes while the results are hidden.
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

/// What a link gives access to: a poll or an event. They may have the same id, and a link for one is worth nothing for
/// the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSubject(String);

impl From<PollId> for LinkSubject {
    fn from(poll: PollId) -> Self {
        Self(poll.to_string())
    }
}

/// With a space, which no poll's id has.
impl From<EventId> for LinkSubject {
    fn from(event: EventId) -> Self {
        Self(format!("event {event}"))
    }
}

/// A ticket (32 URL-safe characters) that works until [`VALID_MILLIS`] from `now_millis`.
pub fn ticket(secret: &Secret, subject: impl Into<LinkSubject>, purpose: Purpose, now_millis: u64) -> String {
    until(secret, subject, purpose, now_millis.saturating_add(VALID_MILLIS))
}

/// A ticket that works until a moment, in milliseconds since 1970.
pub fn until(secret: &Secret, subject: impl Into<LinkSubject>, purpose: Purpose, until: u64) -> String {
    let (LinkSubject(subject), until) = (subject.into(), until.to_be_bytes());
    let tag: [u8; TAG_BYTES] = secret.signer(purpose.key()).tag(&[subject.as_bytes(), &until]);
    encode_base64(&[&until, &tag])
}

/// Whether the ticket is for this subject and purpose, and still works. If the clocks of the two services differ, it
/// works for longer or shorter by that.
pub fn is_valid(
    ticket: &str,
    secret: &Secret,
    subject: impl Into<LinkSubject>,
    purpose: Purpose,
    now_millis: u64,
) -> bool {
    let LinkSubject(subject) = subject.into();
    let Some(bytes) = decode_base64::<TICKET_BYTES>(ticket) else { return false };
    let (until, tag) = bytes.split_first_chunk::<8>().expect("24 bytes");
    let tag = tag.first_chunk::<TAG_BYTES>().expect("16 bytes");
    let signed = secret.signer(purpose.key()).verify(tag, &[subject.as_bytes(), until]);
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
    fn a_ticket_for_an_event_is_none_for_the_poll_of_that_name() {
        let secret = Secret::parse(&"x".repeat(32)).unwrap();
        let (poll, event) = (PollId::parse("lunch").unwrap(), EventId::parse("lunch").unwrap());
        let [for_poll, for_event] =
            [LinkSubject::from(poll), event.into()].map(|subject| ticket(&secret, subject, Purpose::Export, 1_000));
        let opens = |ticket: &str| {
            (
                is_valid(ticket, &secret, poll, Purpose::Export, 1_000),
                is_valid(ticket, &secret, event, Purpose::Export, 1_000),
            )
        };
        assert_eq!((opens(&for_poll), opens(&for_event)), ((true, false), (false, true)));
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
