//! The id of an event, as it is in addresses.

use std::{fmt, str};

use serde::{Deserialize, Serialize};

use crate::poll_id::{MAX_POLL_ID_BYTES, PollId};

/// The id of an event: by the same rules as that of a poll. An event and a poll may have the same id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(PollId);

/// Why a text is no event id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event id is 1 to {MAX_POLL_ID_BYTES} of a-z, 0-9 and -, and neither begins nor ends with -")]
pub struct EventIdError;

impl EventId {
    /// Reads an id.
    pub fn parse(text: &str) -> Result<Self, EventIdError> {
        PollId::parse(text).map(Self).map_err(|_| EventIdError)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl str::FromStr for EventId {
    type Err = EventIdError;
    fn from_str(text: &str) -> Result<Self, EventIdError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_rules_of_polls() {
        assert_eq!(EventId::parse("2026-budget").unwrap().as_str(), "2026-budget");
        assert_eq!(serde_json::to_string(&EventId::parse("a").unwrap()).unwrap(), "\"a\"");
        for bad in ["", "-a", "Main", "a/b", "abcdefghijklmnopqrstuvwxyz0123456"] {
            assert_eq!(EventId::parse(bad), Err(EventIdError), "{bad:?}");
        }
    }
}
