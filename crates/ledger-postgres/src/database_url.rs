//! Where the database is, and how it is connected: with limits on every wait, so that a lost network is noticed within
//! seconds.

use std::{fmt, str::FromStr, time::Duration};

use tokio_postgres::{
    Config, Connection, Socket,
    config::{Host, SslMode},
    tls::MakeTlsConnect,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    connection_text,
    database_error::words,
    database_url_error::DatabaseUrlError,
    server_name::{ServerName, ServerPlace},
    tls::Tls,
};

/// The values of `target_session_attrs` that a primary satisfies.
const PRIMARY: [&str; 3] = ["read-write", "primary", "any"];
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
/// takes them; with `sslmode` and `sslrootcert` as in `tls.rs`. It may name several servers, of which the one is meant
/// that is the primary: `postgres://a,b:5433/database`.
#[derive(Clone)]
pub struct DatabaseUrl {
    /// All but the servers.
    config: Config,
    servers: Vec<ServerName>,
    tls: Tls,
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;
    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        let (text, own) = connection_text::split(text);
        let given: Config = text.parse().map_err(|error| DatabaseUrlError::Malformed(words(&error)))?;
        let servers = ServerName::all(&given)?;
        if own.target_session_attrs.as_deref().is_some_and(|value| !PRIMARY.contains(&value)) {
            return Err(DatabaseUrlError::NotPrimary);
        }
        let tls = Tls::read(&own)?;
        Ok(Self { config: without_servers(&given), servers, tls })
    }
}

/// The configuration for connecting to any of the servers.
fn without_servers(given: &Config) -> Config {
    let mut config = Config::new();
    given.get_user().map(|user| config.user(user));
    given.get_password().map(|password| config.password(password));
    given.get_dbname().map(|database| config.dbname(database));
    given.get_options().map(|options| config.options(options));
    given.get_application_name().map(|name| config.application_name(name));
    config
        .channel_binding(given.get_channel_binding())
        .ssl_negotiation(given.get_ssl_negotiation())
        .connect_timeout(CONNECT_TIMEOUT)
        .keepalives(true)
        .keepalives_idle(KEEPALIVE_IDLE)
        .keepalives_interval(KEEPALIVE_INTERVAL)
        .keepalives_retries(KEEPALIVE_RETRIES)
        .tcp_user_timeout(UNCONFIRMED);
    config
}

/// Shows where, but neither user nor password.
impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<String> = self.servers.iter().map(ServerName::to_string).collect();
        let database = self.config.get_dbname();
        let mut shown = f.debug_struct("DatabaseUrl");
        shown.field("hosts", &servers).field("database", &database).field("sslmode", &self.tls.mode);
        shown.finish_non_exhaustive()
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionUse {
    /// Writing; only a primary will do, and a role that may write.
    Write,
    /// Reading and listening; only a primary will do.
    Read,
    /// A look at how a server's connections are served, for a moment.
    Probe,
}

impl DatabaseUrl {
    /// The servers, of which one should be the primary; at least one.
    pub(crate) fn servers(&self) -> &[ServerName] {
        &self.servers
    }

    /// Whether both lead to one database, as far as the texts say.
    pub(crate) fn is_same_database(&self, other: &Self) -> bool {
        // Without a name it is the user's.
        let name = |url: &Self| url.config.get_dbname().or(url.config.get_user()).map(str::to_owned);
        name(self) == name(other) && self.servers.iter().any(|server| other.servers.contains(server))
    }

    /// The driver's configuration for this usage and server.
    pub(crate) fn config(&self, usage: ConnectionUse, place: &ServerPlace) -> Config {
        let mut config = self.config.clone();
        config.port(place.name.port);
        match &place.name.host {
            Host::Tcp(host) => config.host(host).ssl_mode(self.tls.mode.of_driver()),
            // As in libpq: nobody is between us and a socket of this machine.
            Host::Unix(directory) => config.host_path(directory).ssl_mode(SslMode::Disable),
        };
        place.ip.map(|ip| config.hostaddr(ip));
        if config.get_application_name().is_none() {
            config.application_name(match usage {
                ConnectionUse::Write => "scrutin-worker",
                ConnectionUse::Read => "scrutin-result",
                ConnectionUse::Probe => "scrutin-probe",
            });
        }
        config
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

    #[test]
    fn several_hosts_are_taken_and_a_wish_for_standbys_is_refused() {
        for attributes in ["read-write", "primary", "any"] {
            let url: DatabaseUrl = format!("postgres://b:1,a/v?target_session_attrs={attributes}").parse().unwrap();
            assert!(format!("{url:?}").contains(r#"["b:1", "a:5432"]"#), "{url:?}");
        }
        for attributes in ["read-only", "standby", "prefer-standby", ""] {
            let refused = format!("host=a,b target_session_attrs='{attributes}'").parse::<DatabaseUrl>().unwrap_err();
            assert_eq!(refused, DatabaseUrlError::NotPrimary);
        }
    }
}
