//! Creating a poll, for the organiser's form and for the API alike.

use domain::{Change, Poll, PollId, PollSpec};

use crate::{app::App, made_up_id::made_up_id, organise::RESERVED_IDS, refusal::Refusal};

/// How often an id is made up before giving up; one in 2^40 is taken.
const ID_ATTEMPTS: usize = 3;

/// Creates a poll, with this id or with one that is made up. This instance shows it from now on.
pub(crate) async fn create(app: &App, wanted: Option<&str>, spec: PollSpec) -> Result<Poll, Refusal> {
    let wanted = wanted.map(own_id).transpose()?;
    for _ in 0..ID_ATTEMPTS {
        let id = wanted.unwrap_or_else(made_up_id);
        let poll = Poll::new(id, spec.clone()).map_err(Refusal::InvalidPoll)?;
        match app.ballots.create(poll).await.map_err(|error| app.not_told(error))? {
            Change::Done(poll) => {
                app.polls.put(poll.clone());
                return Ok(poll);
            }
            _ if wanted.is_some() => break,
            _ => {}
        }
    }
    Err(Refusal::PollExists)
}

/// An id that is none of those that the organiser's pages have for themselves.
fn own_id(text: &str) -> Result<PollId, Refusal> {
    let id = PollId::parse(text).ok().filter(|id| !RESERVED_IDS.contains(&id.as_str()));
    id.ok_or(Refusal::InvalidId)
}
