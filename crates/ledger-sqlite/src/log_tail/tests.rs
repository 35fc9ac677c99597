//! The outcome of ballots before and after they are counted.

use domain::{Choices, Entry, FIRST_REVISION, PollSpec, Record};

use super::*;
use crate::{apply::apply, migrations::migrate, ring_file, store::PARTITION};

/// A ledger with one open poll.
fn ledger(edit: impl FnOnce(&mut PollSpec)) -> Connection {
    let mut conn = Connection::open_in_memory().unwrap();
    migrate(&mut conn).unwrap();
    let mut spec = PollSpec::simple("Which?", ["x", "y", "z"]);
    edit(&mut spec);
    let poll = Poll::new(PollId::MAIN, spec).unwrap();
    let created = Entry { position: Position::new(1, 0).unwrap(), record: Ok(Record::Poll(Box::new(poll))) };
    apply(&conn, PARTITION, vec![created]).unwrap();
    conn
}

fn tail(ledger: &Connection) -> LogTail {
    LogTail::new(store::counted_through(ledger, PARTITION).unwrap())
}

fn ballot(voter: u8, key: &str) -> Ballot {
    Ballot { poll: PollId::MAIN, voter: VoterId::from_bytes([voter; 16]), choices: Choices::parse([key]).unwrap() }
}

fn count(ledger: &Connection, accepted: &mut Vec<Accepted>) -> Position {
    let entries = accepted.drain(..).map(|ballot| ring_file::entry(&ballot)).collect();
    apply(ledger, PARTITION, entries).unwrap().applied.position
}

#[test]
fn nobody_votes_twice_before_or_after_the_first_ballot_is_counted() {
    let ledger = ledger(|spec| spec.votes_can_change = false);
    let (mut tail, mut accepted) = (tail(&ledger), Vec::new());
    let cast =
        |tail: &mut LogTail, ballot, accepted: &mut _| tail.cast(&ledger, 2, ballot, FIRST_REVISION, accepted).unwrap();
    let CastOutcome::Recorded(first) = cast(&mut tail, ballot(1, "a"), &mut accepted) else { panic!("not recorded") };
    assert_eq!(cast(&mut tail, ballot(1, "b"), &mut accepted), CastOutcome::AlreadyCast(first));
    let CastOutcome::Recorded(other) = cast(&mut tail, ballot(2, "b"), &mut accepted) else { panic!("not recorded") };
    assert!(other > first);
    assert_eq!(accepted.len(), 2);

    let counted = count(&ledger, &mut accepted);
    assert_eq!(counted, other);
    assert_eq!(
        cast(&mut tail, ballot(1, "b"), &mut accepted),
        CastOutcome::AlreadyCast(first),
        "counted, and remembered"
    );
    tail.forget_counted(first);
    assert_eq!(tail.cast.len(), 1, "only what is counted is forgotten");
    tail.forget_counted(counted);
    assert!(tail.cast.is_empty() && tail.in_order.is_empty());
    assert_eq!(cast(&mut tail, ballot(1, "b"), &mut accepted), CastOutcome::AlreadyCast(first), "found in the ledger");
    assert_eq!(accepted, []);
    assert_eq!(tail.accepted(PollId::MAIN), 2);
}

#[test]
fn voters_are_remembered_only_where_votes_can_not_change() {
    let ledger = ledger(|_| {});
    let (mut tail, mut accepted) = (tail(&ledger), Vec::new());
    for key in ["a", "b", "a"] {
        let cast = tail.cast(&ledger, 2, ballot(1, key), FIRST_REVISION, &mut accepted).unwrap();
        assert!(matches!(cast, CastOutcome::Recorded(_)), "{cast:?}");
    }
    assert!(tail.cast.is_empty());
    assert!(accepted.is_sorted_by_key(|(position, _)| *position));
}

#[test]
fn a_ballot_for_another_revision_takes_no_other_with_it() {
    let ledger = ledger(|_| {});
    let (mut tail, mut accepted) = (tail(&ledger), Vec::new());
    let cast = tail.cast(&ledger, 2, ballot(1, "b"), FIRST_REVISION + 1, &mut accepted);
    assert_eq!(cast.unwrap(), CastOutcome::Rewritten);
    assert!(matches!(
        tail.cast(&ledger, 2, ballot(2, "b"), FIRST_REVISION, &mut accepted),
        Ok(CastOutcome::Recorded(_))
    ));
    assert_eq!(accepted.len(), 1);
}

#[test]
fn without_a_position_left_nothing_is_recorded() {
    let ledger = ledger(|_| {});
    let (mut tail, mut accepted) = (LogTail::new(Position::from_i64(i64::MAX).unwrap()), Vec::new());
    let cast = tail.cast(&ledger, u64::MAX, ballot(1, "a"), FIRST_REVISION, &mut accepted);
    assert!(matches!(cast, Err(StoreError::NoPositionLeft)));
    assert_eq!(accepted, []);
}
