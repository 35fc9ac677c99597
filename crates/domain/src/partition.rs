//! Which partition a voter belongs to, and which one decides a poll's changes.

use std::{fmt, str::FromStr};

use crate::{event_id::EventId, poll_id::PollId, voter::VoterId};

/// One partition, from 0: a share of the voters, with a log and a ledger of its own. Each has every poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(u16);

impl Partition {
    /// The partition with this number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many partitions the log has (`PARTITIONS`), 1 to 1024. All services must agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partitions(u16);

/// Not a number of partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a number of partitions is 1 to 1024")]
pub struct PartitionsError;

impl Partitions {
    /// One partition: enough until a single Redis is not.
    pub const ONE: Self = Self(1);

    /// A log of `count` partitions.
    pub fn new(count: u16) -> Result<Self, PartitionsError> {
        if (1..=1024).contains(&count) { Ok(Self(count)) } else { Err(PartitionsError) }
    }

    /// How many there are.
    pub fn count(self) -> u16 {
        self.0
    }

    /// All of them, in order.
    pub fn all(self) -> impl Iterator<Item = Partition> {
        (0..self.0).map(Partition)
    }

    /// The partition of a voter: the first 8 bytes of the pseudonym, modulo the number of partitions. So all ballots of
    /// a voter in one poll are in one log, and the voters of a poll are spread evenly.
    ///
    /// It must never change: a voter who comes again would be looked for in another partition, and counted twice.
    pub fn of_voter(self, voter: VoterId) -> Partition {
        let (first, _) = voter.as_bytes().split_first_chunk().expect("a pseudonym has 16 bytes");
        self.remainder(u64::from_be_bytes(*first))
    }

    /// The home of a poll, the partition that decides its changes: FNV-1a (64 bit) of its id, modulo the number of
    /// partitions.
    ///
    /// It must never change: a poll's changes would be decided in two places.
    pub fn home(self, poll: PollId) -> Partition {
        self.remainder(fnv1a(poll.as_str().bytes()))
    }

    /// The home of an event, the only partition that has it: as for a poll with its id.
    ///
    /// It must never change: an event would no more be found.
    pub fn event_home(self, event: EventId) -> Partition {
        self.remainder(fnv1a(event.as_str().bytes()))
    }

    fn remainder(self, number: u64) -> Partition {
        Partition(u16::try_from(number % u64::from(self.0)).expect("below a u16"))
    }
}

impl FromStr for Partitions {
    type Err = PartitionsError;
    fn from_str(text: &str) -> Result<Self, PartitionsError> {
        Self::new(text.parse().map_err(|_| PartitionsError)?)
    }
}

impl fmt::Display for Partitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// FNV-1a, 64 bit (draft-eastlake-fnv): a hash that is the same in every release. Not for input that may be hostile.
pub fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv1a() {
        // The test vectors of draft-eastlake-fnv.
        assert_eq!(fnv1a(*b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(*b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(*b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn polls_keep_their_homes_for_ever() {
        let partition = |id, count| Partitions::new(count).unwrap().home(PollId::parse(id).unwrap()).number();
        assert_eq!(partition("main", 1), 0);
        for (id, of_4, of_16) in [("main", 0, 8), ("lunch", 3, 15), ("2026-budget", 3, 11), ("a", 0, 12)] {
            assert_eq!((partition(id, 4), partition(id, 16)), (of_4, of_16), "{id}");
        }
    }

    #[test]
    fn voters_stay_in_their_partitions_for_ever() {
        let voter = VoterId::from_bytes(*b"\x01\x02\x03\x04\x05\x06\x07\x08........");
        let of = |count| Partitions::new(count).unwrap().of_voter(voter).number();
        // 0x0102030405060708 = 72,623,859,790,382,856.
        assert_eq!([of(1), of(3), of(16), of(1000)], [0, 0, 8, 856]);
    }

    #[test]
    fn only_1_to_1024_is_a_number_of_partitions() {
        for bad in ["0", "1025", "-1", "x", ""] {
            assert_eq!(bad.parse::<Partitions>(), Err(PartitionsError), "{bad}");
        }
        assert_eq!("1024".parse::<Partitions>().unwrap().all().count(), 1024);
    }
}
