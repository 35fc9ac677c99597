//! The line of a ballot in a published file.

use std::fmt;

use domain::{BallotMark, Blind, Choices, Digest};

/// A ballot: `MARK,REPLACES,CHOICES,BLIND`, or `MARK,REPLACES,,HIDDEN` of one that was replaced; with `,N` behind it
/// where it was cast for the `N`th wording, from 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedBallot {
    /// Names it within its tree; never [`BallotMark::NONE`].
    pub mark: BallotMark,
    /// The ballot that it replaces; [`BallotMark::NONE`] if it is its voter's first.
    pub replaces: BallotMark,
    /// What it chose.
    pub content: BallotContent,
    /// For which of the header's wordings it was cast, from 1.
    pub wording: u32,
}

/// What a published ballot tells of its choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BallotContent {
    /// It counts, and is opened.
    Counts {
        /// What it chose.
        choices: Choices,
        /// What hid it.
        blind: Blind,
    },
    /// It was replaced, and what it chose stays hidden.
    Replaced {
        /// [`Blind::hide`] of its choices.
        hidden: Digest,
    },
}

impl BallotContent {
    /// The choices as they are in the leaf.
    pub fn hidden(&self) -> Digest {
        match self {
            Self::Counts { choices, blind } => blind.hide(*choices),
            Self::Replaced { hidden } => *hidden,
        }
    }
}

impl PublishedBallot {
    /// Reads a line without its newline; `None` for all but what is written.
    pub fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(',');
        let mark = mark(fields.next()?)?;
        let replaces = match fields.next()? {
            "" => BallotMark::NONE,
            text => self::mark(text)?,
        };
        let content = match (fields.next()?, fields.next()?) {
            ("", hidden) => BallotContent::Replaced { hidden: Digest::parse_hex(hidden)? },
            (keys, blind) => BallotContent::Counts { choices: choices(keys)?, blind: Blind::parse(blind)? },
        };
        let wording = fields.next().map_or(Some(1), wording)?;
        fields.next().is_none().then_some(Self { mark, replaces, content, wording })
    }
}

fn mark(text: &str) -> Option<BallotMark> {
    BallotMark::parse(text).filter(|mark| *mark != BallotMark::NONE)
}

/// Option keys in their order.
fn choices(keys: &str) -> Option<Choices> {
    let in_order = keys.as_bytes().is_sorted_by(|one, next| one < next);
    let mut letters = keys.bytes().map(|key| key.is_ascii_lowercase().then(|| 1_u32 << (key - b'a')));
    let bits = letters.try_fold(0, |bits, bit: Option<u32>| Some(bits | bit?))?;
    in_order.then(|| Choices::from_bits(bits).ok())?
}

fn wording(text: &str) -> Option<u32> {
    let number = text.parse().ok().filter(|number| *number >= 2)?;
    (!text.starts_with(['0', '+'])).then_some(number)
}

/// Without a newline.
impl fmt::Display for PublishedBallot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mark, replaces, content, wording } = self;
        write!(f, "{mark},")?;
        if *replaces != BallotMark::NONE {
            write!(f, "{replaces}")?;
        }
        match content {
            BallotContent::Counts { choices, blind } => write!(f, ",{choices},{blind}")?,
            BallotContent::Replaced { hidden } => write!(f, ",,{hidden}")?,
        }
        if *wording > 1 { write!(f, ",{wording}") } else { Ok(()) }
    }
}
