//! The pages of the result host, for people: the live result, the QR code, the public list and receipts.
//!
//! May import: `app`, `live`, `percent`, `poll_parameter`, `receipts`, `refusal`, `texts`, `time`.

pub(crate) mod embedding;
pub(crate) mod join;
pub(crate) mod live_page;
pub(crate) mod poll_list;
pub(crate) mod receipt_page;
