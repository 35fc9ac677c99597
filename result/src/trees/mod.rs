//! What anyone can check of polls: trees, checkpoints and tiles, seals, and published ballots, as the ledger has them,
//! signed with the key of the installation.
//!
//! `tree_board` reads, so that reads don't grow with those who ask; `kept` keeps what it read. `sealing` makes a seal
//! of the trees of a closed poll, `publication` the file of published ballots, and `publication_files` gives it out.
//! Nothing of a choice leaves this room but in that file and in the result, of which the callers say when they may be
//! shown.
//!
//! May import: nothing.

mod kept;
mod publication;
mod publication_files;
mod sealing;
mod tree_board;

pub(crate) use publication::PollPublication;
pub(crate) use publication_files::PublicationFiles;
pub(crate) use sealing::{SealWords, SealedPoll};
pub(crate) use tree_board::TreeBoard;
