//! Decides from a Redis server's own reports whether it keeps what it has acknowledged (`DURABILITY=disk`), and whether
//! it has the replicas that `DURABILITY=replicas:N` needs.
//!
//! No I/O here: [`ask`] builds the commands, [`FileHistory::judge`] evaluates the replies.
//!
//! `INFO` shows whether the append-only file is on, whether it can be written, and what Redis evicts when memory is
//! full. `appendfsync` is only in `CONFIG GET`. Where `CONFIG` is forbidden and `WAITAOF` exists (Redis 7.2, Valkey),
//! `WAITAOF` follows each call, and the setting need not be known.
//!
//! **A file that is switched on while the server runs is not durable at once.** `INFO` says `aof_enabled:1`
//! immediately, but a kill loses everything until the first rewrite has ended. During that time `INFO` shows a rewrite
//! in progress (or failed). An ordinary rewrite looks the same and is harmless. To tell the two apart, we check whether
//! any setting was changed since the file was last seen complete, or since the server started: `INFO commandstats`
//! counts the calls of `CONFIG SET`.

use std::{collections::HashMap, num::NonZeroU8};

use redis::{Pipeline, Value};

/// The number of questions.
pub(crate) const QUESTIONS: usize = 5;

/// Adds the questions, in order.
pub(crate) fn ask(asked: &mut Pipeline) {
    asked.cmd("INFO");
    asked.cmd("INFO").arg("commandstats");
    asked.cmd("CONFIG").arg("GET").arg("*appendfsync*");
    // Returns at once; it only shows whether the command exists.
    asked.cmd("WAITAOF").arg(0).arg(0).arg(1);
    // A Sentinel that watches a server subscribes to this channel.
    asked.cmd("PUBSUB").arg("NUMSUB").arg("__sentinel__:hello");
}

/// The result of evaluating the replies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Everything acknowledged is on disk.
    Durable,
    /// Everything acknowledged is on disk if `WAITAOF` follows each call; the server's own fsync setting is hidden.
    WithWaitAof,
    /// Exactly so many replicas are connected, and each call must be confirmed by them.
    Replicated {
        /// How many.
        count: NonZeroU8,
        /// Whether they say what is on their disks: the server has `WAITAOF`.
        on_disks: bool,
    },
    /// It has fewer replicas, of which these are connected and up to date.
    TooFewReplicas {
        /// How many there are.
        online: u64,
        /// How many there must be.
        wanted: NonZeroU8,
    },
    /// The named facts are hidden, and nothing else is wrong.
    Unseen(String),
    /// The server would lose acknowledged writes, for these reasons.
    Wrong(String),
}

/// The server's reports.
#[derive(Debug, Default)]
struct ServerReport {
    info: HashMap<String, String>,
    /// Calls of `CONFIG SET` since its start; `None` if the server does not count them separately.
    settings_changed: Option<u64>,
    /// The fsync settings; `None` if they are hidden.
    sync: Option<HashMap<String, String>>,
    waits_for_file: bool,
    sentinels: bool,
    /// How many replicas are connected and have finished their first synchronisation.
    online: u64,
}

/// Remembers when a server's append-only file was last complete.
#[derive(Debug, Default)]
pub(crate) struct FileHistory {
    complete: Option<(String, Option<u64>)>,
}

/// Further facts, which are logged but do not stop anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// Connected replicas.
    pub(crate) replicas: u64,
}

impl FileHistory {
    /// Evaluates the replies to [`ask`]. With `replicas` there must be so many, and a server may take its place.
    pub(crate) fn judge(&mut self, replicas: Option<NonZeroU8>, answers: &[Value]) -> (Finding, Notes) {
        let report = ServerReport::read(answers);
        let connected = report.number("connected_slaves").unwrap_or(0);
        let notes = Notes { replicas: connected };
        let mut wrong = report.wrong_settings();
        match replicas {
            None => wrong.extend(report.what_may_replace_it()),
            Some(wanted) if connected > u64::from(wanted.get()) => wrong.push(format!(
                "it has {connected} replicas, and DURABILITY is replicas:{wanted}: one that no acknowledgement waits \
                 for could be promoted. Detach it, or set replicas:{connected}"
            )),
            Some(_) => {}
        }
        if report.is("aof_enabled", "1") && !self.sees_complete_file(&report) {
            wrong.push(
                "the append-only file was switched on while Redis ran, and is not complete before its first \
                        rewrite has ended (aof_rewrite_in_progress is 1, or aof_last_bgrewrite_status is err)"
                    .into(),
            );
        }
        if !wrong.is_empty() {
            return (Finding::Wrong(wrong.join("; ")), notes);
        }
        if let Some(wanted) = replicas {
            return (report.replicated(wanted), notes);
        }
        let unseen = report.unseen();
        let finding = match unseen.is_empty() {
            true if report.sync.is_some() => Finding::Durable,
            true if report.waits_for_file => Finding::WithWaitAof,
            true => Finding::Unseen("appendfsync (CONFIG GET is refused, and there is no WAITAOF)".into()),
            false => Finding::Unseen(format!("{} (not in INFO)", unseen.join(", "))),
        };
        (finding, notes)
    }

    /// Whether the file holds everything that Redis holds, or did before an ordinary rewrite began.
    fn sees_complete_file(&mut self, report: &ServerReport) -> bool {
        let server = report.info.get("run_id").cloned().unwrap_or_default();
        let now = Some((server, report.settings_changed));
        let settled = !report.is("aof_rewrite_in_progress", "1")
            && !report.is("aof_rewrite_scheduled", "1")
            && !report.is("aof_last_bgrewrite_status", "err");
        if settled {
            self.complete = now;
            return true;
        }
        let has_base = report.number("aof_base_size").is_some_and(|size| size > 0);
        match report.settings_changed {
            Some(0) => true,
            Some(_) => self.complete == now,
            // Redis 6.2 does not count them separately.
            None => self.complete == now || (self.complete.is_none() && has_base),
        }
    }
}

impl ServerReport {
    fn read(answers: &[Value]) -> Self {
        let [info, stats, sync, wait, sentinels] = answers else { return Self::default() };
        let info = lines(info);
        let is_replica = |field: &str| field.strip_prefix("slave").is_some_and(|nth| nth.parse::<u32>().is_ok());
        let online = info.iter().filter(|(field, value)| is_replica(field) && value.contains("state=online")).count();
        Self {
            info,
            online: online as u64,
            settings_changed: settings_changed(&lines(stats)),
            sync: settings(sync),
            waits_for_file: matches!(wait, Value::Array(_)),
            sentinels: matches!(sentinels, Value::Array(parts) if matches!(parts.get(1), Some(Value::Int(1..)))),
        }
    }

    fn is(&self, field: &str, value: &str) -> bool {
        self.info.get(field).is_some_and(|known| known == value)
    }

    fn number(&self, field: &str) -> Option<u64> {
        self.info.get(field)?.parse().ok()
    }

    /// Settings and states that are not allowed.
    fn wrong_settings(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut must_be = |setting: &str, value: Option<&String>, wanted: &str| {
            if let Some(value) = value.filter(|value| *value != wanted) {
                wrong.push(format!("{setting} is {value} and must be {wanted}"));
            }
        };
        if self.is("aof_enabled", "0") {
            must_be("appendonly", Some(&"no".to_owned()), "yes");
        }
        let sync = |setting| self.sync.as_ref().and_then(|sync| sync.get(setting));
        must_be("appendfsync", sync("appendfsync"), "always");
        must_be("no-appendfsync-on-rewrite", sync("no-appendfsync-on-rewrite"), "no");
        must_be("maxmemory-policy", self.info.get("maxmemory_policy"), "noeviction");
        must_be(
            "aof_last_write_status (the append-only file can't be written)",
            self.info.get("aof_last_write_status"),
            "ok",
        );
        wrong
    }

    /// What would promote a replica that lacks the last that was acknowledged.
    fn what_may_replace_it(&self) -> Option<String> {
        let by = if self.is("cluster_enabled", "1") {
            "it is part of a Redis Cluster"
        } else if self.sentinels || self.is("redis_mode", "sentinel") {
            "a Redis Sentinel watches it"
        } else {
            return None;
        };
        Some(format!("{by}, whose failover would lose what was acknowledged: that takes DURABILITY=replicas:N"))
    }

    fn replicated(&self, wanted: NonZeroU8) -> Finding {
        if self.online < u64::from(wanted.get()) {
            Finding::TooFewReplicas { online: self.online, wanted }
        } else {
            Finding::Replicated { count: wanted, on_disks: self.waits_for_file }
        }
    }

    /// Fields that `INFO` must contain and does not.
    fn unseen(&self) -> Vec<&'static str> {
        ["aof_enabled", "maxmemory_policy"].into_iter().filter(|field| !self.info.contains_key(*field)).collect()
    }
}

/// Parses the `field:value` lines of `INFO`.
fn lines(answer: &Value) -> HashMap<String, String> {
    let text = match answer {
        Value::VerbatimString { text, .. } | Value::SimpleString(text) => text.clone(),
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => return HashMap::new(),
    };
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(field, value)| (field.into(), value.trim().into()))
        .collect()
}

fn settings_changed(stats: &HashMap<String, String>) -> Option<u64> {
    // Before Redis 7 all subcommands of `CONFIG` share one counter.
    if stats.is_empty() || stats.contains_key("cmdstat_config") {
        return None;
    }
    let Some(calls) = stats.get("cmdstat_config|set") else { return Some(0) };
    calls.split(',').find_map(|part| part.strip_prefix("calls="))?.parse().ok()
}

/// Parses the reply to `CONFIG GET`; `None` if it was refused or is empty.
fn settings(answer: &Value) -> Option<HashMap<String, String>> {
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    };
    let Value::Map(pairs) = answer else { return None };
    let settings: HashMap<_, _> = pairs.iter().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect();
    settings.contains_key("appendfsync").then_some(settings)
}

#[cfg(test)]
mod tests;
