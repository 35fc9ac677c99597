//! The settings of connections, the same for every service that has pages.

use std::time::Duration;

use listener::Limits;

use crate::settings::duration;

/// Settings of connections.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct ConnectionSettings {
    /// How long an idle connection is kept; longer than the proxy or balancer before this service keeps it (60 to 90 s)
    #[arg(long, env = "KEEP_ALIVE", default_value = "100s", value_parser = keep_alive)]
    pub keep_alive: Duration,
    /// Connections at once, at most; fewer where the system allows fewer open files
    #[arg(long, env = "MAX_CONNECTIONS", default_value_t = Limits::default().connections, value_parser = connections)]
    pub max_connections: usize,
}

impl ConnectionSettings {
    /// The limits of the program's connections with these settings.
    pub fn limits(self) -> Limits {
        Limits { connections: self.max_connections, keep_alive: self.keep_alive, ..Limits::default() }
    }
}

/// Reads `KEEP_ALIVE`.
fn keep_alive(text: &str) -> Result<Duration, KeepAliveError> {
    let allowed = Duration::from_secs(1)..=Duration::from_hours(1);
    duration(text).ok().filter(|time| allowed.contains(time)).ok_or(KeepAliveError)
}

/// A time for which no connection can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a duration from 1s to 1h is needed")]
struct KeepAliveError;

/// Reads `MAX_CONNECTIONS`.
fn connections(text: &str) -> Result<usize, ConnectionsError> {
    text.parse().ok().filter(|count| (16..=1_000_000).contains(count)).ok_or(ConnectionsError)
}

/// Not a number of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a number from 16 to 1000000 is needed")]
struct ConnectionsError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_under_which_nothing_works_are_refused() {
        assert_eq!((keep_alive("100s"), connections("20000")), (Ok(Duration::from_secs(100)), Ok(20_000)));
        for bad in ["0s", "999ms", "2h", "100"] {
            assert_eq!(keep_alive(bad), Err(KeepAliveError), "{bad}");
        }
        for bad in ["0", "-1", "many", "2000000"] {
            assert_eq!(connections(bad), Err(ConnectionsError), "{bad}");
        }
    }
}
