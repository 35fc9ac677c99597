//! Requests that fall into one transaction, where one must see what the one before it did.

use domain::{ChangeRefused, Choices, FIRST_REVISION, PollSpec};

use super::*;
use crate::migrations::migrate;

fn tables() -> Connection {
    let mut conn = Connection::open_in_memory().unwrap();
    migrate(&mut conn).unwrap();
    conn
}

fn poll(edit: impl FnOnce(&mut PollSpec)) -> Poll {
    let mut spec = PollSpec::simple("Which?", ["x", "y", "z"]);
    edit(&mut spec);
    Poll::new(PollId::MAIN, spec).unwrap()
}

fn ballot(voter: u8, key: &str) -> Ballot {
    Ballot { poll: PollId::MAIN, voter: VoterId::from_bytes([voter; 16]), choices: Choices::parse([key]).unwrap() }
}

fn rewrite() -> PollChange {
    PollChange::Rewrite(Box::new(PollSpec::simple("Tea?", ["Yes", "No"])))
}

fn recorded(sitting: &mut Sitting<'_>, ballot: Ballot) -> Position {
    match sitting.cast(ballot, FIRST_REVISION).unwrap() {
        Cast::Recorded(position) => position,
        other => panic!("not recorded: {other:?}"),
    }
}

#[test]
fn a_ballot_fixes_the_question_for_the_rest_of_its_transaction() {
    let conn = tables();
    let mut sitting = Sitting::new(&conn, 1).unwrap();
    sitting.create(poll(|_| {})).unwrap();
    recorded(&mut sitting, ballot(1, "c"));
    let refused = sitting.change(PollId::MAIN, &rewrite()).unwrap();
    assert_eq!(refused, Change::Refused(ChangeRefused::HasBallots));
    assert_eq!(sitting.count().unwrap().applied.ballots, 1);
}

#[test]
fn a_reset_lets_everybody_vote_again_in_its_own_transaction() {
    let conn = tables();
    let mut sitting = Sitting::new(&conn, 1).unwrap();
    sitting.create(poll(|spec| spec.changes = false)).unwrap();
    let first = recorded(&mut sitting, ballot(1, "a"));
    assert_eq!(sitting.cast(ballot(1, "b"), FIRST_REVISION).unwrap(), Cast::AlreadyCast(first));
    sitting.change(PollId::MAIN, &PollChange::Reset).unwrap();
    let second = recorded(&mut sitting, ballot(1, "b"));
    assert_eq!(sitting.cast(ballot(1, "c"), FIRST_REVISION).unwrap(), Cast::AlreadyCast(second));
    assert_eq!(sitting.count().unwrap().applied.ballots, 2);
}

#[test]
fn a_close_refuses_the_ballots_behind_it_in_its_transaction() {
    let conn = tables();
    let mut sitting = Sitting::new(&conn, 1).unwrap();
    sitting.create(poll(|_| {})).unwrap();
    recorded(&mut sitting, ballot(1, "a"));
    sitting.change(PollId::MAIN, &PollChange::Close).unwrap();
    assert_eq!(sitting.cast(ballot(2, "a"), FIRST_REVISION).unwrap(), Cast::NotOpen(domain::PollState::Closed));
    assert_eq!(sitting.count().unwrap().applied.ballots, 1);
}

#[test]
fn a_ballot_for_another_revision_takes_no_other_with_it() {
    let conn = tables();
    let mut sitting = Sitting::new(&conn, 1).unwrap();
    sitting.create(poll(|_| {})).unwrap();
    sitting.change(PollId::MAIN, &rewrite()).unwrap();
    assert_eq!(sitting.cast(ballot(1, "b"), FIRST_REVISION).unwrap(), Cast::Rewritten);
    assert!(matches!(sitting.cast(ballot(2, "b"), FIRST_REVISION + 1).unwrap(), Cast::Recorded(_)));
    assert_eq!(sitting.count().unwrap().applied.ballots, 1);
}

#[test]
fn without_a_position_left_nothing_is_recorded() {
    let conn = tables();
    let mut sitting = Sitting::new(&conn, u64::MAX).unwrap();
    sitting.create(poll(|_| {})).unwrap();
    sitting.last = Position::from_i64(i64::MAX).unwrap();
    assert!(matches!(sitting.cast(ballot(1, "a"), FIRST_REVISION), Err(StoreError::NoPositionLeft)));
}

#[test]
fn what_changes_nothing_is_done_without_an_entry() {
    let conn = tables();
    let mut sitting = Sitting::new(&conn, 1).unwrap();
    let open = poll(|_| {});
    sitting.create(open.clone()).unwrap();
    assert_eq!(sitting.change(PollId::MAIN, &PollChange::Open).unwrap(), Change::Done(open));
    assert_eq!(sitting.count().unwrap().entries, 1);
}
