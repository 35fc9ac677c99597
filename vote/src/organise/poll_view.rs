//! The context of the template `organise/poll.html`, which shows all there is of a poll.

use std::num::NonZeroU16;

use domain::{Access, Correction, Poll, PollId, option_key};
use minijinja::HtmlEscape;
use program::settings::PublicUrl;
use serde::Serialize;
use web::{counterpart::Invitation, poll_address, qr::Qr};

use super::{publishing::Publication, share};
use crate::{addresses, app::new_voters::LastMinute, look};

/// The whole context.
#[derive(Serialize)]
pub(super) struct PollView<'a> {
    #[serde(flatten)]
    pub(super) facts: PollFacts<'a>,
    /// How many ballots the log has accepted; `None` while a part of it can't be asked.
    pub(super) accepted: Option<u64>,
    pub(super) has_ballots: bool,
    /// Whether the root address shows it.
    pub(super) in_front: bool,
    /// Whether it is the default poll, which is there where nothing else is.
    pub(super) is_default: bool,
    /// How long the poll still takes ballots; none without a countdown.
    pub(super) closes_in_ms: Option<u64>,
    #[serde(flatten)]
    pub(super) new_voters: NewVotersBody,
    /// How many voting codes can be had at once.
    pub(super) max_codes: u16,
    #[serde(flatten)]
    pub(super) handed_out: HandedOut,
    #[serde(flatten)]
    pub(super) result: ResultAddresses,
    /// For the votes at the result host, also while they are hidden.
    pub(super) ticket: String,
    /// The files to export, by name.
    pub(super) exports: [&'static str; 4],
}

/// The poll itself.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "a template asks each on its own")]
pub(super) struct PollFacts<'a> {
    id: PollId,
    question: &'a str,
    /// Whether the question is set smaller.
    long: bool,
    options: Vec<OptionView<'a>>,
    state: &'static str,
    /// Whether votes are hidden.
    hidden: bool,
    /// Whether votes can be changed.
    changes: bool,
    /// Whether voters need codes.
    codes: bool,
    listed: bool,
    kiosk: bool,
    /// Whether its ballots may be published, or are; none if they may not.
    publication: Option<Publication>,
    max_choices: u8,
    round: u32,
    archived: bool,
    /// New voters that one network may bring in a minute.
    limit: Option<NonZeroU16>,
    /// What it said before it was corrected.
    before: Option<&'a Correction>,
}

/// One option.
#[derive(Serialize)]
struct OptionView<'a> {
    key: String,
    text: &'a str,
    hue: usize,
}

/// How many new voters this instance saw in the last minute; also asked for by the page's script.
#[derive(Debug, Serialize)]
pub(super) struct NewVotersBody {
    new_voters: u64,
    /// From how many networks.
    networks: usize,
}

/// The link and the QR code for voters.
#[derive(Serialize)]
pub(super) struct HandedOut {
    /// The key of the text that says why phones don't reach the address.
    unreachable: Option<&'static str>,
    /// The address as it is shown.
    vote_text: Option<String>,
    qr: Option<Qr>,
    vote_url: Option<String>,
}

/// Addresses on the result host; none while that is not known.
#[derive(Default, Serialize)]
pub(super) struct ResultAddresses {
    projector_url: Option<String>,
    /// HTML to copy into another page.
    embed_code: Option<String>,
    tally_url: Option<String>,
    /// Where the published ballots are counted again.
    check_url: Option<String>,
}

impl<'a> PollFacts<'a> {
    pub(super) fn of(poll: &'a Poll) -> Self {
        let options = poll.options().iter().map(String::as_str).enumerate();
        let option = |(index, text)| OptionView { key: option_key(index).to_string(), text, hue: web::hue(index) };
        Self {
            id: poll.id(),
            question: poll.question(),
            long: look::is_long(poll.question()),
            options: options.map(option).collect(),
            state: poll.state().as_str(),
            hidden: poll.is_hidden(),
            changes: poll.votes_can_change(),
            codes: poll.access() == Access::Codes,
            listed: poll.listed(),
            kiosk: poll.kiosk(),
            publication: Publication::of(poll),
            max_choices: poll.max_choices(),
            round: poll.round(),
            archived: poll.archived(),
            limit: poll.new_voters_per_minute(),
            before: poll.correction(),
        }
    }
}

impl From<LastMinute> for NewVotersBody {
    fn from(LastMinute { voters, networks }: LastMinute) -> Self {
        Self { new_voters: voters, networks }
    }
}

impl HandedOut {
    /// For the page that `url` gives at this service's own address, if that is known.
    pub(super) fn of(own: Option<&Invitation>, url: impl FnOnce(&PublicUrl) -> String) -> Self {
        let vote_url = own.map(|own| url(&own.url));
        let with_code = own.is_some_and(|own| own.unreachable.is_none());
        Self {
            unreachable: own.and_then(share::why_unreachable),
            vote_text: vote_url.as_deref().map(|url| poll_address::without_scheme(url).to_owned()),
            qr: vote_url.as_deref().filter(|_| with_code).and_then(Qr::new),
            vote_url,
        }
    }
}

impl ResultAddresses {
    pub(super) fn of(at: &PublicUrl, poll: &Poll) -> Self {
        let id = poll.id();
        Self {
            projector_url: Some(addresses::result_page(at, poll)),
            embed_code: Some(embed_code(&addresses::embedded_result(at, id), poll.question())),
            tally_url: Some(addresses::tally(at, id)),
            check_url: Some(addresses::check(at, id)),
        }
    }
}

/// HTML to copy into another page, with the question as an attribute.
fn embed_code(url: &str, question: &str) -> String {
    let question = question.replace('\n', " ");
    let title = HtmlEscape(&question);
    format!(r#"<iframe src="{url}" title="{title}" width="100%" height="480"></iframe>"#)
}
