//! Stories about events: lists of polls, each counted in its home partition.

use domain::{Event, EventChange, EventId, EventSpec, Gap, LogId, Movement, Partition, Position, Record};
use tokio::time::timeout;

use super::{
    scene::{DEADLINE, FIRST, Script, figures, id, poll, voter},
    subject::Subject,
};

fn event(name: &str) -> Event {
    let spec = EventSpec { title: format!("All of {name}"), polls: vec![id("fruit")] };
    Event::new(event_id(name), spec).expect("stories use good events")
}

fn event_id(name: &str) -> EventId {
    name.parse().expect("stories use good ids")
}

fn renamed(event: &Event, title: &str) -> Event {
    let spec = EventSpec { title: title.into(), polls: event.polls().to_vec() };
    event.after(&EventChange::Edit(spec)).expect("stories change events as allowed")
}

fn write(log: &mut Script, event: &Event) -> Position {
    log.write(Ok(Record::Event(Box::new(event.clone()))))
}

/// The newest version counts, in one batch or in several; polls and their figures are as without events.
pub async fn the_newest_version_of_an_event_counts(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, fruit, evening) = (Script::default(), poll("fruit"), event("evening"));
    assert_eq!(subject.scoreboard.event(evening.id()).await, Ok(None));
    log.poll(&fruit);
    write(&mut log, &evening);
    log.vote(&fruit, voter(1), "a");
    let second = renamed(&evening, "Second");
    write(&mut log, &second);
    let morning = event("morning");
    write(&mut log, &morning);
    let outcome = ledger.apply(log.all()).await.expect("a batch");
    assert_eq!((outcome.ballots, outcome.rejected, outcome.position), (1, 0, log.position()));
    assert_eq!(subject.scoreboard.event(evening.id()).await, Ok(Some(second.clone())));
    assert_eq!(subject.scoreboard.events().await, Ok(vec![second.clone(), morning.clone()]));

    let third = renamed(&second, "Third");
    write(&mut log, &third);
    // A log that went back may say once more what is older.
    write(&mut log, &evening);
    ledger.apply(log.all()).await.expect("all, of which only the end is new");
    write(&mut log, &second);
    ledger.apply(log.all()).await.expect("what is older, in a batch of its own");
    assert_eq!(subject.scoreboard.event(evening.id()).await, Ok(Some(third.clone())));
    assert_eq!(subject.figures(&fruit).await, figures([1, 0, 0], 1, 1));
    assert_eq!(ledger.seed().await.expect("a seed").events, vec![third, morning]);
    assert_eq!(ledger.state().await.expect("a state").ballots, 1, "an event is no ballot");
    subject.assert_audit(0).await;
}

/// A reader that shows an event hears that it changed.
pub async fn watchers_wake_when_an_event_changes(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, evening) = (Script::default(), event("evening"));
    write(&mut log, &evening);
    ledger.apply(log.all()).await.expect("a batch");
    let told = timeout(DEADLINE, async {
        loop {
            match subject.scoreboard.moved().await {
                Movement::These { events, .. } if events.contains(&evening.id()) => return,
                Movement::Any => {
                    write(&mut log, &renamed(&evening, "Once more"));
                    ledger.apply(log.all()).await.expect("a batch");
                }
                Movement::These { .. } => {}
            }
        }
    });
    told.await.expect("it is told");
}

/// What the log knows of events is taken over with a gap, unless the ledger knows better.
pub async fn a_gap_brings_the_events_of_the_log(subject: &Subject) {
    let mut ledger = subject.lead(FIRST).await;
    let (mut log, evening) = (Script::default(), event("evening"));
    let newest = renamed(&evening, "Newest");
    write(&mut log, &newest);
    ledger.apply(log.all()).await.expect("a batch");
    let after = log.position();
    let through = Position::new(after.millis() + 1, 0).expect("a position");
    let gap = Gap { partition: FIRST, after, through, ballots: None };
    let morning = event("morning");
    ledger.attach(&LogId::new("log"), Some(gap), &[], &[evening, morning.clone()]).await.expect("attaching");
    assert_eq!(subject.scoreboard.events().await, Ok(vec![newest, morning]));
}

/// Each partition's new log gets the events of that home only.
pub async fn an_event_belongs_to_the_partition_that_counted_it(subject: &Subject) {
    let mut first = subject.lead(FIRST).await;
    let mut second = subject.lead(Partition::new(1)).await;
    let (mut of_first, mut of_second) = (Script::default(), Script::default());
    let (evening, morning) = (event("evening"), event("morning"));
    write(&mut of_first, &evening);
    write(&mut of_second, &morning);
    first.apply(of_first.all()).await.expect("a batch");
    second.apply(of_second.all()).await.expect("a batch");
    assert_eq!(first.seed().await.expect("a seed").events, vec![evening.clone()]);
    assert_eq!(second.seed().await.expect("a seed").events, vec![morning.clone()]);
    assert_eq!(subject.scoreboard.events().await, Ok(vec![evening, morning]));
}
