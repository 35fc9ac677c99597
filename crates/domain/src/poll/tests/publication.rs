//! That publication is a rule, that it is final, and which change closed a poll.

use super::*;

fn publishable() -> Poll {
    let spec = PollSpec { publish: true, ..PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"]) };
    Poll::new(PollId::MAIN, spec).unwrap()
}

fn after(poll: &Poll, change: &PollChange) -> Poll {
    poll.after(change, 1).unwrap()
}

fn published() -> Poll {
    after(&after(&publishable(), &PollChange::Close), &PollChange::Publish)
}

fn stored(poll: &Poll) -> String {
    let stored = serde_json::to_string(poll).unwrap();
    assert_eq!(&serde_json::from_str::<Poll>(&stored).unwrap(), poll, "{stored}");
    stored
}

#[test]
fn publication_is_stored_only_where_it_is() {
    let golden = concat!(
        r#"{"id":"main","state":"closed","changes":true,"round":1,"version":3,"question":"Cats or Dogs?","#,
        r#""options":["Cats","Dogs"],"max_choices":1,"results":"live","access":"anyone","listed":false,"#,
        r#""publish":true,"published":true,"closed_in":2}"#
    );
    assert_eq!(stored(&published()), golden);
    let (poll, without) = (stored(&publishable()), stored(&cats_or_dogs()));
    assert_eq!(poll.replace(r#","publish":true"#, ""), without);
    assert!(!serde_json::from_str::<Poll>(&without).unwrap().publish(), "as polls of earlier releases are stored");

    let spec = |publish| PollSpec { publish, ..cats_or_dogs().spec };
    let json = |publish| serde_json::to_string(&spec(publish)).unwrap();
    assert!(!json(false).contains("publish"), "ids are made of it: {}", json(false));
    assert!(json(true).ends_with(r#","kiosk":false,"publish":true}"#), "{}", json(true));

    let open: Poll = serde_json::from_str(&golden.replace("\"closed\"", "\"open\"")).unwrap();
    assert_eq!((open.is_published(), open.closed_in()), (false, None), "only a closed poll is");
}

#[test]
fn publication_is_a_rule_of_the_revision() {
    let (poll, plain) = (publishable(), cats_or_dogs());
    assert!(!poll.asks_the_same_as(&plain));
    let rewrite = |publish| PollChange::Rewrite(Box::new(PollSpec { publish, ..cats_or_dogs().spec }));
    let ruled = plain.after(&rewrite(true), 0).unwrap();
    assert_eq!((ruled.publish(), ruled.revision()), (true, 2));
    assert_eq!(plain.after(&rewrite(true), 1), Err(ChangeRefused::HasBallots));
    assert_eq!(poll.after(&rewrite(true), 0).unwrap().revision(), 1, "nothing changed");
    let corrected = after(&poll, &words("Cats or dogs?", &["Cats", "Dogs"], 7));
    assert_eq!((corrected.publish(), corrected.revision()), (true, 1));
}

#[test]
fn a_poll_is_published_by_its_rule_once_it_is_closed_and_shown() {
    let refused = |poll: &Poll| poll.after(&PollChange::Publish, 1).unwrap_err();
    let poll = publishable();
    let closed = after(&poll, &PollChange::Close);
    let waiting = Poll { spec: PollSpec { state: PollState::Waiting, ..poll.spec.clone() }, ..poll.clone() };
    assert_eq!(refused(&after(&cats_or_dogs(), &PollChange::Close)), ChangeRefused::NotToBePublished);
    assert_eq!([refused(&poll), refused(&waiting)], [ChangeRefused::NotClosed, ChangeRefused::NotClosed]);
    assert_eq!(refused(&after(&closed, &PollChange::Hide)), ChangeRefused::VotesHidden);

    let published = after(&closed, &PollChange::Publish);
    assert!(published.is_published() && !closed.is_published());
    assert_eq!((published.version(), published.revision(), published.round()), (3, 1, 1));
    assert_eq!(after(&published, &PollChange::Publish), published, "once more changes nothing");

    let counted = poll.after_at(NOW, &seconds(30), 1).unwrap();
    assert_eq!(counted.after_at(NOW + 29_999, &PollChange::Publish, 1), Err(ChangeRefused::NotClosed));
    assert!(counted.after_at(NOW + 30_000, &PollChange::Publish, 1).unwrap().is_published());
}

#[test]
fn a_published_poll_can_only_be_reset() {
    let poll = published();
    let rewrite = PollChange::Rewrite(Box::new(PollSpec::simple("Tea?", ["Yes", "No"])));
    let correct = words("Cats or dogs?", &["Cats", "Dogs"], 7);
    for change in [PollChange::Open, seconds(30), PollChange::Hide, rewrite, correct] {
        for accepted in [0, 1] {
            assert_eq!(poll.after_at(NOW, &change, accepted), Err(ChangeRefused::Published), "{change:?}");
        }
    }
    for change in [PollChange::Close, PollChange::Reveal] {
        assert_eq!(after(&poll, &change), poll, "{change:?}");
    }
    let front = PollChange::PutInFront(Some(FrontPage::Event(EventId::parse("evening").unwrap())));
    for change in [
        PollChange::List(true),
        PollChange::LimitNewVoters(std::num::NonZeroU16::new(7)),
        PollChange::Kiosk(true),
        PollChange::Archive,
        front,
    ] {
        let next = after(&poll, &change);
        assert!(next.is_published() && next.version() == 4, "{change:?}");
        stored(&next);
    }
    let archived = after(&poll, &PollChange::Archive);
    assert!(after(&archived, &PollChange::Restore).is_published());

    let again = after(&poll, &PollChange::Reset);
    assert_eq!((again.is_published(), again.publish(), again.state()), (false, true, PollState::Closed));
    assert!(after(&again, &PollChange::Open).is_open());
    let held_back = poll.with_hidden_results();
    assert!(held_back.is_hidden() && !held_back.is_published(), "whoever must hold votes back holds all back");
}

#[test]
fn a_closed_poll_says_which_change_closed_it() {
    let poll = publishable();
    assert_eq!(poll.closed_in(), None);
    let closed = after(&poll, &PollChange::Close);
    assert_eq!(closed.closed_in(), Some(2));
    assert!(!stored(&closed).contains("closed_in"), "as a closed poll was always stored");
    let hidden = after(&closed, &PollChange::Hide);
    let listed = after(&after(&hidden, &PollChange::Reveal), &PollChange::List(true));
    let corrected = after(&listed, &words("Cats or dogs?", &["Cats", "Dogs"], 7));
    for later in [&hidden, &listed, &corrected, &after(&listed, &PollChange::Archive)] {
        assert_eq!(later.closed_in(), Some(2), "{later:?}");
        assert!(stored(later).ends_with(r#""closed_in":2}"#) || later.correction().is_some());
    }
    assert_eq!(after(&listed, &PollChange::Open).closed_in(), None);
    assert_eq!(after(&poll, &PollChange::Archive).closed_in(), Some(2));
    let reset = after(&listed, &PollChange::Reset);
    assert_eq!(reset.closed_in(), Some(reset.version()), "its round began closed");
    assert_eq!(after(&reset, &PollChange::Hide).closed_in(), Some(reset.version()));
    assert_eq!(listed.clone().after_versions(5, 8).closed_in(), Some(2));
}

#[test]
fn a_poll_that_begins_closed_or_is_opened_again_says_so_too() {
    let spec = |state| PollSpec { state, ..PollSpec::simple("Tea?", ["Yes", "No"]) };
    let new = |state| Poll::new(PollId::MAIN, spec(state)).unwrap();
    assert_eq!(new(PollState::Closed).closed_in(), Some(1));
    assert!(!stored(&new(PollState::Closed)).contains("closed_in"));
    let waiting = new(PollState::Waiting);
    assert_eq!(waiting.closed_in(), None);
    assert_eq!(after(&waiting, &PollChange::Archive).closed_in(), None, "it waits still");
    assert_eq!(after(&waiting, &PollChange::Close).closed_in(), Some(2));
    let again = [PollChange::Close, PollChange::Open, PollChange::Close];
    assert_eq!(again.iter().fold(waiting, |poll, change| after(&poll, change)).closed_in(), Some(4));
}

#[test]
fn a_countdown_that_ended_closed_the_poll_whatever_came_next() {
    let poll = publishable().after_at(NOW, &seconds(30), 1).unwrap();
    let (ended, closed) = (NOW + 30_000, poll.as_of(NOW + 30_000));
    assert_eq!((closed.version(), closed.closed_in()), (3, Some(3)));
    let hidden = poll.after_at(ended, &PollChange::Hide, 1).unwrap();
    assert_eq!((hidden.version(), hidden.closed_in()), (4, Some(3)));
    assert!(stored(&hidden).ends_with(r#""publish":true,"closed_in":3}"#));
}

#[test]
fn a_closed_poll_of_an_earlier_release_was_closed_in_its_version() {
    let golden = concat!(
        r#"{"id":"main","state":"closed","changes":true,"round":1,"version":7,"question":"Cats or Dogs?","#,
        r#""options":["Cats","Dogs"],"max_choices":1,"results":"live","access":"anyone","listed":false}"#
    );
    let poll: Poll = serde_json::from_str(golden).unwrap();
    assert_eq!((poll.closed_in(), poll.publish(), poll.is_published()), (Some(7), false, false));
    assert_eq!(stored(&poll), golden, "and is written back as it was");
    assert_eq!(after(&poll, &PollChange::List(true)).closed_in(), Some(7));
}
