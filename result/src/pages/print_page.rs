//! An event to print after it is over: all its questions, with their bars. Without colours of a dark theme.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::StatusCode;
use minijinja::value::Serde;
use serde::Serialize;
use web::{event_address, language::Language};

use crate::{
    app::App,
    event_parameter::EventParameter,
    event_tallies::EventTallies,
    organiser::Credentials,
    pages::live_view::{self, Bar},
    refusal::ResultRefusal,
    time,
};

/// The values of `print.html`.
#[derive(Serialize)]
struct PrintPage<'a> {
    instance: &'a str,
    path: String,
    title: &'a str,
    now: String,
    questions: Vec<PrintedQuestion<'a>>,
    event_path: String,
}

/// One question of the event.
#[derive(Serialize)]
struct PrintedQuestion<'a> {
    number: usize,
    question: &'a str,
    state_text: String,
    turnout: String,
    corrected_at: Option<String>,
    /// `None` while the votes are hidden from the reader.
    bars: Option<Vec<Bar<'a>>>,
    options: &'a [String],
}

/// `GET /e/{event}/print`.
pub(crate) async fn print(
    State(app): State<Arc<App>>,
    EventParameter(event): EventParameter,
    language: Language,
    credentials: Credentials,
) -> Result<Response, ResultRefusal> {
    let tallies = EventTallies::read(&app, event, &credentials).await?;
    let questions = tallies.polls.iter().map(|(number, score)| {
        let poll = score.poll();
        let votes = tallies.votes(score);
        PrintedQuestion {
            number: *number,
            question: poll.question(),
            state_text: live_view::state_text(score),
            turnout: live_view::turnout(language, score.voters()),
            corrected_at: poll.correction().map(|correction| time::date_and_time(language, correction.at_millis)),
            bars: votes.map(|votes| live_view::bars(language, poll, votes, score.voters())),
            options: poll.options(),
        }
    });
    let page = PrintPage {
        instance: &app.instance,
        path: format!("{}/print", event_address::path(event)),
        title: tallies.event.title(),
        now: time::date_and_time(language, program::now_millis()),
        questions: questions.collect(),
        event_path: event_address::path(event),
    };
    Ok(app.pages.respond(StatusCode::OK, language, "print.html", Serde(page).into()))
}
