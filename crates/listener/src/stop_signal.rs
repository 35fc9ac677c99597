//! Tells the connections of a server that it stops.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio_util::sync::CancellationToken;

/// Tells the connections of a server to stop.
#[derive(Clone, Default)]
pub(crate) struct StopSignal {
    /// Read for every request: a token takes a lock, which all connections would share.
    pub(crate) begun: Arc<AtomicBool>,
    /// Cancelled after `begun` is set, to wake the connections that wait for a request.
    pub(crate) told: CancellationToken,
}

impl StopSignal {
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::Release);
        self.told.cancel();
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }
}
