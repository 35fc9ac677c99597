//! The limits of connections.

use std::time::Duration;

/// Limits of the connections of one process.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once, idle ones and WebSockets included, on all listeners together; 20 KiB each.
    pub connections: usize,
    /// How long a client may take for the head of a request, from its first byte.
    pub head: Duration,
    /// How long a connection may wait for a request.
    pub keep_alive: Duration,
    /// How long a client may read nothing of what was sent to it.
    pub stall: Duration,
    /// How long requests in flight may take to finish after the server was told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 32_768,
            head: Duration::from_secs(10),
            keep_alive: Duration::from_secs(100),
            stall: Duration::from_secs(10),
            drain: Duration::from_secs(10),
        }
    }
}
