//! The settings of the worker: flags and environment, read once.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, Subcommand};
use domain::{Fingerprint, SecretError};
use program::{
    first_poll::FirstPollSettings,
    redis_settings::RedisSettings,
    settings::{AdminSettings, Hidden, duration, secret},
};

use crate::rules::{Rules, jitter};

/// Takes ballots from the log and counts them into the ledger.
///
/// Several workers may run side by side: of each partition of the log one counts, and the others stand by.
#[derive(Clone, Debug, Parser)]
#[command(name = "worker", version = program::version(option_env!("SCRUTIN_COMMIT")))]
pub struct Settings {
    /// What to do; without a command: count
    #[command(subcommand)]
    pub command: Option<WorkerCommand>,
    /// The log
    #[command(flatten)]
    pub redis: RedisSettings,
    /// The ledger: address of PostgreSQL, `postgres://user:password@host:port/database`; with TLS
    /// `postgres://host/database?sslmode=verify-full&sslrootcert=FILE`; with standbys
    /// `postgres://host1,host2/database`; or several addresses, separated by spaces: partition p is at address p mod n,
    /// which never changes
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "postgres://postgres:postgres@127.0.0.1:5432/postgres",
        hide_env_values = true
    )]
    pub database_url: Hidden,
    /// How long the log keeps what is counted, so that an older dump of the ledger can be restored: 30s, 10m, 1h, 7d
    #[arg(long, env = "LOG_RETENTION", default_value = "1h", value_parser = duration)]
    pub log_retention: Duration,
    /// About how many entries of the log are counted in one transaction, 1 to 10000
    #[arg(
        long,
        env = "BATCH_ENTRIES",
        default_value = "10000",
        value_parser = clap::value_parser!(u16).range(1..=10_000)
    )]
    pub batch_entries: u16,
    /// The poll of the very first start
    #[command(flatten)]
    pub first_poll: FirstPollSettings,
    /// Health, metrics and log
    #[command(flatten)]
    pub admin: AdminSettings,
}

/// What else the program does.
#[derive(Clone, Debug, Subcommand)]
pub enum WorkerCommand {
    /// Count all ballots in the ledger again and compare with the figures kept: exit code 0 if they agree, else 1
    Recount,
    /// Write everything that is counted to a file, for `worker import` or `scrutin import`; the services may run
    /// meanwhile. The logs of several partitions become one
    Export {
        /// The file, which must not be there yet; `-` is standard output
        file: PathBuf,
    },
    /// Count a file that `worker export` or `scrutin export` wrote into empty ledgers, before the first worker starts:
    /// exit code 0 if they then hold what the file says
    Import {
        /// The file; `-` is standard input
        file: PathBuf,
    },
    /// Let this ledger's log be at `REDIS_URL` from now on: where the old one is lost, or was moved without its data
    Begin {
        /// Let this ledger, which counted another log or none, take the log that is there
        #[arg(long)]
        adopt: bool,
    },
    /// Give the installation the key in `SECRET_KEY`: all cookies, receipts, voting codes and sessions of the old one
    /// end
    Rekey {
        /// The new key
        #[arg(long = "secret-key", env = "SECRET_KEY", value_parser = fingerprint, hide_env_values = true)]
        key: Fingerprint,
        /// Also while polls are open: whoever has voted in them can vote once more
        #[arg(long)]
        force: bool,
    },
    /// Ask the worker on this machine whether it is ready: exit code 0 if it is, 1 if not
    Healthcheck,
}

/// The fingerprint of a key: the only part of it that is stored.
fn fingerprint(text: &str) -> Result<Fingerprint, SecretError> {
    secret(text).map(|key| Fingerprint::of(&key))
}

impl Settings {
    /// The rules for the tellers, or an error line that names the invalid setting.
    pub fn rules(&self) -> Result<Rules, String> {
        Ok(Rules {
            partitions: self.redis.partitions,
            durability: self.redis.durability,
            first_poll: self.first_poll.poll()?,
            log_retention: self.log_retention,
            batch_entries: usize::from(self.batch_entries),
            jitter,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(arguments: &[&str]) -> Result<Settings, clap::Error> {
        Settings::try_parse_from(std::iter::once("worker").chain(arguments.iter().copied()))
    }

    #[test]
    fn flags_are_read_with_their_units_and_limits() {
        let read = settings(&["--partitions", "4", "--log-retention", "10m", "--batch-entries", "500"]).unwrap();
        let rules = read.rules().unwrap();
        assert_eq!(rules.partitions.count(), 4);
        assert_eq!(rules.log_retention, Duration::from_mins(10));
        assert_eq!(rules.batch_entries, 500);
        assert!(matches!(settings(&["recount"]).unwrap().command, Some(WorkerCommand::Recount)));
        for bad in [
            ["--batch-entries", "0"],
            ["--batch-entries", "10001"],
            ["--partitions", "0"],
            ["--log-retention", "1"],
            ["--durability", "replicas:0"],
        ] {
            assert!(settings(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn addresses_with_passwords_are_not_shown() {
        let read =
            settings(&["--redis-url", "redis://:hunter2@r", "--database-url", "postgres://u:hunter2@p/d"]).unwrap();
        assert!(!format!("{read:?}").contains("hunter2"));
    }
}
