//! Where the database is, and how it is connected: with limits on every wait, so that a lost network is noticed within
//! seconds.

use std::{fmt, str::FromStr, time::Duration};

use tokio_postgres::{Config, Connection, Socket, config::TargetSessionAttrs, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    connection_text,
    database_error::{DatabaseError, words},
    tls::Tls,
};

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

/// A connection that is open, encrypted or not.
pub(crate) type ServerConnection = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Where the database is (`DATABASE_URL`): `postgres://user:password@host:port/database`, or `key=value` pairs as libpq
/// takes them; with `sslmode` and `sslrootcert` as in `tls.rs`.
#[derive(Clone)]
pub struct DatabaseUrl {
    config: Config,
    tls: Tls,
}

/// Why a text does not say where a database is. It never repeats what may be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Neither a URL nor `key=value` pairs.
    #[error("not postgres://user:password@host:port/database: {0}")]
    Malformed(String),
    /// No server was named.
    #[error("no host is named")]
    NoHost,
    /// The value of `sslmode`.
    #[error("sslmode is none of disable, prefer, require, verify-ca, verify-full")]
    NoSuchTlsMode,
    /// A certificate is to be checked, and nobody says against what.
    #[error("sslmode={0} needs sslrootcert=FILE with the certificates of authorities (PEM), or sslrootcert=system")]
    NoAuthorities(&'static str),
    /// Authorities are named, and certificates are not checked.
    #[error("with sslmode={0} no certificate is checked: set sslmode=verify-full (or verify-ca), or no sslrootcert")]
    UselessAuthorities(&'static str),
    /// Anybody gets a certificate of a public authority for some name.
    #[error("sslmode={0} takes any host of a public authority: with sslrootcert=system set sslmode=verify-full")]
    SystemWithoutName(&'static str),
    /// The value of `sslrootcert`.
    #[error("sslrootcert={file}: {reason}")]
    Authorities {
        /// The file, or `system`.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;
    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        let (text, own) = connection_text::split(text);
        let mut config: Config = text.parse().map_err(|error| DatabaseUrlError::Malformed(words(&error)))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(DatabaseUrlError::NoHost);
        }
        let tls = Tls::read(&own)?;
        config
            .ssl_mode(tls.mode.of_driver())
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES)
            .tcp_user_timeout(UNCONFIRMED);
        Ok(Self { config, tls })
    }
}

/// Shows where, but neither user nor password.
impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hosts, database) = (self.config.get_hosts(), self.config.get_dbname());
        let mut shown = f.debug_struct("DatabaseUrl");
        shown.field("hosts", &hosts).field("database", &database).field("sslmode", &self.tls.mode);
        shown.finish_non_exhaustive()
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
        let mut config = self.config.clone();
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
    ) -> Result<(tokio_postgres::Client, ServerConnection), DatabaseError> {
        Ok(self.config(usage).connect(self.connector()).await?)
    }

    /// TLS as this address asks for it.
    pub(crate) fn connector(&self) -> MakeRustlsConnect {
        self.tls.connector.clone()
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
        assert_eq!("user=alice".parse::<DatabaseUrl>().unwrap_err(), DatabaseUrlError::NoHost);
        let no_mode = "host=db sslmode=hidden".parse::<DatabaseUrl>().unwrap_err();
        assert_eq!(no_mode, DatabaseUrlError::NoSuchTlsMode);
        for bad in ["mysql://alice:hidden@db", "postgres://alice:hidden@db:port/votes", "hidden"] {
            let error = bad.parse::<DatabaseUrl>().unwrap_err();
            assert!(matches!(error, DatabaseUrlError::Malformed(_)), "{error}");
            assert!(!error.to_string().contains("hidden"), "{error}");
        }
    }
}
