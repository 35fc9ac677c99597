//! The trees by which anyone can check a count: a tree of ballots for each poll, round and partition, of which only
//! blinded leaves are public until the ballots are published.
//!
//! Pure. `docs/verification.md` has all formats.
//!
//! May import: `choices`, `installation`, `poll`, `poll_id`, `position`, `sealed`, `voter`.

mod digest;
mod leaf;
mod merkle;

pub use digest::{DIGEST_BYTES, Digest};
pub use leaf::{BallotMark, BallotTerms, Blind, LeafContent, TreeId, mark_and_blind};
pub use merkle::{empty_root, node, root, root_of_path, split};
