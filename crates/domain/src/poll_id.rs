//! The id of a poll, as it is in addresses.

use std::{fmt, str};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest poll id, in bytes.
pub const MAX_POLL_ID_BYTES: usize = 32;

/// The id of a poll: 1 to 32 of `a-z`, `0-9` and `-`, not beginning or ending with `-`.
///
/// Stored inline and not on the heap, because every ballot has one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PollId {
    bytes: [u8; MAX_POLL_ID_BYTES],
    len: u8,
}

/// Why a text is no poll id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a poll id is 1 to {MAX_POLL_ID_BYTES} of a-z, 0-9 and -, and neither begins nor ends with -")]
pub struct PollIdError;

impl PollId {
    /// The id of the poll at `/`, made on the very first start.
    pub const MAIN: Self = {
        let mut bytes = [0; MAX_POLL_ID_BYTES];
        bytes[0] = b'm';
        bytes[1] = b'a';
        bytes[2] = b'i';
        bytes[3] = b'n';
        Self { bytes, len: 4 }
    };

    /// Reads an id.
    pub fn parse(text: &str) -> Result<Self, PollIdError> {
        let allowed = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let well_formed = text.bytes().all(|byte| allowed(&byte)) && !text.starts_with('-') && !text.ends_with('-');
        if text.is_empty() || text.len() > MAX_POLL_ID_BYTES || !well_formed {
            return Err(PollIdError);
        }
        let mut bytes = [0; MAX_POLL_ID_BYTES];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { bytes, len: u8::try_from(text.len()).map_err(|_| PollIdError)? })
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("an id is ASCII since parse")
    }
}

impl fmt::Display for PollId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for PollId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl str::FromStr for PollId {
    type Err = PollIdError;
    fn from_str(text: &str) -> Result<Self, PollIdError> {
        Self::parse(text)
    }
}

impl Serialize for PollId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for PollId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_text() {
        for good in ["main", "a", "2026-budget", "abcdefghijklmnopqrstuvwxyz012345"] {
            assert_eq!(PollId::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(PollId::MAIN, PollId::parse("main").unwrap());
    }

    #[test]
    fn what_would_not_stand_in_an_address_is_refused() {
        for bad in ["", "-a", "a-", "Main", "a b", "a/b", "é", "a\0", "abcdefghijklmnopqrstuvwxyz0123456"] {
            assert_eq!(PollId::parse(bad), Err(PollIdError), "{bad:?}");
        }
    }
}
