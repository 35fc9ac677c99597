//! Which partitions are led in this process.

use std::collections::HashSet;

use parking_lot::Mutex;

/// Which partitions are led. One process has the file, so the lead is a matter of this process.
#[derive(Debug, Default)]
pub(crate) struct Leads(pub(crate) Mutex<HashSet<u16>>);
