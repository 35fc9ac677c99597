//! Polls that there are: reading them, and changing them.

use std::sync::Arc;

use domain::{ChangeOutcome, Poll, PollChange, PollId};

use crate::{
    app::App,
    refusal::{Refusal, not_recorded, not_shown, not_told},
};

/// The poll, as it was at most a second ago.
pub(crate) async fn recent(app: &App, id: PollId) -> Result<Arc<Poll>, Refusal> {
    let poll = app.polls.get(id).await.map_err(not_recorded(app))?;
    poll.ok_or(Refusal::UnknownPoll)
}

/// The same, in this version or a later one if the log has it.
pub(crate) async fn since(app: &App, id: PollId, version: u64) -> Result<Arc<Poll>, Refusal> {
    let poll = app.polls.get_since(id, version).await.map_err(not_recorded(app))?;
    poll.ok_or(Refusal::UnknownPoll)
}

/// The poll as the log has it at this moment.
pub(crate) async fn current(app: &App, id: PollId) -> Result<Poll, Refusal> {
    let poll = app.ballots.poll(id).await.map_err(not_shown(app))?;
    poll.ok_or(Refusal::UnknownPoll)
}

/// Makes a change, which this instance shows at once. Returns the poll as it is then.
pub(crate) async fn change(app: &App, id: PollId, change: PollChange) -> Result<Poll, Refusal> {
    match app.ballots.change(id, change).await.map_err(not_told(app))? {
        ChangeOutcome::Done(poll) => {
            app.polls.put(poll.clone());
            Ok(poll)
        }
        ChangeOutcome::Underway(poll) => {
            app.polls.put(poll.clone());
            Err(Refusal::Underway(Box::new(poll)))
        }
        ChangeOutcome::UnknownPoll | ChangeOutcome::Exists => Err(Refusal::UnknownPoll),
        ChangeOutcome::Refused(refused) => Err(refused.into()),
    }
}
