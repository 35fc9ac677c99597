use domain::{
    Countdown, EventChange, EventSpec, Heartbeat, Partition, Partitions, Poll, PollChange, PollId, PollSpec, PollState,
    Position, ShareProgress, Tally, VoteCounts,
};

use super::*;

fn event() -> Event {
    let spec = EventSpec { title: "The evening".to_owned(), polls: vec![PollId::MAIN] };
    Event::new("evening".parse().unwrap(), spec).unwrap()
}

fn poll() -> Poll {
    let spec = PollSpec { state: PollState::Waiting, ..PollSpec::simple("Tea?", ["Yes", "No"]) };
    Poll::new(PollId::MAIN, spec).unwrap()
}

fn opened(event: &Event, poll: &Poll) -> Event {
    let step = event.next_step(&domain::PollStates::of([poll])).unwrap();
    event.after(&EventChange::Step(step)).unwrap()
}

/// A poll as it was read now, when the log's clock showed this.
fn score(poll: &Poll, log_millis: u64) -> PollScore {
    let heartbeat = Heartbeat { at_millis: 0, age_millis: 0, log_millis: Some(log_millis) };
    let share = ShareProgress { partition: Partition::new(0), position: Position::ZERO, heartbeat };
    let (poll, figures, partitions) = (poll.clone(), VoteCounts::default(), Partitions::ONE);
    let tally = Tally { round: 1, poll, figures, shares: vec![share], partitions, is_complete: true };
    PollScore::new(tally, 0)
}

/// What the memory says to event and poll as they are now: the key of what is pushed.
fn taken(memory: &mut EventMemory, event: &Event, score: &PollScore) -> Option<String> {
    let now = EventNow::of(event, Some(score));
    memory.take_if_new(now, event_now::is_half_way(event, Some(score))).map(|now| now.key())
}

fn key(event: &Event, score: &PollScore) -> String {
    EventNow::of(event, Some(score)).key()
}

#[tokio::test(start_paused = true)]
async fn half_a_step_is_kept_back_for_a_moment_and_a_whole_one_is_not() {
    let (before, waiting) = (event(), poll());
    let after_it = opened(&before, &waiting);
    let open = score(&waiting.after(&PollChange::Open, 1).unwrap(), 0);
    let waiting = score(&waiting, 0);
    let mut memory = EventMemory { sent: Some(EventNow::of(&before, None)), ..EventMemory::default() };
    assert_eq!(taken(&mut memory, &after_it, &waiting), None);
    tokio::time::advance(HALF_WAY / 2).await;
    assert_eq!(taken(&mut memory, &after_it, &open), Some(key(&after_it, &open)), "one push for both");
    assert_eq!(taken(&mut memory, &after_it, &open), None, "once");
    assert_eq!(memory.next_at(), None);
}

#[tokio::test(start_paused = true)]
async fn half_a_step_is_told_if_the_other_half_does_not_come() {
    let (before, waiting) = (event(), poll());
    let after_it = opened(&before, &waiting);
    let (waiting, mut memory) = (score(&waiting, 0), EventMemory::default());
    assert_eq!(taken(&mut memory, &after_it, &waiting), None);
    assert_eq!(memory.next_at(), Some(Instant::now() + HALF_WAY));
    tokio::time::advance(HALF_WAY).await;
    assert_eq!(taken(&mut memory, &after_it, &waiting), Some(key(&after_it, &waiting)));
}

#[tokio::test(start_paused = true)]
async fn who_came_too_early_is_told_though_others_were_shown_the_event() {
    let (before, waiting) = (event(), score(&poll(), 0));
    let mut memory = EventMemory::default();
    memory.shown_nothing();
    memory.shown(&EventNow::of(&before, None));
    assert!(taken(&mut memory, &before, &waiting).is_some());
    memory.shown(&EventNow::of(&before, None));
    assert_eq!(taken(&mut memory, &before, &waiting), None, "once");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_countdown_is_told_when_it_comes_and_time_passing_is_not() {
    let (before, waiting) = (event(), poll());
    let countdown = PollChange::OpenFor(Countdown::For(30.try_into().unwrap()));
    let open = score(&waiting.after_at(1_000, &countdown, 1).unwrap(), 11_000);
    let (after_it, mut memory) = (opened(&before, &waiting), EventMemory::default());
    let now = EventNow::of(&after_it, Some(&open));
    assert!(now.push(0).contains(r#""closes_in_ms":20000,"spread_ms":0"#), "{}", now.push(0));
    assert!(taken(&mut memory, &after_it, &open).unwrap().starts_with("2 open "));
    assert_eq!(memory.next_at(), Some(Instant::now() + Duration::from_secs(20)));
    tokio::time::advance(Duration::from_millis(19_999)).await;
    assert_eq!(taken(&mut memory, &after_it, &open), None);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(taken(&mut memory, &after_it, &open).unwrap().starts_with("2 closed "));
    assert_eq!(memory.next_at(), None);
}

#[test]
fn an_event_that_a_read_lacks_stays_as_it_was_known() {
    let failed = || Unavailable::failed("reading", "the test says so");
    let known = || Some(Ok(Some(Arc::new(event()))));
    let newer = event().after(&EventChange::Archive).unwrap();
    assert_eq!(after(known(), Ok(Some(newer.clone()))), Ok(Some(Arc::new(newer))));
    for read in [Ok(None), Err(failed())] {
        assert_eq!(after(known(), read), known().unwrap());
    }
    for before in [None, Some(Ok(None)), Some(Err(failed()))] {
        assert_eq!(after(before.clone(), Ok(None)), Ok(None));
        assert_eq!(after(before, Err(failed())), Err(failed()));
    }
}

#[test]
fn viewers_spread_what_they_fetch_over_two_seconds_at_most() {
    let slot = EventSlot::new("evening".parse().unwrap());
    for (viewers, spread_ms) in [(0, 0), (24, 0), (5_000, 200), (100_000, 2_000)] {
        slot.viewers.store(viewers, Ordering::Release);
        assert_eq!(slot.spread_ms(), spread_ms);
    }
}
