//! Voting codes: made from the installation's secret, so that nothing is stored until one is used.
//!
//! A code is 60 bits: a MAC of 44 bits over the poll and the code's number, and the number (16 bits). It is written
//! in Crockford's base32, which has no letters that are mistaken for digits: `K7QM-2XPD-9W1B`. Of 2^44 made-up codes
//! one is right, and wrong ones are limited (see `attempts`).

use std::{fmt, num::NonZeroU16};

use domain::{PollId, Secret, VoterId};
use subtle::ConstantTimeEq;

/// The highest number of a code; the first is 1.
pub(crate) const MAX_NUMBER: NonZeroU16 = NonZeroU16::MAX;

/// Crockford's base32: no I, L, O and U.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 12;
const BITS_PER_LETTER: usize = 5;
const NUMBER_BITS: u32 = 16;
const MAC_BITS: u32 = 44;
/// How much of what somebody typed is looked at.
const MAX_TYPED_CHARS: usize = 100;

/// A voting code of one poll.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code {
    number: NonZeroU16,
    letters: [u8; LENGTH],
}

/// The text is no code of this poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrongCode;

impl Code {
    /// The code with this number.
    pub(crate) fn issue(secret: &Secret, poll: PollId, number: NonZeroU16) -> Self {
        let bits = mac(secret, poll, number) << NUMBER_BITS | u64::from(number.get());
        let letter = |index: usize| {
            let five = bits >> (BITS_PER_LETTER * (LENGTH - 1 - index)) & 0b1_1111;
            LETTERS[usize::try_from(five).expect("five bits")]
        };
        Self { number, letters: std::array::from_fn(letter) }
    }

    /// Reads what somebody typed: upper or lower case, with or without dashes and spaces, O for 0, I or L for 1.
    pub(crate) fn read(typed: &str, secret: &Secret, poll: PollId) -> Result<Self, WrongCode> {
        let bits = letters(typed).try_fold((0_u64, 0_usize), |(bits, length), letter| {
            let five = value(letter?)?;
            (length < LENGTH).then_some((bits << BITS_PER_LETTER | five, length + 1))
        });
        let Some((bits, LENGTH)) = bits else { return Err(WrongCode) };
        let number = u16::try_from(bits & u64::from(u16::MAX)).expect("16 bits");
        let number = NonZeroU16::new(number).ok_or(WrongCode)?;
        let signed = (bits >> NUMBER_BITS).ct_eq(&mac(secret, poll, number));
        if bool::from(signed) { Ok(Self::issue(secret, poll, number)) } else { Err(WrongCode) }
    }

    /// Its number, from 1.
    pub(crate) fn number(self) -> NonZeroU16 {
        self.number
    }

    /// The letters without dashes, as they stand in addresses.
    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.letters).expect("letters and digits")
    }

    /// Whoever holds this code is this voter.
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

/// Whoever knows a code can vote with it, so it has no place in a log line.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({})", self.number)
    }
}

/// What somebody typed as it is shown again: without anything that is in no code, and not endless.
pub(crate) fn tidied(typed: &str) -> String {
    let kept = typed.trim().chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-');
    kept.take(2 * LENGTH).collect()
}

/// The letters of a code in upper case; `None` for what is in no code.
fn letters(typed: &str) -> impl Iterator<Item = Option<u8>> {
    let meant = typed.chars().take(MAX_TYPED_CHARS).filter(|letter| !letter.is_whitespace() && !is_dash(*letter));
    meant.map(|letter| u8::try_from(letter).ok().map(|letter| letter.to_ascii_uppercase()))
}

/// The dashes of keyboards and of word processors.
fn is_dash(letter: char) -> bool {
    matches!(letter, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

fn value(letter: u8) -> Option<u64> {
    let letter = match letter {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        letter => letter,
    };
    LETTERS.iter().position(|known| *known == letter).map(|index| index as u64)
}

fn mac(secret: &Secret, poll: PollId, number: NonZeroU16) -> u64 {
    let signed = secret.sign("code", &[poll.as_str().as_bytes(), &number.get().to_be_bytes()]);
    let first = signed.first_chunk().expect("a signature is longer than what is kept of it");
    u64::from_be_bytes(*first) >> (u64::BITS - MAC_BITS)
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
    fn printed_codes_stay_right_in_later_releases() {
        assert_eq!(issue(1).to_string(), "7DAT-TKNC-G001");
        assert_eq!(format!("{:?}", issue(1)), "Code(1)");
    }
}
