//! Events in the all-in-one: each change names the version that it is for, and is there after a kill.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::{path::Path, sync::Arc};

use domain::{
    BallotBox, ChangeOutcome, Entry, Event, EventBox, EventChange, EventId, EventOutcome, EventSpec, Poll, PollChange,
    PollId, PollSpec, PollState, Record, Scoreboard,
};
use parking_lot::Mutex;
use scrutin_ledger_sqlite::{SqliteLedger, SqliteScoreboard};

async fn ledger(directory: &Path) -> Arc<SqliteLedger> {
    let ledger = SqliteLedger::open(&directory.join("ledger.db")).unwrap();
    let poll = Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap();
    ledger.create(poll).await.unwrap();
    ledger
}

fn event(name: &str) -> Event {
    let spec = EventSpec { title: format!("All of {name}"), polls: vec![PollId::MAIN] };
    Event::new(EventId::parse(name).unwrap(), spec).unwrap()
}

fn title(text: &str) -> EventChange {
    EventChange::Edit(EventSpec { title: text.into(), polls: vec![PollId::MAIN] })
}

#[tokio::test]
async fn a_change_names_the_version_that_it_is_for_and_stays() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger(directory.path()).await;
    let evening = event("evening");
    assert_eq!(ledger.create_event(evening.clone()).await, Ok(EventOutcome::Done(evening.clone())));
    assert_eq!(ledger.create_event(evening.clone()).await, Ok(EventOutcome::Exists));
    let id = evening.id();
    let second = ledger.change_event(id, Some(1), title("Second")).await.unwrap();
    let EventOutcome::Done(second) = second else { panic!("{second:?}") };
    let late = ledger.change_event(id, Some(1), title("Late")).await;
    assert_eq!(late, Ok(EventOutcome::OtherVersion(second.clone())));
    assert_eq!(ledger.change_event(id, None, title("Second")).await, Ok(EventOutcome::Done(second.clone())));
    let unknown = event("unknown").id();
    assert_eq!(ledger.change_event(unknown, None, title("T")).await, Ok(EventOutcome::UnknownEvent));
    let (one, two) =
        tokio::join!(ledger.change_event(id, Some(2), title("one")), ledger.change_event(id, Some(2), title("two")));
    let is_done = |change: &Result<_, _>| matches!(change, Ok(EventOutcome::Done(_)));
    assert_ne!(is_done(&one), is_done(&two), "{one:?} {two:?}");
    let newest = ledger.event(id).await.unwrap().unwrap();
    assert_eq!((newest.version(), ledger.events().await), (3, Ok(vec![newest.clone()])));
    drop(ledger);
    let again = SqliteLedger::open(&directory.path().join("ledger.db")).unwrap();
    assert_eq!(again.event(id).await, Ok(Some(newest)));
}

#[tokio::test]
async fn a_poll_is_changed_only_in_the_version_that_was_seen() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger(directory.path()).await;
    let closed = ledger.change_seen(PollId::MAIN, 1, PollChange::Close).await.unwrap();
    let Some(ChangeOutcome::Done(closed)) = closed else { panic!("{closed:?}") };
    assert_eq!((closed.state(), closed.version()), (PollState::Closed, 2));
    assert_eq!(ledger.change_seen(PollId::MAIN, 1, PollChange::Open).await, Ok(None));
    assert_eq!(ledger.poll(PollId::MAIN).await, Ok(Some(closed)));
    let unknown = ledger.change_seen(PollId::parse("unknown").unwrap(), 1, PollChange::Open).await;
    assert_eq!(unknown, Ok(Some(ChangeOutcome::UnknownPoll)));
}

#[tokio::test]
async fn an_export_and_a_copy_have_the_events() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger(directory.path()).await;
    ledger.create_event(event("evening")).await.unwrap();
    let entries = Arc::new(Mutex::new(Vec::<Entry>::new()));
    let taken = Arc::clone(&entries);
    let take = move |entry| {
        taken.lock().push(entry);
        Ok(())
    };
    ledger.scoreboard().entries(take).await.unwrap();
    let of_event = |entry: &Entry| match &entry.record {
        Ok(Record::Event(event)) => Some((**event).clone()),
        _ => None,
    };
    assert_eq!(entries.lock().iter().filter_map(of_event).collect::<Vec<_>>(), [event("evening")]);
    assert!(entries.lock().is_sorted_by(|a, b| a.position < b.position), "each has a position of its own");

    let copy = directory.path().join("copy.db");
    ledger.scoreboard().back_up(&copy).await.unwrap();
    let copy = SqliteScoreboard::open(&copy).unwrap();
    assert_eq!(copy.events().await, Ok(vec![event("evening")]));
}
