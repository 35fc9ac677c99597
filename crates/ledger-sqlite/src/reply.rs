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
#[derive(Debug)]
pub(crate) struct Undone {
    pub(crate) error: StoreError,
    certain: bool,
}

impl Undone {
    /// Nothing was written.
    pub(crate) fn before_writing(error: impl Into<StoreError>) -> Self {
        Self { error: error.into(), certain: true }
    }

    /// It may have been written.
    pub(crate) fn while_writing(error: impl Into<StoreError>) -> Self {
        Self { error: error.into(), certain: false }
    }

    /// Whether nothing was written, for certain.
    pub(crate) fn is_certain(&self) -> bool {
        self.certain
    }

    /// What those who asked are told.
    pub(crate) fn told(&self, what: &'static str) -> Unavailable {
        match &self.error {
            error if !self.certain => Unavailable::failed(what, error),
            StoreError::Stopped(reason) => Unavailable::Untrusted(reason.clone()),
            StoreError::NoRoom => Unavailable::Full,
            error => Unavailable::not_done(what, error),
        }
    }
}
