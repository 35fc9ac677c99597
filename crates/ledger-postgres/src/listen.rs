//! How `result` learns what moved: each transaction that changes figures or events sends one `NOTIFY` with the ids of
//! the polls and events, and a connection of its own listens. A notification says only that there is something to read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::{EventId, Movement, PendingMovement, PollId};
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::{sync::Notify, task::JoinHandle, time};
use tokio_postgres::{AsyncMessage, Client};
use tracing::{debug, info, warn};

use crate::{
    connect::set_session,
    database_error::{DatabaseError, words},
    database_url::{ConnectionUse, DatabaseUrl},
    pooler,
    primary::{self, PrimaryConnection},
};

/// The channel of notifications; channels are of one database.
pub(crate) const CHANNEL: &str = "scrutin_moved";
/// Takes the channel and the payload, and is delivered at commit.
pub(crate) const NOTIFY: &str = "SELECT pg_notify($1::text, $2::text)";
const LISTEN: &str = "LISTEN scrutin_moved";

/// Stands before the id of an event.
const EVENT_SIGN: char = '@';
/// PostgreSQL takes payloads below 8,000 bytes.
const MAX_PAYLOAD_BYTES: usize = 7_999;
/// How long until a lost connection is tried again; and how often it may be any poll until then.
const BEAT: Duration = Duration::from_secs(1);
/// The longest wait for a connection that listens.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends a notification with the rest of the transaction; no polls means any.
pub(crate) async fn notify(client: &Client, polls: &[PollId]) -> Result<(), DatabaseError> {
    client.execute(NOTIFY, &[&CHANNEL, &payload(polls, &[])]).await?;
    Ok(())
}

/// The ids between blanks, those of events behind a sign, by which earlier releases take them for any; empty, which
/// means any, where they do not fit.
pub(crate) fn payload(polls: &[PollId], events: &[EventId]) -> String {
    let events = events.iter().map(|event| format!("{EVENT_SIGN}{event}"));
    let ids: Vec<String> = polls.iter().map(PollId::to_string).chain(events).collect();
    let payload = ids.join(" ");
    if payload.len() <= MAX_PAYLOAD_BYTES { payload } else { String::new() }
}

/// What a payload says. One that this release does not understand means any.
fn movement(payload: &str) -> Movement {
    let (mut polls, mut events) = (Vec::new(), Vec::new());
    for word in payload.split(' ') {
        let is_known = match word.strip_prefix(EVENT_SIGN) {
            Some(id) => EventId::parse(id).map(|event| events.push(event)).is_ok(),
            None => PollId::parse(word).map(|poll| polls.push(poll)).is_ok(),
        };
        if !is_known {
            return Movement::Any;
        }
    }
    Movement::These { polls, events }
}

/// Listens in the background, as long as the value lives.
#[derive(Debug)]
pub(crate) struct Listener {
    notifications: Arc<Notifications>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Begins to listen; must be called within a runtime.
    pub(crate) fn start(database: DatabaseUrl) -> Self {
        let notifications = Arc::new(Notifications::default());
        Self { notifications: Arc::clone(&notifications), task: tokio::spawn(listen_forever(database, notifications)) }
    }

    /// Whether a pooler that shares sessions was found at the last connect.
    pub(crate) fn is_pooled(&self) -> bool {
        self.notifications.pooled.load(Ordering::Relaxed)
    }

    /// Waits for a movement; without a connection that listens, only a second.
    pub(crate) async fn moved(&self) -> Movement {
        loop {
            match time::timeout(BEAT, self.notifications.take()).await {
                Ok(movement) => return movement,
                Err(_) if self.notifications.listening.load(Ordering::Relaxed) => {}
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

/// What moved since it was asked for last.
#[derive(Debug, Default)]
struct Notifications {
    listening: AtomicBool,
    /// Whether a pooler shares sessions.
    pooled: AtomicBool,
    pending: Mutex<PendingMovement>,
    added: Notify,
}

impl Notifications {
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

async fn listen_forever(database: DatabaseUrl, notifications: Arc<Notifications>) {
    let mut told = false;
    loop {
        let failure = listen(&database, &notifications).await;
        let was_listening = notifications.listening.swap(false, Ordering::Relaxed);
        notifications.add(Movement::Any);
        if was_listening || !told {
            warn!(
                event = "ledger.notifications_lost",
                error = failure,
                "without notifications tallies are read every second"
            );
            told = true;
        } else {
            debug!(error = failure, "still no notifications");
        }
        time::sleep(BEAT).await;
    }
}

/// Listens until the connection is lost. Returns why.
async fn listen(database: &DatabaseUrl, notifications: &Notifications) -> String {
    let opened = time::timeout(LISTEN_TIMEOUT, primary::open(database, ConnectionUse::Read)).await;
    let PrimaryConnection { client, mut connection, place } = match opened {
        Ok(Ok(opened)) => opened,
        Ok(Err(failure)) => return failure.to_string(),
        Err(_) => return format!("no connection within {} ms", LISTEN_TIMEOUT.as_millis()),
    };
    let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
    // The client is kept, since the connection ends with it.
    let mut begin = Box::pin(time::timeout(LISTEN_TIMEOUT, async {
        let own = pooler::refuse_shared(database, &place, &client).await;
        notifications.pooled.store(matches!(own, Err(DatabaseError::Pooled)), Ordering::Relaxed);
        own?;
        set_session(&client, ConnectionUse::Read, LISTEN_TIMEOUT).await?;
        Ok::<_, DatabaseError>(client.batch_execute(LISTEN).await?)
    }));
    let mut begun = false;
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(Ok(AsyncMessage::Notification(heard))) => notifications.add(movement(heard.payload())),
                Some(Ok(_)) => {}
                Some(Err(error)) => return words(&error),
                None => return "the connection was closed".to_owned(),
            },
            outcome = &mut begin, if !begun => match outcome {
                Ok(Ok(())) => {
                    begun = true;
                    info!(event = "ledger.notifications", "PostgreSQL sends notifications of tallies that moved");
                    notifications.listening.store(true, Ordering::Relaxed);
                    // No notification tells what moved before: read everything now.
                    notifications.add(Movement::Any);
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

    #[test]
    fn a_payload_says_which_events() {
        let [one, other] = ["evening", "morning"].map(|id| EventId::parse(id).unwrap());
        assert_eq!(payload(&[PollId::MAIN], &[one]), "main @evening");
        let both = Movement::These { polls: vec![PollId::MAIN], events: vec![one, other] };
        assert_eq!(movement(&payload(&[PollId::MAIN], &[one, other])), both);
        let none = Movement::These { polls: Vec::new(), events: vec![one] };
        assert_eq!(movement(&payload(&[], &[one])), none);
    }

    fn polls(count: usize) -> Vec<PollId> {
        (0..count).map(|number| PollId::parse(&format!("poll-{number:027}")).unwrap()).collect()
    }

    #[test]
    fn a_payload_says_which_polls_and_too_many_are_any() {
        for count in [1, 2, 242] {
            let payload = payload(&polls(count), &[]);
            assert!(payload.len() < 8_000, "{} bytes", payload.len());
            assert_eq!(movement(&payload), Movement::These { polls: polls(count), events: Vec::new() });
        }
        assert_eq!(payload(&polls(243), &[]), "");
        for any in ["", "main v2=x", "Main", "@", "main @Evening"] {
            assert_eq!(movement(any), Movement::Any, "{any:?}");
        }
    }
}
