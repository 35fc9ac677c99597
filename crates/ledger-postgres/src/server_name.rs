//! The servers that an address names, one by one.

use std::{fmt, iter, net::IpAddr};

use tokio_postgres::{Config, config::Host};

use crate::database_url_error::DatabaseUrlError;

const DEFAULT_PORT: u16 = 5432;

/// A server as an address names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerName {
    /// What its certificate is for; a directory, if it is reached by a socket there.
    pub(crate) host: Host,
    /// Where it is, if that is not asked of the name (`hostaddr`).
    pub(crate) ip: Option<IpAddr>,
    pub(crate) port: u16,
}

/// A server at one of the addresses of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerPlace {
    pub(crate) name: ServerName,
    /// None for a socket.
    pub(crate) ip: Option<IpAddr>,
}

impl ServerName {
    /// All that are named, in their order; at least one.
    pub(crate) fn all(config: &Config) -> Result<Vec<Self>, DatabaseUrlError> {
        let (hosts, ips, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
        let count = hosts.len().max(ips.len());
        if count == 0 {
            return Err(DatabaseUrlError::NoHost);
        }
        if !ips.is_empty() && !hosts.is_empty() && ips.len() != hosts.len() {
            return Err(DatabaseUrlError::Counts("hostaddr", ips.len(), hosts.len()));
        }
        if ports.len() > 1 && ports.len() != count {
            return Err(DatabaseUrlError::Counts("port", ports.len(), count));
        }
        let named = hosts.iter().cloned();
        let bare = ips[named.len().min(ips.len())..].iter().map(|ip| Host::Tcp(ip.to_string()));
        let ips = ips.iter().copied().map(Some).chain(iter::repeat(None));
        let port = |place: usize| ports.get(place).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
        let servers = named.chain(bare).zip(ips).enumerate();
        Ok(servers.map(|(place, (host, ip))| Self { host, ip, port: port(place) }).collect())
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Tcp(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Host::Tcp(host) => write!(f, "{host}:{}", self.port),
            Host::Unix(directory) => write!(f, "{}:{}", directory.display(), self.port),
        }
    }
}

impl fmt::Display for ServerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match (self.ip, &name.host) {
            (Some(ip), Host::Tcp(host)) if *host != ip.to_string() => write!(f, "{name} ({ip})"),
            _ => write!(f, "{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<String>, String> {
        let names = ServerName::all(&text.parse().unwrap()).map_err(|error| error.to_string())?;
        Ok(names.into_iter().map(|name| ServerPlace { ip: name.ip, name }.to_string()).collect())
    }

    #[test]
    fn all_servers_of_an_address_are_named_in_their_order() {
        for (text, expected) in [
            ("postgres://b", &["b:5432"][..]),
            ("postgres://b:1,a,[::1]:2/votes", &["b:1", "a:5432", "[::1]:2"]),
            ("host=b,a port=7", &["b:7", "a:7"]),
            ("host=b,a hostaddr=127.0.0.1,127.0.0.2 port=7,8", &["b:7 (127.0.0.1)", "a:8 (127.0.0.2)"]),
            ("hostaddr=127.0.0.1,::1", &["127.0.0.1:5432", "[::1]:5432"]),
            ("host=/run/postgresql", &["/run/postgresql:5432"]),
        ] {
            assert_eq!(names(text).unwrap(), expected, "{text}");
        }
        for (text, why) in [
            ("user=a", "no host"),
            ("host=a,b,c port=1,2", "2 values of port for 3 hosts"),
            ("host=a,b hostaddr=::1", "1 values of hostaddr for 2 hosts"),
        ] {
            let refused = names(text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }
}
