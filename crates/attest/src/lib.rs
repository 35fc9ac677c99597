//! What anyone can check of a count, and the checking of it: signed notes (checkpoints, seals, results, promises and
//! proofs), the file of published ballots, and what does not hold of it.
//!
//! Pure: callers fetch, read files and know the time. `docs/verification.md` has all formats, exactly.
//!
//! May import: `domain`.

mod base64_digest;
mod checkpoint;
mod consistency;
mod growing_root;
mod key;
mod note;
mod origin;
mod promise;
mod proof;
mod published;
mod result_note;
mod seal;
mod tile;
mod verify;
mod words;

pub use checkpoint::Checkpoint;
pub use consistency::{Consistency, TileError, consistency, root_from_tiles};
pub use growing_root::GrowingRoot;
pub use key::{KeyError, NoteKey, VerifierKey, key_name};
pub use note::{MAX_NOTE_BYTES, NoteError, NoteText, SignedNote};
pub use origin::{RoundName, TreeOrigin};
pub use promise::Promise;
pub use proof::{InclusionProof, ProofError};
pub use published::{
    BallotContent, END_OF_PUBLICATION, PublicationError, PublicationReader, PublishedBallot, PublishedHeader,
    PublishedTree,
};
pub use result_note::ResultNote;
pub use seal::{Seal, SealedTree};
pub use tile::{TILE_WIDTH, TilePath, TilePathError, tiles_of};
pub use verify::{
    AuditFinding, Evidence, FindingKind, KeptBy, KeptNote, PollCount, PollWording, ReceiptFate, ReceiptOutcome,
    Unchecked, Verification, VerifiedPoll, verify,
};
pub use words::{SEAL_WORDS, parse_words, words};
