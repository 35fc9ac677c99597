//! The answer to a request of the log: who decides what becomes of it, and how certain a failure is.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use domain::Unavailable;
use tokio::sync::oneshot;

use crate::store::StoreError;

/// Where the answer to a request goes. Either the thread takes it up or who asked withdraws it: one of them only.
pub(crate) struct Reply<T> {
    to: oneshot::Sender<Result<T, Unavailable>>,
    claim: Claim,
}

/// Who is first to take it decides what becomes of a request.
#[derive(Clone, Default)]
pub(crate) struct Claim(Arc<AtomicBool>);

impl Claim {
    /// Whether nobody took it before.
    pub(crate) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

impl<T> Reply<T> {
    pub(crate) fn new(to: oneshot::Sender<Result<T, Unavailable>>) -> Self {
        Self { to, claim: Claim::default() }
    }

    /// For who asked, to withdraw the request by.
    pub(crate) fn claim(&self) -> Claim {
        self.claim.clone()
    }

    /// Takes the request up; false if it was withdrawn.
    pub(crate) fn take_up(&self) -> bool {
        self.claim.take()
    }

    /// Whoever asked may have gone meanwhile.
    pub(crate) fn send(self, answer: Result<T, Unavailable>) {
        _ = self.to.send(answer);
    }
}

/// A failure, and whether something may have been written by then.
pub(crate) struct Undone {
    pub(crate) error: StoreError,
    certain: bool,
}

impl Undone {
    pub(crate) fn before_writing(error: StoreError) -> Self {
        Self { error, certain: true }
    }

    /// A transaction that was not committed yet has left nothing.
    pub(crate) fn while_writing(error: StoreError) -> Self {
        Self { certain: matches!(error, StoreError::Sql(_)), error }
    }

    /// What those who asked are told.
    pub(crate) fn told(&self, what: &'static str) -> Unavailable {
        if self.certain { Unavailable::not_done(what, &self.error) } else { Unavailable::failed(what, &self.error) }
    }
}
