//! One address of `REDIS_URL`: where the log of some partitions is, and how to sign in there.
//!
//! Parsing does not connect: whether a Redis is there shows only later, and may change.

use std::{fmt, str::FromStr};

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo};

/// Host and port of one server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    /// A name or an IP address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS.
#[derive(Clone)]
pub(crate) struct RedisAddress {
    pub(crate) node: Node,
    pub(crate) has_tls: bool,
    /// User, password and database.
    pub(crate) login: RedisConnectionInfo,
}

/// What is wrong with an address; never names a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LogAddressError {
    #[error("`{0}` begins none: redis://host:6379 is one")]
    Scheme(String),
    #[error("the host is missing: redis://host:6379 has one")]
    NoHost,
    #[error("{0}:// takes one host; several addresses are separated by spaces")]
    SeveralHosts(String),
    #[error("`{0}` is no host, or has no port")]
    Host(String),
    #[error("`{0}` is no database: it is a number, as in redis://host:6379/0")]
    Database(String),
    #[error("user or password is not UTF-8 in percent-encoding")]
    Login,
    #[error("nothing is known of what follows the `{0}`")]
    Further(char),
}

impl FromStr for RedisAddress {
    type Err = LogAddressError;
    fn from_str(text: &str) -> Result<Self, LogAddressError> {
        let parts = AddressParts::split(text)?;
        let has_tls = match parts.scheme {
            "redis" => false,
            "rediss" => true,
            other => return Err(LogAddressError::Scheme(other.to_owned())),
        };
        if parts.hosts.contains(',') {
            return Err(LogAddressError::SeveralHosts(parts.scheme.to_owned()));
        }
        if let Some(further) = parts.further {
            return Err(LogAddressError::Further(further));
        }
        let node = node(parts.hosts)?;
        Ok(Self { node, has_tls, login: login(parts.user, database(parts.path)?)? })
    }
}

/// The parts of an address, which are not looked at yet.
struct AddressParts<'a> {
    scheme: &'a str,
    /// User and password as they stand there, if there is an `@`.
    user: Option<&'a str>,
    hosts: &'a str,
    /// Between the first `/` and a `?` or `#`.
    path: &'a str,
    /// The `?` or `#`, if something follows.
    further: Option<char>,
}

impl<'a> AddressParts<'a> {
    fn split(text: &'a str) -> Result<Self, LogAddressError> {
        let Some((scheme, behind)) = text.split_once("://") else {
            // It may be a password.
            return Err(LogAddressError::Scheme("what is there".to_owned()));
        };
        let (behind, further) = match behind.find(['?', '#']) {
            Some(at) => (&behind[..at], behind[at..].chars().next()),
            None => (behind, None),
        };
        let (authority, path) = behind.split_once('/').unwrap_or((behind, ""));
        // A password may hold an `@`, and a host can't.
        let (user, hosts) = authority.rsplit_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
        Ok(Self { scheme, user, hosts, path, further })
    }
}

/// Reads `host[:port]`; the default port is 6379.
fn node(text: &str) -> Result<Node, LogAddressError> {
    if text.is_empty() {
        return Err(LogAddressError::NoHost);
    }
    let wrong = || LogAddressError::Host(text.to_owned());
    let info = format!("redis://{text}").into_connection_info().map_err(|_| wrong())?;
    match info.addr() {
        ConnectionAddr::Tcp(host, port) => Ok(Node { host: host.clone(), port: *port }),
        _ => Err(wrong()),
    }
}

fn database(path: &str) -> Result<i64, LogAddressError> {
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Ok(0);
    }
    let number: Option<u32> = path.parse().ok();
    number.map(i64::from).ok_or_else(|| LogAddressError::Database(path.to_owned()))
}

/// The driver's settings: RESP3 is the only protocol that reports a lost connection at once.
fn login(user: Option<&str>, database: i64) -> Result<RedisConnectionInfo, LogAddressError> {
    let user = user.map_or_else(String::new, |user| format!("{user}@"));
    let info: ConnectionInfo =
        format!("redis://{user}host").into_connection_info().map_err(|_| LogAddressError::Login)?;
    Ok(info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3).set_db(database))
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Where it is, without user and password. The ledger stores this.
impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.node, self.login.db())
    }
}
