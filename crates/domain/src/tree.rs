//! The trees by which anyone can check a count: a tree of ballots for each poll, round and partition, of which only
//! blinded leaves are public until the ballots are published.
//!
//! Pure. `docs/verification.md` has all formats.
//!
//! May import: `choices`, `installation`, `poll`, `poll_id`, `position`, `tagged`, `voter`.

mod digest;
mod edge;
mod growing;
mod leaf;
mod merkle;
mod path;
mod rebuild;
mod recount;

pub use digest::{DIGEST_BYTES, Digest};
pub use edge::{MAX_TILE_LEVELS, TILE_DIGESTS, Tile, TreeEdge, digests_in_tile, digests_on_level};
pub use growing::{FullTile, GrowingTree, LeafBallot, StoredTree, TreeClose};
pub use leaf::{BallotMark, BallotTerms, Blind, LeafContent, TreeId, mark_and_blind};
pub use merkle::{empty_root, node, root, root_of_path, split};
pub use path::{TileNumber, path_from_tiles, root_above, tiles_of_path};
pub use rebuild::{LeafOrder, PublishedChoices, RoundHistory, TermsInForce, TreeBallot, TreeRebuild};
pub use recount::{ExpectedTree, TreeChecking, TreeFault, TreeRecount};
