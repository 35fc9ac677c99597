//! Creating a poll, for the organiser's form and for the API alike.

use domain::{ChangeOutcome, FIRST_REVISION, Poll, PollSpec};

use super::made_up_id::{ID_ATTEMPTS, chosen_id, id_of, made_up_id};
use crate::{
    app::App,
    refusal::{Refusal, not_told},
};

/// Creates a poll, with this id or a made-up one. This instance shows it at once.
///
/// With `once`, a text that a form or a program sends again when it tries again, one poll is created only: its id is
/// derived from `once` and the content. So no instance needs to remember anything.
pub(crate) async fn create(
    app: &App,
    wanted: Option<&str>,
    once: Option<&str>,
    spec: PollSpec,
) -> Result<Poll, Refusal> {
    let wanted = wanted.map(chosen_id).transpose()?;
    let content = serde_json::to_vec(&spec).expect("a poll is plain text and numbers");
    for attempt in 0..ID_ATTEMPTS {
        let from_once = || once.map(|once| id_of(&app.config.secret, once, &content, attempt));
        let id = wanted.or_else(from_once).unwrap_or_else(made_up_id);
        let poll = Poll::new(id, spec.clone()).map_err(Refusal::InvalidPoll)?;
        let created = app.ballots.create(poll.clone()).await.map_err(not_told(app))?;
        // A partition that does not know a new poll yet gets it with its first ballot.
        if let ChangeOutcome::Done(poll) | ChangeOutcome::Underway(poll) = created {
            app.polls.put(poll.clone());
            return Ok(poll);
        }
        if once.is_some()
            && let Some(earlier) = made_before(app, &poll, wanted.is_some()).await?
        {
            return Ok(earlier);
        }
        if wanted.is_some() {
            break;
        }
    }
    Err(Refusal::PollExists)
}

/// The existing poll, if an earlier attempt created it. A chosen id may also be that of an old poll; it counts as the
/// same only while nothing has happened to it.
async fn made_before(app: &App, poll: &Poll, is_chosen: bool) -> Result<Option<Poll>, Refusal> {
    let there = app.ballots.poll(poll.id()).await.map_err(not_told(app))?;
    let Some(there) = there.filter(|there| there.asks_the_same_as(poll)) else { return Ok(None) };
    let is_new = !there.archived() && there.round() == 1 && there.revision() == FIRST_REVISION;
    let untouched = !is_chosen || is_new && app.ballots.accepted(poll.id()).await.map_err(not_told(app))? == 0;
    Ok(untouched.then_some(there))
}
