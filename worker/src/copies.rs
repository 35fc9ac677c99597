//! What a leader takes over from other partitions before its log accepts ballots: every partition has each poll, and
//! this log may have come back with less than it had.

use std::collections::BTreeMap;

use domain::{HeldPolls, Partition, Partitions, PollCopy, PollId, Unavailable};
use futures_util::future::join_all;
use tracing::warn;

use crate::{
    asking::{StopReason, ask_log},
    clocks::ClockOffset,
    teller_parts::TellerParts,
};

/// Takes over what other partitions have newer. If this log may have lost something (`must`), one to which a leader is
/// attached has to answer: it has every change that was acknowledged. Or all of them: then nobody knows more.
///
/// Returns what the clocks of the other partitions' servers show.
pub(crate) async fn pull(parts: &mut TellerParts, must: bool) -> Result<Vec<(Partition, ClockOffset)>, StopReason> {
    if parts.rules.partitions == Partitions::ONE {
        return Ok(Vec::new());
    }
    let own = ask_log(&parts.health, parts.log.copies()).await?;
    let (this, holders) = (parts.partition, &parts.copies);
    // At once: servers that hang would add up.
    let ask = |partition| async move {
        let held = holders.held_by(partition).await;
        (partition, held.map(|held| (ClockOffset::of_answer(held.now_millis), held)))
    };
    let asked = parts.rules.partitions.all().filter(|&partition| partition != this).map(ask);
    let (mut others, mut is_vouched, mut failed) = (Vec::new(), false, None);
    let mut clocks = Vec::new();
    for (partition, answer) in join_all(asked).await {
        match answer {
            Ok((clock, HeldPolls { copies, is_attached, .. })) => {
                clocks.push((partition, clock));
                is_vouched |= is_attached;
                others.extend(copies);
            }
            Err(error) => failed = Some((partition, error)),
        }
    }
    if let Some((partition, error)) = failed.filter(|_| must && !is_vouched) {
        let reason = format!(
            "no other partition can say for certain what changed meanwhile; partition {partition} does not answer: \
             {error}"
        );
        return Err(StopReason::Log(Unavailable::not_done("reading the polls of other partitions", reason)));
    }
    let newer = newer_copies(parts.partition, parts.rules.partitions, &own, others);
    for copy in &newer {
        warn!(event = "poll.pulled", partition = parts.partition.number(), poll = %copy.poll.id(),
            poll.version = copy.poll.version(), "the log had an older version of a poll than another partition");
    }
    ask_log(&parts.health, parts.log.adopt(&newer)).await?;
    Ok(clocks)
}

/// All polls of this home are spread, once the log takes ballots, and closed in time.
pub(crate) async fn spread_all(parts: &mut TellerParts) -> Result<(), StopReason> {
    let polls = ask_log(&parts.health, parts.log.polls()).await?;
    parts.closer.add(&polls);
    if parts.rules.partitions == Partitions::ONE {
        return Ok(());
    }
    parts.spreader.add(polls.iter().map(domain::Poll::id));
    Ok(())
}

/// What this partition must take over. `others` are the copies of the other partitions.
///
/// Of a poll of another home, the newest copy. Of a poll of this home, the newest copy too, or another one of the same
/// version, but under a higher version: this home has lost the change that made it.
fn newer_copies(
    partition: Partition,
    partitions: Partitions,
    own: &[PollCopy],
    others: Vec<PollCopy>,
) -> Vec<PollCopy> {
    let own: BTreeMap<PollId, &PollCopy> = own.iter().map(|copy| (copy.poll.id(), copy)).collect();
    let mut newest = BTreeMap::<PollId, PollCopy>::new();
    for copy in others {
        let is_newer = |known: &PollCopy| known.poll.version() < copy.poll.version();
        if newest.get(&copy.poll.id()).is_none_or(is_newer) {
            newest.insert(copy.poll.id(), copy);
        }
    }
    let taken_over = |(id, copy): (PollId, PollCopy)| {
        let known = own.get(&id);
        let known_version = known.map_or(0, |known| known.poll.version());
        let is_newer = copy.poll.version() > known_version;
        if partitions.home(id) != partition {
            return is_newer.then_some(copy);
        }
        let differs = copy.poll.version() == known_version && known.is_some_and(|known| known.stored != copy.stored);
        (is_newer || differs).then(|| {
            let version = copy.poll.version();
            PollCopy::of(copy.poll.after_versions(known_version, version))
        })
    };
    newest.into_iter().filter_map(taken_over).collect()
}

#[cfg(test)]
mod tests;
