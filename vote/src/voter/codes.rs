//! Voting codes: derived from the installation's secret, so nothing is stored until one is used.
//!
//! A code is valid for one poll, or for an event: then it gives one ballot in each of its polls.
//!
//! A code is 60 bits: a MAC of 44 bits over the poll or event and the code's number, and the number (16 bits). It is
//! written in Crockford's base32, which has no letters that are mistaken for digits: `K7QM-2XPD-9W1B`. Of 2^44 made-up
//! codes one is right, and wrong ones are limited (see `attempts`).

use std::{fmt, num::NonZeroU16};

use domain::{EventId, KeyPurpose, PollId, Secret, VoterId, are_equal};

/// The highest number of a code; the first is 1.
pub(crate) const MAX_NUMBER: NonZeroU16 = NonZeroU16::MAX;

/// Crockford's base32: no I, L, O and U.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 12;
const BITS_PER_LETTER: usize = 5;
const NUMBER_BITS: u32 = 16;
const MAC_BITS: u32 = 44;
/// How much of a typed or pasted text is read; a link with a code fits.
const MAX_TYPED_CHARS: usize = 1_000;
/// The field of a link that holds the code.
const LINK_FIELD: &str = "code=";

/// What a voting code is valid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeScope {
    /// One poll.
    Poll(PollId),
    /// Each poll of an event.
    Event(EventId),
}

impl From<PollId> for CodeScope {
    fn from(poll: PollId) -> Self {
        Self::Poll(poll)
    }
}

impl From<EventId> for CodeScope {
    fn from(event: EventId) -> Self {
        Self::Event(event)
    }
}

/// A voting code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code {
    number: NonZeroU16,
    letters: [u8; LENGTH],
}

/// Which code a voter in a poll holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeldCode {
    /// Its number.
    pub(crate) number: NonZeroU16,
    /// Whose code it is, if it is not the poll's own.
    pub(crate) event: Option<EventId>,
}

impl HeldCode {
    /// The code of a voter in this poll.
    pub(crate) fn in_poll(self, secret: &Secret, poll: PollId) -> Code {
        Code::issue(secret, self.event.map_or(CodeScope::Poll(poll), CodeScope::Event), self.number)
    }
}

/// The text is not a code of this poll or event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrongCode;

impl Code {
    /// The code with this number.
    pub(crate) fn issue(secret: &Secret, scope: impl Into<CodeScope>, number: NonZeroU16) -> Self {
        let bits = mac(secret, scope.into(), number) << NUMBER_BITS | u64::from(number.get());
        Self { number, letters: spelled(bits) }
    }

    /// Reads a typed or pasted code: upper or lower case, full-width letters, with or without dashes and spaces, O for
    /// 0, I or L for 1; also in its link, or after a word and a colon.
    pub(crate) fn read(typed: &str, secret: &Secret, scope: impl Into<CodeScope>) -> Result<Self, WrongCode> {
        let bits = letters(typed).into_iter().try_fold((0_u64, 0_usize), |(bits, length), letter| {
            let five = value(letter?)?;
            (length < LENGTH).then_some((bits << BITS_PER_LETTER | five, length + 1))
        });
        let Some((bits, LENGTH)) = bits else { return Err(WrongCode) };
        let number = u16::try_from(bits & u64::from(u16::MAX)).expect("16 bits");
        let number = NonZeroU16::new(number).ok_or(WrongCode)?;
        let right = Self::issue(secret, scope, number);
        if are_equal(&right.letters, &spelled(bits)) { Ok(right) } else { Err(WrongCode) }
    }

    /// Its number, from 1.
    pub(crate) fn number(self) -> NonZeroU16 {
        self.number
    }

    /// The letters without dashes, as addresses have them.
    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.letters).expect("letters and digits")
    }

    /// The voter who holds this code, in a poll. In each poll of an event it is another pseudonym.
    pub(crate) fn voter(&self, secret: &Secret, poll: PollId) -> VoterId {
        VoterId::of_code(secret, poll, &self.letters)
    }
}

/// In groups of four, as people read it.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.as_str();
        write!(f, "{}-{}-{}", &text[..4], &text[4..8], &text[8..])
    }
}

/// A code is a right to vote, so log lines show its number only.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({})", self.number)
    }
}

/// The typed text as the page shows it again: only characters of codes, and limited in length.
pub(crate) fn tidied(typed: &str) -> String {
    let kept = pasted(&folded(typed)).trim().to_owned();
    kept.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').take(2 * LENGTH).collect()
}

/// The letters of a code in upper case; `None` for a character that no code has.
fn letters(typed: &str) -> Vec<Option<u8>> {
    let typed = folded(typed);
    let meant = pasted(&typed).chars().filter(|letter| letter.is_alphanumeric());
    meant.map(|letter| u8::try_from(letter).ok().map(|letter| letter.to_ascii_uppercase())).collect()
}

/// With plain letters for full-width ones and for those of a Turkish keyboard.
fn folded(typed: &str) -> String {
    let plain = |letter| match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter),
        'ı' | 'İ' => 'I',
        letter => letter,
    };
    typed.chars().take(MAX_TYPED_CHARS).map(plain).collect()
}

/// The code in what was pasted: in a link the field `code`, which ends where the link does; else what is grouped as on
/// a sheet, or stands behind the last colon.
fn pasted(typed: &str) -> &str {
    let field = typed.to_ascii_lowercase().find(LINK_FIELD).map(|at| &typed[at + LINK_FIELD.len()..]);
    match field {
        Some(rest) => rest.split(|c: char| matches!(c, '&' | '#') || c.is_whitespace()).next().unwrap_or_default(),
        None => grouped(typed).unwrap_or_else(|| typed.rsplit(':').next().unwrap_or_default()),
    }
}

/// The one part that is written in three groups of four, as sheets have codes: in a row with its number, say.
fn grouped(typed: &str) -> Option<&str> {
    let is_group = |group: &str| group.len() == 4 && group.bytes().all(|letter| letter.is_ascii_alphanumeric());
    let is_code = |part: &&str| part.split('-').count() == 3 && part.split('-').all(is_group);
    let mut codes = typed.split(|c: char| c != '-' && !c.is_alphanumeric()).filter(is_code);
    codes.next().filter(|_| codes.next().is_none())
}

fn value(letter: u8) -> Option<u64> {
    let letter = match letter {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        letter => letter,
    };
    LETTERS.iter().position(|known| *known == letter).map(|index| index as u64)
}

fn spelled(bits: u64) -> [u8; LENGTH] {
    std::array::from_fn(|index| {
        let five = bits >> (BITS_PER_LETTER * (LENGTH - 1 - index)) & 0b1_1111;
        LETTERS[usize::try_from(five).expect("five bits")]
    })
}

fn mac(secret: &Secret, scope: CodeScope, number: NonZeroU16) -> u64 {
    let (purpose, id) = match &scope {
        CodeScope::Poll(poll) => (KeyPurpose::VotingCodes, poll.as_str()),
        CodeScope::Event(event) => (KeyPurpose::EventVotingCodes, event.as_str()),
    };
    let parts = [id.as_bytes(), &number.get().to_be_bytes()];
    u64::from_be_bytes(secret.signer(purpose).tag(&parts)) >> (u64::BITS - MAC_BITS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn secret() -> Secret {
        Secret::parse(&"x".repeat(32)).unwrap()
    }

    fn issue(number: u16) -> Code {
        Code::issue(&secret(), PollId::MAIN, NonZeroU16::new(number).unwrap())
    }

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = issue(300);
        let text = code.to_string();
        assert_eq!(text.len(), 14);
        let read = |typed: &str| Code::read(typed, &secret(), PollId::MAIN);
        let look_alikes = text.replace('0', "o").replace('1', "l");
        for typed in [&text, code.as_str(), &text.to_lowercase(), &text.replace('-', " "), &look_alikes] {
            assert_eq!(read(typed), Ok(code), "{typed}");
        }
        assert_eq!(read(&format!("  {}\u{a0}", text.replace('-', "\u{2013}"))), Ok(code));
        assert_eq!(read(&text).unwrap().number().get(), 300);
    }

    #[test]
    fn a_code_is_found_in_what_was_pasted() {
        let code = issue(300);
        let (text, bare) = (code.to_string(), code.as_str());
        let full_width = |letter: char| char::from_u32(u32::from(letter) + 0xfee0).unwrap();
        for typed in [
            format!("https://vote.example.org/p/lunch?code={bare}"),
            format!(" HTTP://192.168.1.7:8080/?CODE={text}&x=1:2#top\n"),
            format!("<https://vote.example.org/p/lunch?code={bare}>."),
            format!("vote.example.org/p/lunch?lang=fr&code={bare}\u{a0}"),
            format!("Vote here: https://vote.example.org/?code={bare} (number 300)"),
            format!("\u{feff}“{text}”\u{200b}"),
            format!("Code : {text}"),
            format!("300\t{text}"),
            format!("300;{text}"),
            format!("{text} (number 300)"),
            text.chars().map(full_width).collect(),
            text.replace('-', "\u{ad}_\u{2009}·"),
            bare.split("").collect::<Vec<_>>().join(" "),
        ] {
            assert_eq!(Code::read(&typed, &secret(), PollId::MAIN), Ok(code), "{typed}");
            assert_eq!(Code::read(&tidied(&typed), &secret(), PollId::MAIN), Ok(code), "{typed}");
        }
    }

    #[test]
    fn only_codes_of_this_poll_and_installation_are_right() {
        let (code, other) = (issue(1), PollId::parse("other").unwrap());
        let text = code.to_string();
        assert_eq!(Code::read(&text, &secret(), other), Err(WrongCode));
        assert_eq!(Code::read(&text, &Secret::parse(&"y".repeat(32)).unwrap(), PollId::MAIN), Err(WrongCode));
        for bad in ["", "K7QM", &text[1..], &format!("{text}0"), "ÄÖÜ", &"0".repeat(12), &"A".repeat(10_000)] {
            assert_eq!(Code::read(bad, &secret(), PollId::MAIN), Err(WrongCode), "{bad}");
        }
    }

    #[test]
    fn no_letter_of_a_code_can_be_changed() {
        let code = issue(77);
        for index in 0..LENGTH {
            for letter in LETTERS {
                let mut changed = code.letters;
                changed[index] = *letter;
                let right = Code::read(str::from_utf8(&changed).unwrap(), &secret(), PollId::MAIN).is_ok();
                assert_eq!(right, changed == code.letters);
            }
        }
    }

    #[test]
    fn codes_and_their_voters_are_all_different() {
        let codes: Vec<_> = (1..=2_000).map(issue).collect();
        let texts: BTreeSet<_> = codes.iter().map(ToString::to_string).collect();
        let voters: BTreeSet<_> = codes.iter().map(|code| code.voter(&secret(), PollId::MAIN)).collect();
        assert_eq!((texts.len(), voters.len()), (2_000, 2_000));
    }

    #[test]
    fn a_code_of_an_event_is_no_code_of_a_poll_and_another_voter_in_each() {
        let (event, one) = (EventId::parse("main").unwrap(), NonZeroU16::MIN);
        let code = Code::issue(&secret(), event, one);
        assert_eq!(Code::read(&code.to_string(), &secret(), event), Ok(code));
        assert_eq!(Code::read(&code.to_string(), &secret(), PollId::MAIN), Err(WrongCode));
        assert_eq!(Code::read(&issue(1).to_string(), &secret(), event), Err(WrongCode));
        assert_eq!(HeldCode { number: one, event: Some(event) }.in_poll(&secret(), PollId::MAIN), code);
        assert_eq!(HeldCode { number: one, event: None }.in_poll(&secret(), PollId::MAIN), issue(1));
        assert_ne!(code.voter(&secret(), PollId::MAIN), code.voter(&secret(), PollId::parse("other").unwrap()));
    }

    #[test]
    fn printed_codes_stay_right_in_later_releases() {
        assert_eq!(issue(1).to_string(), "7DAT-TKNC-G001");
        let of_event = Code::issue(&secret(), EventId::parse("evening").unwrap(), NonZeroU16::MIN);
        assert_eq!(of_event.to_string(), "MS4V-RXPA-4001");
        assert_eq!(format!("{:?}", issue(1)), "Code(1)");
    }
}
