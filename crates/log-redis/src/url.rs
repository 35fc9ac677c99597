//! Parses `REDIS_URL`.

use std::{fmt, str::FromStr};

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, io::tcp::TcpSettings};

/// The address of a Redis: `redis://[user:password@]host[:port][/database]`.
///
/// Parsing does not connect: whether a Redis is there shows only later, and may change.
#[derive(Clone)]
pub struct RedisUrl(ConnectionInfo);

/// The text is not the address of a Redis.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address such as redis://host:6379: {0}")]
pub struct RedisUrlError(String);

impl RedisUrl {
    /// The driver's settings: without Nagle's delay, and with RESP3, the only protocol that reports a lost connection
    /// at once.
    pub(crate) fn connection_info(&self) -> ConnectionInfo {
        let settings = self.0.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        self.0.clone().set_redis_settings(settings).set_tcp_settings(TcpSettings::default().set_nodelay(true))
    }
}

impl RedisUrl {
    /// The address as `host:port/database`, without user and password.
    pub(crate) fn address(&self) -> String {
        format!("{}/{}", self.0.addr(), self.0.redis_settings().db())
    }
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;
    fn from_str(text: &str) -> Result<Self, RedisUrlError> {
        let info = text.into_connection_info().map_err(|error| RedisUrlError(error.to_string()))?;
        match info.addr() {
            ConnectionAddr::Tcp(..) => Ok(Self(info)),
            _ => Err(RedisUrlError("only redis:// is supported".to_owned())),
        }
    }
}

/// Shows the address, never the password.
impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({})", self.0.addr())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_hides_its_password() {
        let url: RedisUrl = "redis://vote:s3cret@redis.example:6380/2".parse().unwrap();
        assert_eq!(format!("{url:?}"), "RedisUrl(redis.example:6380)");
        assert_eq!(url.connection_info().redis_settings().db(), 2);
        assert_eq!(url.address(), "redis.example:6380/2");
    }

    #[test]
    fn what_is_no_redis_address_is_refused_without_repeating_it() {
        for bad in ["", "redis", "http://:s3cret@redis/", "rediss://:s3cret@redis/", "unix:///run/redis.sock"] {
            let error = bad.parse::<RedisUrl>().unwrap_err().to_string();
            assert!(error.contains("redis://host:6379") && !error.contains("s3cret"), "{bad}: {error}");
        }
    }
}
