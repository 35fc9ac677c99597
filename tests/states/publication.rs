//! Polls whose ballots will be or are published, and the states of their pages.

use serde_json::json;

use super::{
    State,
    Step::{Click, Find, Goto},
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
