//! The log port on a [`World`].

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Attachment, ClaimOutcome, Event, Fingerprint, Installation, Log, LogId, LogIdentity, LogSeed, LogState, Page, Poll,
    PollCopy, PollId, Position, Unavailable,
};

use crate::{
    fake_copies,
    world::{LogDisk, Token, World},
};

/// Within what each call answers, as the port states.
const LIMIT: Duration = Duration::from_secs(2);

pub(crate) struct FakeLog {
    world: World,
    /// Whose view of the log it is.
    worker: u32,
    token: Token,
    /// To which log this worker was attached last.
    attached_to: Option<LogId>,
}

impl FakeLog {
    pub(crate) fn of(world: World, worker: u32) -> Self {
        Self { world, worker, token: Token::default(), attached_to: None }
    }

    /// An answer that says how much the log has accepted: the worker knows of all ballots in it from now on.
    fn shown<T>(&self, answer: T) -> T {
        self.world.state().show(self.worker);
        answer
    }

    async fn ask<T>(
        &self,
        what: &'static str,
        work: impl FnOnce(&mut LogDisk) -> Result<T, Unavailable>,
    ) -> Result<T, Unavailable> {
        self.world
            .call(what, LIMIT, |state| {
                if state.log_away {
                    return Err(Unavailable::failed(what, "it is away"));
                }
                state.log.clock = state.now_millis();
                work(&mut state.log)
            })
            .await
    }

    /// A step of a leader: refused where another has claimed the log.
    async fn step<T>(&self, what: &'static str, work: impl FnOnce(&mut LogDisk) -> T) -> Result<T, Unavailable> {
        self.ask(what, |log| {
            let claimed = [&log.attaching, &log.attached].contains(&&Some(self.token.clone()));
            if claimed { Ok(work(log)) } else { Err(Unavailable::NotAttached) }
        })
        .await
    }

    fn is_attached(&self, log: &LogDisk) -> bool {
        log.attached.as_ref() == Some(&self.token)
    }
}

/// What calls of the log answer where it has not begun.
fn begun(log: &LogDisk) -> Result<(), Unavailable> {
    if log.id.is_some() { Ok(()) } else { Err(Unavailable::NotBegun) }
}

fn attachment(log: &LogDisk, counted: Position) -> Option<Attachment> {
    Some(Attachment {
        id: log.id.clone()?,
        trimmed: log.trimmed,
        last: (!log.stream_lost).then_some(log.last),
        accepted: log.accepted,
        unread: log.entries.last().is_some_and(|last| last.position > counted),
        now_millis: log.clock,
    })
}

/// All worlds are of one installation; what else can be is tested on its own (`identity`), and on real servers.
#[async_trait]
impl Log for FakeLog {
    fn address(&self) -> String {
        self.world.identity().log_address
    }

    async fn identity(&mut self) -> Result<LogIdentity, Unavailable> {
        if self.world.state().log_away {
            return Err(Unavailable::failed("identity", "it is away"));
        }
        let installation = Some((self.world.identity().installation, self.world.partition));
        Ok(LogIdentity { installation, begun: None })
    }

    async fn install(&mut self, _: &Installation) -> Result<(), Unavailable> {
        unreachable!("it is written")
    }

    async fn rekey(&mut self, _: &Fingerprint) -> Result<(), Unavailable> {
        unreachable!("a teller changes no keys")
    }

    async fn claim(&mut self, leader: &str, state: &LogState) -> Result<ClaimOutcome, Unavailable> {
        let (token, claimed) = self
            .ask("claim", |log| {
                let token = Token { server: log.server, leader: leader.to_owned() };
                let before = log.attached.take().unwrap_or_default();
                let uninterrupted = before.leader == leader;
                let same_server = before.server == log.server && !before.leader.is_empty();
                log.attaching = Some(token.clone());
                let log_found = attachment(log, state.position);
                let now_millis = log.clock;
                let promoted = log.promoted && !same_server;
                Ok((token, ClaimOutcome { log: log_found, now_millis, uninterrupted, same_server, promoted }))
            })
            .await?;
        self.token = token;
        Ok(self.shown(claimed))
    }

    async fn begin(&mut self, seed: LogSeed) -> Result<LogId, Unavailable> {
        self.step("begin", |log| {
            log.begin(seed);
            log.id.clone().expect("it has begun")
        })
        .await
    }

    async fn renew(&mut self, seed: LogSeed) -> Result<(), Unavailable> {
        self.step("renew", |log| {
            for poll in seed.polls.into_iter().map(|seed| seed.poll) {
                log.polls.retain(|known| known.id() != poll.id());
                log.polls.push(poll);
            }
            log.events = seed.events;
        })
        .await
    }

    async fn adopt(&mut self, copies: &[PollCopy]) -> Result<(), Unavailable> {
        self.step("adopt", |log| copies.iter().for_each(|copy| drop(fake_copies::adopt(log, copy)))).await
    }

    async fn raise(&mut self, above: Position) -> Result<(), Unavailable> {
        self.step("raise", |log| {
            log.raised += 1;
            log.stream_lost = false;
            log.last = log.last.max(above);
        })
        .await
    }

    async fn settle(&mut self, counted: &[(PollId, u64)], others: u64) -> Result<(), Unavailable> {
        let accepted = counted.iter().map(|(_, count)| count).sum::<u64>() + others;
        self.step("settle", |log| log.accepted = accepted).await
    }

    async fn add_lost(&mut self, ballots: u64) -> Result<(), Unavailable> {
        self.step("add_lost", |log| log.accepted += ballots).await
    }

    async fn open(&mut self) -> Result<(), Unavailable> {
        let (token, worker) = (self.token.clone(), self.worker);
        self.world
            .call("open", LIMIT, |state| {
                let log = &mut state.log;
                if state.log_away || log.attaching.as_ref() != Some(&token) || log.server != token.server {
                    return Err(Unavailable::NotAttached);
                }
                (log.attaching, log.attached) = (None, Some(token));
                state.attached_by(worker);
                Ok(())
            })
            .await?;
        self.attached_to.clone_from(&self.world.state().log.id);
        Ok(())
    }

    async fn look(&mut self, counted: Position) -> Result<Option<Attachment>, Unavailable> {
        self.ask("look", |log| {
            let attached = self.is_attached(log) && log.server == self.token.server;
            Ok(attachment(log, counted).filter(|_| attached))
        })
        .await
        .map(|looked| looked.map(|log| self.shown(log)))
    }

    async fn read(&mut self, after: Position, limit: usize, wait: Duration) -> Result<Page, Unavailable> {
        let page = |log: &mut LogDisk| {
            let entries = log.entries.iter().filter(|entry| entry.position > after).take(limit).cloned().collect();
            Ok(Page { attached: self.is_attached(log), accepted: log.accepted, entries })
        };
        self.world.reading.notify_one();
        let first = self.ask("read", page).await?;
        let page = if !first.entries.is_empty() || !first.attached {
            first
        } else {
            tokio::time::sleep(wait).await;
            self.ask("read", page).await?
        };
        Ok(if page.attached { self.shown(page) } else { page })
    }

    async fn trim(&mut self, through: Position) -> Result<(), Unavailable> {
        self.step("trim", |log| log.trim(through)).await
    }

    async fn polls(&mut self) -> Result<Vec<Poll>, Unavailable> {
        self.ask("polls", |log| begun(log).map(|()| log.polls.clone())).await
    }

    async fn events(&mut self) -> Result<Vec<Event>, Unavailable> {
        self.ask("events", |log| begun(log).map(|()| log.events.clone())).await
    }

    async fn copies(&mut self) -> Result<Vec<PollCopy>, Unavailable> {
        Ok(self.polls().await?.into_iter().map(PollCopy::of).collect())
    }

    async fn accepted(&mut self) -> Result<u64, Unavailable> {
        let accepted = self.ask("accepted", |log| begun(log).map(|()| log.accepted)).await?;
        // A number alone says nothing to a worker that does not know which log it is about.
        let known = self.attached_to.is_some() && self.attached_to == self.world.state().log.id;
        Ok(if known { self.shown(accepted) } else { accepted })
    }
}
