//! Creating an event, and the same event again with new polls.

use domain::{Event, EventChange, EventId, EventOutcome, EventSpec, Poll, PollId, PollSpec, PollState, Visibility};
use futures_util::future::try_join_all;

use super::existing::{change, current, polls_of};
use crate::{
    app::App,
    polls::{
        create::create as create_poll,
        made_up_id::{ID_ATTEMPTS, chosen_id, id_of, made_up_id},
    },
    refusal::{Refusal, not_told},
};

/// Creates an event, with this id or a made-up one. All its polls must be there.
///
/// With `once`, a text that a program sends again when it tries again, one event is created only: its id is derived
/// from `once` and the content.
pub(crate) async fn create(
    app: &App,
    wanted: Option<&str>,
    once: Option<&str>,
    spec: EventSpec,
) -> Result<Event, Refusal> {
    let wanted = wanted.map(own_id).transpose()?;
    let content = serde_json::to_vec(&spec).expect("an event is plain text");
    // Its limits first: one bounds how many polls are asked for.
    let any = Event::new(wanted.unwrap_or_else(|| spelled(made_up_id())), spec.clone());
    known(app, any.map_err(Refusal::InvalidEvent)?.polls()).await?;
    for attempt in 0..ID_ATTEMPTS {
        let from_once = || once.map(|once| spelled(id_of(&app.config.secret, once, &content, attempt)));
        let id = wanted.or_else(from_once).unwrap_or_else(|| spelled(made_up_id()));
        let event = Event::new(id, spec.clone()).map_err(Refusal::InvalidEvent)?;
        if let EventOutcome::Done(event) = app.ballots.create_event(event.clone()).await.map_err(not_told(app))? {
            app.events.put(event.clone());
            app.all_events.forget();
            return Ok(event);
        }
        if once.is_some() && app.ballots.event(id).await.map_err(not_told(app))?.as_ref() == Some(&event) {
            return Ok(event);
        }
        if wanted.is_some() {
            break;
        }
    }
    Err(Refusal::EventExists)
}

/// Gives an event another title, other polls or another order. Polls that come in must be there.
pub(crate) async fn edit(app: &App, id: EventId, seen: Option<u64>, spec: EventSpec) -> Result<Event, Refusal> {
    let event = current(app, id).await?;
    // The limits are those of a new event, and come first: one bounds how many polls are asked for.
    Event::new(id, spec.clone()).map_err(Refusal::InvalidEvent)?;
    let added: Vec<PollId> = spec.polls.iter().copied().filter(|poll| !event.polls().contains(poll)).collect();
    known(app, &added).await?;
    change(app, id, seen, EventChange::Edit(spec)).await
}

/// A new event that asks the same in new polls, which wait to be opened. Votes that were shown by a step are hidden
/// again. With `once`, as for [`create`], one event with one set of polls is made.
pub(crate) async fn duplicate(
    app: &App,
    id: EventId,
    wanted: Option<&str>,
    once: Option<&str>,
    title: Option<String>,
) -> Result<Event, Refusal> {
    let event = current(app, id).await?;
    let title = title.unwrap_or_else(|| event.title().to_owned());
    let asks = EventSpec { title: title.clone(), polls: event.polls().to_vec() };
    let copy = Event::new(id, asks).map_err(Refusal::InvalidEvent)?;
    if let Some(wanted) = wanted {
        // Before any poll is made. With `once` it may be the very event that is wanted.
        let there = app.ballots.event(own_id(wanted)?).await.map_err(not_told(app))?;
        if there.is_some_and(|there| once.is_none() || !looks_like(&there, &copy)) {
            return Err(Refusal::EventExists);
        }
    }
    let mut polls = Vec::new();
    for poll in polls_of(app, &event).await?.iter().filter(|poll| event.polls().contains(&poll.id())) {
        let spec = asked_again(poll, event.has_revealed(poll.id()));
        let once = once.map(|once| format!("{once} {}", poll.id()));
        polls.push(create_poll(app, None, once.as_deref(), spec).await?.id());
    }
    create(app, wanted, once, EventSpec { title, polls }).await
}

/// Whether an event was perhaps made as this copy.
fn looks_like(event: &Event, copy: &Event) -> bool {
    (event.title(), event.polls().len(), event.version()) == (copy.title(), copy.polls().len(), copy.version())
}

fn asked_again(poll: &Poll, was_revealed: bool) -> PollSpec {
    PollSpec {
        question: poll.question().to_owned(),
        options: poll.options().to_vec(),
        max_choices: poll.max_choices(),
        state: PollState::Waiting,
        results: if was_revealed { Visibility::Hidden } else { poll.results() },
        votes_can_change: poll.votes_can_change(),
        access: poll.access(),
        listed: poll.listed(),
        new_voters_per_minute: poll.new_voters_per_minute(),
        kiosk: poll.kiosk(),
        publish: poll.publish(),
    }
}

/// Checks that the log knows these polls.
async fn known(app: &App, polls: &[PollId]) -> Result<(), Refusal> {
    let asked = polls.iter().map(|&poll| async move {
        let found = app.ballots.poll(poll).await.map_err(not_told(app))?;
        found.map(drop).ok_or(Refusal::NoSuchPollInEvent(poll))
    });
    try_join_all(asked).await.map(drop)
}

/// The id that was chosen.
fn own_id(text: &str) -> Result<EventId, Refusal> {
    chosen_id(text).map(spelled)
}

fn spelled(id: PollId) -> EventId {
    EventId::parse(id.as_str()).expect("events follow the rules of polls")
}
