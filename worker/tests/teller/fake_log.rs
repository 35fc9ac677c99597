//! The log port on a [`World`].

use std::time::Duration;

use async_trait::async_trait;
use domain::{Attachment, Fingerprint, Installation, Log, LogIdentity, LogSeed, Page, Poll, Position, Unavailable};

use crate::world::{LogDisk, World};

pub(crate) struct FakeLog(pub(crate) World);

impl FakeLog {
    async fn ask<T>(
        &self,
        what: &'static str,
        work: impl FnOnce(&mut LogDisk) -> Result<T, Unavailable>,
    ) -> Result<T, Unavailable> {
        self.0
            .call(what, |state| {
                if state.log_away { Err(Unavailable::failed(what, "it is away")) } else { work(&mut state.log) }
            })
            .await
    }
}

/// What the scripts of the log answer where it has not begun.
fn begun(log: &LogDisk) -> Result<(), Unavailable> {
    if log.id.is_some() { Ok(()) } else { Err(Unavailable::NotBegun) }
}

fn attachment(log: &LogDisk) -> Option<Attachment> {
    Some(Attachment { id: log.id.clone()?, trimmed: log.trimmed, last: log.last })
}

/// All worlds are of one installation; what else can be is tested on its own (`identity`), and on real servers.
#[async_trait]
impl Log for FakeLog {
    fn address(&self) -> String {
        self.0.identity().log_address
    }

    async fn identity(&mut self) -> Result<LogIdentity, Unavailable> {
        if self.0.state().log_away {
            return Err(Unavailable::failed("identity", "it is away"));
        }
        let installation = Some((self.0.identity().installation, self.0.partition));
        Ok(LogIdentity { installation, begun: None })
    }

    async fn install(&mut self, _: &Installation) -> Result<(), Unavailable> {
        unreachable!("it is written")
    }

    async fn rekey(&mut self, _: &Fingerprint) -> Result<(), Unavailable> {
        unreachable!("a teller changes no keys")
    }

    async fn look(&mut self) -> Result<Option<Attachment>, Unavailable> {
        self.ask("look", |log| Ok(attachment(log))).await
    }

    async fn begin(&mut self, seed: LogSeed) -> Result<Attachment, Unavailable> {
        self.ask("begin", |log| {
            if log.id.is_none() {
                log.begin(seed);
            }
            Ok(attachment(log).expect("it has begun"))
        })
        .await
    }

    async fn raise(&mut self, above: Position) -> Result<(), Unavailable> {
        self.ask("raise", |log| {
            begun(log)?;
            log.raised += 1;
            log.last = log.last.max(above);
            Ok(())
        })
        .await
    }

    async fn read(&mut self, after: Position, limit: usize, wait: Duration) -> Result<Page, Unavailable> {
        let page = |log: &mut LogDisk| {
            let entries = log.entries.iter().filter(|entry| entry.position > after).take(limit).cloned().collect();
            Ok(Page { log: log.id.clone(), entries })
        };
        self.0.reading.notify_one();
        let first = self.ask("read", page).await?;
        if !first.entries.is_empty() || first.log.is_none() {
            return Ok(first);
        }
        tokio::time::sleep(wait).await;
        self.ask("read", page).await
    }

    async fn trim(&mut self, counted: Position, before_millis: u64) -> Result<(), Unavailable> {
        self.ask("trim", |log| {
            begun(log)?;
            log.trim(counted, before_millis);
            Ok(())
        })
        .await
    }

    async fn polls(&mut self) -> Result<Vec<Poll>, Unavailable> {
        self.ask("polls", |log| begun(log).map(|()| log.polls.clone())).await
    }

    async fn accepted(&mut self) -> Result<u64, Unavailable> {
        self.ask("accepted", |log| begun(log).map(|()| log.accepted)).await
    }
}
