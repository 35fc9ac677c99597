//! Creating, changing and listing events, and what a worker writes of them.

use domain::{ChangeOutcome, Event, EventBox, EventChange, EventId, EventOutcome, EventSpec, PollChange};

use super::*;

fn event(name: &str) -> Event {
    let spec = EventSpec { title: format!("All of {name}"), polls: vec![id("main")] };
    Event::new(EventId::parse(name).unwrap(), spec).unwrap()
}

fn title(text: &str) -> EventChange {
    EventChange::Edit(EventSpec { title: text.into(), polls: vec![id("main")] })
}

fn done(change: Result<EventOutcome, Unavailable>) -> Event {
    match change {
        Ok(EventOutcome::Done(event)) => event,
        other => panic!("not done: {other:?}"),
    }
}

fn events_of(entries: &[Entry]) -> Vec<&Event> {
    entries
        .iter()
        .map(|entry| match &entry.record {
            Ok(Record::Event(event)) => &**event,
            other => panic!("no event: {other:?}"),
        })
        .collect()
}

#[tokio::test]
async fn an_event_is_made_once_and_is_in_the_log() {
    let mut scene = Scene::begun().await;
    let evening = event("evening");
    assert_eq!(scene.ballots.event(evening.id()).await, Ok(None));
    assert_eq!(done(scene.ballots.create_event(evening.clone()).await), evening);
    assert_eq!(scene.ballots.create_event(event("evening")).await, Ok(EventOutcome::Exists));
    let other = ballot_box_on(&scene.redis);
    assert_eq!(other.event(evening.id()).await, Ok(Some(evening.clone())));
    done(other.create_event(event("afternoon")).await);
    assert_eq!(scene.ballots.events().await, Ok(vec![event("afternoon"), evening.clone()]));
    assert_eq!(scene.log.events().await, Ok(vec![event("afternoon"), evening.clone()]));
    assert_eq!(events_of(&scene.entries().await), [&evening, &event("afternoon")]);
    assert_eq!(scene.log.accepted().await, Ok(0), "an event is no ballot");
}

#[tokio::test]
async fn a_change_names_the_version_that_it_is_for() {
    let mut scene = Scene::begun().await;
    let evening = done(scene.ballots.create_event(event("evening")).await);
    let second = done(scene.ballots.change_event(evening.id(), Some(1), title("Second")).await);
    assert_eq!((second.title(), second.version()), ("Second", 2));
    let late = scene.ballots.change_event(evening.id(), Some(1), title("Late")).await;
    assert_eq!(late, Ok(EventOutcome::OtherVersion(second.clone())));
    assert_eq!(done(scene.ballots.change_event(evening.id(), None, title("Second")).await), second);
    assert_eq!(events_of(&scene.entries().await), [&evening, &second], "what changes nothing is not appended");
    let unknown = EventId::parse("unknown").unwrap();
    assert_eq!(scene.ballots.change_event(unknown, None, title("T")).await, Ok(EventOutcome::UnknownEvent));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_for_one_version_one_is_made() {
    let scene = Scene::begun().await;
    let evening = done(scene.ballots.create_event(event("evening")).await);
    let other = ballot_box_on(&scene.redis);
    for version in 1..20 {
        let (one, two) = tokio::join!(
            scene.ballots.change_event(evening.id(), Some(version), title(&format!("one {version}"))),
            other.change_event(evening.id(), Some(version), title(&format!("two {version}"))),
        );
        let is_done = |change: &Result<_, _>| matches!(change, Ok(EventOutcome::Done(_)));
        assert_ne!(is_done(&one), is_done(&two), "{one:?} {two:?}");
    }
    assert_eq!(scene.ballots.event(evening.id()).await.unwrap().unwrap().version(), 20);
}

#[tokio::test]
async fn a_poll_is_changed_only_in_the_version_that_was_seen() {
    let scene = Scene::begun().await;
    let closed = scene.ballots.change_seen(id("main"), 1, PollChange::Close).await.unwrap();
    let Some(ChangeOutcome::Done(closed)) = closed else { panic!("{closed:?}") };
    assert_eq!((closed.state(), closed.version()), (PollState::Closed, 2));
    assert_eq!(scene.ballots.change_seen(id("main"), 1, PollChange::Open).await, Ok(None));
    assert_eq!(scene.ballots.poll(id("main")).await, Ok(Some(closed)));
    let unknown = scene.ballots.change_seen(id("unknown"), 1, PollChange::Open).await;
    assert_eq!(unknown, Ok(Some(ChangeOutcome::UnknownPoll)));
}

#[tokio::test]
async fn a_new_log_has_the_ledgers_events_and_an_older_one_gets_them() {
    let mut scene = Scene::begun().await;
    let evening = done(scene.ballots.create_event(event("evening")).await);
    let second = done(scene.ballots.change_event(evening.id(), None, title("Second")).await);
    scene.raw(&["FLUSHALL"]).await;
    let of_ledger = |events| LogSeed { events, ..seed(position(7, 0), vec![poll("main")]) };
    attach(&mut scene.log, of_ledger(vec![evening.clone()])).await;
    assert_eq!(scene.ballots.events().await, Ok(vec![evening.clone()]));

    // A server that was set back has an older version of one, and another that is not counted yet.
    let newer = done(scene.ballots.create_event(event("night")).await);
    let newer = done(scene.ballots.change_event(newer.id(), None, title("Newer")).await);
    scene.log.renew(of_ledger(vec![second.clone(), event("night")])).await.unwrap();
    assert_eq!(scene.ballots.events().await, Ok(vec![second, newer]));
}

#[tokio::test]
async fn a_log_without_a_leader_takes_no_event() {
    let scene = Scene::begun().await;
    scene.raw(&["DEL", "{scrutin:0}:attached"]).await;
    assert_eq!(scene.ballots.create_event(event("evening")).await, Err(Unavailable::NotAttached));
    scene.raw(&["FLUSHALL"]).await;
    assert_eq!(scene.ballots.events().await, Err(Unavailable::NotBegun));
}
