//! Where the database is, and how it is connected: with limits on every wait, so that a lost network is noticed within
//! seconds. Connections are not encrypted: put PostgreSQL on a network of its own.

use std::{fmt, str::FromStr, time::Duration};

use tokio_postgres::{
    Config, Connection, NoTls, Socket,
    config::{SslMode, TargetSessionAttrs},
    tls::NoTlsStream,
};

use crate::database_error::{DatabaseError, words};

/// The longest time to wait for one address of the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A quiet connection is asked for a sign of life after this long.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(3);
/// And again after this long, if there is none.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);
/// So often, before it is given up.
const KEEPALIVE_RETRIES: u32 = 2;
/// Sent data that the other side does not confirm for this long ends the connection.
const UNCONFIRMED: Duration = Duration::from_secs(5);

/// Where the database is (`DATABASE_URL`): `postgres://user:password@host:port/database`, or `key=value` pairs as libpq
/// takes them. TLS can't be asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Config);

/// Why a text does not say where a database is. It never repeats the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Neither a URL nor `key=value` pairs.
    #[error("not postgres://user:password@host:port/database: {0}")]
    Malformed(String),
    /// No server was named.
    #[error("no host is named")]
    NoHost,
    /// `sslmode=require`, which can't be done.
    #[error("sslmode=require: connections with TLS are not supported")]
    Tls,
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;
    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        let mut config: Config = text.parse().map_err(|error| DatabaseUrlError::Malformed(words(&error)))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(DatabaseUrlError::NoHost);
        }
        if !matches!(config.get_ssl_mode(), SslMode::Disable | SslMode::Prefer) {
            return Err(DatabaseUrlError::Tls);
        }
        config.ssl_mode(SslMode::Disable);
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES)
            .tcp_user_timeout(UNCONFIRMED);
        Ok(Self(config))
    }
}

/// Shows where, but neither user nor password.
impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hosts, database) = (self.0.get_hosts(), self.0.get_dbname());
        f.debug_struct("DatabaseUrl").field("hosts", &hosts).field("database", &database).finish_non_exhaustive()
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionUse {
    /// Writing; only a server that takes writes will do.
    Write,
    /// Reading and listening.
    Read,
    /// A look at how connections are served, for a moment.
    Probe,
}

impl DatabaseUrl {
    /// The driver's configuration for this usage.
    pub(crate) fn config(&self, usage: ConnectionUse) -> Config {
        let mut config = self.0.clone();
        if usage == ConnectionUse::Write {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if config.get_application_name().is_none() {
            config.application_name(match usage {
                ConnectionUse::Write => "scrutin-worker",
                ConnectionUse::Read => "scrutin-result",
                ConnectionUse::Probe => "scrutin-probe",
            });
        }
        config
    }

    /// A connection whose session is not set up. The caller polls it.
    pub(crate) async fn open(
        &self,
        usage: ConnectionUse,
    ) -> Result<(tokio_postgres::Client, Connection<Socket, NoTlsStream>), DatabaseError> {
        Ok(self.config(usage).connect(NoTls).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_and_key_value_pairs_are_read_and_the_password_is_not_shown() {
        for good in ["postgres://alice:hidden@db:5432/votes", "host=db user=alice password=hidden dbname=votes"] {
            let shown = format!("{:?}", good.parse::<DatabaseUrl>().unwrap());
            assert!(shown.contains("db") && shown.contains("votes"), "{shown}");
            assert!(!shown.contains("hidden"), "{shown}");
        }
    }

    #[test]
    fn what_names_no_database_is_refused_without_repeating_it() {
        assert_eq!("host=db sslmode=require".parse::<DatabaseUrl>(), Err(DatabaseUrlError::Tls));
        assert_eq!("user=alice".parse::<DatabaseUrl>(), Err(DatabaseUrlError::NoHost));
        for bad in ["mysql://alice:hidden@db", "postgres://alice:hidden@db:port/votes", "hidden"] {
            let error = bad.parse::<DatabaseUrl>().unwrap_err();
            assert!(matches!(error, DatabaseUrlError::Malformed(_)), "{error}");
            assert!(!error.to_string().contains("hidden"), "{error}");
        }
    }
}
