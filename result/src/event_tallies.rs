//! The tallies of all polls of an event: for its export and its page to print. Hidden votes, and questions that have
//! not been asked yet, only for the organiser.

use std::{collections::HashMap, sync::Arc};

use domain::{Event, EventId, PollId, PollState, Tally};
use web::signed_link::Purpose;

use crate::{
    app::App,
    live::scores::PollScore,
    organiser::{Credentials, Organiser},
    refusal::ResultRefusal,
};

/// An event as it was read, with its polls in their order.
pub(crate) struct EventTallies {
    pub(crate) event: Arc<Event>,
    /// Those that the ledger has and whoever asked may see, each with its number in the event, from 1.
    pub(crate) polls: Vec<(usize, PollScore)>,
    organiser: Option<Organiser>,
}

impl EventTallies {
    /// The event as it is now, archived or not. Anybody may ask; what they sent to prove that they are the organiser
    /// must be right. All polls are read at once, of few events at a time.
    pub(crate) async fn read(app: &App, id: EventId, credentials: &Credentials) -> Result<Self, ResultRefusal> {
        let organiser = credentials.check(&app.organiser, id, &[Purpose::Export])?;
        let event = app.event(id).await?;
        let _turn = app.event_exports.acquire().await.expect("nobody closes it");
        let tallies = app.scoreboard.tallies(event.polls()).await;
        let tallies = tallies.map_err(|error| ResultRefusal::not_read(&error))?;
        let mut tallies: HashMap<PollId, Tally> = tallies.into_iter().map(|tally| (tally.poll.id(), tally)).collect();
        let now = program::now_millis();
        let numbered = (1..).zip(event.polls());
        let polls = numbered.filter_map(|(number, poll)| Some((number, PollScore::new(tallies.remove(poll)?, now))));
        let may_see = |score: &PollScore| organiser.is_some() || score.state() != PollState::Waiting;
        let polls = polls.filter(|(_, score)| may_see(score)).collect();
        Ok(Self { event, polls, organiser })
    }

    /// Who asked, if it is the organiser.
    pub(crate) fn organiser(&self) -> Option<&Organiser> {
        self.organiser.as_ref()
    }

    /// The votes of one of the polls, in the order of its options; `None` where they are hidden from whoever asked.
    pub(crate) fn votes(&self, score: &PollScore) -> Option<Vec<u64>> {
        match &self.organiser {
            Some(organiser) => Some(score.all_votes(organiser).into_values().collect()),
            None => score.votes(),
        }
    }
}
