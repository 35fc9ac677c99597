//! What Scrutin is about, without any I/O: polls, ballots, the count, and the ports through which the services reach a
//! log and a ledger.
//!
//! This crate knows no database, no network and no clock; callers pass in what it needs of them. The words are those of
//! the glossary in `docs/architecture.md`.
//!
//! May import: nothing.

mod choices;
mod count;
mod durability;
mod entry;
mod event;
mod event_id;
mod front_page;
mod gap;
mod installation;
mod log_entries;
mod log_id;
mod partition;
mod poll;
mod poll_id;
mod ports;
mod position;
mod question_text;
mod receipt;
mod secret;
mod session;
mod share;
mod tagged;
mod tally;
mod text;
mod tree;
mod tree_growth;
mod tree_step;
mod voter;

pub use choices::{Choices, ChoicesError, MAX_OPTIONS, option_key};
pub use count::{
    Batch, Changes, CountedBallot, EventUpdate, KnownPoll, PollUpdate, Previous, RejectedEntry, TallyChange, count,
};
pub use durability::{Durability, DurabilityError};
pub use entry::{Ballot, Entry, Record, UndecodableEntry};
pub use event::{
    Event, EventChange, EventError, EventProgress, EventRefused, EventSpec, EventStage, EventStep, MAX_EVENT_POLLS,
    PollAction, PollGlance, PollStates, Press, StepChange, StepName, Way,
};
pub use event_id::{EventId, EventIdError};
pub use front_page::FrontPage;
pub use gap::Gap;
pub use installation::{
    Fingerprint, Installation, InstallationId, LedgerIdentity, LedgerLayout, LogIdentity, RekeyOutcome,
};
pub use log_entries::log_entries;
pub use log_id::LogId;
pub use partition::{Partition, Partitions, PartitionsError, fnv1a};
pub use poll::{
    Access, ChangeRefused, Correction, Countdown, CountdownError, CountdownSeconds, FIRST_REVISION, Field,
    MAX_COUNTDOWN_SECONDS, MAX_OPTION_CHARS, MAX_QUESTION_CHARS, Poll, PollChange, PollError, PollSpec, PollState,
    Visibility, Wording,
};
pub use poll_id::{MAX_POLL_ID_BYTES, PollId, PollIdError};
pub use ports::{
    ApplyOutcome, Attachment, BallotBox, CarriedTree, CastOutcome, ChangeOutcome, ClaimOutcome, CountdownEnd,
    CurrentBallot, EventBox, EventOutcome, HeldLeaf, HeldPolls, HeldTree, Inclusion, LeafPlace, Ledger, Ledgers, Log,
    LogSeed, LogState, Movement, Page, PendingMovement, PollCopies, PollCopy, PollSeed, PublishedBallots,
    ReplicationState, Scoreboard, TreeKey, TreeReader, Unavailable,
};
pub use position::Position;
pub use receipt::{Receipt, ReceiptError};
pub use secret::{KeyPurpose, MIN_SECRET_BYTES, Secret, SecretError, Signer, are_equal};
pub use session::SessionId;
pub use share::{ShareProgress, Tally, TallyShare};
pub use tagged::{decode_base64, encode_base64};
pub use tally::{Audit, Heartbeat, PollColumns, PollRecount, Recount, VoteCounts};
pub use tree::{
    BallotMark, BallotTerms, Blind, DIGEST_BYTES, Digest, ExpectedTree, FullTile, GrowingTree, LeafBallot, LeafContent,
    LeafOrder, MAX_TILE_LEVELS, PublishedChoices, RoundHistory, StoredTree, TILE_DIGESTS, TermsInForce, Tile,
    TileNumber, TreeBallot, TreeChecking, TreeClose, TreeEdge, TreeFault, TreeId, TreeRebuild, TreeRecount,
    digests_in_tile, digests_on_level, empty_root, mark_and_blind, node, path_from_tiles, root, root_above,
    root_of_path, split, tiles_of_path,
};
pub use tree_growth::{TreeChange, TreePlace, grow};
pub use tree_step::{PollIndex, TreeStep};
pub use voter::VoterId;
