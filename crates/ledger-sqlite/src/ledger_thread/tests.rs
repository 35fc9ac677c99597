//! How many ballots are counted at a time.

use std::path::Path;

use domain::{Ballot, Choices, Poll, PollId, PollSpec, Record, VoterId};

use super::*;
use crate::{
    opening::{self, OpenLedger},
    store,
};

fn accepted(number: usize) -> Accepted {
    let voter = VoterId::from_bytes((number as u128).to_be_bytes());
    let ballot = Ballot { poll: PollId::MAIN, voter, choices: Choices::parse(["a"]).unwrap() };
    (Position::new(1_700_000_000_000, number as u64 + 1).unwrap(), ballot)
}

/// A thread with a full queue, on a ledger with the poll.
fn full_thread(directory: &Path) -> LedgerThread {
    let OpenLedger { ledger: mut conn, files, .. } = opening::open_for_writing(&directory.join("ledger.db")).unwrap();
    let poll = Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap();
    let position = Position::new(1_700_000_000_000, 0).unwrap();
    apply::apply_and_commit(&mut conn, vec![Entry { position, record: Ok(Record::Poll(Box::new(poll))) }]).unwrap();
    LedgerThread {
        conn,
        files,
        committed: position,
        movements: Arc::default(),
        progress: progress(position, ring_file::CAPACITY),
        pending: (0..ring_file::CAPACITY).map(accepted).collect(),
        count_at: Some(Instant::now()),
        since: None,
        is_awaited: false,
    }
}

fn progress(counted: Position, waiting: usize) -> Arc<CountProgress> {
    let progress = CountProgress::new(counted);
    progress.queue(waiting);
    Arc::new(progress)
}

impl LedgerThread {
    /// The number counted, on which all parts must agree.
    fn counted(&self) -> usize {
        let counted = ring_file::CAPACITY - self.pending.len();
        assert_eq!(store::poll(&self.conn, PARTITION, PollId::MAIN).unwrap().unwrap().ballots, counted as u64);
        assert_eq!(self.progress.queued(), self.pending.len());
        let position = Position::new(1_700_000_000_000, counted as u64).unwrap();
        assert_eq!(self.progress.counted_through(), position);
        assert_eq!(store::counted_through(&self.conn, PARTITION).unwrap(), position);
        counted
    }
}

#[test]
fn room_is_made_by_one_batch_not_by_counting_the_whole_queue() {
    let directory = tempfile::tempdir().unwrap();
    let mut thread = full_thread(directory.path());
    assert_eq!(thread.counted(), 0);
    let (to, made) = mpsc::sync_channel(1);
    for (more, counted) in [(0, 0), (1, MAX_BATCH), (MAX_BATCH, MAX_BATCH), (MAX_BATCH + 1, 2 * MAX_BATCH)] {
        assert!(thread.take(Ok(LedgerTask::MakeRoom(more, to.clone()))));
        made.try_recv().unwrap().unwrap();
        assert_eq!(thread.counted(), counted, "for {more} more");
    }
}

#[test]
fn ballots_beyond_a_full_batch_wait_for_more() {
    let directory = tempfile::tempdir().unwrap();
    let mut thread = full_thread(directory.path());
    let rest = thread.pending.split_off(MAX_BATCH - 1);
    thread.progress = progress(thread.progress.counted_through(), MAX_BATCH + 7);
    thread.since = Some(Instant::now());
    assert!(thread.take(Ok(LedgerTask::Count(rest.into_iter().take(8).collect()))));
    assert_eq!(thread.pending.len(), 7);
    assert_eq!(store::poll(&thread.conn, PARTITION, PollId::MAIN).unwrap().unwrap().ballots, MAX_BATCH as u64);
    assert!(thread.since.is_some() && thread.count_at.is_some(), "and is counted by itself");
    assert!(thread.take(Err(mpsc::RecvTimeoutError::Timeout)));
    assert!(thread.pending.is_empty() && thread.count_at.is_none());
}

#[test]
fn all_queued_ballots_are_counted_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let mut thread = full_thread(directory.path());
    assert!(!thread.take(Err(mpsc::RecvTimeoutError::Disconnected)));
    assert_eq!(thread.counted(), ring_file::CAPACITY);
}
