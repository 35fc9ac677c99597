//! How much is counted at a time.

use std::path::Path;

use domain::{Ballot, Choices, Event, Poll, PollId, PollSpec, VoterId};

use super::*;
use crate::{
    opening::{self, Opened},
    store,
};

fn accepted(number: usize) -> Accepted {
    let voter = VoterId::from_bytes((number as u128).to_be_bytes());
    let ballot = Ballot { poll: PollId::MAIN, voter, choices: Choices::parse(["a"]).unwrap() };
    (Position::new(1_700_000_000_000, number as u64 + 1).unwrap(), ballot)
}

/// A table at which as many wait as can, on a ledger with their poll.
fn full_table(directory: &Path) -> Table {
    let Opened { ledger: mut conn, files, .. } = opening::open_for_writing(&directory.join("ledger.db")).unwrap();
    let poll = Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap();
    let position = Position::new(1_700_000_000_000, 0).unwrap();
    apply_in_a_transaction(&mut conn, vec![Entry { position, event: Ok(Event::Poll(Box::new(poll))) }]).unwrap();
    Table {
        conn,
        files,
        committed: position,
        movements: Arc::default(),
        progress: progress(position, waiting::CAPACITY),
        pending: (0..waiting::CAPACITY).map(accepted).collect(),
        count_at: Some(Instant::now()),
        since: None,
        hurried: false,
    }
}

fn progress(counted: Position, waiting: usize) -> Arc<Progress> {
    let progress = Progress::new(counted);
    progress.wait(waiting);
    Arc::new(progress)
}

impl Table {
    /// How many are counted, which everybody must agree on.
    fn counted(&self) -> usize {
        let counted = waiting::CAPACITY - self.pending.len();
        assert_eq!(store::poll(&self.conn, PollId::MAIN).unwrap().unwrap().ballots, counted as u64);
        assert_eq!(self.progress.waiting(), self.pending.len());
        let position = Position::new(1_700_000_000_000, counted as u64).unwrap();
        assert_eq!(self.progress.counted(), position);
        assert_eq!(store::counted_through(&self.conn, PARTITION).unwrap(), position);
        counted
    }
}

#[test]
fn room_is_made_by_one_batch_and_not_by_counting_all_that_waits() {
    let directory = tempfile::tempdir().unwrap();
    let mut table = full_table(directory.path());
    assert_eq!(table.counted(), 0);
    let (to, made) = mpsc::sync_channel(1);
    for (more, counted) in [(0, 0), (1, MAX_BATCH), (MAX_BATCH, MAX_BATCH), (MAX_BATCH + 1, 2 * MAX_BATCH)] {
        assert!(table.take(Ok(Task::MakeRoom(more, to.clone()))));
        made.try_recv().unwrap().unwrap();
        assert_eq!(table.counted(), counted, "for {more} more");
    }
}

#[test]
fn where_enough_wait_for_a_batch_the_rest_waits_for_company() {
    let directory = tempfile::tempdir().unwrap();
    let mut table = full_table(directory.path());
    let rest = table.pending.split_off(MAX_BATCH - 1);
    table.progress = progress(table.progress.counted(), MAX_BATCH + 7);
    table.since = Some(Instant::now());
    assert!(table.take(Ok(Task::Count(rest.into_iter().take(8).collect()))));
    assert_eq!(table.pending.len(), 7);
    assert_eq!(store::poll(&table.conn, PollId::MAIN).unwrap().unwrap().ballots, MAX_BATCH as u64);
    assert!(table.since.is_some() && table.count_at.is_some(), "and is counted by itself");
    assert!(table.take(Err(mpsc::RecvTimeoutError::Timeout)));
    assert!(table.pending.is_empty() && table.count_at.is_none());
}

#[test]
fn all_that_waits_is_counted_in_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let mut table = full_table(directory.path());
    assert!(!table.take(Err(mpsc::RecvTimeoutError::Disconnected)));
    assert_eq!(table.counted(), waiting::CAPACITY);
}
