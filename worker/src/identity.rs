//! Checks that log and ledger belong together, before anything is written to either.
//!
//! Both store which installation they belong to. This module has the decision as a pure function, and the check that
//! uses it when a leader attaches and every second after that. A log or a ledger of 0.1.0 stores nothing, and is
//! adopted if they know each other.

use domain::{
    Fingerprint, Installation, InstallationId, Ledger, LedgerIdentity, Log, LogId, LogIdentity, Partition, Partitions,
    Unavailable,
};
use metrics::{Gauge, gauge};
use tracing::{error, info};

use crate::{
    asking::{StopReason, ask_ledger, ask_log},
    health::TellerHealth,
};

/// The facts for the decision.
#[derive(Clone, Debug)]
pub(crate) struct IdentityFacts {
    pub(crate) ledger: Option<LedgerIdentity>,
    /// The incarnation of a log that the ledger counted last.
    pub(crate) counted_from: Option<LogId>,
    pub(crate) log: LogIdentity,
    /// Where the log is.
    pub(crate) address: String,
    /// Over how many addresses its partitions are spread.
    pub(crate) addresses: u16,
    pub(crate) partition: Partition,
    pub(crate) partitions: Partitions,
}

/// What must be written so that both store the same; usually nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct IdentityWrites {
    pub(crate) to_ledger: Option<LedgerIdentity>,
    pub(crate) to_log: Option<Installation>,
}

impl IdentityFacts {
    /// What must be written if they belong together; else why they don't, and what to do.
    pub(crate) fn decide(&self, new_id: impl FnOnce() -> InstallationId) -> Result<IdentityWrites, String> {
        if self.partitions != Partitions::ONE && self.log.installation.is_none() && self.log.begun.is_some() {
            return Err(self.polls_were_spread());
        }
        if let Some(why) = self.ledger.as_ref().and_then(LedgerIdentity::differs_from_release) {
            return Err(why);
        }
        let known = self.ledger.as_ref().map(|ledger| &ledger.installation);
        let in_log = self.log.installation.as_ref().map(|(installation, _)| installation);
        let mut installation = match (known, in_log) {
            (Some(known), Some(in_log)) if known.id == in_log.id => known.clone(),
            (Some(known), Some(in_log)) => return Err(self.another_log(known, in_log)),
            (Some(known), None) => self.log_says_nothing(known)?,
            (None, Some(in_log)) => self.ledger_says_nothing(in_log)?,
            (None, None) => self.nobody_says_anything(new_id)?,
        };
        let of_log = in_log.and_then(|in_log| in_log.fingerprint.clone());
        self.agree_on_settings(&installation, in_log)?;
        if let (Some(key), true) = (&of_log, installation.fingerprint.is_some())
            && let Some(why) = installation.differs_from_key(key)
        {
            return Err(format!("ledger and log were used with two keys. Of the log: {why}"));
        }
        installation.fingerprint = installation.fingerprint.or(of_log);
        let new = LedgerIdentity::new(installation.clone(), self.address.clone());
        let layout = self.ledger.as_ref().map_or(new.layout, |known| known.layout);
        let identity = LedgerIdentity { layout, ..new };
        Ok(IdentityWrites {
            to_ledger: (self.ledger.as_ref() != Some(&identity)).then_some(identity),
            to_log: (in_log != Some(&installation)).then_some(installation),
        })
    }

    fn agree_on_settings(&self, installation: &Installation, in_log: Option<&Installation>) -> Result<(), String> {
        let differs = |known: &Installation| known.differs_from_settings(self.partitions, self.addresses);
        if let Some(why) = differs(installation).or_else(|| in_log.and_then(differs)) {
            return Err(why);
        }
        match &self.log.installation {
            Some((_, partition)) if *partition != self.partition => Err(format!(
                "the log of partition {} says that it is partition {partition}: its keys were copied or renamed",
                self.partition
            )),
            _ => Ok(()),
        }
    }

    fn another_log(&self, known: &Installation, in_log: &Installation) -> String {
        format!(
            "the log at {} belongs to the installation {}, and the ledger to {}: it is left alone, and nothing is \
             counted. Set REDIS_URL and DATABASE_URL of one installation; if that log is not needed any more, empty \
             its Redis and run `worker begin`",
            self.address, in_log.id, known.id
        )
    }

    /// The log is lost, or of an older release.
    fn log_says_nothing(&self, known: &Installation) -> Result<Installation, String> {
        let ledger = self.ledger.as_ref().expect("its installation is known");
        match (&self.log.begun, &self.counted_from) {
            (Some(begun), counted) if Some(begun) != counted.as_ref() => Err(self.stranger()),
            (Some(_), _) | (None, None) => Ok(known.clone()),
            (None, Some(_)) if ledger.log_address == self.address => Ok(known.clone()),
            (None, Some(_)) => Err(format!(
                "there is no log at {}, and this ledger (installation {}) counted one at {}. If that one is lost or \
                 was moved without its data, run `worker begin`, which begins another here; else set REDIS_URL to \
                 where it is",
                self.address, known.id, ledger.log_address
            )),
        }
    }

    /// The ledger is of 0.1.0, or does not belong to this log.
    fn ledger_says_nothing(&self, in_log: &Installation) -> Result<Installation, String> {
        if self.counted_from.is_some() && self.counted_from == self.log.begun {
            return Ok(in_log.clone());
        }
        Err(format!(
            "the log at {} belongs to the installation {}, and this ledger to none: it is left alone, and nothing is \
             counted. Set DATABASE_URL to the ledger of that installation, or restore a dump of it; if that is lost \
             and an empty one shall take its place, run `worker begin --adopt`",
            self.address, in_log.id
        ))
    }

    /// The very first start, or the first one after 0.1.0.
    fn nobody_says_anything(&self, new_id: impl FnOnce() -> InstallationId) -> Result<Installation, String> {
        if self.log.begun.is_some() && self.log.begun != self.counted_from {
            return Err(self.stranger());
        }
        Ok(Installation { addresses: self.addresses, ..Installation::new(new_id(), self.partitions) })
    }

    /// 0.1.0 spread polls over its partitions, and so a returning voter would be looked for in another one.
    fn polls_were_spread(&self) -> String {
        format!(
            "the log at {} was written by 0.1.0 with several partitions, over which that spread polls and this release \
             spreads voters: count all of it with 0.1.0, then use `worker export` of this release, and `worker \
             import` into an empty ledger (docs/operations.md, Upgrade)",
            self.address
        )
    }

    fn stranger(&self) -> String {
        format!(
            "the log at {} was written by an older release for another ledger: it is left alone, and nothing is \
             counted. Set REDIS_URL and DATABASE_URL of one installation; if this ledger shall count it from now on, \
             run `worker begin --adopt`",
            self.address
        )
    }
}

/// Why a ledger without an installation can't be counted into, whose partitions `counted` were: 0.1.0 spread polls over
/// its partitions, and only one partition is the same now.
pub(crate) fn counted_by_poll(counted: &[Partition], partitions: Partitions) -> Option<String> {
    if counted.iter().any(|partition| partition.number() > 0) {
        Some(
            "this ledger was written by 0.1.0 with several partitions, over which that spread polls; this release \
             spreads voters, who would be counted twice: use `worker export` of this release, and import it into an \
             empty ledger (docs/operations.md, Upgrade)"
                .to_owned(),
        )
    } else if !counted.is_empty() && partitions != Partitions::ONE {
        Some(format!(
            "PARTITIONS is {partitions}, and this ledger was written with one partition: set PARTITIONS=1; another \
             number takes an export and an import into an empty ledger (docs/operations.md, Upgrade)"
        ))
    } else {
        None
    }
}

/// Checks one partition's log and ledger.
pub(crate) struct IdentityCheck {
    partition: Partition,
    partitions: Partitions,
    /// Why nothing is counted, if they don't belong together.
    refused: Option<String>,
    refused_gauge: Gauge,
}

impl IdentityCheck {
    pub(crate) fn new(partition: Partition, partitions: Partitions) -> Self {
        let refused_gauge = gauge!("scrutin_installation_refused", "partition" => partition.to_string());
        Self { partition, partitions, refused: None, refused_gauge }
    }

    /// Whether the last check found that log and ledger don't belong together.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// Checks that log and ledger belong together, and stores it where it is not stored yet.
    pub(crate) async fn check(
        &mut self,
        ledger: &mut dyn Ledger,
        log: &mut dyn Log,
        health: &TellerHealth,
    ) -> Result<(), StopReason> {
        let mut belonging = self.compare(ledger, log, health).await?;
        if let Some(identity) = belonging.to_ledger {
            // The ledger first. Another leader may have written it at the same time; the log gets what the ledger has.
            ask_ledger(health, ledger.install(&identity)).await?;
            info!(
                partition = self.partition.number(),
                installation.id = identity.installation.id.as_str(),
                installation.key = identity.installation.fingerprint.as_ref().map(Fingerprint::as_str),
                log.address = identity.log_address,
                event = "installation.noted",
                "the ledger stores its installation and where its log is"
            );
            belonging = self.compare(ledger, log, health).await?;
        }
        if let Some(installation) = belonging.to_log {
            ask_log(health, log.install(&installation)).await?;
        }
        if self.refused.take().is_some() {
            health.refused(None);
            self.refused_gauge.set(0);
            let partition = self.partition.number();
            info!(event = "installation.agrees", partition, "log and ledger belong together again");
        }
        Ok(())
    }

    async fn compare(
        &mut self,
        ledger: &mut dyn Ledger,
        log: &mut dyn Log,
        health: &TellerHealth,
    ) -> Result<IdentityWrites, StopReason> {
        let of_ledger = ask_ledger(health, ledger.identity()).await?;
        let of_log = match ask_log(health, log.identity()).await {
            Err(StopReason::Log(Unavailable::Untrusted(why))) => return Err(self.refuse(why, health)),
            of_log => of_log?,
        };
        let mut known = IdentityFacts {
            ledger: of_ledger,
            counted_from: None,
            log: of_log,
            address: log.address(),
            addresses: log.addresses(),
            partition: self.partition,
            partitions: self.partitions,
        };
        if known.ledger.is_none() {
            let counted = ask_ledger(health, ledger.counted_partitions()).await?;
            if let Some(why) = counted_by_poll(&counted, self.partitions) {
                return Err(self.refuse(why, health));
            }
        }
        if known.ledger.is_none() || known.log.installation.is_none() {
            known.counted_from = ask_ledger(health, ledger.state()).await?.log;
        }
        let new_id = || InstallationId::new(program::random_text::<16>());
        known.decide(new_id).map_err(|why| self.refuse(why, health))
    }

    /// Logs once why nothing is done.
    fn refuse(&mut self, why: String, health: &TellerHealth) -> StopReason {
        if self.refused.as_ref() != Some(&why) {
            error!(event = "installation.refused", partition = self.partition.number(), "{why}");
        }
        health.refused(Some(why.clone()));
        self.refused_gauge.set(1);
        self.refused = Some(why);
        StopReason::Refused
    }
}

#[cfg(test)]
mod tests;
