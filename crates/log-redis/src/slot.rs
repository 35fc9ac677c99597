//! The slot of a partition in a Redis Cluster.

use domain::Partition;

/// How many slots a cluster has.
const SLOTS: u16 = 16_384;

/// The slot of all keys of the partition: the checksum of what stands between their braces.
pub(crate) fn slot_of(partition: Partition) -> u16 {
    checksum(format!("scrutin:{partition}").as_bytes()) % SLOTS
}

/// CRC-16/XMODEM.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |checksum, &byte| {
        (0..8).fold(checksum ^ (u16::from(byte) << 8), |rest: u16, _| {
            if rest & 0x8000 == 0 { rest << 1 } else { (rest << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis() {
        assert_eq!(checksum(b"123456789"), 0x31c3, "of the specification");
        // What `CLUSTER KEYSLOT {scrutin:0}:log` and so on answer.
        assert_eq!([0, 1, 1023].map(|number| slot_of(Partition::new(number))), [783, 4910, 533]);
    }
}
