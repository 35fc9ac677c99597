//! What the live pages of polls and events show: the values of their templates.

use domain::{Event, EventId, EventProgress, Poll, PollId, PollState, option_key};
use serde::Serialize;
use web::{
    counterpart::{CameBy, Invitation},
    edition::edition,
    language::Language,
    qr::Qr,
};

use crate::{
    app::App,
    live::{event_now::EventNow, scores::PollScore},
    pages::join::Join,
    percent,
    texts::{self, ResultText},
    time,
    trees::SealWords,
};

/// One bar.
#[derive(Serialize)]
pub(super) struct Bar<'a> {
    key: char,
    text: &'a str,
    /// Which of the colours and patterns it has.
    hue: usize,
    votes: u64,
    percent: String,
    shift: String,
}

impl<'a> Bar<'a> {
    fn new(language: Language, index: usize, text: &'a str, votes: u64, voters: u64) -> Self {
        Self {
            key: option_key(index),
            text,
            hue: web::hue(index),
            votes,
            percent: percent::percent(language, votes, voters),
            shift: percent::shift(votes, voters),
        }
    }
}

/// What the page of an event needs of it.
#[derive(Serialize)]
pub(super) struct EventOnPage<'a> {
    id: EventId,
    /// A page with another key is out of date.
    key: String,
    title: &'a str,
    title_size: &'static str,
    /// The question that is on, or the title.
    heading: &'a str,
    progress: &'static str,
    /// Whether the page shows a question.
    on: bool,
    /// Whether people are to look at their phones.
    phones: bool,
}

/// The values of `live.html` and `embed.html`, and of the pages of an event while a question is on.
#[derive(Serialize)]
pub(super) struct LivePage<'a> {
    instance: &'a str,
    path: &'a str,
    poll: PollId,
    question: &'a str,
    question_size: &'static str,
    state: &'static str,
    /// What is said of it: the state, or that the last votes are being counted.
    state_text: String,
    /// How long it still takes ballots; none without a countdown.
    closes_in_ms: Option<u64>,
    edition: String,
    archived: bool,
    corrected_at: Option<String>,
    /// `None` while the votes are hidden.
    bars: Option<Vec<Bar<'a>>>,
    bars_size: &'static str,
    /// How many rows the bars take in two columns.
    rows: usize,
    turnout: String,
    stale_time: Option<String>,
    /// Once it is closed and counted.
    seal: Option<SealOnPage>,
    now: String,
    /// Not in the frame of a poll.
    pub(super) join: Option<Join>,
    pub(super) result_url: Option<String>,
    /// Only on pages of an event.
    pub(super) event: Option<EventOnPage<'a>>,
    /// Whether the frame of an event has the dark theme.
    pub(super) is_dark: bool,
}

/// What people compare of the seal.
#[derive(Serialize)]
struct SealOnPage {
    #[serde(flatten)]
    words: SealWords,
    /// The page that checks the poll, with the seal's digest.
    path: String,
    /// The QR code of that page; `None` if phones don't reach it, and in a frame.
    qr: Option<Qr>,
}

impl SealOnPage {
    fn of(poll: &Poll, words: SealWords) -> Self {
        Self { path: format!("/p/{}/check#{}", poll.id(), words.hash()), words, qr: None }
    }
}

impl<'a> LivePage<'a> {
    /// With the QR code of the seal, for screens that are looked at from elsewhere.
    pub(super) fn with_seal_code(mut self, app: &App, came_by: &CameBy) -> Self {
        let here = Invitation::here(app.result_url.as_ref(), came_by).filter(|here| here.unreachable.is_none());
        if let Some((seal, here)) = self.seal.as_mut().zip(here) {
            seal.qr = Qr::new(&format!("{}{}", here.url, seal.path));
        }
        self
    }

    pub(super) fn new(app: &'a App, language: Language, score: &'a PollScore, path: &'a str) -> Self {
        let (poll, voters) = (score.poll(), score.voters());
        let bars = score.votes().map(|votes| bars(language, poll, votes, voters));
        Self {
            instance: &app.instance,
            path,
            poll: poll.id(),
            question: poll.question(),
            question_size: question_size(poll.question()),
            state: score.state().as_str(),
            state_text: state_text(score),
            closes_in_ms: score.closes_in_ms(),
            edition: edition(poll),
            archived: poll.archived(),
            corrected_at: poll.correction().map(|correction| time::date_and_time(language, correction.at_millis)),
            bars,
            bars_size: bars_size(poll.options().len()),
            rows: poll.options().len().div_ceil(2),
            turnout: turnout(language, voters),
            stale_time: score.stale_since_ms().map(time::time_of_day),
            seal: score.seal_words().map(|words| SealOnPage::of(poll, words)),
            now: time::time_of_day(program::now_millis()),
            join: None,
            result_url: None,
            event: None,
            is_dark: false,
        }
    }
}

/// The state as screens show it: a closed poll whose figures may still grow is not simply closed.
fn shown_state(score: &PollScore) -> &'static str {
    match score.state() {
        PollState::Closed if !score.is_final() => "counting",
        state => state.as_str(),
    }
}

/// The key of the text that says it.
pub(super) fn state_text(score: &PollScore) -> String {
    format!("state.{}", shown_state(score))
}

/// The bars of a poll's options, which have these votes.
pub(super) fn bars(language: Language, poll: &Poll, votes: Vec<u64>, voters: u64) -> Vec<Bar<'_>> {
    let bars = poll.options().iter().zip(votes).enumerate();
    bars.map(|(index, (text, votes))| Bar::new(language, index, text, votes, voters)).collect()
}

/// How many voted, in words.
pub(crate) fn turnout(language: Language, voters: u64) -> String {
    texts::counted(language, ResultText::Turnout, voters)
}

/// How large the question is written: a long one must leave room for the bars.
fn question_size(question: &str) -> &'static str {
    match question.chars().count() {
        0..=60 => "short",
        61..=180 => "medium",
        _ => "long",
    }
}

/// How large the bars are: the largest that fit on one screen.
fn bars_size(options: usize) -> &'static str {
    match options {
        0..=3 => "few",
        4..=6 => "some",
        7..=12 => "many",
        _ => "crowd",
    }
}

impl<'a> EventOnPage<'a> {
    pub(super) fn new(event: &'a Event, score: Option<&'a PollScore>) -> Self {
        let poll = score.map(PollScore::poll);
        Self {
            id: event.id(),
            key: EventNow::of(event, score).key(),
            title: event.title(),
            title_size: question_size(event.title()),
            heading: poll.map_or(event.title(), Poll::question),
            progress: match event.progress() {
                EventProgress::Before => "before",
                EventProgress::At { .. } => "at",
                EventProgress::Over => "over",
            },
            on: poll.is_some(),
            phones: score.is_some_and(is_for_phones),
        }
    }
}

/// Whether people are to look at their phones rather than at the screen: while there is nothing to see on it yet.
/// `result.js` says the same.
fn is_for_phones(score: &PollScore) -> bool {
    match score.state() {
        PollState::Waiting => true,
        PollState::Open => score.poll().is_hidden() || score.voters() == 0,
        PollState::Closed => false,
    }
}
