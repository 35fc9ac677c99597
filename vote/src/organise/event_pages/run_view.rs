//! The context of the template `organise/run.html`, from which an event is run.

use std::fmt::Write as _;

use domain::{Event, EventId, EventStep, Poll, PollAction, PollState, PollStates, StepName};
use serde::Serialize;

use super::event_view::{EventPollRow, number_of, progress_word};
use crate::{
    look,
    organise::poll_view::{PollFacts, ResultAddresses},
};

/// The whole context.
#[derive(Serialize)]
pub(super) struct RunView<'a> {
    #[serde(flatten)]
    pub(super) event: EventGlance<'a>,
    /// The poll that is on, if the log knows it.
    pub(super) on: Option<PollFacts<'a>>,
    /// How many of its ballots the log has accepted; `None` while a part of it can't be asked.
    pub(super) accepted: Option<u64>,
    /// In how many milliseconds it closes by itself.
    pub(super) closes_in_ms: Option<u64>,
    #[serde(flatten)]
    pub(super) result: ResultAddresses,
    /// Whether the result host is known.
    pub(super) has_result: bool,
    /// For its votes at the result host, also while they are hidden.
    pub(super) ticket: String,
    /// Whether the change of a poll is decided, and not yet carried out everywhere.
    pub(super) underway: bool,
}

/// The event, and what its buttons do.
#[derive(Serialize)]
pub(super) struct EventGlance<'a> {
    pub(super) id: EventId,
    title: &'a str,
    /// Whether the title is set smaller.
    long: bool,
    archived: bool,
    /// What is written into the forms: a step is taken once from what the page shows.
    version: u64,
    /// Another one means that the page is out of date.
    pub(super) key: String,
    /// Where it is: `before`, `at` or `over`.
    progress: &'static str,
    /// Which question is on, from 1.
    number: Option<usize>,
    count: usize,
    /// How many questions are closed.
    done: usize,
    next: Option<StepView<'a>>,
    back: Option<StepView<'a>>,
    votes: Option<VotesButton>,
    polls: Vec<EventPollRow<'a>>,
}

/// What a button will do.
#[derive(Serialize)]
struct StepView<'a> {
    does: &'static str,
    /// Which question is on then, from 1; none at the beginning and the end, or if it was taken out.
    number: Option<usize>,
    /// What it asks.
    question: Option<&'a str>,
    /// Whether the open question is closed by it.
    closes: bool,
}

/// The button that shows or hides the votes of the poll that is on.
#[derive(Serialize)]
struct VotesButton {
    /// The last word of the address: `next` or `back` where that is what the event's own button does, else `votes`.
    way: &'static str,
    /// `reveal` or `hide`.
    does: &'static str,
}

impl<'a> EventGlance<'a> {
    /// `polls` are those that the log knows.
    pub(super) fn of(event: &'a Event, polls: &'a [Poll]) -> Self {
        let states = PollStates::of(polls);
        let (next, back) = (event.next_step(&states), event.step_back(&states));
        let on = event.progress().poll();
        let closed = |poll: &&Poll| poll.state() == PollState::Closed && event.polls().contains(&poll.id());
        Self {
            id: event.id(),
            title: event.title(),
            long: look::is_long(event.title()),
            archived: event.archived(),
            version: event.version(),
            key: key(event, polls),
            progress: progress_word(event.progress()),
            number: on.and_then(|on| number_of(event, on)),
            count: event.polls().len(),
            done: polls.iter().filter(closed).count(),
            votes: poll_on(event, polls).and_then(|on| VotesButton::of(on, next.as_ref(), back.as_ref())),
            next: next.map(|step| StepView::of(event, polls, &step)),
            back: back.map(|step| StepView::of(event, polls, &step)),
            polls: EventPollRow::all(event, polls),
        }
    }
}

/// The poll that is on, if the log knows it.
pub(super) fn poll_on<'a>(event: &Event, polls: &'a [Poll]) -> Option<&'a Poll> {
    event.progress().poll().and_then(|on| polls.iter().find(|poll| poll.id() == on))
}

/// What a run page depends on: the versions of the event and of its polls.
pub(super) fn key(event: &Event, polls: &[Poll]) -> String {
    let mut key = event.version().to_string();
    for poll in polls {
        let _ = write!(key, ".{}", poll.version());
    }
    key
}

impl<'a> StepView<'a> {
    fn of(event: &Event, polls: &'a [Poll], step: &EventStep) -> Self {
        let poll = step.progress.poll();
        let known = poll.and_then(|poll| polls.iter().find(|known| known.id() == poll));
        Self {
            does: step.name.as_str(),
            number: poll.and_then(|poll| number_of(event, poll)),
            question: known.map(Poll::question),
            closes: step.change.is_some_and(|change| change.does == PollAction::Close),
        }
    }
}

impl VotesButton {
    /// None where the votes stay shown, because the ballots are published.
    fn of(on: &Poll, next: Option<&EventStep>, back: Option<&EventStep>) -> Option<Self> {
        if on.is_published() {
            return None;
        }
        let does = if on.is_hidden() { "reveal" } else { "hide" };
        let is = |step: Option<&EventStep>, name| step.is_some_and(|step| step.name == name);
        let way = match does {
            "reveal" if is(next, StepName::Reveal) => "next",
            "hide" if is(back, StepName::Hide) => "back",
            _ => "votes",
        };
        Some(Self { way, does })
    }
}

#[cfg(test)]
mod tests {
    use domain::{EventChange, EventSpec, PollId, PollSpec, Visibility};

    use super::*;

    fn poll(id: &str, state: PollState, results: Visibility) -> Poll {
        let spec = PollSpec { state, results, ..PollSpec::simple("Tea?", ["Yes", "No"]) };
        Poll::new(PollId::parse(id).unwrap(), spec).unwrap()
    }

    fn event(polls: &[&str]) -> Event {
        let polls = polls.iter().map(|id| PollId::parse(id).unwrap()).collect();
        Event::new(EventId::parse("evening").unwrap(), EventSpec { title: "An evening".into(), polls }).unwrap()
    }

    #[test]
    fn votes_are_shown_by_the_step_where_that_is_the_next_one() {
        let hidden = [poll("one", PollState::Closed, Visibility::Hidden)];
        let evening = event(&["one"]);
        let opened = evening.next_step(&PollStates::of(&hidden)).unwrap();
        let at = evening.after(&EventChange::Step(opened)).unwrap();
        for (state, way) in [(PollState::Open, "votes"), (PollState::Closed, "next")] {
            let mut polls = [poll("one", state, Visibility::Hidden)];
            // The step that opened it is done.
            polls[0] = polls[0].after(&domain::PollChange::List(true), 0).unwrap();
            let glance = EventGlance::of(&at, &polls);
            let votes = glance.votes.unwrap();
            assert_eq!((votes.way, votes.does), (way, "reveal"), "{state:?}");
        }
    }

    #[test]
    fn the_key_changes_with_the_event_and_with_each_poll() {
        let polls = [PollState::Open, PollState::Closed].map(|state| poll("one", state, Visibility::Live));
        let evening = event(&["one"]);
        let renamed = EventSpec { title: "Another".into(), polls: evening.polls().to_vec() };
        let renamed = evening.after(&EventChange::Edit(renamed)).unwrap();
        let changed = polls[0].after(&domain::PollChange::Close, 0).unwrap();
        let keys = [key(&evening, &polls[..1]), key(&renamed, &polls[..1]), key(&evening, &[changed])];
        assert_eq!(keys, ["1.1", "2.1", "1.2"]);
    }
}
