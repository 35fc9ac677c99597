//! Questions to the two hosts besides voting and watching: the poll, its tally, its receipts.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::{
    http_client::{HttpClient, HttpRequest},
    promise::Counted,
};

/// How often the hosts are asked during a wait.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// The two hosts of a poll.
pub(crate) struct Hosts {
    pub(crate) vote: HttpClient,
    pub(crate) result: HttpClient,
    pub(crate) poll: String,
}

/// A poll, as the vote host describes it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PollInfo {
    pub(crate) options: Vec<String>,
    pub(crate) state: String,
    pub(crate) results: String,
    pub(crate) access: String,
    pub(crate) changes: bool,
    accepted: u64,
}

/// A tally, as the result host gives it, or as a screen shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PollTally {
    pub(crate) votes: Vec<u64>,
    pub(crate) voters: u64,
    pub(crate) counted: u64,
    pub(crate) round: u32,
}

#[derive(Deserialize)]
struct TallyBody {
    votes: Option<BTreeMap<char, u64>>,
    voters: u64,
    counted: u64,
    round: u32,
}

#[derive(Deserialize)]
struct ReceiptBody {
    status: String,
}

#[derive(Deserialize)]
struct TreeListBody {
    trees: Vec<TreeBody>,
}

#[derive(Deserialize)]
struct TreeBody {
    round: u32,
    partition: u16,
    generation: u64,
}

impl Hosts {
    /// The poll; `None` while it can't be had.
    pub(crate) async fn poll(&self) -> Option<PollInfo> {
        self.get(&self.vote, &format!("/api/polls/{}", self.poll)).await
    }

    /// The present tally; `None` while it can't be had, or is hidden.
    pub(crate) async fn tally(&self) -> Option<PollTally> {
        let body: TallyBody = self.get(&self.result, &format!("/api/polls/{}/tally", self.poll)).await?;
        Some(PollTally { votes: in_order(&body.votes?), voters: body.voters, counted: body.counted, round: body.round })
    }

    /// What a receipt says: `counted`, `replaced` and so on; `None` if there is no answer by then, or none that makes
    /// sense.
    pub(crate) async fn receipt(&self, receipt: &str, deadline: Instant) -> Option<String> {
        let path = format!("/api/polls/{}/receipts/{receipt}", self.poll);
        loop {
            // A host that is busy breaks no promise; one that never answers can't show that it keeps it.
            if let Some(ReceiptBody { status }) = self.get(&self.result, &path).await {
                return Some(status);
            }
            if Instant::now() > deadline {
                return None;
            }
            sleep(ASK_EVERY).await;
        }
    }

    /// A text of the result host; `None` if there is none by then.
    pub(crate) async fn text(&self, path: &str, deadline: Instant) -> Option<String> {
        loop {
            for server in 0..self.result.servers() {
                if let Ok(answer) = self.result.send(server, &HttpRequest::get(path)).await
                    && answer.status.is_success()
                {
                    return String::from_utf8(answer.body.to_vec()).ok();
                }
            }
            if Instant::now() > deadline {
                return None;
            }
            sleep(ASK_EVERY).await;
        }
    }

    /// The same of a thing below `/api/polls/POLL/`.
    pub(crate) async fn text_of_poll(&self, thing: &str, deadline: Instant) -> Option<String> {
        self.text(&format!("/api/polls/{}/{thing}", self.poll), deadline).await
    }

    /// `ROUND/PARTITION/GENERATION` of each tree of the poll; `None` if there is no list by then.
    pub(crate) async fn tree_places(&self, deadline: Instant) -> Option<Vec<String>> {
        let list: TreeListBody = serde_json::from_str(&self.text_of_poll("log", deadline).await?).ok()?;
        let place = |TreeBody { round, partition, generation }| format!("{round}/{partition}/{generation}");
        Some(list.trees.into_iter().map(place).collect())
    }

    /// Ballots accepted and not yet counted; `None` while it can't be had.
    pub(crate) async fn lag(&self) -> Option<i64> {
        let (tally, poll) = tokio::join!(self.tally(), self.poll());
        let lag = i64::try_from(poll?.accepted).ok()? - i64::try_from(tally?.counted).ok()?;
        // The tally may be the newer of both answers.
        Some(lag.max(0))
    }

    /// Waits until everything accepted is counted; `Err` with the last answers if that does not happen in time.
    pub(crate) async fn all_counted(&self, deadline: Instant) -> Result<Settled, Option<Settled>> {
        let mut last = None;
        loop {
            if let Some(now) = self.look().await {
                if now.accepted == now.tally.counted {
                    return Ok(now);
                }
                last = Some(now);
            }
            if Instant::now() > deadline {
                return Err(last);
            }
            sleep(ASK_EVERY).await;
        }
    }

    /// Whether nothing has changed a moment after these answers.
    pub(crate) async fn is_quiet_since(&self, look: &Settled) -> bool {
        sleep(ASK_EVERY).await;
        self.look().await.as_ref() == Some(look)
    }

    async fn look(&self) -> Option<Settled> {
        // In this order: what is counted was accepted before.
        let tally = self.tally().await?;
        Some(Settled { accepted: self.poll().await?.accepted, tally })
    }

    async fn get<T: for<'a> Deserialize<'a>>(&self, client: &HttpClient, path: &str) -> Option<T> {
        for server in 0..client.servers() {
            // Any of them may be down at this moment.
            if let Ok(answer) = client.send(server, &HttpRequest::get(path)).await
                && answer.status.is_success()
            {
                return serde_json::from_slice(&answer.body).ok();
            }
        }
        None
    }
}

/// The answers of both hosts when nothing changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) accepted: u64,
    pub(crate) tally: PollTally,
}

impl Settled {
    /// What was added since `before`.
    pub(crate) fn since(&self, before: &Self) -> Counted {
        let less = |now: u64, then: u64| now.cast_signed() - then.cast_signed();
        let votes = self.tally.votes.iter().zip(&before.tally.votes).map(|(now, then)| less(*now, *then)).collect();
        Counted { votes, voters: less(self.tally.voters, before.tally.voters) }
    }
}

impl PollTally {
    /// Reads what the event `scores` carries; `None` if it is something else, or hides the votes.
    pub(crate) fn of_scores(scores: &serde_json::Value) -> Option<Self> {
        let number = |key: &str| scores.get(key)?.as_u64();
        let keys = scores.as_object()?.iter();
        let votes: BTreeMap<char, u64> = keys
            .filter_map(|(key, value)| {
                let mut letters = key.chars();
                Some((letters.next().filter(|_| letters.next().is_none())?, value.as_u64()?))
            })
            .collect();
        if votes.is_empty() {
            return None;
        }
        Some(Self {
            votes: in_order(&votes),
            voters: number("voters")?,
            counted: number("counted")?,
            round: u32::try_from(number("round")?).ok()?,
        })
    }
}

fn in_order(votes: &BTreeMap<char, u64>) -> Vec<u64> {
    votes.values().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_read_as_the_result_host_writes_them() {
        let scores = serde_json::json!({
            "a": 12, "b": 3, "voters": 15, "counted": 40, "open": true, "state": "open", "poll": "main",
            "position": "1700000000000-3", "round": 1, "at": 1_700_000_000_500_u64,
        });
        let tally = PollTally { votes: vec![12, 3], voters: 15, counted: 40, round: 1 };
        assert_eq!(PollTally::of_scores(&scores), Some(tally));
        assert_eq!(PollTally::of_scores(&serde_json::json!({"voters": 15, "counted": 40, "round": 1})), None);
    }
}
