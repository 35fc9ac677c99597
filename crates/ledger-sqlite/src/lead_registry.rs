//! Which partitions have a leader in this process.

use std::collections::HashSet;

use parking_lot::Mutex;

/// The partitions with a leader. Only one process has the file open, so leadership concerns only this process.
#[derive(Debug, Default)]
pub(crate) struct Leads(pub(crate) Mutex<HashSet<u16>>);
