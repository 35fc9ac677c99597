use domain::{EventChange, EventSpec, Poll, PollChange, PollId, PollSpec, PollState};

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

/// What the memory says to event and poll as they are now.
fn taken(memory: &mut EventMemory, event: &Event, poll: &Poll) -> Option<EventNow> {
    memory.take_if_new(EventNow::of(event, Some(poll)), event_now::is_half_way(event, Some(poll)))
}

#[tokio::test(start_paused = true)]
async fn half_a_step_is_kept_back_for_a_moment_and_a_whole_one_is_not() {
    let (before, waiting) = (event(), poll());
    let after_it = opened(&before, &waiting);
    let open = waiting.after(&PollChange::Open, 1).unwrap();
    let mut memory = EventMemory { sent: Some(EventNow::of(&before, None)), ..EventMemory::default() };
    assert_eq!(taken(&mut memory, &after_it, &waiting), None);
    tokio::time::advance(HALF_WAY / 2).await;
    assert_eq!(taken(&mut memory, &after_it, &open), Some(EventNow::of(&after_it, Some(&open))), "one push for both");
    assert_eq!(taken(&mut memory, &after_it, &open), None, "once");
    assert_eq!(memory.next_at(), None);
}

#[tokio::test(start_paused = true)]
async fn half_a_step_is_told_if_the_other_half_does_not_come() {
    let (before, waiting) = (event(), poll());
    let after_it = opened(&before, &waiting);
    let mut memory = EventMemory::default();
    assert_eq!(taken(&mut memory, &after_it, &waiting), None);
    assert_eq!(memory.next_at(), Some(Instant::now() + HALF_WAY));
    tokio::time::advance(HALF_WAY).await;
    assert_eq!(taken(&mut memory, &after_it, &waiting), Some(EventNow::of(&after_it, Some(&waiting))));
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
