//! What an event may be, what can be done to it, and that presses from several devices never skip a question.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;
use crate::{CountdownSeconds, EventId, Poll, PollId, PollSpec, PollState, Visibility};

fn id(text: &str) -> PollId {
    PollId::parse(text).unwrap()
}

fn spec(polls: &[&str]) -> EventSpec {
    EventSpec { title: "An evening".into(), polls: polls.iter().map(|poll| id(poll)).collect() }
}

fn event(polls: &[&str]) -> Event {
    Event::new(EventId::parse("evening").unwrap(), spec(polls)).unwrap()
}

fn waiting(poll: &str, results: Visibility) -> Poll {
    let spec = PollSpec { state: PollState::Waiting, results, ..PollSpec::simple("Which?", ["x", "y"]) };
    Poll::new(id(poll), spec).unwrap()
}

#[test]
fn the_stored_form_is_what_it_always_was() {
    let golden = r#"{"id":"evening","version":1,"title":"An evening","polls":["a","b"],"progress":"before"}"#;
    assert_eq!(serde_json::to_string(&event(&["a", "b"])).unwrap(), golden);
    assert_eq!(serde_json::from_str::<Event>(golden).unwrap(), event(&["a", "b"]));

    let polls = PollStates::of(&[waiting("a", Visibility::Live)]);
    let step = EventChange::Step(event(&["a"]).next_step(&polls).unwrap());
    let stepped = event(&["a"]).after(&step).unwrap().after(&EventChange::Archive).unwrap();
    let golden = concat!(
        r#"{"id":"evening","version":3,"title":"An evening","polls":["a"],"#,
        r#""progress":{"at":{"poll":"a","stage":"open"}},"step":{"poll":"a","does":"open","seen":1},"archived":true}"#
    );
    assert_eq!(serde_json::to_string(&stepped).unwrap(), golden);
    assert_eq!(serde_json::from_str::<Event>(golden).unwrap(), stepped);
    assert!(!stepped.after(&step).unwrap().archived(), "a step brings it back");
}

#[test]
fn fields_of_a_later_release_are_ignored_and_bad_ones_refused() {
    let json = serde_json::to_value(event(&["a"])).unwrap();
    let mut later = json.clone();
    later["colour"] = "blue".into();
    assert_eq!(serde_json::from_value::<Event>(later).unwrap(), event(&["a"]));
    for (field, value) in [("title", ""), ("progress", "paused"), ("id", "A")] {
        let mut broken = json.clone();
        broken[field] = value.into();
        assert!(serde_json::from_value::<Event>(broken).is_err(), "{field}");
    }
}

#[test]
fn each_limit_is_named_when_broken() {
    let with = |title: &str, polls: &[&str]| {
        let spec = EventSpec { title: title.into(), ..spec(polls) };
        Event::new(EventId::parse("evening").unwrap(), spec).map(|event| event.title().to_owned())
    };
    assert_eq!(with("  Tea \t time ", &[]).unwrap(), "Tea time");
    assert_eq!(with(" ", &[]), Err(EventError::NoTitle));
    assert_eq!(with(&"é".repeat(501), &[]), Err(EventError::TitleTooLong(501)));
    assert_eq!(with("a\0b", &[]), Err(EventError::UnshowableTitle('\0')));
    assert_eq!(with("\u{2060}", &[]), Err(EventError::UnseenTitle));
    assert_eq!(with("T", &["a", "b", "a"]), Err(EventError::SamePoll(id("a"))));
    let names: Vec<String> = (0..=MAX_EVENT_POLLS).map(|number| format!("p{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(with("T", &names), Err(EventError::TooManyPolls(101)));
    assert!(with("T", &names[1..]).is_ok());
}

/// Log and devices, in which each write compares versions as the real ones do.
struct Stage {
    event: Event,
    polls: Vec<Poll>,
    /// Each opening of a poll, in order.
    opened: Vec<PollId>,
    /// Each event that was written.
    written: Vec<Event>,
}

impl Stage {
    fn of(polls: &[(&str, Visibility)]) -> Self {
        let names: Vec<&str> = polls.iter().map(|(name, _)| *name).collect();
        let polls = polls.iter().map(|(name, results)| waiting(name, *results)).collect();
        Self { event: event(&names), polls, opened: Vec::new(), written: Vec::new() }
    }

    fn states(&self) -> PollStates {
        PollStates::of(&self.polls)
    }

    fn write_event(&mut self, read: &Event, step: EventStep) -> Option<EventStep> {
        if self.event != *read {
            return None;
        }
        self.event = read.after(&EventChange::Step(step)).unwrap();
        self.written.push(self.event.clone());
        Some(step)
    }

    fn write_poll(&mut self, change: StepChange) {
        let poll = self.polls.iter_mut().find(|poll| poll.id() == change.poll).unwrap();
        if poll.version() != change.seen {
            return;
        }
        let was_open = poll.is_open();
        *poll = poll.after(&change.change(), 0).unwrap();
        if poll.is_open() && !was_open {
            self.opened.push(poll.id());
        }
    }

    /// A press that nothing disturbs.
    fn press(&mut self, way: Way) -> Option<StepName> {
        let read = self.event.clone();
        let Press::Take(step) = read.press(way, Some(read.version()), &self.states()) else { return None };
        self.write_event(&read, step).unwrap();
        step.change.into_iter().for_each(|change| self.write_poll(change));
        Some(step.name)
    }

    fn state_of(&self, poll: &str) -> PollState {
        self.polls.iter().find(|known| known.id() == id(poll)).unwrap().state()
    }
}

const LIVE: Visibility = Visibility::Live;
const HIDDEN: Visibility = Visibility::Hidden;

#[test]
fn an_evening_goes_through_its_questions_and_back() {
    use StepName::{Close, End, Hide, Next, Open, Previous, Reveal};
    let mut stage = Stage::of(&[("a", LIVE), ("b", HIDDEN)]);
    let forth: Vec<StepName> = std::iter::from_fn(|| stage.press(Way::Next)).collect();
    assert_eq!(forth, [Open, Close, Next, Close, Reveal, End]);
    assert_eq!((stage.event.progress(), stage.event.version()), (EventProgress::Over, 7));
    // Where the votes of the last question were shown when the event ended, the way back leaves them so.
    let back: Vec<StepName> = std::iter::from_fn(|| stage.press(Way::Back)).take(5).collect();
    assert_eq!(back, [Previous, Open, Previous, Open, Previous]);
    assert_eq!(stage.event.progress(), EventProgress::Before);
    assert_eq!([stage.state_of("a"), stage.state_of("b")], [PollState::Closed; 2]);

    let mut stage = Stage::of(&[("a", HIDDEN)]);
    assert_eq!([Way::Next; 3].map(|way| stage.press(way)), [Open, Close, Reveal].map(Some));
    assert!(stage.event.has_revealed(id("a")));
    let stored = serde_json::to_string(&stage.event).unwrap();
    assert!(stored.ends_with(r#","revealed":["a"]}"#), "{stored}");
    assert_eq!(serde_json::from_str::<Event>(&stored).unwrap(), stage.event);
    assert_eq!([Way::Back; 2].map(|way| stage.press(way)), [Hide, Open].map(Some));
    assert!(!stage.event.has_revealed(id("a")));
}

#[test]
fn what_was_done_by_hand_is_no_step_any_more() {
    let mut stage = Stage::of(&[("a", HIDDEN), ("b", LIVE)]);
    stage.press(Way::Next);
    stage.polls[0] = stage.polls[0].after(&crate::PollChange::Close, 0).unwrap();
    assert_eq!(stage.press(Way::Next), Some(StepName::Reveal));
    stage.polls[0] = stage.polls[0].after(&crate::PollChange::Open, 0).unwrap();
    assert_eq!(stage.press(Way::Next), Some(StepName::Close), "it takes ballots again");
    // A poll that the log does not know is passed over.
    stage.polls.remove(1);
    assert_eq!(stage.event.next_step(&stage.states()).unwrap().name, StepName::End);
    assert_eq!(event(&[]).next_step(&PollStates::default()), None);
    assert_eq!(event(&["b"]).next_step(&PollStates::default()), None);
}

#[test]
fn a_published_poll_is_not_asked_again_and_stays_as_it_is() {
    use StepName::{Close, End, Open, Previous};
    let mut stage = Stage::of(&[("a", HIDDEN), ("b", LIVE)]);
    for poll in &mut stage.polls {
        let spec = PollSpec { publish: true, ..PollSpec::simple("Which?", ["x", "y"]) };
        *poll = poll.after(&crate::PollChange::Rewrite(Box::new(spec)), 0).unwrap();
    }
    (0..3).for_each(|_| _ = stage.press(Way::Next));
    stage.polls[0] = stage.polls[0].after(&crate::PollChange::Publish, 0).unwrap();
    assert_eq!(stage.press(Way::Back), Some(Previous), "its votes stay shown, and it stays closed");
    assert_eq!(stage.press(Way::Next), Some(Open), "it is passed over: {:?}", stage.event);
    assert_eq!(stage.event.progress().poll(), Some(id("b")));
    assert_eq!([Close, End].map(Some), [Way::Next; 2].map(|way| stage.press(way)));
    stage.polls[1] = stage.polls[1].after(&crate::PollChange::Publish, 0).unwrap();
    assert_eq!([Way::Back; 4].map(|way| stage.press(way)), [Some(Previous), Some(Previous), Some(Previous), None]);
    assert_eq!(stage.press(Way::Next), Some(End), "nothing is left to ask");
    assert!(stage.polls.iter().all(Poll::is_published));

    // An older program may have written a step that can't be taken any more.
    let glance = PollGlance::from(&stage.polls[0]);
    let change = StepChange { poll: id("a"), does: PollAction::Hide, seen: glance.version, seconds: None };
    let progress = EventProgress::At { poll: id("a"), stage: EventStage::Closed };
    let hide = EventStep { name: StepName::Hide, progress, change: Some(change) };
    let stuck = stage.event.after(&EventChange::Step(hide)).unwrap();
    assert_eq!(stuck.unfinished(&stage.states()), None);
    assert_eq!(stuck.next_step(&stage.states()).map(|step| step.name), Some(End));
}

#[test]
fn the_poll_that_is_on_stays_in_the_list() {
    let mut stage = Stage::of(&[("a", LIVE), ("b", LIVE)]);
    stage.press(Way::Next);
    let edit = |polls: &[&str]| EventChange::Edit(spec(polls));
    assert_eq!(stage.event.after(&edit(&["b"])), Err(EventRefused::PollIsOn(id("a"))));
    let next = stage.event.after(&edit(&["b", "a"])).unwrap();
    assert_eq!((next.polls(), next.version()), (&[id("b"), id("a")][..], 3));
    assert_eq!(next.after(&edit(&["b", "a"])).unwrap(), next, "nothing differs");
}

#[test]
fn a_press_for_an_older_version_takes_no_step_and_finishes_the_last_one() {
    let mut stage = Stage::of(&[("a", LIVE)]);
    let read = stage.event.clone();
    let Press::Take(step) = read.press(Way::Next, Some(1), &stage.states()) else { panic!("a question follows") };
    stage.write_event(&read, step).unwrap();
    // Here its writer was killed.
    assert!(!stage.polls[0].is_open());
    for way in [Way::Next, Way::Back] {
        let Press::Take(again) = stage.event.press(way, Some(1), &stage.states()) else { panic!("it is not finished") };
        assert_eq!((again.progress, again.change), (stage.event.progress(), step.change));
    }
    stage.write_poll(step.change.unwrap());
    for seen in [1, 3] {
        assert_eq!(stage.event.press(Way::Next, Some(seen), &stage.states()), Press::Done, "{seen} is not its version");
    }
}

/// One device: what it shows, and how far its press is.
#[derive(Clone, Default)]
struct Device {
    way: Option<Way>,
    shown: Option<u64>,
    read: Option<(Event, PollStates)>,
    left: Option<StepChange>,
}

/// What happens next in some device.
#[derive(Clone, Debug)]
enum Move {
    /// It looks at the event, unless a press is under way; its next press is of this button.
    Look(Way),
    /// Its press goes one write further; the first thing is to read.
    Go,
    /// It is killed, and what it had not written never comes.
    Crash,
}

fn go(stage: &mut Stage, device: &mut Device) {
    if let Some(change) = device.left.take() {
        stage.write_poll(change);
    } else if let Some((read, states)) = device.read.take() {
        match read.press(device.way.unwrap_or(Way::Next), device.shown, &states) {
            Press::Take(step) => device.left = stage.write_event(&read, step).and_then(|step| step.change),
            Press::Done => {}
        }
    } else if device.shown.is_some() {
        device.read = Some((stage.event.clone(), stage.states()));
    }
}

/// Lets devices do what `moves` say. At no moment do two polls take ballots.
fn play(stage: &mut Stage, moves: &[(Index, Move)]) -> Result<Vec<Device>, TestCaseError> {
    let mut devices = vec![Device::default(); 3];
    for (index, step) in moves {
        let device = index.get_mut(&mut devices);
        match step {
            Move::Look(way) if device.read.is_none() && device.left.is_none() => {
                (device.way, device.shown) = (Some(*way), Some(stage.event.version()));
            }
            Move::Look(_) => {}
            Move::Go => go(stage, device),
            Move::Crash => *device = Device::default(),
        }
        let open = stage.polls.iter().filter(|poll| poll.is_open()).count();
        prop_assert!(open <= 1, "at most one takes ballots");
    }
    Ok(devices)
}

/// An evening of one to three questions, some with hidden votes, and what devices do.
fn evening(back: bool) -> impl Strategy<Value = (Vec<bool>, Vec<(Index, Move)>)> {
    let way = if back { prop_oneof![Just(Way::Next), Just(Way::Back)].boxed() } else { Just(Way::Next).boxed() };
    let step = prop_oneof![3 => way.prop_map(Move::Look), 6 => Just(Move::Go), 1 => Just(Move::Crash)];
    (vec(any::<bool>(), 1..4), vec((any::<Index>(), step), 0..120))
}

fn stage(hidden: &[bool]) -> Stage {
    let results = |hidden: &bool| if *hidden { HIDDEN } else { LIVE };
    Stage::of(&["a", "b", "c"].into_iter().zip(hidden.iter().map(results)).collect::<Vec<_>>())
}

/// Presses until nothing follows; then those come that were held up.
fn finish(stage: &mut Stage, devices: &mut [Device]) {
    while stage.press(Way::Next).is_some() {}
    for device in devices {
        (0..3).for_each(|_| go(stage, device));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn presses_of_several_devices_skip_no_question_and_open_none_twice((hidden, moves) in evening(false)) {
        let mut stage = stage(&hidden);
        let mut devices = play(&mut stage, &moves)?;
        finish(&mut stage, &mut devices);
        prop_assert_eq!(stage.event.progress(), EventProgress::Over);
        prop_assert_eq!(&stage.opened, stage.event.polls(), "each once, in order");
        prop_assert!(stage.polls.iter().all(|poll| poll.state() == PollState::Closed && !poll.is_hidden()));
        let versions: Vec<u64> = stage.written.iter().map(Event::version).collect();
        prop_assert_eq!(versions, (2..).take(stage.written.len()).collect::<Vec<u64>>());
    }

    #[test]
    fn presses_forth_and_back_leave_what_is_on_and_no_other_open((hidden, moves) in evening(true)) {
        let mut stage = stage(&hidden);
        let mut devices = play(&mut stage, &moves)?;
        // Whatever is left of earlier presses does no harm once somebody has pressed again.
        stage.press(Way::Next);
        for device in &mut devices {
            device.left.take().into_iter().for_each(|change| stage.write_poll(change));
        }
        let open = stage.polls.iter().filter(|poll| poll.is_open()).map(Poll::id).collect::<Vec<_>>();
        let on = match stage.event.progress() {
            EventProgress::At { poll, stage: EventStage::Open } => vec![poll],
            _ => Vec::new(),
        };
        prop_assert_eq!(open, on);
    }
}

#[test]
fn an_unfinished_step_opens_with_the_countdown_that_was_asked_for() {
    let seconds = |seconds: u32| CountdownSeconds::try_from(seconds).ok();
    let mut stage = Stage::of(&[("a", LIVE)]);
    let read = stage.event.clone();
    let press = read.press_for(Way::Next, Some(1), seconds(30), &stage.states());
    let Press::Take(step) = press else { panic!("a question follows") };
    stage.write_event(&read, step).unwrap();
    let stored = serde_json::to_string(&stage.event).unwrap();
    assert!(stored.contains(r#""step":{"poll":"a","does":"open","seen":1,"seconds":30}"#), "{stored}");
    assert_eq!(serde_json::from_str::<Event>(&stored).unwrap(), stage.event);
    // Here its writer was killed. Others press with other wishes, or none.
    for wish in [None, seconds(60)] {
        let press = stage.event.press_for(Way::Next, Some(2), wish, &stage.states());
        let Press::Take(again) = press else { panic!("it is not finished") };
        assert_eq!(again.change, step.change);
    }
    stage.polls[0] = stage.polls[0].after_at(1_000, &step.change.unwrap().change(), 0).unwrap();
    assert_eq!(stage.polls[0].closes_at(), Some(31_000));
    let press = stage.event.press_for(Way::Next, Some(2), seconds(30), &stage.states());
    let Press::Take(close) = press else { panic!("it can be closed") };
    assert_eq!(close.change.unwrap().seconds, None, "closing takes no time");
}
