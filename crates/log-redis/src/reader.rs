//! One partition of the log as the worker reads it.
//!
//! It keeps no position: the ledger does, and hands it in with each read.

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Attachment, Fingerprint, Installation, Log, LogId, LogIdentity, LogSeed, Page, Partition, Poll, Position,
    Unavailable,
};
use redis::Value;

use crate::{
    RedisUrl,
    ballot_box::{begun, number, read_polls},
    beginning::{self, Stopped},
    casting::MAX_BALLOTS_SENT,
    installation,
    keys::Keys,
    link::{ANSWER_TIMEOUT, Deadline, Link},
    scripts::{self, LOOK, RAISE, READ_ALL, TRIM, checked, unexpected, word},
    wire,
};

/// How many entries of the stream are read at once at most. Each holds up to [`MAX_BALLOTS_SENT`] ballots, and how many is known
/// only when they are here; so this bounds what a page can be.
const MAX_ENTRIES_READ: usize = 512;
/// How often a beginning starts over because Redis lost everything meanwhile.
const BEGIN_ATTEMPTS: usize = 3;

/// One partition of the log on Redis, as the worker that leads it sees it.
pub struct RedisLog {
    address: String,
    partition: Partition,
    keys: Keys,
    link: Link,
    /// Reads block their connection, so they have one of their own.
    reading: Link,
    /// A read was begun and has not come to its end. Still true when the next begins: its caller gave it up, and
    /// Redis may be waiting on that connection yet.
    read_under_way: bool,
    /// How many ballots an entry had in the last page that had any, rounded up.
    ballots_per_entry: usize,
}

impl RedisLog {
    /// The partition's log on this Redis, which need not be there yet.
    pub fn new(url: &RedisUrl, partition: Partition) -> Self {
        Self {
            address: url.address(),
            partition,
            keys: Keys::new(partition),
            link: Link::new(url),
            reading: Link::new(url),
            read_under_way: false,
            ballots_per_entry: MAX_BALLOTS_SENT,
        }
    }

    /// Reads entries, then the log's id, in this order, over one connection. If the log was emptied and begun anew at
    /// any time between the caller's last look and here, the id differs from the one that the caller knows, even
    /// if the entries are still the old log's; the other way round, new entries could pass for the old log's.
    async fn read_page(&mut self, after: Position, limit: usize, wait: Duration) -> Result<Page, Unavailable> {
        const WHAT: &str = "reading the log";
        let mut commands = redis::pipe();
        let count = (limit / self.ballots_per_entry).clamp(1, MAX_ENTRIES_READ);
        let read = commands.cmd("XREAD").arg("COUNT").arg(count);
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        // `BLOCK 0` would wait for ever.
        if wait_ms > 0 {
            read.arg("BLOCK").arg(wait_ms);
        }
        read.arg("STREAMS").arg(&self.keys.log).arg(after.to_string());
        commands.cmd("GET").arg(&self.keys.id);

        let deadline = Deadline::within(wait.saturating_add(ANSWER_TIMEOUT));
        let answers = self.reading.send(WHAT, deadline, &commands).await?;
        let [entries, id] = <[Value; 2]>::try_from(answers).map_err(|_| unexpected(WHAT))?;
        let log = match checked(WHAT, id)? {
            Value::Nil => None,
            id => Some(LogId::new(word(WHAT, id)?)),
        };
        let stored = stored_entries(WHAT, checked(WHAT, entries)?)?;
        let count = stored.len();
        let mut entries = Vec::with_capacity(limit.min(count * self.ballots_per_entry));
        for entry in stored {
            wire::decode_entry(entry, &mut entries).map_err(|reason| Unavailable::failed(WHAT, reason))?;
        }
        if count > 0 {
            self.ballots_per_entry = entries.len().div_ceil(count);
        }
        Ok(Page { log, entries })
    }
}

#[async_trait]
impl Log for RedisLog {
    fn address(&self) -> String {
        self.address.clone()
    }

    async fn identity(&mut self) -> Result<LogIdentity, Unavailable> {
        installation::identity(&self.link, &self.keys).await
    }

    async fn install(&mut self, installation: &Installation) -> Result<(), Unavailable> {
        installation::install(&self.link, &self.keys, installation, self.partition).await
    }

    async fn rekey(&mut self, fingerprint: &Fingerprint) -> Result<(), Unavailable> {
        installation::rekey(&self.link, &self.keys, fingerprint).await
    }

    async fn look(&mut self) -> Result<Option<Attachment>, Unavailable> {
        const WHAT: &str = "looking for the log";
        let call = LOOK.call(&[&self.keys.id, &self.keys.trimmed, &self.keys.log]);
        match scripts::run(&self.link, WHAT, call).await? {
            Value::Nil => Ok(None),
            Value::Array(parts) => {
                let [id, trimmed, last] = <[Value; 3]>::try_from(parts).map_err(|_| unexpected(WHAT))?;
                let (trimmed, last) = (place(WHAT, &trimmed)?, place(WHAT, &last)?);
                Ok(Some(Attachment { id: LogId::new(word(WHAT, id)?), trimmed, last }))
            }
            _ => Err(unexpected(WHAT)),
        }
    }

    async fn begin(&mut self, seed: LogSeed) -> Result<Attachment, Unavailable> {
        for _ in 0..BEGIN_ATTEMPTS {
            match beginning::begin(&self.link, &self.keys, &seed).await {
                Ok(()) | Err(Stopped::Begun) => {}
                Err(Stopped::Lost) => continue,
                Err(Stopped::Failed(error)) => return Err(error),
            }
            if let Some(attachment) = self.look().await? {
                return Ok(attachment);
            }
        }
        Err(Unavailable::failed("beginning the log", "Redis was emptied again meanwhile"))
    }

    async fn raise(&mut self, above: Position) -> Result<(), Unavailable> {
        const WHAT: &str = "raising the log's last id";
        let call = RAISE.call(&[&self.keys.id, &self.keys.log]).arg(wire::last_id_above(above));
        done(WHAT, scripts::run(&self.link, WHAT, call).await?)
    }

    async fn read(&mut self, after: Position, limit: usize, wait: Duration) -> Result<Page, Unavailable> {
        if self.read_under_way {
            self.reading.give_up().await;
        }
        self.read_under_way = true;
        let page = self.read_page(after, limit, wait).await;
        self.read_under_way = false;
        page
    }

    async fn trim(&mut self, counted: Position, before_millis: u64) -> Result<(), Unavailable> {
        const WHAT: &str = "trimming the log";
        let counted = counted.as_i64().saturating_add(1);
        let before = Position::new(before_millis, 0).map_or(counted, |before| before.as_i64().min(counted));
        // The first that stays, and the last that may go.
        let (Some(stays), Some(goes)) = (Position::from_i64(before), Position::from_i64(before - 1)) else {
            return Ok(());
        };
        let call = TRIM.call(&[&self.keys.id, &self.keys.log, &self.keys.trimmed]);
        let call = call.arg(stays.to_string()).arg(goes.to_string()).arg(wire::BALLOTS_FIELD).arg(wire::BALLOT_BYTES);
        done(WHAT, scripts::run(&self.link, WHAT, call).await?)
    }

    async fn polls(&mut self) -> Result<Vec<Poll>, Unavailable> {
        const WHAT: &str = "reading the polls";
        let call = READ_ALL.call(&[&self.keys.id, &self.keys.polls]);
        let mut polls = read_polls(WHAT, scripts::run(&self.link, WHAT, call).await?)?;
        polls.sort_unstable_by_key(Poll::id);
        Ok(polls)
    }

    async fn accepted(&mut self) -> Result<u64, Unavailable> {
        const WHAT: &str = "reading how many ballots were accepted";
        let call = READ_ALL.call(&[&self.keys.id, &self.keys.accepted]);
        let Value::Array(counts) = begun(scripts::run(&self.link, WHAT, call).await?)? else {
            return Err(unexpected(WHAT));
        };
        counts.iter().map(|count| number(WHAT, count)).sum()
    }
}

/// The entries in the answer to `XREAD` of one stream.
fn stored_entries(what: &'static str, answer: Value) -> Result<Vec<Value>, Unavailable> {
    let mut streams = match answer {
        Value::Nil => return Ok(Vec::new()),
        Value::Map(streams) => streams,
        _ => return Err(unexpected(what)),
    };
    match streams.pop() {
        Some((_, Value::Array(entries))) => Ok(entries),
        _ => Err(unexpected(what)),
    }
}

fn place(what: &'static str, id: &Value) -> Result<Position, Unavailable> {
    let Value::BulkString(id) = id else { return Err(unexpected(what)) };
    wire::decode_position(id).ok_or_else(|| unexpected(what))
}

fn done(what: &'static str, answer: Value) -> Result<(), Unavailable> {
    match word(what, answer)?.as_str() {
        "done" => Ok(()),
        "not begun" => Err(Unavailable::NotBegun),
        _ => Err(unexpected(what)),
    }
}
