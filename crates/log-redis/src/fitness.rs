//! Whether the server behind a connection is fit to be trusted with ballots, and what the operator is told of it.
//!
//! It is looked at on each new connection before anything else is sent, and again every second, since settings
//! change under live connections. Here are the rules; [`Link`](crate::link::Link) asks.

use std::sync::{
    Mutex, MutexGuard, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use domain::{Durability, Unavailable};
use redis::{Pipeline, Value};

use crate::durability::{self, Finding, Notes, Witness};

const GAUGE: &str = "scrutin_log_durability";
/// What `scrutin_log_durability` can say in its label `state`.
const STATES: [&str; 4] = ["disk", "refused", "unseen", "unchecked"];

/// What one process has found out about its server. Shared by all of its connections.
#[derive(Debug)]
pub(crate) struct Fitness {
    durability: Durability,
    seen: Mutex<Seen>,
    /// Why nothing is sent at present.
    refused: RwLock<Option<String>>,
    wait_aof: AtomicBool,
}

#[derive(Debug, Default)]
struct Seen {
    witness: Witness,
    last: Option<Finding>,
    replicas: u64,
}

impl Fitness {
    pub(crate) fn new(durability: Durability) -> Self {
        let refused = RwLock::new(Some("Redis was not looked at yet".to_owned()));
        let fitness = Self { durability, seen: Mutex::default(), refused, wait_aof: AtomicBool::new(false) };
        if durability == Durability::Unchecked {
            tracing::warn!(
                "durability.unchecked: DURABILITY=unchecked, so nobody looks whether Redis keeps what it acknowledges: \
                 if it is not durable by other means, ballots that voters were told are recorded can be lost"
            );
            show("unchecked");
            fitness.refuse(None);
        }
        fitness
    }

    /// What is to be asked of the server; may be nothing.
    pub(crate) fn questions(&self) -> Pipeline {
        match self.durability {
            Durability::Disk => durability::questions(),
            Durability::Unchecked => Pipeline::new(),
        }
    }

    /// Takes the answers to [`questions`](Self::questions).
    pub(crate) fn judge(&self, answers: &[Value]) {
        if self.durability == Durability::Unchecked {
            return;
        }
        let mut seen = self.seen();
        let (finding, notes) = seen.witness.judge(answers);
        seen.warn_of_replicas(notes);
        self.wait_aof.store(finding == Finding::WithWaitAof, Ordering::Relaxed);
        self.refuse(match &finding {
            Finding::Wrong(why) => Some(format!("Redis would lose what it acknowledges: {why}")),
            _ => None,
        });
        if seen.last.as_ref() != Some(&finding) {
            tell(&finding, seen.last.as_ref());
            show(match finding {
                Finding::Durable | Finding::WithWaitAof => "disk",
                Finding::Wrong(_) => "refused",
                Finding::Unseen(_) => "unseen",
            });
            seen.last = Some(finding);
        }
    }

    /// Whether anything may be sent; else why not.
    pub(crate) fn check(&self) -> Result<(), Unavailable> {
        let refused = self.refused.read().unwrap_or_else(PoisonError::into_inner);
        refused.as_ref().map_or(Ok(()), |why| Err(Unavailable::Untrusted(why.clone())))
    }

    /// The same, where a server that was not looked at yet will do.
    pub(crate) fn was_fit(&self) -> Result<(), Unavailable> {
        if self.seen().last.is_none() { Ok(()) } else { self.check() }
    }

    /// Whether each call must be followed by `WAITAOF`.
    pub(crate) fn waits_for_file(&self) -> bool {
        self.wait_aof.load(Ordering::Relaxed)
    }

    fn refuse(&self, why: Option<String>) {
        *self.refused.write().unwrap_or_else(PoisonError::into_inner) = why;
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn warn_of_replicas(&mut self, Notes { replicas }: Notes) {
        if replicas > 0 && self.replicas == 0 {
            tracing::warn!(
                replicas,
                "durability.replicas: Redis has replicas, which get each change after it was acknowledged: whoever \
                 promotes one loses what it did not have yet; they serve as backups only"
            );
        }
        self.replicas = replicas;
    }
}

fn show(state: &str) {
    for known in STATES {
        metrics::gauge!(GAUGE, "state" => known).set(u8::from(known == state));
    }
}

/// One line for each change.
fn tell(finding: &Finding, before: Option<&Finding>) {
    match finding {
        Finding::Wrong(why) => tracing::error!(
            "durability.refused: Redis would lose what it acknowledges: {why}. Nothing is taken, and voters are told \
             that nothing was recorded. Mend it with CONFIG SET and in Redis' configuration file, wait until \
             aof_rewrite_in_progress is 0, then restart Redis to see that the file holds (docs/operations.md, \
             Durability); or set DURABILITY=unchecked"
        ),
        Finding::Unseen(what) => tracing::warn!(
            "durability.unseen: this Redis does not show {what}. Ballots are taken: make sure yourself that it has \
             appendonly yes, appendfsync always and maxmemory-policy noeviction"
        ),
        Finding::Durable | Finding::WithWaitAof if matches!(before, Some(Finding::Wrong(_) | Finding::Unseen(_))) => {
            tracing::info!("durability.restored: Redis keeps what it acknowledges");
        }
        Finding::Durable | Finding::WithWaitAof => {}
    }
}
