//! The port to the copies of polls, over several worlds.

use std::time::Duration;

use async_trait::async_trait;
use domain::{CountdownEnd, HeldPolls, Partition, PollCopies, PollCopy, PollId, Unavailable};

use crate::world::{LogDisk, World};

/// One world for each partition. Polls are no entries here.
pub(crate) struct FakeCopies(pub(crate) Vec<World>);

impl FakeCopies {
    fn at<T>(
        &self,
        partition: Partition,
        work: impl FnOnce(&mut LogDisk) -> Result<T, Unavailable>,
    ) -> Result<T, Unavailable> {
        let world = self.0.iter().find(|world| world.partition == partition).expect("a world of each partition");
        let mut state = world.state();
        if state.log_away {
            return Err(Unavailable::not_done("copies of polls", "it is away"));
        }
        if state.log.id.is_none() {
            return Err(Unavailable::NotBegun);
        }
        work(&mut state.log)
    }
}

/// Takes the poll in place of an older one; what is held instead, if that is newer or another one of its version.
pub(crate) fn adopt(log: &mut LogDisk, copy: &PollCopy) -> Option<PollCopy> {
    let known = log.polls.iter().find(|known| known.id() == copy.poll.id());
    if let Some(known) = known.filter(|known| known.version() >= copy.poll.version() && **known != copy.poll) {
        return Some(PollCopy::of(known.clone()));
    }
    log.polls.retain(|known| known.id() != copy.poll.id());
    log.polls.push(copy.poll.clone());
    None
}

#[async_trait]
impl PollCopies for FakeCopies {
    async fn held_by(&self, partition: Partition) -> Result<HeldPolls, Unavailable> {
        self.at(partition, |log| {
            let copies = log.polls.iter().cloned().map(PollCopy::of).collect();
            Ok(HeldPolls { copies, is_attached: log.is_attached(), now_millis: log.clock })
        })
    }

    async fn spread(&self, poll: PollId) -> Result<(), Unavailable> {
        let partitions = self.0[0].identity().installation.partitions;
        let home = partitions.home(poll);
        let find = |log: &mut LogDisk| Ok(log.polls.iter().find(|known| known.id() == poll).cloned());
        let Some(mut decided) = self.at(home, find)? else { return Ok(()) };
        for partition in partitions.all().filter(|&partition| partition != home) {
            while let Some(held) = self.at(partition, |log| Ok(adopt(log, &PollCopy::of(decided.clone()))))? {
                decided = held.poll.clone().after_versions(decided.version(), held.poll.version());
                self.at(home, |log| Ok(adopt(log, &PollCopy::of(decided.clone()))))?;
            }
        }
        Ok(())
    }

    async fn close_in_time(&self, poll: PollId) -> Result<CountdownEnd, Unavailable> {
        let home = self.0[0].identity().installation.partitions.home(poll);
        let world = self.0.iter().find(|world| world.partition == home).expect("a world of each partition");
        let now = world.state().now_millis();
        let known = self.at(home, |log| Ok(log.polls.iter().find(|known| known.id() == poll).cloned()))?;
        let Some((known, moment)) = known.and_then(|known| Some((known.clone(), known.closes_at()?))) else {
            return Ok(CountdownEnd::None);
        };
        let closed = known.as_of(now);
        if closed.is_open() {
            return Ok(CountdownEnd::In(Duration::from_millis(moment - now)));
        }
        self.at(home, |log| Ok(adopt(log, &PollCopy::of(closed.clone()))))?;
        Ok(CountdownEnd::Closed(Box::new(closed)))
    }
}
