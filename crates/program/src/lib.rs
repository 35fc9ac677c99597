//! What every program has: settings, logs, metrics, traces, health, the signals that stop it.
//!
//! `listener` serves the operator's address; `domain` has the keys and the first poll. No log, no ledger, no page.
//!
//! May import: `domain`, `listener`.

pub mod admin;
mod clock;
mod collector;
pub mod connection_settings;
pub mod demonstration;
pub mod first_poll;
pub mod log_throttle;
pub mod metric_list;
pub mod origin;
pub mod outage;
pub mod public_url;
mod random;
pub mod redis_settings;
pub mod server_address;
pub mod settings;
mod shutdown;
pub mod telemetry;
pub mod traces;
mod version;

pub use clock::now_millis;
pub use random::{random_bytes, random_text};
pub use shutdown::shutdown_signal;
pub use version::version;
