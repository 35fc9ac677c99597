//! How this crate connects: with limits on every wait, on both sides, so that a lost network or a dead worker is
//! noticed within seconds. Connections are not encrypted: put PostgreSQL on a network of its own.

use std::{fmt, str::FromStr, time::Duration};

use tokio_postgres::{
    Client, Config, Connection, NoTls, Socket,
    config::{SslMode, TargetSessionAttrs},
    tls::NoTlsStream,
};

use crate::{
    failure::{Failure, words},
    pooler,
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

/// Settings of every session. A release of PostgreSQL that does not know one of them goes without it.
///
/// The keepalives are the server's own: with them it lets go of the lock of a worker whose machine is gone.
/// The transaction limit frees the lock of a worker that is frozen in the midst of a batch. JIT
/// compilation takes longer than any of our statements.
const SESSION: [(&str, &str); 6] = [
    ("tcp_keepalives_idle", "3"),
    ("tcp_keepalives_interval", "1"),
    ("tcp_keepalives_count", "2"),
    ("tcp_user_timeout", "5000"),
    ("idle_in_transaction_session_timeout", "10000"),
    ("jit", "off"),
];

/// Further settings of a writer's session: each voter is looked up by key. Without this, a plan made while
/// the table was small could read the whole of it for every voter later.
const WRITER_SESSION: [(&str, &str); 2] = [("enable_seqscan", "off"), ("enable_bitmapscan", "off")];

const SET_SESSION: &str = "
    SELECT count(set_config(known.name, wanted.setting, false))
    FROM unnest($1::text[], $2::text[]) AS wanted (name, setting)
    JOIN pg_settings AS known ON known.name = wanted.name";

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
pub(crate) enum Purpose {
    /// Writing; only a server that takes writes will do.
    Write,
    /// Reading and listening.
    Read,
    /// A look at how connections are served, for a moment.
    Probe,
}

impl DatabaseUrl {
    /// The driver's configuration for this purpose.
    pub(crate) fn config(&self, purpose: Purpose) -> Config {
        let mut config = self.0.clone();
        if purpose == Purpose::Write {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if config.get_application_name().is_none() {
            config.application_name(match purpose {
                Purpose::Write => "scrutin-worker",
                Purpose::Read => "scrutin-result",
                Purpose::Probe => "scrutin-probe",
            });
        }
        config
    }

    /// A connection of one's own with its session set up; it ends when the client is dropped.
    pub(crate) async fn connect(&self, purpose: Purpose, statement_timeout: Duration) -> Result<Client, Failure> {
        let (client, connection) = self.open(purpose).await?;
        // Its end is seen by whoever uses the client.
        tokio::spawn(connection);
        pooler::refuse_shared(self, &client).await?;
        set_session(&client, purpose, statement_timeout).await?;
        Ok(client)
    }

    /// A bare connection, for who reads its messages.
    pub(crate) async fn open(&self, purpose: Purpose) -> Result<(Client, Connection<Socket, NoTlsStream>), Failure> {
        Ok(self.config(purpose).connect(NoTls).await?)
    }
}

/// Sets a session up.
pub(crate) async fn set_session(
    client: &Client,
    purpose: Purpose,
    statement_timeout: Duration,
) -> Result<(), tokio_postgres::Error> {
    let limit = statement_timeout.as_millis().to_string();
    let further: &[_] = if purpose == Purpose::Write { &WRITER_SESSION } else { &[] };
    let limit = [("statement_timeout", limit.as_str())];
    let (names, settings): (Vec<&str>, Vec<&str>) = SESSION.iter().chain(further).chain(&limit).copied().unzip();
    client.query_one(SET_SESSION, &[&names, &settings]).await?;
    Ok(())
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
