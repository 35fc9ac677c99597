//! The subject of a story.

use std::{any::Any, sync::Arc};

use domain::{Ledgers, Scoreboard};

/// An empty ledger, to be tested against the contract.
pub struct Subject {
    /// The source of its writers.
    pub ledgers: Arc<dyn Ledgers>,
    /// The reading side.
    pub scoreboard: Arc<dyn Scoreboard>,
    /// Anything that must live as long as the story: a server, a directory. Dropped after the ledger.
    pub guard: Box<dyn Any + Send + Sync>,
}
