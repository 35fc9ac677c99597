//! What an acknowledgement rests on (`DURABILITY`).

use std::{fmt, num::NonZeroU8, str::FromStr};

/// What the log's server must be before it is trusted with ballots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It writes each change to its disk before it answers, and never forgets one to make room.
    Disk,
    /// The same, and exactly so many replicas have each change on their disks too: whichever of them is promoted has
    /// all that was acknowledged.
    Replicas(NonZeroU8),
    /// Whatever it is. For a server that is durable by other means, and for demonstrations.
    Unchecked,
}

/// The most replicas of one server.
const MAX_REPLICAS: u8 = 9;

/// Not a durability.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurabilityError {
    /// It is not said how many replicas, or not a number of them.
    #[error("replicas:N is needed, where N is 1 to {MAX_REPLICAS}")]
    Replicas,
    /// None of the words.
    #[error("disk, replicas:N or unchecked is needed")]
    Unknown,
}

impl FromStr for Durability {
    type Err = DurabilityError;
    fn from_str(text: &str) -> Result<Self, DurabilityError> {
        match (text, text.split_once(':')) {
            ("disk", _) => Ok(Self::Disk),
            ("unchecked", _) => Ok(Self::Unchecked),
            ("replicas", _) => Err(DurabilityError::Replicas),
            (_, Some(("replicas", count))) => {
                let count = count.parse().ok().filter(|count: &NonZeroU8| count.get() <= MAX_REPLICAS);
                count.map(Self::Replicas).ok_or(DurabilityError::Replicas)
            }
            _ => Err(DurabilityError::Unknown),
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk => f.write_str("disk"),
            Self::Replicas(count) => write!(f, "replicas:{count}"),
            Self::Unchecked => f.write_str("unchecked"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_durability_is_read_as_it_is_written() {
        for text in ["disk", "unchecked", "replicas:1", "replicas:9"] {
            assert_eq!(text.parse::<Durability>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_none_is_refused_and_a_number_of_replicas_is_asked_for() {
        for replicas in ["replicas", "replicas:", "replicas:x", "replicas:0", "replicas:10", "replicas:-1"] {
            assert_eq!(replicas.parse::<Durability>(), Err(DurabilityError::Replicas), "{replicas}");
        }
        for bad in ["", "Disk", "none", "everysec", "replica:1"] {
            assert_eq!(bad.parse::<Durability>(), Err(DurabilityError::Unknown), "{bad}");
        }
    }
}
