//! What the helper programs of `scripts/bench` share: the ballots that ours and the reference are both given.

use domain::{Choices, VoterId};

/// The ballot of the voter with this number in this round of voting: who they are, and what they choose.
///
/// Voters are spread as evenly over all pseudonyms as real ones are, which is what an index feels; they choose
/// `a` or `b`, and in the next round the other.
pub fn ballot(number: u64, round: u64) -> (VoterId, Choices) {
    let halves = [mixed(2 * number), mixed(2 * number + 1)];
    let mut voter = [0; 16];
    voter[..8].copy_from_slice(&halves[0].to_be_bytes());
    voter[8..].copy_from_slice(&halves[1].to_be_bytes());
    let option = if (number + round).is_multiple_of(2) { "a" } else { "b" };
    (VoterId::from_bytes(voter), Choices::parse([option]).expect("one option"))
}

/// The finaliser of SplitMix64: different numbers in, different and evenly spread numbers out.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// So many in so long, for a line that a script reads.
pub fn per_second(count: u64, took: std::time::Duration) -> u128 {
    u128::from(count) * 1_000_000 / took.as_micros().max(1)
}
