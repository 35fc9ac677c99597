//! The public list of open polls, at most a second old.

use std::{sync::Arc, time::Duration};

use domain::{Scoreboard, Tally, Unavailable};
use web::fresh::{Fresh, LastAnswer};

use crate::archive;

/// How long the list is fresh.
const FRESH_FOR: Duration = Duration::from_secs(1);

pub(crate) type OpenPollList = Result<Arc<Vec<Tally>>, Unavailable>;

/// The list as it was last read.
#[derive(Default)]
pub(crate) struct OpenPolls(Arc<Fresh<OpenPollList>>);

impl OpenPolls {
    /// The list. Callers that come while it is being read wait for that read.
    pub(crate) async fn read(&self, scoreboard: &Arc<dyn Scoreboard>) -> OpenPollList {
        let is_fresh = |last: &LastAnswer<OpenPollList>| last.at.elapsed() < FRESH_FOR;
        let read = || listed(Arc::clone(scoreboard));
        let list = self.0.get(is_fresh, read).await;
        list.unwrap_or_else(|| Err(Unavailable::failed("reading the public list", "the read panicked")))
    }
}

async fn listed(scoreboard: Arc<dyn Scoreboard>) -> impl FnOnce(Option<OpenPollList>) -> OpenPollList {
    let list = archive::listed(&*scoreboard).await.map(Arc::new);
    if let Err(error) = &list {
        tracing::warn!(event = "polls.unavailable", %error, "the public list could not be read");
    }
    |_| list
}
