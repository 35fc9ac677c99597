//! Polls whose ballots will be or are published, and the states of their pages.

use serde_json::json;

use super::{
    State,
    Step::{Click, Find, Goto, Script, Type},
    stage::{Stage, organise},
};

/// `square` is open; `roof` and `garden` were asked at the event `assembly`, and `roof` is published.
pub(super) async fn fill(stage: &Stage) {
    let two = ["Yes", "No"];
    for poll in [
        json!({"id": "square", "question": "Which trees shall stand on the square?", "publish": true,
            "options": ["Limes", "Planes", "None at all"]}),
        json!({"id": "roof", "question": "Shall the roof be mended this year?", "options": two, "publish": true,
            "state": "waiting", "listed": true}),
        json!({"id": "garden", "question": "Shall the garden be open on Sundays?", "options": two, "publish": true,
            "state": "waiting"}),
    ] {
        organise(&stage.vote("/api/polls"), &poll).await;
    }
    let event = json!({"id": "assembly", "title": "The general assembly", "polls": ["roof", "garden"]});
    organise(&stage.vote("/api/events"), &event).await;
    for poll in ["roof", "garden"] {
        organise(&stage.vote("/api/events/assembly/next"), &json!({})).await;
        for option in [0, 1, 0, 0, 1] {
            stage.cast(poll, option, None).await;
        }
        organise(&stage.vote("/api/events/assembly/next"), &json!({})).await;
    }
    organise(&stage.vote("/api/polls/roof/publish"), &json!({})).await;
}

/// The voters' pages.
pub(super) fn voting(stage: &Stage) -> Vec<State> {
    let vote = |path: &str| Goto(stage.vote(path));
    let state = |name, steps| State { name, steps };
    vec![
        state("vote-publish", vec![vote("/p/square")]),
        state(
            "vote-publish-recorded",
            vec![Click("input[value=b]"), Click("main form button"), Find(".recorded"), Find(".publish")],
        ),
        state("vote-published", vec![vote("/p/roof"), Find("section.live:not([hidden]) .share:not(:empty)")]),
    ]
}

/// The organiser's pages.
pub(super) fn organising(stage: &Stage) -> Vec<State> {
    let vote = |path: &str| Goto(stage.vote(path));
    let poll = |id: &str| vec![vote(&format!("/organise/{id}")), Find("td.share:not(:empty)")];
    let state = |name, steps| State { name, steps };
    vec![
        state("organise-poll-publish", poll("garden")),
        state("organise-publish", vec![Click("a[href$='/publish']"), Find("input[name=sure]")]),
        state("organise-publish-too-early", vec![vote("/organise/square/publish")]),
        state("organise-poll-published", poll("roof")),
        state("organise-event-publish", vec![vote("/events/assembly"), Find("a.publish")]),
        state("run-publish", vec![vote("/events/assembly/run"), Find("a.publish"), Find("td.share:not(:empty)")]),
    ]
}

/// The pages of screens and of those who check.
pub(super) fn checking(stage: &Stage) -> Vec<State> {
    let result = |path: &str| Goto(stage.result(path));
    let state = |name, steps| State { name, steps };
    let accuse = "const notes = ['q', 'r'].map((end) => \
        `scrutin/0a1b2c3d4e5f60718293a4b5c6d7e8f9/square/1/0/0\\n256\\n${end.repeat(43)}=\\n`); \
        localStorage.setItem('scrutin contradictions square', JSON.stringify([notes.join('\\n')]));";
    let tell = "const it = document.getElementById('trees'); it.innerHTML = '<p class=\"quiet loss\"></p>'; \
        it.firstChild.textContent = it.dataset.loss.replace('{time}', '29 November 2026 at 03:14:15')";
    vec![
        state("check-published", vec![result("/p/roof/check"), Find("#verdict.good")]),
        state(
            "check-own-ballot",
            vec![Type("#proof", "Good morning".to_owned()), Click("#find"), Find("#found .note")],
        ),
        state(
            "check-fails",
            vec![result("/polls"), result(&format!("/p/roof/check#{}", "0".repeat(64))), Find("#verdict.bad")],
        ),
        state("check-sealed", vec![result("/p/garden/check"), Find("#hash:not(:empty)")]),
        state("check-open", vec![result("/p/square/check"), Find("#trees:not([hidden])")]),
        state(
            "live-contradiction",
            vec![result("/p/square"), Script(accuse), result("/p/square"), Find("#trees aside")],
        ),
        state("live-loss", vec![result("/p/garden"), Script(tell), Find("#trees .loss")]),
    ]
}
