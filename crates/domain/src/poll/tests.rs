//! What a poll may be, and what can be done to it.

use super::*;
use crate::{Choices, ChoicesError, EventId, FrontPage, PollId};

mod publication;

fn cats_or_dogs() -> Poll {
    Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap()
}

#[test]
fn the_stored_form_is_what_it_always_was() {
    let golden = concat!(
        r#"{"id":"main","state":"open","changes":true,"round":1,"question":"Cats or Dogs?","#,
        r#""options":["Cats","Dogs"],"max_choices":1,"results":"live","access":"anyone","listed":false}"#
    );
    assert_eq!(serde_json::to_string(&cats_or_dogs()).unwrap(), golden);
    assert_eq!(serde_json::from_str::<Poll>(golden).unwrap(), cats_or_dogs());
}

#[test]
fn fields_of_a_later_release_are_ignored_and_bad_ones_refused() {
    let json = serde_json::to_value(cats_or_dogs()).unwrap();
    let mut later = json.clone();
    later["colour"] = "blue".into();
    assert_eq!(serde_json::from_value::<Poll>(later).unwrap(), cats_or_dogs());
    let mut broken = json;
    broken["max_choices"] = 3.into();
    assert!(serde_json::from_value::<Poll>(broken).is_err());
}

#[test]
fn each_limit_is_named_when_broken() {
    let with = |edit: fn(&mut PollSpec)| {
        let mut spec = PollSpec::simple("Which?", ["x", "y", "z"]);
        edit(&mut spec);
        Poll::new(PollId::MAIN, spec).unwrap_err()
    };
    assert_eq!(with(|spec| spec.question = "  ".into()), PollError::NoQuestion);
    assert_eq!(with(|spec| spec.question = "é".repeat(501)), PollError::QuestionTooLong(501));
    assert_eq!(with(|spec| spec.question = "a\0b".into()), PollError::Unshowable(Field::Question, '\0'));
    assert_eq!(with(|spec| spec.options.truncate(1)), PollError::OptionCount(1));
    assert_eq!(with(|spec| spec.options = vec!["x".into(); 27]), PollError::OptionCount(27));
    assert_eq!(with(|spec| spec.options[1] = String::new()), PollError::EmptyOption('b'));
    assert_eq!(with(|spec| spec.options[2] = "é".repeat(201)), PollError::OptionTooLong { key: 'c', chars: 201 });
    assert_eq!(with(|spec| spec.options[2] = " x ".into()), PollError::SameOption('a', 'c'));
    assert_eq!(with(|spec| spec.max_choices = 0), PollError::MaxChoices { options: 3, max_choices: 0 });
    assert_eq!(with(|spec| spec.max_choices = 4), PollError::MaxChoices { options: 3, max_choices: 4 });
    assert!(Poll::new(PollId::MAIN, PollSpec::simple("é".repeat(500), ["x", &"é".repeat(200)])).is_ok());
}

#[test]
fn a_ballot_must_fit_the_poll() {
    let poll = cats_or_dogs();
    assert_eq!(poll.check(Choices::parse(["b"]).unwrap()), Ok(()));
    assert_eq!(poll.check(Choices::parse(["c"]).unwrap()), Err(ChoicesError::UnknownOption('c')));
    let both = Choices::parse(["a", "b"]).unwrap();
    assert_eq!(poll.check(both), Err(ChoicesError::TooMany { allowed: 1, chosen: 2 }));
}

#[test]
fn changes_do_one_thing_each_and_ballots_fix_the_question() {
    let poll = cats_or_dogs();
    assert_eq!(poll.after(&PollChange::Close, 1).unwrap().state(), PollState::Closed);
    assert!(poll.after(&PollChange::Hide, 1).unwrap().is_hidden());
    assert_eq!(poll.after(&PollChange::Reset, 1).unwrap().round(), 2);
    let other = PollChange::Rewrite(Box::new(PollSpec::simple("Tea?", ["Yes", "No"])));
    assert_eq!(poll.after(&other, 1), Err(ChangeRefused::HasBallots));
    let closed = poll.after(&PollChange::Close, 0).unwrap();
    let rewritten = closed.after(&other, 0).unwrap();
    assert_eq!((rewritten.question(), rewritten.state()), ("Tea?", PollState::Closed));
}

#[test]
fn a_poll_of_one_revision_always_asks_the_same() {
    let poll = cats_or_dogs();
    let rewritten = |spec| poll.after(&PollChange::Rewrite(Box::new(spec)), 0).unwrap();
    let swapped = rewritten(PollSpec::simple("Cats or Dogs?", ["Dogs", "Cats"]));
    let coded = rewritten(PollSpec { access: Access::Codes, ..poll.spec.clone() });
    assert_eq!((poll.revision(), swapped.revision(), coded.revision()), (1, 2, 2));
    assert_eq!(rewritten(poll.spec.clone()).revision(), 1, "nothing changed");
    for change in
        [PollChange::Close, PollChange::Hide, PollChange::Reset, PollChange::List(true), PollChange::Kiosk(true)]
    {
        assert_eq!(swapped.after(&change, 1).unwrap().revision(), 2, "{change:?}");
    }
    let stored = serde_json::to_string(&swapped).unwrap();
    assert_eq!(serde_json::from_str::<Poll>(&stored).unwrap(), swapped);
}

#[test]
fn what_nobody_can_see_or_tell_apart_is_refused_by_name() {
    let error = |options: [&str; 3]| Poll::new(PollId::MAIN, PollSpec::simple("Which?", options)).unwrap_err();
    assert_eq!(error(["Yes", "No", "Yes\u{200b}"]), PollError::SameOption('a', 'c'));
    assert_eq!(error(["Yes", "Caf\u{e9}", "Cafe\u{301}"]), PollError::SameOption('b', 'c'));
    assert_eq!(error(["Yes", "Tea", "T\u{435}a"]), PollError::SameOption('b', 'c'));
    assert_eq!(error(["Yes", "No", "\u{2060}\u{3164}"]), PollError::Unseen(Field::Option('c')));
    assert_eq!(error(["Yes", "N\u{1b}o", "?"]), PollError::Unshowable(Field::Option('b'), '\u{1b}'));
    let question = |text: &str| Poll::new(PollId::MAIN, PollSpec::simple(text, ["Yes", "No"]));
    assert_eq!(question("\u{200b}").unwrap_err(), PollError::Unseen(Field::Question));
    assert_eq!(question("Tea\u{202e}?\tOr\u{b}coffee? ").unwrap().question(), "Tea? Or\ncoffee?");
    let line = error(["Yes", "N\u{1b}o", "?"]).to_string();
    assert_eq!(line, "options: option b holds the character U+001B, which can't be shown");
}

#[test]
fn what_an_earlier_release_stored_is_read_and_changed() {
    let stored = concat!(
        r#"{"id":"old","state":"open","changes":true,"round":1,"question":"Tea\u200b?","#,
        r#""options":["Yes","Yes\u200b","\u2060"],"max_choices":1,"results":"live","access":"anyone","listed":false}"#
    );
    let poll: Poll = serde_json::from_str(stored).unwrap();
    assert_eq!(poll.options(), ["Yes", "Yes\u{200b}", "\u{2060}"]);
    let closed = poll.after(&PollChange::Close, 1).unwrap();
    assert_eq!(serde_json::from_str::<Poll>(&serde_json::to_string(&closed).unwrap()).unwrap(), closed);
}

fn words(question: &str, options: &[&str], at_millis: u64) -> PollChange {
    let options = options.iter().map(|&option| option.to_owned()).collect();
    PollChange::Correct(Box::new(Wording { question: question.to_owned(), options, at_millis }))
}

#[test]
fn a_correction_changes_words_alone_and_is_noted() {
    let poll = Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dgos?", ["Cats", "Dgos"])).unwrap();
    let corrected = poll.after(&words("Cats or Dogs?", &["Cats", "Dogs"], 7), 1).unwrap();
    assert_eq!((corrected.question(), corrected.options()[1].as_str()), ("Cats or Dogs?", "Dogs"));
    assert_eq!(corrected.revision(), poll.revision(), "ballots that were shown the words before are taken");
    let again = corrected.after(&words("Cats or dogs?", &["Cats", "Dogs"], 9), 1).unwrap();
    let note = again.correction().unwrap();
    assert_eq!((note.at_millis, note.question.as_str(), note.options[1].as_str()), (9, "Cats or Dgos?", "Dgos"));
    assert_eq!(again.after(&words("Cats or dogs?", &["Cats", " Dogs"], 11), 1).unwrap(), again, "nothing new");
    let stored = serde_json::to_string(&again).unwrap();
    assert_eq!(serde_json::from_str::<Poll>(&stored).unwrap(), again);
    assert_eq!(again.after(&PollChange::Reset, 1).unwrap().correction(), None);

    let early = poll.after(&words("Cats or Dogs?", &["Cats", "Dogs"], 7), 0).unwrap();
    assert_eq!((early.revision(), early.correction()), (2, None), "without ballots it is a rewrite");
}

#[test]
fn a_correction_never_moves_options() {
    let poll = Poll::new(PollId::MAIN, PollSpec::simple("Which?", ["Yes", "No", "Perhaps"])).unwrap();
    let tried = |poll: &Poll, options: &[&str]| poll.after(&words("Which?", options, 7), 1);
    for other in
        [&["Yes", "No"][..], &["Yes", "No", "Perhaps", "Never"], &["No", "Yes", "Perhaps"], &["No", "Nope", "?"]]
    {
        assert_eq!(tried(&poll, other), Err(ChangeRefused::OtherOptions), "{other:?}");
    }
    let step = tried(&poll, &["Yes!", "No", "Perhaps"]).unwrap();
    assert_eq!(tried(&step, &["Yes!", "Yes", "Perhaps"]), Err(ChangeRefused::OtherOptions), "in two steps neither");
    let invalid = tried(&poll, &["Yes", "No", "No"]).unwrap_err();
    assert_eq!(invalid, ChangeRefused::Invalid(PollError::SameOption('b', 'c')));
}

#[test]
fn an_archived_poll_is_not_open_and_comes_back() {
    let poll = cats_or_dogs();
    let archived = poll.after(&PollChange::Archive, 1).unwrap();
    assert!(archived.archived() && archived.state() == PollState::Closed);
    let stored = serde_json::to_string(&archived).unwrap();
    assert_eq!(serde_json::from_str::<Poll>(&stored).unwrap(), archived);
    let back = archived.after(&PollChange::Restore, 1).unwrap();
    assert!(!back.archived() && back.state() == PollState::Closed);
    let opened = archived.after(&PollChange::Open, 1).unwrap();
    assert_eq!(Poll { version: 1, ..opened }, poll, "opening brings it back");
    let waiting = Poll::new(PollId::MAIN, PollSpec { state: PollState::Waiting, ..poll.spec.clone() }).unwrap();
    assert_eq!(waiting.after(&PollChange::Archive, 0).unwrap().state(), PollState::Waiting);
}

#[test]
fn each_change_makes_the_next_version_and_what_changes_nothing_does_not() {
    let poll = cats_or_dogs();
    assert_eq!(poll.version(), 1);
    assert!(!serde_json::to_string(&poll).unwrap().contains("version"), "as polls of 0.1.0 are stored");
    let closed = poll.after(&PollChange::Close, 1).unwrap();
    assert_eq!(closed.version(), 2);
    assert_eq!(closed.after(&PollChange::Close, 1).unwrap(), closed);
    let stored = serde_json::to_string(&closed).unwrap();
    assert_eq!(serde_json::from_str::<Poll>(&stored).unwrap(), closed);
    let words =
        Wording { at_millis: 1, question: poll.question().to_owned(), options: vec!["Cats!".into(), "Dogs".into()] };
    assert_eq!(closed.after(&PollChange::Correct(Box::new(words.clone())), 1).unwrap().version(), 3);
    assert_eq!(closed.after(&PollChange::Correct(Box::new(words)), 0).unwrap().version(), 3);
    assert_eq!(closed.after(&PollChange::Reset, 1).unwrap().version(), 3);
    assert_eq!(closed.after_versions(2, 7).version(), 8);
}

#[test]
fn the_default_poll_says_what_the_root_address_shows() {
    let (poll, event) = (cats_or_dogs(), FrontPage::Event(EventId::parse("evening").unwrap()));
    let put = |poll: &Poll, page| poll.after(&PollChange::PutInFront(page), 1).unwrap();
    let aside = put(&poll, Some(event));
    assert_eq!((aside.front_page(), aside.version(), aside.revision()), (Some(event), 2, 1));
    let stored = serde_json::to_string(&aside).unwrap();
    assert!(stored.contains(r#""front_page":{"event":"evening"}"#), "{stored}");
    assert_eq!(serde_json::from_str::<Poll>(&stored).unwrap(), aside);
    let other = FrontPage::Poll(PollId::parse("other").unwrap());
    assert_eq!(put(&aside, Some(other)).front_page(), Some(other));
    assert_eq!(aside.after(&PollChange::Reset, 1).unwrap().front_page(), Some(event), "it stays over a reset");
    for back in [None, Some(FrontPage::Poll(PollId::MAIN))] {
        assert_eq!(put(&aside, back).front_page(), None);
    }
    let elsewhere = Poll::new(PollId::parse("other").unwrap(), poll.spec.clone()).unwrap();
    assert_eq!(put(&elsewhere, Some(event)), elsewhere, "only the default poll");
}

/// A moment of the log's clock.
const NOW: u64 = 1_795_424_400_000;

fn seconds(seconds: u32) -> PollChange {
    PollChange::OpenFor(Countdown::For(CountdownSeconds::try_from(seconds).unwrap()))
}

#[test]
fn a_countdown_is_stored_as_a_moment_and_only_while_it_runs() {
    let poll = cats_or_dogs().after_at(NOW, &seconds(30), 1).unwrap();
    assert_eq!(poll.closes_at(), Some(NOW + 30_000));
    let golden = concat!(
        r#"{"id":"main","state":"open","changes":true,"round":1,"version":2,"question":"Cats or Dogs?","#,
        r#""options":["Cats","Dogs"],"max_choices":1,"results":"live","access":"anyone","listed":false,"#,
        r#""closes_at":1795424430000}"#
    );
    assert_eq!(serde_json::to_string(&poll).unwrap(), golden);
    assert_eq!(serde_json::from_str::<Poll>(golden).unwrap(), poll);
    let closed: Poll = serde_json::from_str(&golden.replace("\"open\"", "\"closed\"")).unwrap();
    assert_eq!(closed.closes_at(), None, "only an open poll has a countdown");

    for change in [PollChange::Close, PollChange::Reset, PollChange::Open, PollChange::Archive] {
        assert_eq!(poll.after_at(NOW, &change, 1).unwrap().closes_at(), None, "{change:?}");
    }
    for change in [PollChange::Hide, PollChange::List(true), PollChange::Kiosk(true)] {
        assert_eq!(poll.after_at(NOW, &change, 1).unwrap().closes_at(), poll.closes_at(), "{change:?}");
    }
    let longer = poll.after_at(NOW + 10_000, &seconds(30), 1).unwrap();
    assert_eq!((longer.closes_at(), longer.version()), (Some(NOW + 40_000), 3));
}

#[test]
fn a_countdown_keeps_to_its_limits() {
    assert_eq!([0, 86_401].map(CountdownSeconds::try_from), [Err(CountdownError::Length); 2]);
    let until = |moment| cats_or_dogs().after_at(NOW, &PollChange::OpenFor(Countdown::Until(moment)), 1);
    assert_eq!(until(NOW), Err(ChangeRefused::Countdown(CountdownError::Past)));
    assert_eq!(until(NOW + 86_400_001), Err(ChangeRefused::Countdown(CountdownError::Length)));
    for moment in [NOW + 1, NOW + 86_400_000] {
        assert_eq!(until(moment).unwrap().closes_at(), Some(moment));
    }
}

#[test]
fn a_poll_whose_countdown_has_ended_is_as_the_log_will_close_it() {
    let poll = cats_or_dogs().after_at(NOW, &seconds(30), 1).unwrap();
    assert_eq!(poll.as_of(NOW + 29_999), poll);
    assert_eq!(poll.closes_in_millis(NOW + 29_999), Some(1));
    assert_eq!(poll.closes_in_millis(NOW + 30_000), None);
    let closed = poll.as_of(NOW + 30_000);
    assert_eq!((closed.state(), closed.closes_at(), closed.version()), (PollState::Closed, None, 3));
    assert_eq!(poll.after_at(NOW + 30_000, &PollChange::Close, 1).unwrap(), closed);
    assert_eq!(closed.as_of(NOW + 60_000), closed);

    let hidden = poll.after_at(NOW + 30_000, &PollChange::Hide, 1).unwrap();
    assert!(!hidden.is_open() && hidden.version() == 4, "the close comes first: {hidden:?}");
    let again = poll.after_at(NOW + 30_000, &PollChange::Open, 1).unwrap();
    assert!(again.is_open() && again.closes_at().is_none());
}
