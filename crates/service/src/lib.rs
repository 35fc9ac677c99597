//! What every service of Scrutin has: settings, telemetry, health, shutdown, HTTP, languages, pages.
//!
//! Nothing here knows what a ballot is counted with; it must not name a log or a ledger.

pub mod admin;
pub mod assets;
pub mod attempts;
pub mod below;
pub mod client_address;
pub mod connection_settings;
pub mod connections;
pub mod cookies;
pub mod counterpart;
pub mod demonstration;
pub mod direction;
pub mod edition;
pub mod first_poll;
mod guarded_stream;
pub mod headers;
pub mod http_metrics;
pub mod http_server;
pub mod language;
pub mod language_switch;
mod lean;
mod listener;
pub mod log_file;
pub mod log_throttle;
pub mod metric_list;
pub mod organiser;
pub mod origin;
pub mod pages;
pub mod poll_address;
pub mod problem;
pub mod public_url;
pub mod qr;
mod random;
pub mod reach;
mod received_body;
pub mod recount;
pub mod server_address;
pub mod settings;
pub mod signed_link;
pub mod telemetry;
pub mod traces;

pub use random::{random_bytes, random_text};

/// The name of the machine or container that answers, as shown in the pages' footer.
pub fn instance() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

/// The time now, in milliseconds since 1970.
pub fn now_millis() -> u64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}
