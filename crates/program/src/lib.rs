//! What every program has: settings, logs, metrics, traces, health, the signals that stop it.
//!
//! It imports `listener` (for the operator's address) and `domain` (for keys and the first poll), and knows no log, no
//! ledger and no page.

pub mod admin;
mod clock;
pub mod connection_settings;
pub mod demonstration;
pub mod first_poll;
pub mod log_throttle;
pub mod metric_list;
pub mod origin;
pub mod public_url;
mod random;
pub mod server_address;
pub mod settings;
mod shutdown;
pub mod telemetry;
pub mod traces;

pub use clock::now_millis;
pub use random::{random_bytes, random_text};
pub use shutdown::shutdown_signal;
