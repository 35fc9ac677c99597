//! The file of published ballots: a header, the trees of the seal with a line for each leaf, and an end.
//!
//! There is one way to write it, and only what is written so is read.
//!
//! May import: `key`, `origin`.

mod ballot;
mod header;
mod reader;

pub use ballot::{BallotContent, PublishedBallot};
pub use header::{END_OF_PUBLICATION, PublishedHeader, PublishedTree};
pub use reader::{PublicationError, PublicationReader};
