//! The states in which everything works.

use testkit::programs::ORGANISER_TOKEN;

use super::{
    State, Step,
    Step::{Click, Find, Goto, Guess, Organise, Submit, Type},
    events, publication,
    stage::Stage,
};

const SEND: &str = "main form button";

/// In this order: a browser that comes here for the first time votes on its way, and signs in.
pub(super) fn states(stage: &Stage) -> Vec<State> {
    let mut states = voting(stage);
    states.extend(events::voting(stage));
    states.extend(publication::voting(stage));
    states.extend(watching(stage));
    states.extend(publication::checking(stage));
    states.extend(organising(stage));
    states.extend(events::organising(stage));
    states.extend(publication::organising(stage));
    states.extend(events::watching(stage));
    states
}

fn voting(stage: &Stage) -> Vec<State> {
    let vote = |path: &str| Goto(stage.vote(path));
    let [board, statutes] = &stage.codes;
    let [counted, ..] = &stage.receipts;
    let chosen = |poll: &str, css| vec![vote(poll), Click(css), Click(SEND), Find(".recorded")];
    let with = |mut steps: Vec<Step>, more: Vec<Step>| {
        steps.extend(more);
        steps
    };
    let shown = || vec![Find("section.live:not([hidden]) .share:not(:empty)")];
    let organise = |path: &str| Organise(stage.vote(&format!("/api/polls{path}")));
    listed(vec![
        // Before anything else: this browser has no cookie yet.
        ("vote-without-cookies", vec![vote(&format!("/p/talks?voted={counted}")), Find(".recorded")]),
        ("vote-two", vec![vote("/p/lunch")]),
        ("vote-countdown", vec![vote("/p/hurry"), Find(".countdown:not([hidden])")]),
        ("vote-four", vec![vote("/p/talks")]),
        ("vote-26", vec![vote("/p/books")]),
        ("vote-several", vec![vote("/p/shelf"), Click("input[value=b]"), Click("input[value=e]")]),
        (
            "vote-too-many",
            with(
                vec![vote("/p/shelf"), Click("input[value=a]"), Click("input[value=b]"), Click("input[value=c]")],
                vec![Click("input[value=d]"), Click(SEND), Find(".note.bad")],
            ),
        ),
        ("vote-long-question", vec![vote("/p/long")]),
        ("vote-largest", vec![vote("/p/largest")]),
        ("vote-recorded", with(chosen("/p/talks", "input[value=b]"), shown())),
        ("vote-recorded-two", with(vec![vote("/p/lunch"), Click("button[value=a]"), Find(".recorded")], shown())),
        ("vote-changed", with(vec![Click("button[value=b]"), Find("button[value=b].mine")], shown())),
        ("vote-recorded-26", with(chosen("/p/books", "input[value=c]"), shown())),
        ("vote-recorded-hidden", chosen("/p/dinner", "input[value=a]")),
        ("vote-recorded-final", chosen("/p/final", "input[value=a]")),
        ("vote-recorded-kiosk", vec![vote("/p/tablet"), Click("button[value=a]"), Find(".next button")]),
        ("vote-next-voter", vec![Click(".next button"), Find("main:not(:has(.next)) .tiles")]),
        (
            "vote-recorded-reset",
            vec![
                vote("/p/again"),
                Click("button[value=a]"),
                Find(".recorded"),
                organise("/again/reset"),
                vote("/p/again"),
                Find("button[value=a]:not(.mine)"),
            ],
        ),
        (
            "vote-recorded-closed",
            with(
                vec![
                    organise("/short/open"),
                    vote("/p/short"),
                    Click("button[value=b]"),
                    Find(".recorded"),
                    organise("/short/close"),
                    vote("/p/short"),
                ],
                shown(),
            ),
        ),
        ("vote-closed", with(vec![vote("/p/over"), Find("#seal .words:not([hidden])")], shown())),
        ("vote-not-open-yet", vec![vote("/p/later")]),
        ("vote-needs-code", vec![vote("/p/board")]),
        (
            "vote-wrong-code",
            with(
                vec![vote("/p/board"), Type("#code", "0000-0000-0000".into())],
                vec![Click("input[value=b]"), Click(SEND), Find(".note.bad")],
            ),
        ),
        (
            "vote-with-code",
            with(
                vec![vote("/p/board"), Type("#code", board.clone())],
                vec![Click("input[value=b]"), Click(SEND), Find(".recorded")],
            ),
        ),
        (
            "vote-used-code",
            with(
                vec![vote("/p/statutes"), Type("#code", statutes.clone())],
                vec![Click("input[value=b]"), Click(SEND), Find(".note.bad")],
            ),
        ),
        ("vote-unknown-poll", vec![vote("/p/nowhere")]),
        ("vote-no-such-page", vec![vote("/nowhere/at/all")]),
    ])
}

fn watching(stage: &Stage) -> Vec<State> {
    let result = |path: &str| Goto(stage.result(path));
    let live = |path: &str| vec![result(path), Find("[data-kind=live]")];
    let [counted, replaced, past, missing] = &stage.receipts;
    listed(vec![
        ("receipt-counted", vec![result(&format!("/p/talks/receipts/{counted}")), Find("#said:not([hidden])")]),
        ("receipt-replaced", vec![result(&format!("/p/board/receipts/{replaced}")), Find("#said:not([hidden])")]),
        ("receipt-past-round", vec![result(&format!("/p/again/receipts/{past}"))]),
        ("receipt-missing", vec![result(&format!("/p/talks/receipts/{missing}")), Find(".note.bad")]),
        ("receipt-unknown", vec![result("/p/talks/receipts/no-such-receipt")]),
        ("result-two", live("/p/lunch")),
        ("result-countdown", live("/p/hurry")),
        ("result-join", vec![result("/p/lunch/join")]),
        (
            "result-join-large",
            vec![
                result("/p/lunch"),
                Find("[data-kind=live]"),
                Click(".enlarge"),
                Find("#join-large:not([hidden]) .qr"),
            ],
        ),
        ("result-live", live("/p/talks")),
        ("result-26", live("/p/books")),
        ("result-zero", live("/p/zero")),
        ("result-hidden", live("/p/dinner")),
        ("result-closed", vec![result("/p/over"), Find("[data-kind=live]"), Find("#seal .words")]),
        ("result-not-open-yet", live("/p/later")),
        ("result-long-question", live("/p/long")),
        ("result-largest", live("/p/largest")),
        ("result-embed", live("/p/talks/embed")),
        ("result-embed-hidden", live("/p/dinner/embed")),
        ("result-polls", vec![result("/polls")]),
        ("result-unknown-poll", vec![result("/p/nowhere")]),
        ("result-no-such-page", vec![result("/nowhere/at/all")]),
    ])
}

fn organising(stage: &Stage) -> Vec<State> {
    let vote = |path: &str| Goto(stage.vote(path));
    let run = |poll: &str| {
        vec![vote(&format!("/organise/{poll}")), Find("#voters:not(:empty)"), Find("td.share:not(:empty)")]
    };
    let token = |token: &str| vec![Type("#token", token.to_owned()), Submit(SEND)];
    let form = "form[action='/organise'] button";
    listed(vec![
        ("organise-sign-in", vec![vote("/organise")]),
        (
            "organise-wrong-token",
            token("not the organiser’s token").into_iter().chain([Find("[role=alert]")]).collect(),
        ),
        ("organise-list", token(ORGANISER_TOKEN).into_iter().chain([Find("ul.polls")]).collect()),
        (
            "organise-fault",
            vec![
                vote("/organise"),
                Type("#question", "Shall we?".into()),
                Type("#options", "Yes".into()),
                Submit(form),
                Find("#fault"),
            ],
        ),
        ("organise-poll", run("talks")),
        ("organise-poll-hidden", run("dinner")),
        ("organise-poll-codes", run("board")),
        ("organise-poll-26", run("books")),
        ("organise-poll-largest", run("largest")),
        ("organise-poll-not-open-yet", run("later")),
        ("organise-poll-closed", run("over")),
        ("organise-poll-countdown", run("hurry")),
        ("organise-no-organiser", vec![Goto(stage.lonely("/organise"))]),
        ("organise-codes", vec![vote("/organise/board/codes?from=1&count=24")]),
        ("organise-reset", vec![vote("/organise/talks/reset")]),
        ("organise-edit", vec![vote("/organise/zero/edit")]),
        ("organise-edit-too-late", vec![vote("/organise/talks/edit")]),
        (
            "organise-poll-archived",
            vec![Organise(stage.vote("/api/polls/zero/archive")), vote("/organise/zero"), Find("#numbers")],
        ),
        ("organise-list-archived", vec![vote("/organise"), Find("details summary")]),
        ("vote-archived", vec![vote("/p/zero")]),
        // Others go on with it.
        ("organise-unknown-poll", vec![Organise(stage.vote("/api/polls/zero/open")), vote("/organise/nowhere")]),
        ("api", vec![vote("/api"), Find("#operations summary")]),
        (
            "api-tried",
            vec![Click("#operations details summary"), Click("#operations details form button"), Find(".answer")],
        ),
    ])
}

/// After everything else: nobody comes in any more for a while.
pub(super) fn last(stage: &Stage) -> Vec<State> {
    let mut steps =
        vec![Goto(stage.vote("/organise")), Submit("form[action='/organise/sign-out'] button"), Find("#token")];
    for _ in 0..9 {
        steps.extend([Type("#token", "not the organiser’s token".into()), Submit(SEND), Find("[role=alert]")]);
    }
    listed(vec![
        ("organise-too-many-tries", steps),
        (
            "vote-too-many-tries",
            vec![
                Goto(stage.vote("/p/board?code=")),
                Type("#code", "0000-0000-0000".into()),
                Click("input[value=b]"),
                Guess(stage.vote("/api/polls/board/ballots")),
                Click(SEND),
                Find(".note.bad"),
            ],
        ),
    ])
}

fn listed(states: Vec<(&'static str, Vec<Step>)>) -> Vec<State> {
    states.into_iter().map(|(name, steps)| State { name, steps }).collect()
}
