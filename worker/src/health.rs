//! Whether the worker is ready: the answer of `/readyz`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{Partition, Unavailable};
use tokio::time::Instant;

/// The age up to which an answer is recent: well above the time between two questions, short enough for an operator.
const LATELY: Duration = Duration::from_secs(10);

/// When log and ledger last answered the tellers of this process.
///
/// A worker is ready if, for each partition, the ledger answered recently, and, if it leads, the log too; and if it has
/// recently counted each partition that it leads or whose lead it lost. A standby is ready. The tellers report here;
/// nothing is asked.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<BTreeMap<Partition, Answers>>>);

#[derive(Clone, Debug, Default)]
struct Answers {
    /// Why nothing is counted: log and ledger don't belong together.
    refused: Option<String>,
    leads: bool,
    /// The ledger's last error.
    ledger_error: Option<String>,
    ledger: Option<Instant>,
    log: Option<Instant>,
    /// When it counted last, or began to lead; `None` while another worker counts.
    counted: Option<Instant>,
}

impl Health {
    /// Nothing has answered yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the worker is ready; else the partition and the reason.
    pub fn ready(&self) -> Result<(), String> {
        let answers = self.lock();
        if answers.is_empty() {
            return Err("no teller has begun yet".into());
        }
        for (partition, answers) in answers.iter() {
            if let Some(why) = &answers.refused {
                return Err(format!("partition {partition}: {why}"));
            }
            let error = answers.ledger_error.as_ref().map_or(String::new(), |error| format!(" ({error})"));
            lately(answers.ledger).map_err(|why| format!("partition {partition}: the ledger {why}{error}"))?;
            if answers.leads {
                lately(answers.log).map_err(|why| format!("partition {partition}: the log {why}"))?;
            }
            if let Some(ago) = answers.counted.map(|at| at.elapsed()).filter(|ago| *ago > LATELY) {
                return Err(format!("partition {partition}: nothing could be counted for {} s", ago.as_secs()));
            }
        }
        Ok(())
    }

    /// The part of the teller of `partition`.
    pub(crate) fn of(&self, partition: Partition) -> TellerHealth {
        self.lock().insert(partition, Answers::default());
        TellerHealth { health: self.clone(), partition }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Partition, Answers>> {
        // Each change is one assignment, so a panic elsewhere leaves nothing half-done here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lately(answered: Option<Instant>) -> Result<(), String> {
    match answered.map(|at| at.elapsed()) {
        None => Err("has not answered yet".into()),
        Some(ago) if ago > LATELY => Err(format!("has not answered for {} s", ago.as_secs())),
        Some(_) => Ok(()),
    }
}

/// One teller's side of [`Health`].
#[derive(Debug)]
pub(crate) struct TellerHealth {
    health: Health,
    partition: Partition,
}

impl TellerHealth {
    /// This teller leads from now on, or stands by.
    pub(crate) fn leads(&self, leads: bool) {
        self.update(|answers| {
            answers.leads = leads;
            // A new leader gets as much time to find the log as one whose log just answered.
            answers.log = leads.then(Instant::now);
            if leads {
                // Kept where the lead was lost and taken again: a ledger that only answers is not counted in.
                answers.counted.get_or_insert_with(Instant::now);
            }
        });
    }

    /// Another worker counts.
    pub(crate) fn stands_by(&self) {
        self.update(|answers| answers.counted = None);
    }

    /// The log was read to where it is now, and all of it is committed.
    pub(crate) fn counted(&self) {
        self.update(|answers| answers.counted = Some(Instant::now()));
    }

    /// Log and ledger don't belong together, for this reason; or do again.
    pub(crate) fn refused(&self, why: Option<String>) {
        self.update(|answers| answers.refused = why);
    }

    pub(crate) fn ledger_answered(&self) {
        self.update(|answers| (answers.ledger, answers.ledger_error) = (Some(Instant::now()), None));
    }

    pub(crate) fn ledger_failed(&self, error: &Unavailable) {
        self.update(|answers| answers.ledger_error = Some(error.to_string()));
    }

    pub(crate) fn log_answered(&self) {
        self.update(|answers| answers.log = Some(Instant::now()));
    }

    fn update(&self, change: impl FnOnce(&mut Answers)) {
        change(self.health.lock().entry(self.partition).or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_standby_needs_the_ledger_and_a_leader_needs_both() {
        let health = Health::new();
        assert!(health.ready().is_err());
        let teller = health.of(Partition::new(3));
        assert_eq!(health.ready().unwrap_err(), "partition 3: the ledger has not answered yet");
        teller.ledger_failed(&Unavailable::Busy);
        assert_eq!(
            health.ready().unwrap_err(),
            "partition 3: the ledger has not answered yet (too much is waiting already)"
        );
        teller.ledger_answered();
        assert_eq!(health.ready(), Ok(()));

        teller.leads(true);
        tokio::time::advance(Duration::from_secs(11)).await;
        teller.ledger_answered();
        assert_eq!(health.ready().unwrap_err(), "partition 3: the log has not answered for 11 s");
        teller.log_answered();
        teller.counted();
        assert_eq!(health.ready(), Ok(()));

        teller.leads(false);
        teller.stands_by();
        tokio::time::advance(Duration::from_secs(11)).await;
        assert_eq!(health.ready().unwrap_err(), "partition 3: the ledger has not answered for 11 s");
        teller.ledger_answered();
        assert_eq!(health.ready(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_leader_that_counts_nothing_is_not_ready_until_another_leads() {
        let health = Health::new();
        let teller = health.of(Partition::new(0));
        for _ in 0..6 {
            // The ledger gives the lead each time, and takes nothing: it is read-only.
            teller.leads(true);
            teller.log_answered();
            teller.ledger_answered();
            teller.leads(false);
            tokio::time::advance(Duration::from_secs(2)).await;
        }
        assert_eq!(health.ready().unwrap_err(), "partition 0: nothing could be counted for 12 s");
        teller.stands_by();
        assert_eq!(health.ready(), Ok(()));
        teller.leads(true);
        tokio::time::advance(Duration::from_secs(9)).await;
        teller.counted();
        tokio::time::advance(Duration::from_secs(9)).await;
        teller.log_answered();
        teller.ledger_answered();
        assert_eq!(health.ready(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn one_partition_that_waits_makes_the_worker_not_ready() {
        let health = Health::new();
        let (first, _second) = (health.of(Partition::new(0)), health.of(Partition::new(1)));
        first.ledger_answered();
        assert_eq!(health.ready().unwrap_err(), "partition 1: the ledger has not answered yet");
    }
}
