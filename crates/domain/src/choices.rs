//! What a ballot says: a set of options.

use std::fmt;

/// The largest number of options a poll can have, keyed `a` to `z`.
pub const MAX_OPTIONS: usize = 26;

/// The key of the option at `index`: `a` for 0, `z` for 25.
///
/// # Panics
/// If `index` is 26 or more; a poll never has that many options.
pub fn option_key(index: usize) -> char {
    assert!(index < MAX_OPTIONS, "a poll has at most {MAX_OPTIONS} options");
    char::from(b'a' + u8::try_from(index).expect("below 26"))
}

/// The options of one ballot, as a bit set: bit 0 is option `a`, bit 25 is option `z`. Never empty.
///
/// Whether the options exist and are not too many for a poll is checked by [`crate::Poll::check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choices(u32);

/// Why a list of choices is no ballot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoicesError {
    /// Nothing was chosen.
    #[error("no option was chosen")]
    Empty,
    /// Not one lower-case letter from `a` to `z`.
    #[error("an option is one letter from a to z")]
    NotAKey,
    /// The same option twice.
    #[error("option {0} was chosen twice")]
    Twice(char),
    /// A letter beyond the last option of the poll.
    #[error("this poll has no option {0}")]
    UnknownOption(char),
    /// More options than the poll allows.
    #[error("at most {allowed} of the options may be chosen, not {chosen}")]
    TooMany {
        /// How many the poll allows.
        allowed: u8,
        /// How many were chosen.
        chosen: u32,
    },
}

impl Choices {
    /// Reads option keys, as they come in a form or in JSON.
    pub fn parse<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self, ChoicesError> {
        let mut bits = 0_u32;
        for key in keys {
            let &[letter @ b'a'..=b'z'] = key.as_bytes() else { return Err(ChoicesError::NotAKey) };
            let bit = 1 << (letter - b'a');
            if bits & bit != 0 {
                return Err(ChoicesError::Twice(char::from(letter)));
            }
            bits |= bit;
        }
        Self::from_bits(bits)
    }

    /// From the stored bit set. Bits above the 26th, and none at all, are refused.
    pub fn from_bits(bits: u32) -> Result<Self, ChoicesError> {
        match bits {
            0 => Err(ChoicesError::Empty),
            bits if bits >> MAX_OPTIONS != 0 => Err(ChoicesError::NotAKey),
            bits => Ok(Self(bits)),
        }
    }

    /// The bit set that logs and ledgers store.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// How many options are chosen; at least one.
    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Never true: a ballot chooses something. Here because `len` is.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the option at `index` is chosen.
    pub fn contains(self, index: usize) -> bool {
        index < MAX_OPTIONS && self.0 & (1 << index) != 0
    }

    /// Whether they fit a poll with so many options, of which a ballot may choose at most `max_choices`.
    pub fn fit(self, options: usize, max_choices: u8) -> Result<(), ChoicesError> {
        if let Some(unknown) = self.indices().find(|&index| index >= options) {
            return Err(ChoicesError::UnknownOption(option_key(unknown)));
        }
        if self.len() > u32::from(max_choices) {
            return Err(ChoicesError::TooMany { allowed: max_choices, chosen: self.len() });
        }
        Ok(())
    }

    /// The indices of the chosen options, in order.
    pub fn indices(self) -> impl Iterator<Item = usize> {
        (0..MAX_OPTIONS).filter(move |&index| self.contains(index))
    }
}

/// The option keys, in order: `a` or `acd`.
impl fmt::Display for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.indices().try_for_each(|index| write!(f, "{}", option_key(index)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_bits_and_keys_again() {
        let choices = Choices::parse(["c", "a", "z"]).unwrap();
        assert_eq!(choices.bits(), 1 | 1 << 2 | 1 << 25);
        assert_eq!(choices.to_string(), "acz");
        assert_eq!(choices.len(), 3);
    }

    #[test]
    fn what_is_no_option_key_is_refused() {
        for bad in ["", "A", "ab", "1", "é", "{"] {
            assert_eq!(Choices::parse([bad]), Err(ChoicesError::NotAKey), "{bad:?}");
        }
        assert_eq!(Choices::parse([]), Err(ChoicesError::Empty));
        assert_eq!(Choices::parse(["b", "b"]), Err(ChoicesError::Twice('b')));
        assert_eq!(Choices::from_bits(0), Err(ChoicesError::Empty));
        assert_eq!(Choices::from_bits(1 << 26), Err(ChoicesError::NotAKey));
    }
}
