//! The voting page: the context of its template, for one poll, one browser and one outcome.

use axum::response::Response;
use domain::{Access, Choices, Partitions, Poll, PollId, PollState, Position, Receipt, VoterId, option_key};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use program::settings::PublicUrl;
use serde::Serialize;
use web::{direction::isolated, edition::page_key, visitor::Visitor};

use super::{
    event_view::{EventFacts, OnEvent},
    posted::TypedCode,
};
use crate::{
    addresses,
    app::App,
    look,
    refusal::Refusal,
    texts::{self, VoteText},
    voter::cookies::{RememberedBallot, VotingBrowser},
};

/// The context of the template `vote.html`.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "a template asks each on its own")]
struct VotePage<'a> {
    question: &'a str,
    /// Whether the question is set smaller.
    long: bool,
    /// For link previews.
    description: String,
    options: Vec<OptionRow<'a>>,
    max_choices: u8,
    /// Whether each option is a button that votes at once.
    buttons: bool,
    /// Where the form is posted to.
    action: &'a str,
    /// Which poll it is.
    id: PollId,
    /// The event on whose page it is.
    event: Option<EventFacts<'a>>,
    revision: u32,
    state: &'static str,
    /// How long it still takes ballots; none without a countdown.
    closes_in_ms: Option<u64>,
    archived: bool,
    corrected: bool,
    /// Whether all ballots will be published after the close.
    publish: bool,
    /// Whether they are published.
    published: bool,
    /// Where they are counted again then.
    check_url: Option<String>,
    by_code: bool,
    /// The voting code in its field.
    code: Option<String>,
    code_at_fault: bool,
    can_vote: bool,
    /// Whether votes can be changed.
    changes: bool,
    kiosk: bool,
    turn: String,
    /// Where the button "next voter" is posted to.
    next_voter: String,
    /// Whether this browser's cookie holds a ballot.
    recorded: bool,
    /// Whether the address holds the receipt of a ballot, since the browser keeps no cookies.
    voted: bool,
    /// Whether the cookie says what was chosen.
    recorded_known: bool,
    /// Whether the browser voted before the poll was reset, and not since.
    reset: bool,
    refused: Option<String>,
    refused_code: Option<&'static str>,
    try_again: bool,
    /// Whether votes are hidden.
    hidden: bool,
    result_url: Option<String>,
    /// Names the state of the poll that the page shows.
    page_key: String,
    position: Option<String>,
    /// In which partition it is, where there are several.
    partition: Option<u16>,
    tally_url: Option<String>,
    receipt_url: Option<String>,
    text_failed: String,
    text_sending: String,
}

/// One option, as the template gets it.
#[derive(Serialize)]
struct OptionRow<'a> {
    key: String,
    text: &'a str,
    hue: usize,
    /// Whether it is chosen in the recorded ballot.
    recorded: bool,
    /// Whether it is selected in the form.
    selected: bool,
}

/// What the page depends on.
pub(super) struct View<'a> {
    pub(super) app: &'a App,
    pub(super) visitor: &'a Visitor,
    pub(super) poll: &'a Poll,
    pub(super) browser: &'a VotingBrowser,
    pub(super) headers: &'a HeaderMap,
    /// The voting code in the address or in the form; none if the poll needs none.
    pub(super) code: Option<&'a TypedCode>,
    /// The receipt, if this is the answer to a ballot from a browser that keeps no cookies.
    pub(super) voted: Option<Receipt>,
    /// The event on whose page it is.
    pub(super) event: Option<OnEvent<'a>>,
}

impl View<'_> {
    /// The page; after a refused ballot with the reason and the same choices.
    pub(super) fn page(&self, refusal: Option<&Refusal>, attempted: Option<Choices>) -> Response {
        let recorded = self.recorded();
        // What was refused may have been for the event's question before.
        let about = refusal.filter(|_| self.event.is_none_or(|at| at.earlier.is_none()));
        // A refusal of the log is newer than the cached poll.
        let state = match about {
            Some(Refusal::NotOpen(state)) => *state,
            _ => self.poll.state(),
        };
        let result = self.app.config.result.url(self.headers);
        let settled = recorded.is_some() && !self.poll.votes_can_change();
        let text = |key| texts::text(self.visitor.language, key, &[]);
        let (poll, id) = (self.poll, self.poll.id());
        let page = VotePage {
            question: poll.question(),
            long: look::is_long(poll.question()),
            description: self.description(),
            options: self.options(recorded, attempted),
            max_choices: poll.max_choices(),
            buttons: self.votes_by_tap(),
            action: &self.visitor.path,
            id,
            event: self.event.map(|at| at.facts(result.as_ref())),
            revision: poll.revision(),
            state: state.as_str(),
            closes_in_ms: poll.closes_in_millis(self.app.ballots.log_millis(id)).filter(|_| state == PollState::Open),
            archived: poll.archived(),
            publish: poll.publish() && state != PollState::Closed,
            published: poll.is_published(),
            check_url: result.as_ref().map(|at| addresses::check(at, id)),
            corrected: poll.correction().is_some(),
            by_code: self.by_code(),
            code: self.code_to_show(),
            code_at_fault: about.is_some_and(is_about_code),
            can_vote: state == PollState::Open && !settled,
            changes: poll.votes_can_change(),
            kiosk: poll.kiosk(),
            turn: self.browser.turn(id),
            next_voter: addresses::next_voter(id, self.event.map(|at| at.event.id())),
            recorded: recorded.is_some(),
            voted: self.voted.is_some(),
            recorded_known: recorded.is_some_and(|ballot| ballot.choices.is_some()),
            reset: recorded.is_none() && self.browser.voted_before_reset(poll),
            refused: refusal.map(|refusal| refusal.text(self.visitor.language)),
            refused_code: refusal.map(Refusal::code),
            try_again: matches!(about, Some(Refusal::Unavailable(_))),
            hidden: poll.is_hidden(),
            result_url: result.as_ref().map(|at| match self.event {
                Some(on) => addresses::result_event(at, on.event.id()),
                None => addresses::result_page(at, poll),
            }),
            page_key: page_key(poll, state),
            position: self.position(recorded).map(|position| position.to_string()),
            partition: self.receipt(recorded).and_then(|receipt| self.partition(receipt.voter)),
            tally_url: result.as_ref().map(|at| addresses::tally(at, id)),
            receipt_url: result.as_ref().and_then(|at| Some(self.receipt_url(at, self.receipt(recorded)?))),
            text_failed: text(VoteText::OutcomeUnknown),
            text_sending: text(VoteText::Sending),
        };
        let status = refusal.map_or(StatusCode::OK, Refusal::status);
        let visitor = self.asked_again();
        let mut response = self.app.page_with_result(&visitor, result.as_ref(), status, "vote.html", page);
        if let Some(seconds) = refusal.and_then(Refusal::retry_after_seconds) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn options(&self, recorded: Option<RememberedBallot>, attempted: Option<Choices>) -> Vec<OptionRow<'_>> {
        let recorded = recorded.and_then(|ballot| ballot.choices);
        let chosen_in = |choices: Option<Choices>, index| choices.is_some_and(|choices| choices.contains(index));
        let option = |(index, text)| OptionRow {
            key: option_key(index).to_string(),
            text,
            hue: web::hue(index),
            recorded: chosen_in(recorded, index),
            selected: chosen_in(attempted.or(recorded), index),
        };
        self.poll.options().iter().map(String::as_str).enumerate().map(option).collect()
    }

    /// For link previews: the options.
    fn description(&self) -> String {
        let options: Vec<_> = self.poll.options().iter().map(|text| isolated(text)).collect();
        texts::text(self.visitor.language, VoteText::Description, &[("options", &options.join(" · "))])
    }

    /// The position of the ballot that the page is about.
    fn position(&self, recorded: Option<RememberedBallot>) -> Option<Position> {
        self.voted.map(|receipt| receipt.position).or_else(|| recorded.map(|ballot| ballot.position))
    }

    /// The partition of a voter, where there are several.
    fn partition(&self, voter: VoterId) -> Option<u16> {
        let partitions = self.app.config.partitions;
        (partitions != Partitions::ONE).then(|| partitions.of_voter(voter).number())
    }

    /// Whether each option is a button. Where a code is typed, Enter must not vote for the first one; and a vote that
    /// can't be changed takes more than one tap.
    fn votes_by_tap(&self) -> bool {
        let poll = self.poll;
        poll.options().len() == 2 && poll.max_choices() == 1 && poll.votes_can_change() && !self.by_code()
    }

    fn by_code(&self) -> bool {
        self.poll.access() == Access::Codes
    }

    /// The recorded ballot of this browser, unless the page is about another voting code.
    fn recorded(&self) -> Option<RememberedBallot> {
        self.browser.recorded(self.poll).filter(|ballot| self.code.is_none_or(|typed| typed.held == ballot.code))
    }

    /// The content of the field for the voting code: what was typed, else the code used here last.
    fn code_to_show(&self) -> Option<String> {
        let (secret, id) = (&self.app.config.secret, self.poll.id());
        let event = self.event.map(|at| at.event.id());
        let known = self.browser.held_code(id, event).filter(|_| self.by_code() && !self.poll.kiosk());
        let used = || known.map(|code| code.in_poll(secret, id).to_string());
        self.code.map(|typed| typed.text.clone()).or_else(used).filter(|code| !code.is_empty())
    }

    /// The visitor, with the path that the language switch goes back to: the voting code of the address is in it.
    fn asked_again(&self) -> Visitor {
        let code = self.code.map(|typed| &typed.text).filter(|code| !code.is_empty());
        let path = code.map_or_else(|| self.visitor.path.clone(), |code| format!("{}?code={code}", self.visitor.path));
        Visitor { language: self.visitor.language, path }
    }

    /// The receipt of the ballot that the page is about.
    fn receipt(&self, recorded: Option<RememberedBallot>) -> Option<Receipt> {
        let voter = |code| self.browser.voter(&self.app.config.secret, self.poll.id(), code);
        self.voted.or_else(|| {
            recorded.map(|RememberedBallot { position, code, .. }| Receipt { position, voter: voter(code) })
        })
    }

    /// The page that tells whether the ballot is counted.
    fn receipt_url(&self, at: &PublicUrl, receipt: Receipt) -> String {
        addresses::receipt(at, self.poll.id(), receipt.encode(&self.app.config.secret, self.poll.id()).as_str())
    }
}

/// Whether the refusal is about the voting code.
fn is_about_code(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::CodeNeeded | Refusal::WrongCode | Refusal::CodeUsed | Refusal::TooManyTries(_))
}
