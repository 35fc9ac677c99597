//! A witness keeps the checkpoints and the tiles of a poll's trees, and checks that each tree only grows.
//!
//! Its files are laid out as the server's addresses are, so that a server of static files makes a mirror of them. What
//! it has kept is never taken back: a tree is fetched on from where it was.
//!
//! May import: `address`, `client`.

mod files;
mod look;
mod news;
mod seals;
mod tree;

pub use look::PollWitness;
pub use news::{Contradiction, WitnessError, WitnessNews};
