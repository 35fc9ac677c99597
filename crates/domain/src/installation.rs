//! Which Scrutin a server belongs to: what each log and each ledger carries, so that no service works on another's.

use std::fmt;

use crate::{
    partition::{Partition, Partitions},
    secret::{KeyPurpose, Secret},
};

/// The random id of an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallationId(String);

/// Identifies a `SECRET_KEY` and reveals nothing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(String);

/// One Scrutin, as its ledger and each partition of its log know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Which one.
    pub id: InstallationId,
    /// How many partitions its log has.
    pub partitions: Partitions,
    /// Over how many addresses its log is spread: partition p is at address p mod this.
    pub addresses: u16,
    /// Of its `SECRET_KEY`; `None` until a `vote` has written it.
    pub fingerprint: Option<Fingerprint>,
}

/// What is spread over the partitions of a ledger. With one partition both are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerLayout {
    /// Each poll is in one partition, as in earlier releases.
    Polls,
    /// Each voter is in one partition, and each partition has every poll.
    Voters,
}

/// What the ledger says of its installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerIdentity {
    /// Which it belongs to.
    pub installation: Installation,
    /// Where the log was that it counted last, without user and password.
    pub log_address: String,
    /// What is spread over its partitions.
    pub layout: LedgerLayout,
}

/// What one partition of a log says of itself, before anything is done to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogIdentity {
    /// Which installation it belongs to, and which of its partitions it is.
    pub installation: Option<(Installation, Partition)>,
    /// The incarnation that has begun there.
    pub begun: Option<crate::log_id::LogId>,
}

/// What came of the wish to change an installation's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RekeyOutcome {
    /// It has the new fingerprint.
    Done,
    /// A poll is open: with another key, its voters could vote once more.
    PollsOpen,
    /// There is no installation yet, so it has no key.
    NoInstallation,
}

impl InstallationId {
    /// From the text that is stored.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The stored text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstallationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Fingerprint {
    /// From the text that is stored; an empty one is none.
    pub fn stored(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (!text.is_empty()).then_some(Self(text))
    }

    /// Of this secret: a truncated MAC with a purpose of its own.
    pub fn of(secret: &Secret) -> Self {
        let tag = secret.signer(KeyPurpose::Fingerprint).tag(&[]);
        Self(format!("{:016x}", u64::from_be_bytes(tag)))
    }

    /// The stored text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl LedgerLayout {
    /// From the number that is stored; `None` for one of a later release.
    pub fn stored(number: i64) -> Option<Self> {
        [Self::Polls, Self::Voters].into_iter().find(|layout| i64::from(layout.number()) == number)
    }

    /// The number that is stored.
    pub fn number(self) -> i32 {
        match self {
            Self::Polls => 1,
            Self::Voters => 2,
        }
    }
}

impl LedgerIdentity {
    /// What a ledger of this release says of its installation.
    pub fn new(installation: Installation, log_address: impl Into<String>) -> Self {
        Self { installation, log_address: log_address.into(), layout: LedgerLayout::Voters }
    }

    /// How many partitions share the voters of one poll.
    pub fn partitions(&self) -> Partitions {
        match self.layout {
            LedgerLayout::Polls => Partitions::ONE,
            LedgerLayout::Voters => self.installation.partitions,
        }
    }

    /// Why this release can't work for it.
    pub fn differs_from_release(&self) -> Option<String> {
        let Installation { id, partitions, .. } = &self.installation;
        let spreads_polls = self.layout == LedgerLayout::Polls && *partitions != Partitions::ONE;
        spreads_polls.then(|| {
            format!(
                "the ledger of this installation ({id}) was written by an earlier release, which spread polls over \
                 its {partitions} partitions; this one spreads voters, who would be counted twice. Use `worker \
                 export` of this release, and import it into an empty ledger (docs/operations.md, Upgrade)"
            )
        })
    }
}

impl Installation {
    /// A new one, without a key yet, whose log has one address.
    pub fn new(id: InstallationId, partitions: Partitions) -> Self {
        Self { id, partitions, addresses: 1, fingerprint: None }
    }

    /// Why a service with this number of partitions, whose log has this number of addresses, can't work for it.
    pub fn differs_from_settings(&self, partitions: Partitions, addresses: u16) -> Option<String> {
        if self.partitions != partitions {
            return Some(format!(
                "PARTITIONS is {partitions}, and this installation ({}) has {}: voters would be looked for elsewhere. \
                 Set PARTITIONS={} for all services; another number takes an export and an import into an empty ledger",
                self.id, self.partitions, self.partitions
            ));
        }
        if self.addresses != addresses {
            return Some(format!(
                "the number of addresses in REDIS_URL is {addresses}, and in this installation ({}) it is {}: logs \
                 would be looked for elsewhere. Set as many as before, in the same order, for all services; another \
                 number takes an export and an import into an empty ledger",
                self.id, self.addresses
            ));
        }
        None
    }

    /// Why a service with this key can't work for it; not while it has none.
    pub fn differs_from_key(&self, key: &Fingerprint) -> Option<String> {
        let known = self.fingerprint.as_ref().filter(|known| *known != key)?;
        Some(format!(
            "SECRET_KEY has the fingerprint {key}, and this installation ({}) the fingerprint {known}: with another \
             key each browser is a new voter, who votes once more. Set the SECRET_KEY of this installation; to change \
             it, close all polls and run `worker rekey` with the new one (docs/operations.md, Installation)",
            self.id
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installation() -> Installation {
        Installation::new(InstallationId::new("one"), Partitions::new(4).unwrap())
    }

    #[test]
    fn a_fingerprint_tells_keys_apart_and_shows_nothing_of_them() {
        let of = |key: &str| Fingerprint::of(&Secret::parse(&key.repeat(32)).unwrap());
        assert_eq!(of("x"), of("x"));
        assert_ne!(of("x"), of("y"));
        assert_eq!(of("x").as_str().len(), 16);
        assert_eq!(Fingerprint::stored(of("x").as_str()), Some(of("x")));
        assert_eq!(Fingerprint::stored(""), None);
    }

    #[test]
    fn a_ledger_over_whose_partitions_polls_are_spread_is_refused() {
        let of = |layout, partitions| {
            let installation = Installation::new(InstallationId::new("one"), partitions);
            LedgerIdentity { layout, ..LedgerIdentity::new(installation, "here") }
        };
        let several = Partitions::new(3).unwrap();
        let why = of(LedgerLayout::Polls, several).differs_from_release().unwrap();
        assert!(why.contains("(one)") && why.contains("3 partitions") && why.contains("import"), "{why}");
        assert_eq!(of(LedgerLayout::Polls, Partitions::ONE).differs_from_release(), None);
        assert_eq!(of(LedgerLayout::Voters, several).differs_from_release(), None);
        assert_eq!(of(LedgerLayout::Voters, several).partitions(), several);
        assert_eq!(of(LedgerLayout::Polls, several).partitions(), Partitions::ONE);
        for layout in [LedgerLayout::Polls, LedgerLayout::Voters] {
            assert_eq!(LedgerLayout::stored(layout.number().into()), Some(layout));
        }
        assert_eq!(LedgerLayout::stored(3), None);
    }

    #[test]
    fn a_difference_names_both_values() {
        let mut known = installation();
        assert_eq!(known.differs_from_settings(Partitions::new(4).unwrap(), 1), None);
        let why = known.differs_from_settings(Partitions::ONE, 1).unwrap();
        assert!(why.contains("PARTITIONS is 1") && why.contains("PARTITIONS=4"), "{why}");

        let key = |text: &str| Fingerprint::stored(text).unwrap();
        assert_eq!(known.differs_from_key(&key("aa")), None, "the first key is as good as any");
        known.fingerprint = Some(key("aa"));
        assert_eq!(known.differs_from_key(&key("aa")), None);
        let why = known.differs_from_key(&key("bb")).unwrap();
        assert!(why.contains("aa") && why.contains("bb") && why.contains("worker rekey"), "{why}");
        known.addresses = 2;
        let why = known.differs_from_settings(Partitions::new(4).unwrap(), 3).unwrap();
        assert!(why.contains("REDIS_URL is 3,") && why.contains("it is 2:"), "{why}");
    }
}
