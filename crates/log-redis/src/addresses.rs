//! Parses `REDIS_URL`: where the log of each partition is.

use std::{fmt, path::Path, str::FromStr, sync::Arc};

use domain::{Durability, Partition, Partitions};

use crate::{
    address::{LogAddressError, RedisAddress, Topology},
    slot::slot_of,
    tls::{AuthoritiesError, TlsClient},
};

/// As many as there can be partitions.
const MOST_ADDRESSES: u16 = 1024;

/// The addresses of the log, one or several, separated by spaces. Partition p is at address p mod n, where n is their
/// number.
#[derive(Clone)]
pub struct RedisAddresses {
    all: Arc<[RedisAddress]>,
    /// For those with TLS.
    tls: Option<TlsClient>,
}

/// Where a partition is, and how to get there.
#[derive(Clone)]
pub(crate) struct Destination {
    pub(crate) address: RedisAddress,
    /// Set if connections are encrypted.
    pub(crate) tls: Option<TlsClient>,
    /// Where the partition is in a Redis Cluster.
    pub(crate) slot: u16,
}

/// Not the addresses of a log. One line, which never shows a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisAddressError {
    /// There is none.
    #[error("no address: redis://host:6379 is one")]
    Empty,
    /// The only one is wrong.
    #[error("not an address of Redis: {0}")]
    Wrong(String),
    /// One of several is wrong.
    #[error("address {place} of {count} is not one of Redis: {why}")]
    OneWrong {
        /// Its place, from 1.
        place: usize,
        /// How many there are.
        count: usize,
        /// What is wrong with it.
        why: String,
    },
    /// There would be addresses without a partition.
    #[error(
        "{addresses} addresses for {partitions} partitions (PARTITIONS): each address must have a partition at least"
    )]
    TooMany {
        /// How many there are.
        addresses: usize,
        /// How many partitions the log has.
        partitions: u16,
    },
    /// Whoever is promoted may lack what was acknowledged.
    #[error(
        "DURABILITY=disk is for one server alone: a failover by Sentinel or in a Redis Cluster would lose what was \
         acknowledged. Set DURABILITY=replicas:N, where each server has N replicas, or DURABILITY=unchecked"
    )]
    FailsOver,
    /// The file of authorities can't be read.
    #[error("{file}: {why}")]
    Authorities {
        /// Its path.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// Somebody believes that the connections are encrypted.
    #[error("no address in REDIS_URL has TLS: it begins with rediss:// then")]
    UselessAuthorities,
}

impl RedisAddresses {
    /// The same, where servers with TLS must have certificates of the authorities in this file of PEM, which is read
    /// once. Without one: of those that the system trusts.
    pub fn trusting(self, file: Option<&Path>) -> Result<Self, RedisAddressError> {
        let Some(file) = file else { return Ok(self) };
        if self.tls.is_none() {
            return Err(RedisAddressError::UselessAuthorities);
        }
        let unusable = |error: AuthoritiesError| RedisAddressError::Authorities {
            file: file.display().to_string(),
            why: error.to_string(),
        };
        Ok(Self { tls: Some(TlsClient::of_file(file).map_err(unusable)?), ..self })
    }

    /// How many there are, which belongs to the installation. At most 1024.
    pub fn count(&self) -> u16 {
        u16::try_from(self.all.len()).expect("parsing limits their number")
    }

    /// Whether each of them has a partition, and whether they may fail over with this durability.
    pub fn suit(&self, partitions: Partitions, durability: Durability) -> Result<(), RedisAddressError> {
        let one_server = |address: &RedisAddress| address.topology == Topology::Server;
        if durability == Durability::Disk && !self.all.iter().all(one_server) {
            return Err(RedisAddressError::FailsOver);
        }
        if self.count() > partitions.count() {
            return Err(RedisAddressError::TooMany { addresses: self.all.len(), partitions: partitions.count() });
        }
        Ok(())
    }

    /// Where this partition is.
    pub(crate) fn of(&self, partition: Partition) -> Destination {
        let address = self.all[usize::from(partition.number()) % self.all.len()].clone();
        let tls = self.tls.clone().filter(|_| address.has_tls);
        Destination { address, tls, slot: slot_of(partition) }
    }
}

impl FromStr for RedisAddresses {
    type Err = RedisAddressError;
    fn from_str(text: &str) -> Result<Self, RedisAddressError> {
        let addresses: Vec<&str> = text.split_ascii_whitespace().collect();
        let count = addresses.len();
        if count == 0 {
            return Err(RedisAddressError::Empty);
        }
        if count > usize::from(MOST_ADDRESSES) {
            return Err(RedisAddressError::TooMany { addresses: count, partitions: MOST_ADDRESSES });
        }
        let wrong = |index: usize, error: LogAddressError| match count {
            1 => RedisAddressError::Wrong(error.to_string()),
            _ => RedisAddressError::OneWrong { place: index + 1, count, why: error.to_string() },
        };
        let read = |(index, address): (usize, &str)| address.parse().map_err(|error| wrong(index, error));
        let all: Arc<[RedisAddress]> = addresses.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
        let tls = all.iter().any(|address| address.has_tls).then(TlsClient::of_system);
        Ok(Self { all, tls })
    }
}

/// Where they are, without users and passwords. The ledger stores this.
impl fmt::Display for RedisAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, address) in self.all.iter().enumerate() {
            write!(f, "{}{address}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for RedisAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisAddresses({self})")
    }
}

#[cfg(test)]
mod tests;
