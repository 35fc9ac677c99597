//! The answer to a request: whether the request was withdrawn, and how certain a failure is.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use domain::Unavailable;
use tokio::sync::oneshot;

use crate::store::StoreError;

/// Receives the answer to a request. Either the acceptor begins the request or the caller withdraws it, never both.
pub(crate) struct Reply<T> {
    to: oneshot::Sender<Result<T, Unavailable>>,
    claim: Claim,
}

/// Taken once: by the acceptor to begin a request, or by the caller to withdraw it.
#[derive(Clone, Default)]
pub(crate) struct Claim(Arc<AtomicBool>);

impl Claim {
    /// Takes it. Returns whether this was the first call.
    pub(crate) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

impl<T> Reply<T> {
    pub(crate) fn new(to: oneshot::Sender<Result<T, Unavailable>>) -> Self {
        Self { to, claim: Claim::default() }
    }

    /// For the caller, to withdraw the request.
    pub(crate) fn claim(&self) -> Claim {
        self.claim.clone()
    }

    /// Begins the request; false if it was withdrawn.
    pub(crate) fn begin(&self) -> bool {
        self.claim.take()
    }

    /// Sends the answer.
    pub(crate) fn send(self, answer: Result<T, Unavailable>) {
        // The caller may have given up.
        _ = self.to.send(answer);
    }
}

/// A failure, and whether something may still have been written.
#[derive(Debug)]
pub(crate) struct WriteFailure {
    pub(crate) error: StoreError,
    is_certain: bool,
}

impl WriteFailure {
    /// Nothing was written.
    pub(crate) fn nothing_written(error: impl Into<StoreError>) -> Self {
        Self { error: error.into(), is_certain: true }
    }

    /// Something may have been written: the outcome is unknown.
    pub(crate) fn unknown(error: impl Into<StoreError>) -> Self {
        Self { error: error.into(), is_certain: false }
    }

    /// Whether certainly nothing was written.
    pub(crate) fn is_certain(&self) -> bool {
        self.is_certain
    }

    /// The error that the port returns.
    pub(crate) fn to_unavailable(&self, what: &'static str) -> Unavailable {
        match &self.error {
            error if !self.is_certain => Unavailable::failed(what, error),
            StoreError::Stopped(reason) => Unavailable::Untrusted(reason.clone()),
            StoreError::NoRoom => Unavailable::Full,
            error => Unavailable::not_done(what, error),
        }
    }
}
