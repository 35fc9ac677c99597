//! Changes the list of an event's polls, whoever else changes the event at the same time.

use domain::{Event, EventId, EventSpec, PollId};

use crate::{
    app::App,
    events::{self, create::edit},
    refusal::Refusal,
};

/// How often a change is made anew because the event was changed in between.
const ATTEMPTS: usize = 4;

/// Makes `change` of the event as it is now. Nothing is written where it changes nothing.
pub(super) async fn edited(app: &App, id: EventId, change: impl Fn(&mut EventSpec)) -> Result<(), Refusal> {
    for _ in 0..ATTEMPTS {
        let event = events::current(app, id).await?;
        let before = spec_of(&event);
        let mut spec = before.clone();
        change(&mut spec);
        if spec == before {
            return Ok(());
        }
        match edit(app, id, Some(event.version()), spec).await {
            Err(Refusal::EventChanged) => {}
            done => return done.map(drop),
        }
    }
    Err(Refusal::EventChanged)
}

fn spec_of(event: &Event) -> EventSpec {
    EventSpec { title: event.title().to_owned(), polls: event.polls().to_vec() }
}

/// Puts polls at the end that are not in the list yet.
pub(super) fn add(spec: &mut EventSpec, added: &[PollId]) {
    for poll in added {
        if !spec.polls.contains(poll) {
            spec.polls.push(*poll);
        }
    }
}

/// Moves a poll by one place, if it is where the organiser saw it: a doubled press moves it once.
pub(super) fn shift(spec: &mut EventSpec, poll: PollId, seen: usize, up: bool) {
    let other = if up { seen.checked_sub(1) } else { Some(seen + 1) };
    let Some(other) = other.filter(|&other| other < spec.polls.len()) else { return };
    if spec.polls.get(seen) == Some(&poll) {
        spec.polls.swap(seen, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(ids: &[&str]) -> EventSpec {
        EventSpec { title: "An evening".into(), polls: ids.iter().map(|id| PollId::parse(id).unwrap()).collect() }
    }

    #[test]
    fn a_poll_moves_by_one_place_from_where_it_was_seen() {
        let poll = |id| PollId::parse(id).unwrap();
        for (id, seen, up, after) in [
            ("b", 1, true, ["b", "a", "c"]),
            ("b", 1, false, ["a", "c", "b"]),
            ("a", 0, true, ["a", "b", "c"]),
            ("c", 2, false, ["a", "b", "c"]),
            ("b", 0, false, ["a", "b", "c"]),
            ("b", usize::MAX - 1, false, ["a", "b", "c"]),
        ] {
            let mut list = spec(&["a", "b", "c"]);
            shift(&mut list, poll(id), seen, up);
            assert_eq!(list, spec(&after), "{id} {seen} {up}");
        }
    }

    #[test]
    fn a_poll_is_added_once_at_the_end() {
        let mut list = spec(&["b", "a"]);
        add(&mut list, &spec(&["a", "c", "c"]).polls);
        assert_eq!(list, spec(&["b", "a", "c"]));
    }
}
