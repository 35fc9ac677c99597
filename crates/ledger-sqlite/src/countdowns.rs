//! Writes that a poll is closed once its countdown has ended. The acceptor decides by its clock, as for ballots; here
//! is only when it is asked.

use std::{convert::Infallible, time::Duration};

use domain::{CountdownEnd, PollId, Unavailable};

use crate::{
    ballot_box::ANSWER_WITHIN,
    ledger::SqliteLedger,
    requests::Request,
    store::{self, PARTITION},
};

/// The longest pause while a countdown runs: the machine may sleep, and its clock jump.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl SqliteLedger {
    /// Closes polls when their countdowns end, until it is dropped. One task of a program does this.
    pub async fn close_polls_in_time(&self) -> Infallible {
        let mut told = false;
        loop {
            let pause = match self.close_what_has_ended().await {
                Ok(pause) => pause,
                Err(error) => {
                    if !told {
                        tracing::warn!(event = "poll.not_closed_in_time", %error,
                            "a poll whose countdown has ended takes no ballots, and that is not written yet; trying");
                    }
                    told = true;
                    Some(LOOK_EVERY)
                }
            };
            let told_of_another = self.countdowns.notified();
            if let Some(pause) = pause {
                _ = tokio::time::timeout(pause, told_of_another).await;
            } else {
                told = false;
                told_of_another.await;
            }
        }
    }

    /// Closes the polls whose countdowns have ended. Returns when to look again; `None` if no countdown runs.
    async fn close_what_has_ended(&self) -> Result<Option<Duration>, Unavailable> {
        const WHAT: &str = "closing a poll in time";
        let read = self.readers().read(WHAT, ANSWER_WITHIN, |conn| store::polls(conn, Some(PARTITION))).await?;
        let counting_down = read.into_iter().filter(|stored| stored.poll.closes_at().is_some());
        let ids: Vec<PollId> = counting_down.map(|stored| stored.poll.id()).collect();
        let mut pause = None;
        for id in ids {
            match self.change_log(WHAT, |to| Request::CloseInTime(id, to)).await? {
                CountdownEnd::Closed(poll) => {
                    tracing::info!(event = "poll.closed_in_time", poll = %poll.id(), poll.version = poll.version(),
                        "the poll's countdown has ended, and it is closed");
                }
                CountdownEnd::In(left) => pause = Some(pause.unwrap_or(LOOK_EVERY).min(left)),
                CountdownEnd::None => {}
            }
        }
        Ok(pause)
    }
}
