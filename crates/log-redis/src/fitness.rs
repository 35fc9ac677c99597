//! Checks whether the server of a connection may receive ballots, and logs the result: it keeps what it acknowledges
//! (`durability`), and its log belongs to our installation (`membership`).
//!
//! Each new connection is checked before anything else is sent, and again every second, because settings can change
//! under open connections. This module evaluates the replies; [`Link`](crate::link::Link) sends the questions.

use std::{
    num::NonZeroU8,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use domain::{Durability, Partition, Unavailable};
use parking_lot::{Mutex, RwLock};
use redis::{Pipeline, Value};

use crate::{
    confirmation::Confirmation,
    durability::{self, FileHistory, Finding, Notes},
    keys::Keys,
    membership::{Member, Membership},
};

const GAUGE: &str = "scrutin_log_durability";
/// Values of the label `state` of `scrutin_log_durability`.
const STATES: [&str; 5] = ["disk", "replicas", "refused", "unseen", "unchecked"];

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
    /// What must follow each call.
    confirmation: RwLock<Option<Confirmation>>,
    /// The key of the write that is to be confirmed.
    mark: String,
    /// The server failed to confirm a write in time, and has not confirmed one since.
    doubtful: AtomicBool,
}

#[derive(Debug, Default)]
struct Seen {
    history: FileHistory,
    last: Option<Finding>,
    replicas: u64,
    membership: Option<Membership>,
    /// When a call last checked by itself.
    looked: Option<Instant>,
}

impl Fitness {
    pub(crate) fn new(partition: Partition, durability: Durability, member: Option<Member>) -> Self {
        let refused = RwLock::new(Some(Unavailable::Untrusted("Redis was not looked at yet".to_owned())));
        let (confirmation, mark) = (RwLock::default(), Keys::new(partition).mark);
        let (seen, doubtful) = Default::default();
        let fitness = Self { partition, durability, member, seen, refused, confirmation, mark, doubtful };
        if durability == Durability::Unchecked {
            show(partition, "unchecked");
            if fitness.member.is_none() {
                fitness.refuse(None);
            }
        }
        fitness
    }

    /// The partition whose server it is about.
    pub(crate) fn partition(&self) -> Partition {
        self.partition
    }

    /// The questions for the server; may be empty.
    pub(crate) fn questions(&self) -> Pipeline {
        let mut asked = Pipeline::new();
        self.ask(&mut asked);
        asked
    }

    /// Adds the questions for the server.
    pub(crate) fn ask(&self, asked: &mut Pipeline) {
        if self.durability != Durability::Unchecked {
            durability::ask(asked);
        }
        if let Some(member) = &self.member {
            member.ask(asked);
        }
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
        if self.durability != Durability::Unchecked
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
        let (finding, notes) = seen.history.judge(self.replicas(), answers);
        if self.replicas().is_none() {
            seen.warn_of_replicas(self.partition, notes);
        }
        let confirmation = finding.confirmation();
        *self.confirmation.write() = confirmation;
        let doubted = confirmation.filter(|_| self.doubtful.load(Ordering::Relaxed));
        let refused = match &finding {
            Finding::Wrong(why) => {
                Some(Unavailable::Untrusted(format!("Redis would lose what it acknowledges: {why}")))
            }
            Finding::TooFewReplicas { online, wanted } => Some(Unavailable::Untrusted(format!(
                "Redis has {online} of {wanted} replicas, so that nothing can be acknowledged"
            ))),
            _ => doubted.map(in_doubt),
        };
        if seen.last.as_ref() != Some(&finding) {
            tell(self.partition, &finding, seen.last.as_ref());
            let state = match finding {
                Finding::Durable | Finding::WithWaitAof => "disk",
                Finding::Replicated { .. } => "replicas",
                Finding::Wrong(_) | Finding::TooFewReplicas { .. } => "refused",
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

    fn replicas(&self) -> Option<NonZeroU8> {
        match self.durability {
            Durability::Replicas(count) => Some(count),
            Durability::Disk | Durability::Unchecked => None,
        }
    }

    /// What must follow each call, and the key of the write with which it asks.
    pub(crate) fn confirmation(&self) -> Option<(Confirmation, &str)> {
        self.confirmation.read().map(|confirmation| (confirmation, &*self.mark))
    }

    /// A write that tests whether it is confirmed; `None` unless that is in doubt.
    pub(crate) fn probe(&self) -> Option<Pipeline> {
        let in_doubt = self.confirmation.read().is_some() && self.doubtful.load(Ordering::Relaxed);
        in_doubt.then(|| redis::pipe().cmd("SET").arg(&self.mark).arg("").arg("PX").arg(60_000).to_owned())
    }

    /// Records whether a write was confirmed in time. After a missing confirmation nothing is sent until one arrives,
    /// so that unknown outcomes do not pile up.
    pub(crate) fn heard(&self, confirmation: Confirmation, is_given: bool) {
        let was_given = !self.doubtful.swap(!is_given, Ordering::Relaxed);
        if was_given == is_given {
            return;
        }
        let (partition, what) = (self.partition, confirmation.words());
        let good = if confirmation == Confirmation::File { "disk" } else { "replicas" };
        show(partition, if is_given { good } else { "refused" });
        if is_given {
            self.refuse(None);
            tracing::info!(event = "durability.restored", %partition, "Redis confirms again what it writes");
        } else {
            self.refuse(Some(in_doubt(confirmation)));
            let hint = match confirmation {
                Confirmation::File => {
                    "CONFIG is forbidden, so that the reason is not to be seen: is appendfsync set to no, or the disk \
                     slow?"
                }
                Confirmation::Replicas { .. } => {
                    "Is a replica away, slow, or without appendonly yes and appendfsync always?"
                }
            };
            tracing::error!(
                event = "durability.refused",
                %partition,
                "{what}, within the time that a call has. {hint} Nothing is taken until a write of ours is confirmed; \
                 it is tried every second"
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

fn in_doubt(confirmation: Confirmation) -> Unavailable {
    Unavailable::Untrusted(confirmation.words())
}

impl Finding {
    /// What must follow each call.
    fn confirmation(&self) -> Option<Confirmation> {
        match self {
            Self::WithWaitAof => Some(Confirmation::File),
            Self::Replicated { count, on_disks } => {
                Some(Confirmation::Replicas { count: count.get(), on_disks: *on_disks })
            }
            Self::Durable | Self::TooFewReplicas { .. } | Self::Unseen(_) | Self::Wrong(_) => None,
        }
    }

    fn is_good(&self) -> bool {
        matches!(self, Self::Durable | Self::WithWaitAof | Self::Replicated { .. })
    }
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
        Finding::TooFewReplicas { online, wanted } => tracing::error!(
            event = "durability.refused",
            %partition,
            "Redis has {online} of the {wanted} replicas that DURABILITY=replicas:{wanted} needs. Nothing is taken, \
             and voters are told that nothing was recorded. Start a replica; one that is lost for good is removed \
             from Sentinel or the Cluster first, and then the number is lowered (docs/operations.md, Durability)"
        ),
        Finding::Replicated { count, on_disks: false } if before != Some(finding) => tracing::warn!(
            event = "durability.replicas_memory",
            %partition,
            "this Redis has no WAITAOF, so what is acknowledged is on its own disk, and {count} replicas have it, \
             perhaps not on their disks yet"
        ),
        finding if finding.is_good() && before.is_some_and(|before| !before.is_good()) => {
            tracing::info!(event = "durability.restored", %partition, "Redis keeps what it acknowledges");
        }
        Finding::Durable | Finding::WithWaitAof | Finding::Replicated { .. } => {}
    }
}
