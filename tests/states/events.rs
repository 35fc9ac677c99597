//! Events like those that people run, each at another point, and the states of their pages.

use serde_json::{Value, json};

use super::{
    State,
    Step::{Click, Find, Goto, Organise, Script, Submit, Type},
    stage::{Stage, long_question, organise},
};

const SEND: &str = "main form button";

/// The polls of events, which are opened and closed with them.
fn polls() -> Vec<Value> {
    let two = ["Yes", "No"];
    vec![
        json!({"id": "motion", "question": "Do you accept the budget as the board has presented it?", "options": two}),
        json!({"id": "chair", "question": "Who is to take the chair?", "options": ["Ada", "Grace", "Mary"],
            "results": "hidden"}),
        json!({"id": "colour", "question": "ما هو لونك المفضل؟", "options": ["أحمر", "أزرق", "أخضر"]}),
        json!({"id": "first", "question": "Which planet has the shortest day?",
            "options": ["Jupiter", "Mars", "Venus"]}),
        json!({"id": "second", "question": "How many moons has Mars?", "options": ["One", "Two", "Three"],
            "access": "codes"}),
        json!({"id": "farewell", "question": "Shall we meet again next year?", "options": two}),
    ]
}

/// Tells on the run page what it tells after a press that got no answer.
const UNKNOWN: &str = "const it = document.getElementById('trouble'); \
    it.querySelector('p').textContent = it.dataset.unknown; it.hidden = false;";

/// Their ids, titles, polls, and how many steps have been taken.
fn events() -> Vec<(&'static str, String, Vec<&'static str>, usize)> {
    vec![
        ("evening", "The members’ evening".into(), vec!["later", "colour", "lunch", "board"], 0),
        ("meeting", "The yearly meeting in the great hall".into(), vec!["motion", "colour", "later"], 1),
        ("session", long_question(), vec!["chair", "long", "largest"], 2),
        ("party", "The summer party".into(), vec!["farewell"], 3),
        ("empty", "Nothing to ask".into(), vec![], 0),
        ("quiz", "Quiz night".into(), vec!["first", "second"], 0),
        ("past", "Last year’s evening".into(), vec![], 0),
    ]
}

/// Makes them, with some ballots in what is open.
pub(super) async fn fill(stage: &Stage) {
    for mut poll in polls() {
        poll["state"] = "waiting".into();
        organise(&stage.vote("/api/polls"), &poll).await;
    }
    for (id, title, polls, steps) in events() {
        organise(&stage.vote("/api/events"), &json!({"id": id, "title": title, "polls": polls})).await;
        for _ in 0..steps {
            // For longer than any pictures take.
            let step = if id == "meeting" { json!({"seconds": 36_000}) } else { json!({}) };
            organise(&stage.vote(&format!("/api/events/{id}/next")), &step).await;
        }
    }
    organise(&stage.vote("/api/events/past/archive"), &json!({})).await;
    for option in [0, 0, 1, 0, 1] {
        stage.cast("motion", option, None).await;
    }
}

/// The voters' pages.
pub(super) fn voting(stage: &Stage) -> Vec<State> {
    let vote = |path: &str| Goto(stage.vote(path));
    let organise = |way: &str| Organise(stage.vote(&format!("/api/events/quiz/{way}")));
    let state = |name, steps| State { name, steps };
    vec![
        state("vote-event-before", vec![vote("/e/evening")]),
        state("vote-event-two", vec![vote("/e/meeting")]),
        state("vote-event-closed-hidden", vec![vote("/e/session")]),
        state("vote-event-over", vec![vote("/e/party")]),
        state(
            "vote-event-recorded",
            vec![organise("next"), vote("/e/quiz"), Click("input[value=b]"), Click(SEND), Find(".recorded")],
        ),
        state(
            "vote-event-recorded-before",
            vec![organise("next"), organise("next"), vote("/e/quiz?recorded=first"), Find("#news")],
        ),
        state(
            "vote-event-wrong-code",
            vec![
                vote("/e/quiz"),
                Type("#code", "0000-0000-0000".into()),
                Click("input[value=b]"),
                Click(SEND),
                Find(".note.bad"),
            ],
        ),
        // As it was, for the next browser.
        state("vote-event-begins-anew", vec![organise("back"), organise("back"), organise("back"), vote("/e/quiz")]),
        state("vote-unknown-event", vec![vote("/e/nowhere")]),
    ]
}

/// The organiser's pages; the browser has signed in.
pub(super) fn organising(stage: &Stage) -> Vec<State> {
    let vote = |path: &str| Goto(stage.vote(path));
    let run = |event: &str| vec![vote(&format!("/events/{event}/run")), Find("#keys:not([hidden])")];
    let figures = |event: &str| {
        let mut steps = run(event);
        steps.extend([Find("#voters:not(:empty)"), Find("td.share:not(:empty)")]);
        steps
    };
    let state = |name, steps| State { name, steps };
    vec![
        state("organise-events", vec![vote("/events"), Click("details summary"), Find("details[open]")]),
        state(
            "organise-events-fault",
            vec![
                vote("/events"),
                Type("#title", "Another evening".into()),
                Type("#id", "evening".into()),
                Submit("form[action='/events'] button"),
                Find("#fault"),
            ],
        ),
        state("organise-event", vec![vote("/events/evening")]),
        state("organise-event-longest", vec![vote("/events/session")]),
        state("organise-event-empty", vec![vote("/events/empty")]),
        state("organise-event-archived", vec![vote("/events/past"), Find("main .note")]),
        state(
            "organise-event-fault",
            vec![
                vote("/events/evening"),
                Click("details:has(#question) summary"),
                Type("#question", "Shall we?".into()),
                Type("#options", "Yes".into()),
                Submit("form[action$='/new-poll'] button"),
                Find("#fault"),
            ],
        ),
        state("organise-event-codes", vec![vote("/events/evening/codes?from=1&count=24")]),
        state("organise-unknown-event", vec![vote("/events/nowhere")]),
        state("run-before", run("evening")),
        state("run-open", figures("meeting")),
        state("run-trouble", vec![Script(UNKNOWN), Find("#trouble:not([hidden])")]),
        state("run-keys", vec![Click("#keys summary"), Find("#keys[open]")]),
        state("run-hidden", figures("session")),
        state("run-archived", run("past")),
        state("run-over", run("party")),
        state("run-empty", run("empty")),
    ]
}

/// The pages of the result host.
pub(super) fn watching(stage: &Stage) -> Vec<State> {
    let live = |event: &str, css| vec![Goto(stage.result(&format!("/e/{event}"))), Find("[data-kind=live]"), Find(css)];
    let state = |name, steps| State { name, steps };
    vec![
        state("result-event-before", live("evening", ".between.before .qr")),
        state("result-event-open", live("meeting", "[data-key=a] .count")),
        state("result-event-large-code", vec![Click(".enlarge"), Find("#join-large:not([hidden]) .qr")]),
        state("result-event-hidden", live("session", ".secret")),
        state("result-event-over", live("party", ".between.over")),
        state("result-event-empty", live("empty", ".between.before")),
        state("result-event-frame", live("meeting/embed", ".clear [data-key=a] .count")),
        state("result-event-frame-between", live("evening/embed", ".clear .between")),
        state("result-event-join", vec![Goto(stage.result("/e/evening/join"))]),
        state("result-event-print", vec![Goto(stage.result("/e/session/print")), Find(".asked")]),
        state("result-unknown-event", vec![Goto(stage.result("/e/nowhere"))]),
    ]
}
