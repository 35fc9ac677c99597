//! Which log it is.

/// The random id of one incarnation of a partition's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogId(String);

impl LogId {
    /// From the text that the log and the ledger store.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The stored text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
