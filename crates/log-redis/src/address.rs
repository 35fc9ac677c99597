//! One address of `REDIS_URL`: where the log of some partitions is.
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

/// Where some partitions are, and how to sign in there. `rediss` in place of `redis` is TLS:
///
/// - `redis://[user:password@]host[:port][/database]`: one server.
/// - `redis+sentinel://[user:password@]host[:port],…/master[/database][?sentinel_user=…&sentinel_password=…]`: the
///   hosts are Sentinels. They are asked with the user and the password of the servers unless they have their own.
/// - `redis+cluster://[user:password@]host[:port],…`: nodes of a Redis Cluster; others are found through them.
#[derive(Clone)]
pub(crate) struct RedisAddress {
    pub(crate) topology: Topology,
    /// The server, the Sentinels, or some nodes of the cluster; at least one.
    pub(crate) nodes: Vec<Node>,
    pub(crate) has_tls: bool,
    /// User and password of servers, and the database.
    pub(crate) login: RedisConnectionInfo,
    /// User and password of Sentinels.
    pub(crate) sentinel_login: RedisConnectionInfo,
}

/// How the server that takes writes is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    /// It is the only one.
    Server,
    /// Sentinels know it by this name.
    Sentinel(String),
    /// It owns the partition's slot.
    Cluster,
}

/// What is wrong with an address; never names a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LogAddressError {
    #[error(
        "`{0}` begins none: redis://host:6379 is one, redis+sentinel://host:26379/master and redis+cluster://host:6379 \
         are, and each with rediss for TLS"
    )]
    Scheme(String),
    #[error("the host is missing: redis://host:6379 has one")]
    NoHost,
    #[error("{0}:// takes one host; several addresses are separated by spaces")]
    SeveralHosts(String),
    #[error("`{0}` is no host, or has no port")]
    Host(String),
    #[error("`{0}` is no database: it is a number, as in redis://host:6379/0")]
    Database(String),
    #[error("the name of the master is missing: redis+sentinel://host:26379/master ends with it")]
    NoMaster,
    #[error("a Redis Cluster has no databases: nothing follows its hosts")]
    ClusterDatabase,
    #[error("user or password is not UTF-8 in percent-encoding")]
    Login,
    #[error("nothing is known of what follows the `{0}`")]
    Further(char),
    #[error("sentinel_user and sentinel_password may follow the `?`, and nothing else")]
    Query,
}

impl FromStr for RedisAddress {
    type Err = LogAddressError;
    fn from_str(text: &str) -> Result<Self, LogAddressError> {
        let parts = AddressParts::split(text)?;
        let (has_tls, kind) = match parts.scheme.split_once('+').unwrap_or((parts.scheme, "")) {
            ("redis", kind) => (false, kind),
            ("rediss", kind) => (true, kind),
            _ => return Err(parts.wrong_scheme()),
        };
        let (topology, database, port) = match kind {
            "" if parts.scheme.ends_with('+') => return Err(parts.wrong_scheme()),
            "" => (Topology::Server, database(parts.path)?, SERVER_PORT),
            "sentinel" => {
                let (master, path) = parts.path.split_once('/').unwrap_or((parts.path, ""));
                let name = Some(master).filter(|name| !name.is_empty()).ok_or(LogAddressError::NoMaster)?;
                (Topology::Sentinel(name.to_owned()), database(path)?, SENTINEL_PORT)
            }
            "cluster" if parts.path.is_empty() => (Topology::Cluster, 0, SERVER_PORT),
            "cluster" => return Err(LogAddressError::ClusterDatabase),
            _ => return Err(parts.wrong_scheme()),
        };
        if topology == Topology::Server && parts.hosts.contains(',') {
            return Err(LogAddressError::SeveralHosts(parts.scheme.to_owned()));
        }
        let sentinel_login = match (&topology, parts.further) {
            (_, None) => login(parts.user, 0)?,
            (Topology::Sentinel(_), Some(query)) if query.starts_with('?') => sentinel_login(&query[1..])?,
            (_, Some(further)) => return Err(LogAddressError::Further(further.chars().next().unwrap_or_default())),
        };
        let nodes = parts.hosts.split(',').map(|host| node(host, port)).collect::<Result<_, _>>()?;
        Ok(Self { topology, nodes, has_tls, login: login(parts.user, database)?, sentinel_login })
    }
}

const SERVER_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// The parts of an address, which are not looked at yet.
struct AddressParts<'a> {
    scheme: &'a str,
    /// User and password as they stand there, if there is an `@`.
    user: Option<&'a str>,
    hosts: &'a str,
    /// Between the first `/` and a `?` or `#`.
    path: &'a str,
    /// From the `?` or `#` on, if there is one.
    further: Option<&'a str>,
}

impl<'a> AddressParts<'a> {
    fn split(text: &'a str) -> Result<Self, LogAddressError> {
        let Some((scheme, behind)) = text.split_once("://") else {
            // It may be a password.
            return Err(LogAddressError::Scheme("what is there".to_owned()));
        };
        let (behind, further) = match behind.find(['?', '#']) {
            Some(at) => (&behind[..at], Some(&behind[at..])),
            None => (behind, None),
        };
        let (authority, path) = behind.split_once('/').unwrap_or((behind, ""));
        // A password may hold an `@`, and a host can't.
        let (user, hosts) = authority.rsplit_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
        Ok(Self { scheme, user, hosts, path: path.trim_end_matches('/'), further })
    }

    fn wrong_scheme(&self) -> LogAddressError {
        LogAddressError::Scheme(self.scheme.to_owned())
    }
}

/// Reads `host[:port]`.
fn node(text: &str, default_port: u16) -> Result<Node, LogAddressError> {
    if text.is_empty() {
        return Err(LogAddressError::NoHost);
    }
    let wrong = || LogAddressError::Host(text.to_owned());
    let info = format!("redis://{text}").into_connection_info().map_err(|_| wrong())?;
    let ConnectionAddr::Tcp(host, port) = info.addr() else { return Err(wrong()) };
    // The driver does not tell whether it was there. Behind a `]` is no part of an IPv6 address.
    let has_port = text.rsplit(']').next().is_some_and(|text| text.contains(':'));
    Ok(Node { host: host.clone(), port: if has_port { *port } else { default_port } })
}

fn database(path: &str) -> Result<i64, LogAddressError> {
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

/// Reads `sentinel_user=…&sentinel_password=…`; an empty password is none.
fn sentinel_login(query: &str) -> Result<RedisConnectionInfo, LogAddressError> {
    let (mut user, mut password) = ("", "");
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sentinel_user", text)) => user = text,
            Some(("sentinel_password", text)) => password = text,
            _ => return Err(LogAddressError::Query),
        }
    }
    if password.is_empty() {
        return login(None, 0);
    }
    login(Some(&format!("{user}:{password}")), 0)
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Where it is, without user and password. The ledger stores this.
impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<String> = self.nodes.iter().map(Node::to_string).collect();
        let (nodes, database) = (nodes.join(","), self.login.db());
        match &self.topology {
            Topology::Server => write!(f, "{nodes}/{database}"),
            Topology::Sentinel(master) => write!(f, "sentinel:{nodes}/{master}/{database}"),
            Topology::Cluster => write!(f, "cluster:{nodes}"),
        }
    }
}
