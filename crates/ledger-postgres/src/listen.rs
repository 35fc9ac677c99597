//! How `result` hears what moved: each transaction that moves figures sends one `NOTIFY` with the ids of the polls,
//! and a connection of its own listens. A notification says only that there is something to read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::{Movement, PendingMovement, PollId};
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::{sync::Notify, task::JoinHandle, time};
use tokio_postgres::{AsyncMessage, Client};
use tracing::{debug, info, warn};

use crate::{
    connect::{DatabaseUrl, Purpose, set_session},
    failure::{Failure, words},
    pooler,
};

/// The channel of notifications; channels are of one database.
pub(crate) const CHANNEL: &str = "scrutin_moved";
/// Takes the channel and the payload, and is delivered at commit.
pub(crate) const NOTIFY: &str = "SELECT pg_notify($1::text, $2::text)";
const LISTEN: &str = "LISTEN scrutin_moved";

/// PostgreSQL takes payloads below 8,000 bytes.
const MAX_PAYLOAD_BYTES: usize = 7_999;
/// How long until a lost connection is tried again; and how often it may be any poll until then.
const BEAT: Duration = Duration::from_secs(1);
/// The longest wait for a connection that listens.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends a notification with the rest of the transaction; no polls means any.
pub(crate) async fn notify(client: &Client, polls: &[PollId]) -> Result<(), Failure> {
    client.execute(NOTIFY, &[&CHANNEL, &payload(polls)]).await?;
    Ok(())
}

/// The polls' ids between blanks; empty, which means any, where they do not fit.
pub(crate) fn payload(polls: &[PollId]) -> String {
    let ids: Vec<&str> = polls.iter().map(PollId::as_str).collect();
    let payload = ids.join(" ");
    if payload.len() <= MAX_PAYLOAD_BYTES { payload } else { String::new() }
}

/// What a payload says. One that this release does not understand means any.
fn movement(payload: &str) -> Movement {
    let polls: Result<Vec<PollId>, _> = payload.split(' ').map(PollId::parse).collect();
    polls.map_or(Movement::Any, Movement::Polls)
}

/// Listens in the background, as long as the value lives.
#[derive(Debug)]
pub(crate) struct Listener {
    news: Arc<News>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Begins to listen; must be called within a runtime.
    pub(crate) fn start(database: DatabaseUrl) -> Self {
        let news = Arc::new(News::default());
        Self { news: Arc::clone(&news), task: tokio::spawn(listen_for_ever(database, news)) }
    }

    /// Whether a pooler stands before the server that shares sessions, as was last seen.
    pub(crate) fn is_pooled(&self) -> bool {
        self.news.pooled.load(Ordering::Relaxed)
    }

    /// Waits for a movement; while nobody listens, only a second.
    pub(crate) async fn moved(&self) -> Movement {
        loop {
            match time::timeout(BEAT, self.news.take()).await {
                Ok(movement) => return movement,
                Err(_) if self.news.listening.load(Ordering::Relaxed) => {}
                Err(_) => return Movement::Any,
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What was heard and not asked for yet.
#[derive(Debug, Default)]
struct News {
    listening: AtomicBool,
    /// A pooler was found that shares sessions.
    pooled: AtomicBool,
    pending: Mutex<PendingMovement>,
    added: Notify,
}

impl News {
    fn add(&self, movement: Movement) {
        self.pending.lock().add(movement);
        self.added.notify_one();
    }

    async fn take(&self) -> Movement {
        loop {
            if let Some(movement) = self.pending.lock().take() {
                return movement;
            }
            self.added.notified().await;
        }
    }
}

async fn listen_for_ever(database: DatabaseUrl, news: Arc<News>) {
    let mut told = false;
    loop {
        let failure = listen(&database, &news).await;
        let was_listening = news.listening.swap(false, Ordering::Relaxed);
        news.add(Movement::Any);
        if was_listening || !told {
            warn!(error = failure, "notifications can't be had, so tallies are read every second");
            told = true;
        } else {
            debug!(error = failure, "notifications still can't be had");
        }
        time::sleep(BEAT).await;
    }
}

/// Listens until the connection is lost, and says why it is.
async fn listen(database: &DatabaseUrl, news: &News) -> String {
    let opened = time::timeout(LISTEN_TIMEOUT, database.open(Purpose::Read)).await;
    let (client, mut connection) = match opened {
        Ok(Ok(opened)) => opened,
        Ok(Err(failure)) => return failure.to_string(),
        Err(_) => return format!("no connection within {} ms", LISTEN_TIMEOUT.as_millis()),
    };
    let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
    // The client is kept, since the connection ends with it.
    let mut begin = Box::pin(time::timeout(LISTEN_TIMEOUT, async {
        let own = pooler::refuse_shared(database, &client).await;
        news.pooled.store(matches!(own, Err(Failure::Pooled)), Ordering::Relaxed);
        own?;
        set_session(&client, Purpose::Read, LISTEN_TIMEOUT).await?;
        Ok::<_, Failure>(client.batch_execute(LISTEN).await?)
    }));
    let mut begun = false;
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(Ok(AsyncMessage::Notification(notification))) => news.add(movement(notification.payload())),
                Some(Ok(_)) => {}
                Some(Err(error)) => return words(&error),
                None => return "the connection was closed".to_owned(),
            },
            outcome = &mut begin, if !begun => match outcome {
                Ok(Ok(())) => {
                    begun = true;
                    info!("listening for movements of tallies");
                    news.listening.store(true, Ordering::Relaxed);
                    // What moved before is told by no notification: read it now.
                    news.add(Movement::Any);
                }
                Ok(Err(failure)) => return failure.to_string(),
                Err(_) => return format!("no answer to LISTEN within {} ms", LISTEN_TIMEOUT.as_millis()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polls(count: usize) -> Vec<PollId> {
        (0..count).map(|number| PollId::parse(&format!("poll-{number:027}")).unwrap()).collect()
    }

    #[test]
    fn a_payload_says_which_polls_and_too_many_are_any() {
        for count in [1, 2, 242] {
            let payload = payload(&polls(count));
            assert!(payload.len() < 8_000, "{} bytes", payload.len());
            assert_eq!(movement(&payload), Movement::Polls(polls(count)));
        }
        assert_eq!(payload(&polls(243)), "");
        for any in ["", "main v2=x", "Main"] {
            assert_eq!(movement(any), Movement::Any, "{any:?}");
        }
    }
}
