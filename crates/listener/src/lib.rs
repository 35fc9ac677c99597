//! Accepts connections and serves HTTP/1.1 on them: within limits, and to the last request when the program stops.
//!
//! `bind` and `server` are the way in; `connection` is one client, `connections` all of them. It knows no web
//! framework: what answers is a [`Handler`].
//!
//! May import: nothing.

mod bind;
pub mod client_address;
mod closing;
mod connection;
mod connections;
mod guarded_stream;
mod handler;
mod limits;
pub mod reach;
mod received_body;
mod server;
mod stop_signal;

pub use bind::bind;
pub use client_address::{PeerAddress, TrustedProxies};
pub use connection::UpgradedConnection;
pub use connections::Connections;
pub use handler::Handler;
pub use limits::Limits;
pub use received_body::ReceivedBody;
pub use server::serve;
