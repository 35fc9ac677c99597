//! What both websites share: pages, languages, cookies, addresses of the other page, problems, limits on guessing.
//!
//! No log and no ledger.
//!
//! May import: `domain`, `listener`, `program`.

pub mod assets;
pub mod attempts;
pub mod below;
pub mod cookies;
pub mod counterpart;
pub mod direction;
pub mod edition;
pub mod event_address;
pub mod fresh;
pub mod headers;
pub mod http_metrics;
mod hue;
mod instance;
pub mod language;
pub mod language_switch;
mod lean;
pub mod organiser;
pub mod pages;
pub mod poll_address;
pub mod problem;
pub mod qr;
pub mod shell;
pub mod signed_link;
pub mod texts;
pub mod visitor;

pub use hue::hue;
pub use instance::instance;
