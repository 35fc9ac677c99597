//! Counts a batch into the tables: looks up what the count needs, counts, and writes the result.
//!
//! The only code that adds ballots and changes figures, both for ballots that were just cast and for entries of another
//! log. It runs inside its caller's transaction, and neither begins nor commits one.

use domain::{
    ApplyOutcome, Batch, Changes, CountedBallot, Entry, EventUpdate, Partition, Poll, PollIndex, Position, Previous,
    TallyChange, VoterId, count,
};
use rusqlite::{Connection, TransactionBehavior};

use crate::{
    movements::Moved,
    store::{self, Newest, PARTITION, StoreError, StoredPoll, signed},
    trees::PresentTrees,
};

/// The outcome of a batch, and what it touched.
#[derive(Debug, Default)]
pub(crate) struct BatchOutcome {
    pub(crate) applied: ApplyOutcome,
    /// Polls whose tallies moved, and events that changed.
    pub(crate) moved: Moved,
}

/// Counts the entries that are after the partition's position, and moves the position.
pub(crate) fn apply(conn: &Connection, partition: Partition, entries: Vec<Entry>) -> Result<BatchOutcome, StoreError> {
    let counted = store::counted_through(conn, partition)?;
    let batch = Batch::new(counted, entries);
    if batch.is_empty() {
        return Ok(BatchOutcome {
            applied: ApplyOutcome { position: counted, ..ApplyOutcome::default() },
            ..BatchOutcome::default()
        });
    }
    let stored = batch.polls.iter().map(|&id| store::poll(conn, partition, id)).collect::<Result<Vec<_>, _>>()?;
    let previous = previous(conn, &stored, &batch.voters)?;
    let known: Vec<_> = stored.iter().map(|poll| poll.as_ref().map(StoredPoll::known)).collect();
    let changes = count(&known, &previous, &batch);
    let trees = PresentTrees::of(conn, partition, &stored)?;
    let numbers = stored.iter().map(|poll| poll.as_ref().map(|poll| poll.number)).collect();
    let numbers = write(conn, partition, numbers, &changes)?;
    if let Some(trees) = trees {
        trees.grow(conn, &batch.polls, &changes, |poll| number_of(&numbers, poll))?;
    }
    note_time(conn, partition, counted)?;

    let (ballots, rejected) = (changes.ballots.len() as u64, changes.rejected.len() as u64);
    let applied = ApplyOutcome { position: changes.position, ballots, rejected };
    let moved = Moved { polls: changes.moved(&batch), events: changes.moved_events() };
    Ok(BatchOutcome { applied, moved })
}

/// The same in its own transaction, for ballots of this process. The result is on disk when this returns.
pub(crate) fn apply_and_commit(conn: &mut Connection, entries: Vec<Entry>) -> Result<BatchOutcome, StoreError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let outcome = apply(&tx, PARTITION, entries)?;
    tx.commit()?;
    Ok(outcome)
}

/// Logs rejected ballots. The acceptor accepts only ballots that fit their poll, so only a bug in this program, or the
/// ring file of another ledger, leads to this.
pub(crate) fn report_rejected(outcome: &BatchOutcome) {
    if outcome.applied.rejected > 0 {
        tracing::error!(
            event = "ledger.rejected",
            ballots = outcome.applied.rejected,
            "ballots do not fit the ledger's polls and were set aside: see its table `rejected`"
        );
    }
}

fn previous(
    conn: &Connection,
    polls: &[Option<StoredPoll>],
    voters: &[(PollIndex, VoterId)],
) -> Result<Vec<Option<Previous>>, StoreError> {
    let mut newest = Newest::prepare(conn)?;
    let mut previous = vec![None; voters.len()];
    for index in in_order_of_key(voters.len(), |index| voters[index]) {
        let (poll, voter) = voters[index];
        if let Some(poll) = &polls[poll.get()] {
            previous[index] = newest.of(poll.number, voter)?;
        }
    }
    Ok(previous)
}

/// Indices in the order of the table's key, because neighbours share pages of the tree.
fn in_order_of_key(len: usize, key: impl Fn(usize) -> (PollIndex, VoterId)) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.sort_unstable_by_key(|&index| (key(index), index));
    order
}

/// Writes everything but trees. Returns the number of each poll of the batch that has one.
fn write(
    conn: &Connection,
    partition: Partition,
    mut numbers: Vec<Option<i64>>,
    changes: &Changes,
) -> Result<Vec<Option<i64>>, StoreError> {
    for update in &changes.polls {
        let row = PollRow { partition, round: update.now.round(), since: update.since, position: update.position };
        numbers[update.poll.get()] = Some(write_poll(conn, &update.now, &row)?);
    }
    changes.events.iter().try_for_each(|update| write_event(conn, partition, update))?;
    let number = |poll: PollIndex| number_of(&numbers, poll);
    add_ballots(conn, &changes.ballots, number)?;
    for tally in &changes.tallies {
        move_figures(conn, number(tally.poll), tally)?;
    }
    let mut set_aside =
        conn.prepare_cached("INSERT INTO rejected (partition, position, reason, entry) VALUES (?1, ?2, ?3, ?4)")?;
    for rejected in &changes.rejected {
        let (position, entry) = (rejected.position.as_i64(), &rejected.entry);
        set_aside.execute((partition.number(), position, &entry.reason, &entry.entry))?;
    }
    let mut advance = conn.prepare_cached(
        "INSERT INTO log (partition, position, counted) VALUES (?1, ?2, ?3) ON CONFLICT (partition)
         DO UPDATE SET position = excluded.position, counted = counted + excluded.counted",
    )?;
    advance.execute((partition.number(), changes.position.as_i64(), signed(changes.ballots.len() as u64)))?;
    Ok(numbers)
}

fn number_of(numbers: &[Option<i64>], poll: PollIndex) -> i64 {
    numbers[poll.get()].expect("every poll with ballots was found or written by this batch")
}

/// Records that entries after `position` are counted at this time; at most one row per second.
fn note_time(conn: &Connection, partition: Partition, position: Position) -> Result<(), StoreError> {
    let mut note = conn.prepare_cached(
        "INSERT INTO count_times (partition, after, at) SELECT ?1, ?2, unixepoch() WHERE unixepoch() IS NOT (
             SELECT at FROM count_times WHERE partition = ?1 ORDER BY after DESC LIMIT 1
         )",
    )?;
    note.execute((partition.number(), position.as_i64()))?;
    Ok(())
}

fn add_ballots(
    conn: &Connection,
    ballots: &[CountedBallot],
    number: impl Fn(PollIndex) -> i64,
) -> Result<(), StoreError> {
    let mut insert =
        conn.prepare_cached("INSERT INTO ballots (poll, voter, position, choices) VALUES (?1, ?2, ?3, ?4)")?;
    for index in in_order_of_key(ballots.len(), |index| (ballots[index].poll, ballots[index].voter)) {
        let ballot = &ballots[index];
        let (position, choices) = (ballot.position.as_i64(), ballot.choices.bits());
        insert.execute((number(ballot.poll), ballot.voter.as_bytes(), position, choices))?;
    }
    Ok(())
}

fn move_figures(conn: &Connection, poll: i64, tally: &TallyChange) -> Result<(), StoreError> {
    if tally.restart {
        conn.prepare_cached("UPDATE tallies SET votes = 0 WHERE poll = ?1")?.execute([poll])?;
        conn.prepare_cached("UPDATE turnout SET voters = 0 WHERE poll = ?1")?.execute([poll])?;
    }
    let mut add = conn.prepare_cached("UPDATE tallies SET votes = votes + ?3 WHERE poll = ?1 AND option = ?2")?;
    for (option, &votes) in (0_u32..).zip(&tally.votes).filter(|&(_, &votes)| votes != 0) {
        if add.execute((poll, option, votes))? != 1 {
            return Err(StoreError::Data(format!("option {option} of a poll has no tally")));
        }
    }
    let mut add =
        conn.prepare_cached("UPDATE turnout SET voters = voters + ?2, counted = counted + ?3 WHERE poll = ?1")?;
    add.execute((poll, tally.voters, signed(tally.ballots)))?;
    Ok(())
}

/// Writes a new or changed event, unless a newer version is there.
pub(crate) fn write_event(conn: &Connection, partition: Partition, update: &EventUpdate) -> Result<(), StoreError> {
    let EventUpdate { now, position } = update;
    let json = serde_json::to_string(now).map_err(|error| StoreError::Data(error.to_string()))?;
    let mut upsert = conn.prepare_cached(
        "INSERT INTO events (id, partition, version, event, position) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id)
         DO UPDATE SET partition = excluded.partition, version = excluded.version, event = excluded.event,
             position = excluded.position
         WHERE events.version <= excluded.version",
    )?;
    let version = i64::try_from(now.version()).unwrap_or(i64::MAX);
    upsert.execute((now.id().as_str(), partition.number(), version, json, position.as_i64()))?;
    Ok(())
}

/// What the table stores about a poll besides the poll itself.
pub(crate) struct PollRow {
    pub(crate) partition: Partition,
    /// The round being counted.
    pub(crate) round: u32,
    /// The position at which that round began.
    pub(crate) since: Position,
    /// The position of the poll's last change.
    pub(crate) position: Position,
}

/// Writes a new or changed poll, with a figure for each of its options; returns its number.
pub(crate) fn write_poll(conn: &Connection, poll: &Poll, row: &PollRow) -> Result<i64, StoreError> {
    let json = serde_json::to_value(poll).map_err(|error| StoreError::Data(error.to_string()))?;
    let mut upsert = conn.prepare_cached(
        "INSERT INTO polls (id, partition, poll, state, listed, round, since, position, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id, partition)
         DO UPDATE SET version = excluded.version, poll = excluded.poll, state = excluded.state,
             listed = excluded.listed, round = excluded.round, since = excluded.since, position = excluded.position
         RETURNING number",
    )?;
    let id = poll.id();
    let number: i64 = upsert.query_row(
        (
            id.as_str(),
            row.partition.number(),
            json.to_string(),
            json["state"].as_str(),
            poll.listed(),
            row.round,
            row.since.as_i64(),
            row.position.as_i64(),
            i64::try_from(poll.version()).unwrap_or(i64::MAX),
        ),
        |row| row.get(0),
    )?;
    conn.prepare_cached("INSERT OR IGNORE INTO turnout (poll, voters, counted) VALUES (?1, 0, 0)")?
        .execute([number])?;
    let options = u32::try_from(poll.options().len()).expect("at most 26 options");
    let mut insert = conn.prepare_cached("INSERT OR IGNORE INTO tallies (poll, option, votes) VALUES (?1, ?2, 0)")?;
    for option in 0..options {
        insert.execute((number, option))?;
    }
    // Options can be removed only before the first ballot.
    conn.prepare_cached("DELETE FROM tallies WHERE poll = ?1 AND option >= ?2")?.execute((number, options))?;
    Ok(number)
}
