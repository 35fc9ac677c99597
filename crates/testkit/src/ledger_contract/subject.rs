//! What a story is told about.

use std::{any::Any, sync::Arc};

use domain::{Ledgers, Scoreboard};

/// An empty ledger, to be held against the contract.
pub struct Subject {
    /// Where its writers come from.
    pub ledgers: Arc<dyn Ledgers>,
    /// Where it is read.
    pub scoreboard: Arc<dyn Scoreboard>,
    /// Whatever must live as long as the story: a server, a directory. Dropped after the ledger.
    pub guard: Box<dyn Any + Send + Sync>,
}
