//! Checks whether the server of a connection may receive ballots, and logs the result: it keeps what it acknowledges
//! (`durability`), and its log belongs to our installation (`membership`).
//!
//! Each new connection is checked before anything else is sent, and again every second, because settings can change
//! under open connections. This module evaluates the replies; [`Link`](crate::link::Link) sends the questions.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use domain::{Durability, Partition, Unavailable};
use parking_lot::{Mutex, RwLock};
use redis::{Pipeline, Value};

use crate::{
    durability::{self, Finding, Notes, Witness},
    keys::PROBE,
    membership::{Member, Membership},
};

const GAUGE: &str = "scrutin_log_durability";
/// Values of the label `state` of `scrutin_log_durability`.
const STATES: [&str; 4] = ["disk", "refused", "unseen", "unchecked"];

/// While the server is refused, calls check it again themselves, but not more often than this.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What one process knows about the server of one partition. All of its connections to that partition share it.
#[derive(Debug)]
pub(crate) struct Fitness {
    partition: Partition,
    durability: Durability,
    /// Set if the log must belong to an installation.
    member: Option<Member>,
    seen: Mutex<Seen>,
    /// Why nothing may be sent now; `None` if calls may be sent.
    refused: RwLock<Option<Unavailable>>,
    wait_aof: AtomicBool,
    /// The server failed to confirm in time that a write is on its disk, and has not confirmed one since.
    doubtful: AtomicBool,
}

#[derive(Debug, Default)]
struct Seen {
    witness: Witness,
    last: Option<Finding>,
    replicas: u64,
    membership: Option<Membership>,
    /// When a call last checked by itself.
    looked: Option<Instant>,
}

impl Fitness {
    pub(crate) fn new(partition: Partition, durability: Durability, member: Option<Member>) -> Self {
        let refused = RwLock::new(Some(Unavailable::Untrusted("Redis was not looked at yet".to_owned())));
        let (wait_aof, doubtful) = Default::default();
        let fitness = Self { partition, durability, member, seen: Mutex::default(), refused, wait_aof, doubtful };
        if durability == Durability::Unchecked {
            show(partition, "unchecked");
            if fitness.member.is_none() {
                fitness.refuse(None);
            }
        }
        fitness
    }

    /// The questions for the server; may be empty.
    pub(crate) fn questions(&self) -> Pipeline {
        let mut asked = match self.durability {
            Durability::Disk => durability::questions(),
            Durability::Unchecked => Pipeline::new(),
        };
        if let Some(member) = &self.member {
            member.ask(&mut asked);
        }
        asked
    }

    /// Evaluates the replies to [`questions`](Self::questions).
    pub(crate) fn judge(&self, answers: &[Value]) {
        if answers.iter().any(says_nothing_yet) {
            // Not a finding, so nothing is logged; the next call checks again.
            let why = "Redis is loading its data, or busy, and shows nothing of itself".to_owned();
            return self.refuse(Some(Unavailable::Untrusted(why)));
        }
        let mut seen = self.seen.lock();
        let mut answers = answers;
        let mut refused = None;
        if self.durability == Durability::Disk
            && let Some((of_durability, further)) = answers.split_at_checked(durability::QUESTIONS)
        {
            answers = further;
            refused = self.judge_durability(&mut seen, of_durability);
        }
        if let Some(member) = &self.member {
            let membership = member.judge(answers);
            // Durability comes first: losing ballots is worse than a missing or foreign installation.
            refused = refused.or_else(|| membership.refusal());
            membership.tell(self.partition, seen.membership.as_ref());
            seen.membership = Some(membership);
        }
        self.refuse(refused);
    }

    fn judge_durability(&self, seen: &mut Seen, answers: &[Value]) -> Option<Unavailable> {
        let (finding, notes) = seen.witness.judge(answers);
        seen.warn_of_replicas(self.partition, notes);
        self.wait_aof.store(finding == Finding::WithWaitAof, Ordering::Relaxed);
        let refused = match &finding {
            Finding::Wrong(why) => {
                Some(Unavailable::Untrusted(format!("Redis would lose what it acknowledges: {why}")))
            }
            Finding::WithWaitAof if self.doubtful.load(Ordering::Relaxed) => Some(in_doubt()),
            _ => None,
        };
        if seen.last.as_ref() != Some(&finding) {
            tell(self.partition, &finding, seen.last.as_ref());
            let state = match finding {
                Finding::Durable | Finding::WithWaitAof => "disk",
                Finding::Wrong(_) => "refused",
                Finding::Unseen(_) => "unseen",
            };
            show(self.partition, state);
            seen.last = Some(finding);
        }
        refused
    }

    /// Whether a call that would be refused should check the server first.
    pub(crate) fn looks_again(&self) -> bool {
        let mut seen = self.seen.lock();
        let due = seen.looked.is_none_or(|looked| looked.elapsed() >= LOOK_AGAIN);
        if due {
            seen.looked = Some(Instant::now());
        }
        due
    }

    /// The commands that write our key to the log, if it has none.
    pub(crate) fn claims(&self) -> Option<Pipeline> {
        let seen = self.seen.lock();
        self.member.as_ref()?.claims(seen.membership.as_ref()?)
    }

    /// An error says why nothing may be sent.
    pub(crate) fn check(&self) -> Result<(), Unavailable> {
        let refused = self.refused.read();
        refused.as_ref().map_or(Ok(()), |refused| Err(refused.clone()))
    }

    /// Like [`check`](Self::check), but passes a server that was not checked yet.
    pub(crate) fn was_fit(&self) -> Result<(), Unavailable> {
        if self.seen.lock().last.is_none() { Ok(()) } else { self.check() }
    }

    /// Whether `WAITAOF` must follow each call.
    pub(crate) fn waits_for_file(&self) -> bool {
        self.wait_aof.load(Ordering::Relaxed)
    }

    /// A write that tests whether data reaches the disk; `None` unless that is in doubt.
    pub(crate) fn probe(&self) -> Option<Pipeline> {
        let in_doubt = self.waits_for_file() && self.doubtful.load(Ordering::Relaxed);
        in_doubt.then(|| redis::pipe().cmd("SET").arg(PROBE).arg("").arg("PX").arg(60_000).to_owned())
    }

    /// Records whether Redis confirmed in time that a write is on its disk. After a missing confirmation nothing is
    /// sent until one arrives, so that unknown outcomes do not pile up.
    pub(crate) fn heard_of_file(&self, on_disk: bool) {
        let was_on_disk = !self.doubtful.swap(!on_disk, Ordering::Relaxed);
        if was_on_disk == on_disk {
            return;
        }
        let partition = self.partition;
        show(partition, if on_disk { "disk" } else { "refused" });
        if on_disk {
            self.refuse(None);
            tracing::info!(event = "durability.restored", %partition, "Redis again gets what it writes onto its disk");
        } else {
            self.refuse(Some(in_doubt()));
            tracing::error!(
                event = "durability.refused",
                %partition,
                "Redis did not say in time that what it wrote is on its disk (WAITAOF), and CONFIG \
                 is forbidden, so that the reason is not to be seen: is appendfsync set to no, or the disk slow? \
                 Nothing is taken until a write of ours gets there; it is tried every second"
            );
        }
    }

    fn refuse(&self, why: Option<Unavailable>) {
        *self.refused.write() = why;
    }
}

impl Seen {
    fn warn_of_replicas(&mut self, partition: Partition, Notes { replicas }: Notes) {
        if replicas > 0 && self.replicas == 0 {
            tracing::warn!(
                event = "durability.replicas",
                %partition,
                replicas,
                "Redis has replicas, which get each change after it was acknowledged: whoever \
                 promotes one loses what it did not have yet; they serve as backups only"
            );
        }
        self.replicas = replicas;
    }
}

fn in_doubt() -> Unavailable {
    Unavailable::Untrusted("Redis does not say that what it writes is on its disk (WAITAOF)".to_owned())
}

/// Whether the server cannot answer now but will answer the same question later.
fn says_nothing_yet(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if matches!(error.code(), "LOADING" | "BUSY" | "MASTERDOWN"))
}

fn show(partition: Partition, state: &str) {
    for known in STATES {
        let gauge = metrics::gauge!(GAUGE, "partition" => partition.to_string(), "state" => known);
        gauge.set(u8::from(known == state));
    }
}

/// Warns, once for each program, if nobody checks what Redis keeps.
pub(crate) fn warn_if_unchecked(durability: Durability) {
    if durability == Durability::Unchecked {
        tracing::warn!(
            event = "durability.unchecked",
            "DURABILITY=unchecked, so nobody looks whether Redis keeps what it acknowledges: \
             if it is not durable by other means, ballots that voters were told are recorded can be lost"
        );
    }
}

/// Logs one line for each change.
fn tell(partition: Partition, finding: &Finding, before: Option<&Finding>) {
    match finding {
        Finding::Wrong(why) => tracing::error!(
            event = "durability.refused",
            %partition,
            "Redis would lose what it acknowledges: {why}. Nothing is taken, and voters are told \
             that nothing was recorded. Mend it with CONFIG SET and in Redis' configuration file, wait until \
             aof_rewrite_in_progress is 0, then restart Redis to see that the file holds (docs/operations.md, \
             Durability); or set DURABILITY=unchecked"
        ),
        Finding::Unseen(what) => tracing::warn!(
            event = "durability.unseen",
            %partition,
            "this Redis does not show {what}. Ballots are taken: make sure yourself that it has \
             appendonly yes, appendfsync always and maxmemory-policy noeviction"
        ),
        Finding::Durable | Finding::WithWaitAof if matches!(before, Some(Finding::Wrong(_) | Finding::Unseen(_))) => {
            tracing::info!(event = "durability.restored", %partition, "Redis keeps what it acknowledges");
        }
        Finding::Durable | Finding::WithWaitAof => {}
    }
}
