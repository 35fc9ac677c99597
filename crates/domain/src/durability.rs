//! What an acknowledgement rests on (`DURABILITY`).

use std::{fmt, str::FromStr};

/// What the log's server must be before it is trusted with ballots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It writes each change to its disk before it answers, and never forgets one to make room.
    Disk,
    /// Whatever it is. For a server that is durable by other means, and for demonstrations.
    Unchecked,
}

/// Not a durability.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurabilityError {
    /// It is planned and not there yet.
    #[error("replicas are not supported yet: disk or unchecked is needed")]
    Replicas,
    /// None of the words.
    #[error("disk or unchecked is needed")]
    Unknown,
}

impl FromStr for Durability {
    type Err = DurabilityError;
    fn from_str(text: &str) -> Result<Self, DurabilityError> {
        match text {
            "disk" => Ok(Self::Disk),
            "unchecked" => Ok(Self::Unchecked),
            _ if text.split(':').next() == Some("replicas") => Err(DurabilityError::Replicas),
            _ => Err(DurabilityError::Unknown),
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disk => "disk",
            Self::Unchecked => "unchecked",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_words_are_read_and_replicas_are_refused_by_name() {
        for durability in [Durability::Disk, Durability::Unchecked] {
            assert_eq!(durability.to_string().parse(), Ok(durability));
        }
        for replicas in ["replicas:1", "replicas", "replicas:x"] {
            assert_eq!(replicas.parse::<Durability>(), Err(DurabilityError::Replicas), "{replicas}");
        }
        for bad in ["", "Disk", "none", "everysec"] {
            assert_eq!(bad.parse::<Durability>(), Err(DurabilityError::Unknown), "{bad}");
        }
    }
}
