//! The ballots of a poll as one file. It is read and sent page by page, so a million ballots need the memory of one
//! page.
//!
//! A ballot is written as a running number and its choices, without voter and time. The order is that of the voters'
//! pseudonyms, which tells neither.

use std::sync::Arc;

use axum::body::Body;
use domain::{CurrentBallot, Poll, Scoreboard, Tally, Unavailable, VoterId, option_key};
use futures_util::stream;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    archive::{self, BALLOTS_PER_PAGE},
    exports::spreadsheet::{Separator, Table},
    live::scores::CorrectedWording,
};

/// How the file is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Format {
    /// A table: `ballot`, `choices`, then one column of 0 and 1 for each option.
    Csv(Separator),
    /// One object: the poll, and `ballots`.
    Json,
}

/// Why a file breaks off. The connection is cut then, so that nobody mistakes a part for the whole file.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The file would hold ballots of two rounds.
    #[error("the poll was reset during the export")]
    Reset,
}

/// A file, as far as it is written.
pub(crate) struct BallotFile {
    scoreboard: Arc<dyn Scoreboard>,
    poll: Poll,
    /// The round whose ballots are written.
    round: u32,
    format: Format,
    /// Written and not sent yet.
    pending: Vec<u8>,
    /// Read and not written yet; `None` at the end.
    page: Option<Vec<CurrentBallot>>,
    written: u64,
    /// The permit for one of the exports that may run at once.
    _turn: OwnedSemaphorePermit,
}

impl BallotFile {
    /// Reads the first page: if the ledger does not answer, that is known before anything is sent.
    pub(crate) async fn begin(
        scoreboard: Arc<dyn Scoreboard>,
        Tally { poll, round, .. }: Tally,
        format: Format,
        turn: OwnedSemaphorePermit,
    ) -> Result<Self, Unavailable> {
        let page = Some(archive::ballots(&*scoreboard, poll.id(), round, None).await?);
        let pending = format.head(&poll);
        Ok(Self { scoreboard, poll, round, format, pending, page, written: 0, _turn: turn })
    }

    /// The whole file.
    pub(crate) fn into_body(self) -> Body {
        Body::from_stream(stream::try_unfold(self, async |export| {
            let poll = export.poll.id();
            let next = export.next().await;
            next.inspect_err(
                |error| tracing::warn!(event = "export.broke_off", poll.id = %poll, %error, "an export is incomplete"),
            )
        }))
    }

    async fn next(mut self) -> Result<Option<(Vec<u8>, Self)>, ExportError> {
        let Some(page) = self.page.take() else { return Ok(None) };
        let mut bytes = std::mem::take(&mut self.pending);
        bytes.extend(self.format.ballots(&self.poll, self.written, &page));
        self.written += page.len() as u64;
        match page.last() {
            Some(last) if page.len() >= BALLOTS_PER_PAGE as usize => self.page = Some(self.read(last.voter).await?),
            _ => {
                self.check_round().await?;
                bytes.extend(self.format.tail());
            }
        }
        Ok(Some((bytes, self)))
    }

    async fn read(&self, after: VoterId) -> Result<Vec<CurrentBallot>, Unavailable> {
        archive::ballots(&*self.scoreboard, self.poll.id(), self.round, Some(after)).await
    }

    /// Rounds only grow: if the round is still the same, all pages are of that round.
    async fn check_round(&self) -> Result<(), ExportError> {
        let now = archive::tally(&*self.scoreboard, self.poll.id()).await?;
        let same = now.is_some_and(|now| now.round == self.round);
        if same { Ok(()) } else { Err(ExportError::Reset) }
    }
}

/// The head of an option's column. A text that was corrected is named too: ballots were cast for it.
fn named(poll: &Poll, key: char, text: &str) -> String {
    let index = (0..poll.options().len()).find(|&index| option_key(index) == key);
    let before = poll.correction().zip(index).and_then(|(correction, index)| correction.options.get(index));
    match before.filter(|before| *before != text) {
        Some(before) => format!("{key}: {text} ← {before}"),
        None => format!("{key}: {text}"),
    }
}

impl Format {
    fn head(self, poll: &Poll) -> Vec<u8> {
        let options = poll.options().iter().enumerate().map(|(index, text)| (option_key(index), text));
        match self {
            Self::Csv(separator) => {
                let mut table = Table::new(separator);
                let names = options.map(|(key, text)| named(poll, key, text).into());
                table.row(["ballot".into(), "choices".into()].into_iter().chain(names));
                table.into_bytes()
            }
            Self::Json => {
                let options: serde_json::Map<_, _> =
                    options.map(|(key, text)| (key.to_string(), text.as_str().into())).collect();
                let about = json!({
                    "poll": poll.id(), "question": poll.question(), "options": options,
                    "max_choices": poll.max_choices(), "round": poll.round(),
                    "correction": CorrectedWording::of(poll),
                });
                // The object is left open for the ballots.
                let mut text = about.to_string();
                text.pop();
                text.push_str(",\"ballots\":[");
                text.into_bytes()
            }
        }
    }

    /// `before` ballots come before these.
    fn ballots(self, poll: &Poll, before: u64, ballots: &[CurrentBallot]) -> Vec<u8> {
        let numbered = (before + 1..).zip(ballots.iter().map(|ballot| ballot.choices));
        match self {
            Self::Csv(separator) => {
                let mut table = Table::continued(separator);
                for (number, choices) in numbered {
                    let marks = (0..poll.options().len()).map(|index| if choices.contains(index) { "1" } else { "0" });
                    let first = [number.to_string().into(), choices.to_string().into()];
                    table.row(first.into_iter().chain(marks.map(Into::into)));
                }
                table.into_bytes()
            }
            Self::Json => {
                let mut text = String::new();
                for (number, choices) in numbered {
                    let keys: Vec<char> = choices.indices().map(option_key).collect();
                    let comma = if number > 1 { "," } else { "" };
                    text.push_str(comma);
                    text.push_str(&json!({"ballot": number, "choices": keys}).to_string());
                    text.push('\n');
                }
                text.into_bytes()
            }
        }
    }

    fn tail(self) -> &'static [u8] {
        match self {
            Self::Csv(_) => b"",
            Self::Json => b"]}\n",
        }
    }
}
