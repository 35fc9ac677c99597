//! Changes of a poll: what an organiser can do, and what is refused once there are ballots.

use std::num::NonZeroU16;

use super::{
    correction::{Correction, Wording},
    countdown::{Countdown, CountdownError},
    limits::{PollError, tidied},
    record::Poll,
    spec::{PollSpec, PollState, Visibility},
};
use crate::{front_page::FrontPage, poll_id::PollId, text::look};

/// What an organiser can do to a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PollChange {
    /// Take ballots until it is closed. A countdown is taken away.
    Open,
    /// Take ballots until the countdown ends. One that is running is replaced.
    OpenFor(Countdown),
    /// Take no more ballots.
    Close,
    /// Show only the turnout.
    Hide,
    /// Show the votes.
    Reveal,
    /// Begin a new round: the ballots so far no longer count, and stay in the ledger.
    Reset,
    /// Put the poll in the public list, or take it out.
    List(bool),
    /// Let one network bring so many new voters a minute, or as many as come.
    LimitNewVoters(Option<NonZeroU16>),
    /// Let people vote one after the other on one device, or no longer.
    Kiosk(bool),
    /// Put it away from the lists; an open poll is closed by it. Opening it brings it back as well.
    Archive,
    /// Bring it back, in the state in which it was put away.
    Restore,
    /// Let the root address show something else in place of this poll, or this poll again. It changes the default poll
    /// only.
    PutInFront(Option<FrontPage>),
    /// Publish all ballots, without names. That is final: from then on the poll can only be reset.
    Publish,
    /// Another question, other options or rules; state, visibility, listing, limits and kiosk stay. Refused once there
    /// are ballots.
    Rewrite(Box<PollSpec>),
    /// The same question and options in better words. With ballots it is noted, and the revision stays: a ballot that
    /// was cast for the words before counts for the same option.
    Correct(Box<Wording>),
}

/// Why a change was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefused {
    /// The poll would not keep to the limits.
    #[error(transparent)]
    Invalid(#[from] PollError),
    /// Ballots were cast for what the poll says now.
    #[error("question, options and rules can't be changed once there are ballots")]
    HasBallots,
    /// A correction that is more than one of words.
    #[error("a correction keeps the options: as many, in their order, none with the text of another")]
    OtherOptions,
    /// To publish ballots of which voters were not told so.
    #[error("that its ballots are published is not a rule of this poll")]
    NotToBePublished,
    /// To publish ballots while others may come in.
    #[error("ballots are published once the poll is closed")]
    NotClosed,
    /// To publish ballots whose votes are hidden.
    #[error("ballots are published once the votes are shown")]
    VotesHidden,
    /// The ballots are published, so nothing of what they answer may change any more.
    #[error("published: it can only be reset")]
    Published,
    /// The countdown is too short, too long, or over.
    #[error(transparent)]
    Countdown(#[from] CountdownError),
}

impl PollChange {
    /// Whether a poll whose ballots are published refuses it: they answer this question, are all there are, and are
    /// shown.
    fn is_barred_by_publication(&self) -> bool {
        matches!(self, Self::Open | Self::OpenFor(_) | Self::Hide | Self::Rewrite(_) | Self::Correct(_))
    }
}

impl Poll {
    /// The poll after `change`, where so many ballots were accepted, over all rounds. Its version is the next, unless
    /// nothing differs. For changes in which no clock has a part: a log changes its polls by
    /// [`after_at`](Self::after_at).
    pub fn after(&self, change: &PollChange, accepted: u64) -> Result<Self, ChangeRefused> {
        self.after_in_time(0, change, accepted)
    }

    /// The poll at this moment of the log's clock: closed if its countdown has ended, under the version that the log's
    /// own close has too. So it makes no difference whether that was appended already.
    #[must_use]
    pub fn as_of(&self, now_millis: u64) -> Self {
        if self.closes_at.is_none_or(|moment| now_millis < moment) {
            return self.clone();
        }
        self.after(&PollChange::Close, 0).expect("closing is never refused")
    }

    /// What a log makes of the poll by this change, at this moment of its clock. Everything else is as in
    /// [`after`](Self::after), which it begins with the countdown that has ended.
    pub fn after_at(&self, now_millis: u64, change: &PollChange, accepted: u64) -> Result<Self, ChangeRefused> {
        self.as_of(now_millis).after_in_time(now_millis, change, accepted)
    }

    /// The same with a moment at which a countdown begins.
    fn after_in_time(&self, now_millis: u64, change: &PollChange, accepted: u64) -> Result<Self, ChangeRefused> {
        let mut next = self.changed(now_millis, change, accepted)?;
        next.closes_at = next.closes_at.filter(|_| next.is_open() && next.round == self.round);
        next.version = self.version.saturating_add(u64::from(next != *self));
        // A round that begins closed was closed by what began it: no earlier change is one of that round.
        let stays_closed = self.closed_in.filter(|_| next.round == self.round);
        next.closed_in = (next.state() == PollState::Closed).then(|| stays_closed.unwrap_or(next.version));
        Ok(next)
    }

    fn changed(&self, now_millis: u64, change: &PollChange, accepted: u64) -> Result<Self, ChangeRefused> {
        if self.published && change.is_barred_by_publication() {
            return Err(ChangeRefused::Published);
        }
        let mut next = self.clone();
        match change {
            PollChange::Open => next.open(None),
            PollChange::OpenFor(countdown) => next.open(Some(countdown.ends_at(now_millis)?)),
            PollChange::Close => next.spec.state = PollState::Closed,
            PollChange::Hide => next.spec.results = Visibility::Hidden,
            PollChange::Reveal => next.spec.results = Visibility::Live,
            // The ballots that count from now on are cast for the words as they are.
            PollChange::Reset => {
                (next.round, next.correction, next.published) = (self.round.saturating_add(1), None, false);
            }
            PollChange::List(listed) => next.spec.listed = *listed,
            PollChange::LimitNewVoters(limit) => next.spec.new_voters_per_minute = *limit,
            PollChange::Kiosk(kiosk) => next.spec.kiosk = *kiosk,
            PollChange::Archive => {
                next.archived = true;
                if self.is_open() {
                    next.spec.state = PollState::Closed;
                }
            }
            PollChange::Restore => next.archived = false,
            PollChange::PutInFront(page) if self.id == PollId::MAIN => {
                next.front_page = page.filter(|page| *page != FrontPage::Poll(self.id));
            }
            PollChange::PutInFront(_) => {}
            PollChange::Publish => next.published = self.can_be_published()?,
            PollChange::Rewrite(_) if accepted > 0 => return Err(ChangeRefused::HasBallots),
            PollChange::Rewrite(spec) => return self.rewritten(spec),
            PollChange::Correct(wording) if accepted > 0 => return self.corrected(wording),
            PollChange::Correct(wording) => return self.rewritten(&self.in_words(wording)?),
        }
        Ok(next)
    }

    /// True, or why its ballots can't be published.
    fn can_be_published(&self) -> Result<bool, ChangeRefused> {
        match self.spec {
            PollSpec { publish: false, .. } => Err(ChangeRefused::NotToBePublished),
            PollSpec { state: PollState::Waiting | PollState::Open, .. } => Err(ChangeRefused::NotClosed),
            PollSpec { results: Visibility::Hidden, .. } => Err(ChangeRefused::VotesHidden),
            _ => Ok(true),
        }
    }

    fn open(&mut self, closes_at: Option<u64>) {
        (self.spec.state, self.archived, self.closes_at) = (PollState::Open, false, closes_at);
    }

    fn rewritten(&self, spec: &PollSpec) -> Result<Self, ChangeRefused> {
        let mut next = self.clone();
        // Opening, closing, hiding, listing and limiting are changes of their own, and may have come in between.
        let PollSpec { state, results, listed, new_voters_per_minute, kiosk, .. } = self.spec;
        next.spec = tidied(PollSpec { state, results, listed, new_voters_per_minute, kiosk, ..spec.clone() })?;
        next.revision = self.revision.saturating_add(u32::from(next.spec != self.spec));
        Ok(next)
    }

    /// All of the poll, in these words.
    ///
    /// An option may not get the old text of another, which would turn its ballots around. All other corrections are
    /// allowed, and shown to everybody ([`Poll::correction`]).
    fn in_words(&self, wording: &Wording) -> Result<PollSpec, ChangeRefused> {
        let Wording { question, options, .. } = wording.clone();
        let spec = tidied(PollSpec { question, options, ..self.spec.clone() })?;
        let is_another = |old: &[String]| {
            let same = |(new_at, new): (usize, &String)| {
                old.iter().enumerate().any(|(old_at, old)| old_at != new_at && look(old) == look(new))
            };
            spec.options.iter().enumerate().any(same)
        };
        let before_first = self.correction().map_or(self.options(), |correction| &correction.options);
        if spec.options.len() != self.options().len() || is_another(self.options()) || is_another(before_first) {
            return Err(ChangeRefused::OtherOptions);
        }
        Ok(spec)
    }

    /// The poll in these words, with the note that it was corrected.
    fn corrected(&self, wording: &Wording) -> Result<Self, ChangeRefused> {
        let spec = self.in_words(wording)?;
        if spec == self.spec {
            return Ok(self.clone());
        }
        let (question, options) = match self.correction() {
            Some(earlier) => (earlier.question.clone(), earlier.options.clone()),
            None => (self.question().to_owned(), self.options().to_vec()),
        };
        let correction = Some(Box::new(Correction { at_millis: wording.at_millis, question, options }));
        Ok(Self { correction, spec, ..self.clone() })
    }
}
