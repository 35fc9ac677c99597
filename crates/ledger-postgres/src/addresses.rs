//! `DATABASE_URL` with one address or several: where the ledger of each partition is.

use std::{fmt, str::FromStr, sync::Arc};

use domain::{Partition, Partitions};

use crate::{connection_text::is_url, database_url::DatabaseUrl, database_url_error::DatabaseUrlError};

/// As many as there can be partitions.
const MOST_ADDRESSES: u16 = 1024;

/// The databases of an installation, at least one: URLs, separated by blanks, or one address as `key=value` pairs.
/// Partition p is at address p mod n, where n is their number; it belongs to the installation.
#[derive(Clone)]
pub struct DatabaseAddresses(Arc<[DatabaseUrl]>);

/// Not the addresses of a ledger. One line, which never shows a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseAddressError {
    /// There is none.
    #[error("no address: postgres://user:password@host:port/database is one")]
    Empty,
    /// The only one is wrong.
    #[error(transparent)]
    Wrong(#[from] DatabaseUrlError),
    /// One of several is wrong.
    #[error("address {place} of {count}: {why}")]
    OneWrong {
        /// Its place, from 1.
        place: usize,
        /// How many there are.
        count: usize,
        /// What is wrong with it.
        why: DatabaseUrlError,
    },
    /// One of several is no URL: it may be the rest of one before it.
    #[error("address {0} of {1} is no postgres:// URL: blanks separate addresses, and one within an address is %20")]
    NoUrl(usize, usize),
    /// Two addresses lead to one database, whose ballots would be read twice.
    #[error("addresses {0} and {1} are the same database")]
    Same(usize, usize),
    /// There would be addresses without a partition.
    #[error("{0} addresses for {1} partitions (PARTITIONS): each address must have a partition at least")]
    TooMany(usize, u16),
}

impl DatabaseAddresses {
    /// How many there are. At most 1024.
    pub fn count(&self) -> u16 {
        u16::try_from(self.0.len()).expect("parsing limits their number")
    }

    /// Whether each of them has a partition.
    pub fn suit(&self, partitions: Partitions) -> Result<(), DatabaseAddressError> {
        if self.count() > partitions.count() {
            return Err(DatabaseAddressError::TooMany(self.0.len(), partitions.count()));
        }
        Ok(())
    }

    /// Where this partition is.
    pub fn of(&self, partition: Partition) -> &DatabaseUrl {
        &self.0[self.place_of(partition)]
    }

    /// All of them, in the order of the setting.
    pub fn all(&self) -> impl ExactSizeIterator<Item = &DatabaseUrl> {
        self.0.iter()
    }

    /// The first one; the only one of most installations.
    pub fn first(&self) -> &DatabaseUrl {
        &self.0[0]
    }

    /// The place of this partition's address in [`Self::all`].
    pub(crate) fn place_of(&self, partition: Partition) -> usize {
        usize::from(partition.number() % self.count())
    }
}

impl From<DatabaseUrl> for DatabaseAddresses {
    fn from(only: DatabaseUrl) -> Self {
        Self(Arc::new([only]))
    }
}

impl FromStr for DatabaseAddresses {
    type Err = DatabaseAddressError;
    fn from_str(text: &str) -> Result<Self, DatabaseAddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(DatabaseAddressError::Empty);
        }
        let texts: Vec<&str> = if is_url(text) { text.split_ascii_whitespace().collect() } else { vec![text] };
        let [only] = texts[..] else { return several(&texts) };
        Ok(Self::from(only.parse::<DatabaseUrl>()?))
    }
}

fn several(texts: &[&str]) -> Result<DatabaseAddresses, DatabaseAddressError> {
    let count = texts.len();
    if count > usize::from(MOST_ADDRESSES) {
        return Err(DatabaseAddressError::TooMany(count, MOST_ADDRESSES));
    }
    if let Some(place) = texts.iter().position(|text| !is_url(text)) {
        return Err(DatabaseAddressError::NoUrl(place + 1, count));
    }
    let mut addresses: Vec<DatabaseUrl> = Vec::with_capacity(count);
    for (place, text) in (1..).zip(texts) {
        let address = text.parse().map_err(|why| DatabaseAddressError::OneWrong { place, count, why })?;
        if let Some(other) = addresses.iter().position(|other| other.is_same_database(&address)) {
            return Err(DatabaseAddressError::Same(other + 1, place));
        }
        addresses.push(address);
    }
    Ok(DatabaseAddresses(addresses.into()))
}

/// Shows where, but neither users nor passwords.
impl fmt::Debug for DatabaseAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_take_turns_over_the_databases() {
        let addresses: DatabaseAddresses = "postgres://a/v \n postgresql://b,c/v\tpostgres://a/w ".parse().unwrap();
        assert_eq!(addresses.count(), 3);
        let shown = |number| format!("{:?}", addresses.of(Partition::new(number)));
        for (number, host, database) in
            [(0, "a:5432", "v"), (1, "b:5432", "v"), (2, "a:5432", "w"), (3, "a:5432", "v"), (1_000, "b:5432", "v")]
        {
            let shown = shown(number);
            assert!(shown.contains(host) && shown.contains(&format!("{database:?}")), "{number}: {shown}");
        }
        assert_eq!(addresses.suit(Partitions::new(3).unwrap()), Ok(()));
        let why = addresses.suit(Partitions::new(2).unwrap()).unwrap_err().to_string();
        assert!(why.contains("3 addresses for 2 partitions"), "{why}");
    }

    #[test]
    fn pairs_are_one_address_whatever_blanks_they_have() {
        let one: DatabaseAddresses = " host=db user=vote password='a postgres://b' dbname=votes ".parse().unwrap();
        assert_eq!(one.count(), 1);
        assert!(format!("{:?}", one.first()).contains("db:5432"));
    }

    #[test]
    fn what_is_wrong_is_one_line_that_names_the_address_and_no_password() {
        for (text, words) in [
            ("", "no address"),
            (" \n", "no address"),
            ("mysql://u:s3cret@db", "not postgres://"),
            ("postgres://", "no host"),
            ("postgres://u:s3cret@db?sslmode=yes", "sslmode is none of"),
            ("postgres://a postgres://u:s3cret@b?sslmode=yes", "address 2 of 2: sslmode is none of"),
            ("postgres://a postgres://u:s3cret@b:x postgres://c", "address 2 of 3: not postgres://"),
            ("postgres://u:s3 cret@db/votes", "address 2 of 2 is no postgres:// URL"),
            ("postgres://a host=b", "%20"),
            ("postgres://a/v postgres://b/v postgres://u:s3cret@a:5432/v", "addresses 1 and 3 are the same"),
            ("postgres://b,a/v postgres://v:s3cret@a", "addresses 1 and 2 are the same"),
            ("host=a postgres://u:s3cret@b", "not postgres://"),
        ] {
            let why = text.parse::<DatabaseAddresses>().expect_err(text).to_string();
            assert!(why.contains(words) && !why.contains("cret") && why.lines().count() == 1, "{text}: {why}");
        }
        let many: Vec<String> = (0..=MOST_ADDRESSES).map(|number| format!("postgres://a/{number}")).collect();
        assert!(many.join(" ").parse::<DatabaseAddresses>().unwrap_err().to_string().contains("1025 addresses"));
    }
}
