//! A vote host and a result host in memory, which keep the promise, or break it in one chosen way.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use socketioxide::{SocketIo, extract::SocketRef};
use testkit::published_poll::PublishedPoll;

/// How a server may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// It is right.
    None,
    /// It acknowledges one ballot and never counts it.
    LoseOne,
    /// It counts one ballot twice.
    CountTwice,
    /// It counts one ballot for another option.
    WrongOption,
    /// It counts the first of a voter's two ballots, once.
    KeepTheFirst,
    /// One screen is never told the news.
    StaleScreen,
    /// One receipt is not found.
    ForgetReceipt,
    /// It says that fewer are counted than were accepted.
    NeverFinish,
    /// It records every tenth ballot and answers with an error: no lie, but the voter can't know.
    ErrorButRecorded,
    /// It answers every tenth ballot with an error and does not record it: no lie either.
    ErrorNotRecorded,
    /// It records every tenth ballot and answers with an error, and of each voter who was answered so it acknowledges
    /// the next change of mind and loses it.
    LoseAfterError,
    /// It publishes all ballots but those of one voter.
    PublishWithoutOne,
    /// It says of every tenth ballot that it does not know, and counts one of them after its voter's next change of
    /// mind was acknowledged.
    CountLate,
}

/// The ballot with this number is the one that a lie is about.
const THE_ONE: u64 = 20;
/// The place that an acknowledgement tells of a ballot which is nowhere.
const NOWHERE: usize = 1_000_000;

pub(crate) struct Fake {
    lie: Lie,
    voters: AtomicU64,
    asked: AtomicU64,
    state: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    /// Ballots in order: voter and option.
    log: Vec<(String, char)>,
    votes: HashMap<String, char>,
    extra: Vec<char>,
    /// What voters chose that were answered with an error.
    failed: HashMap<String, char>,
    /// Voters who were lied to. They are turned away from then on, so that no later ballot covers the lie.
    deceived: HashSet<String>,
}

pub(crate) async fn start(lie: Lie) -> SocketAddr {
    let fake = Arc::new(Fake { lie, voters: AtomicU64::new(0), asked: AtomicU64::new(0), state: Mutex::default() });
    let (layer, io) = SocketIo::builder().build_layer();
    io.ns("/", async |socket: SocketRef| socket.on("subscribe", async || {}));
    let router = Router::new()
        .route("/p/main", get(page).post(form))
        .route("/api/polls/main", get(poll))
        .route("/api/polls/main/ballots", post(api))
        .route("/api/polls/main/tally", get(async |fake: State<Arc<Fake>>| Json(fake.tally())))
        .route("/api/polls/main/receipts/{receipt}", get(receipt))
        .route("/api/polls/main/receipts/{receipt}/promise", get(promise))
        .route("/api/polls/main/receipts/{receipt}/proof", get(proof))
        .route("/api/polls/main/log", get(trees))
        .route("/api/polls/main/log/1/0/0/checkpoint", get(checkpoint))
        .route("/api/polls/main/published", get(async |fake: State<Arc<Fake>>| fake.published(fake.lie).file()))
        .route("/.well-known/scrutin-key", get(async |fake: State<Arc<Fake>>| fake.key()))
        .layer(layer)
        .with_state(Arc::clone(&fake));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    tokio::spawn(send_scores(fake, io));
    address
}

async fn send_scores(fake: Arc<Fake>, io: SocketIo) {
    let mut beat = tokio::time::interval(Duration::from_millis(50));
    let mut stale = None;
    loop {
        beat.tick().await;
        let mut tally = fake.tally();
        let votes = tally["votes"].take();
        tally.as_object_mut().unwrap().extend(votes.as_object().unwrap().clone());
        for socket in io.sockets() {
            let late = fake.lie == Lie::StaleScreen && fake.state.lock().unwrap().log.len() as u64 > THE_ONE;
            if late && *stale.get_or_insert(socket.id) == socket.id {
                continue;
            }
            socket.emit("scores", &tally.to_string()).ok();
        }
    }
}

impl Fake {
    fn tally(&self) -> Value {
        let books = self.state.lock().unwrap();
        let votes = |option| books.votes.values().chain(&books.extra).filter(|vote| **vote == option).count();
        let counted = books.log.len() as u64 - u64::from(self.lie == Lie::NeverFinish && !books.log.is_empty());
        json!({
            "poll": "main", "votes": {"a": votes('a'), "b": votes('b'), "c": votes('c')}, "round": 1,
            "voters": books.votes.len() + books.extra.len(), "counted": counted,
            "position": format!("{}-0", books.log.len()),
        })
    }

    /// All ballots as they would be published now.
    fn published(&self, lie: Lie) -> PublishedPoll {
        let mut log = self.state.lock().unwrap().log.clone();
        if lie == Lie::PublishWithoutOne {
            let (one, _) = log[log.len() - 1].clone();
            log.retain(|(voter, _)| *voter != one);
        }
        let numbered = log.iter().map(|(voter, option)| (number_of(voter), option.to_string())).collect::<Vec<_>>();
        let mut poll = PublishedPoll::of(1, numbered.iter().map(|(voter, option)| (*voter, option.as_str())));
        poll.round.poll = "main".parse().unwrap();
        poll
    }

    fn key(&self) -> String {
        format!("{}\n", self.published(Lie::None).key().verifier())
    }

    /// Records a ballot as a server with this lie does; its place in the log.
    fn record(&self, voter: &str, option: char) -> usize {
        let mut books = self.state.lock().unwrap();
        books.log.push((voter.to_owned(), option));
        let number = books.log.len();
        let the_one = number as u64 == THE_ONE;
        match self.lie {
            Lie::LoseOne if the_one => {}
            Lie::WrongOption if the_one => _ = books.votes.insert(voter.into(), if option == 'a' { 'b' } else { 'a' }),
            Lie::KeepTheFirst => _ = books.votes.entry(voter.into()).or_insert(option),
            _ => _ = books.votes.insert(voter.into(), option),
        }
        if self.lie == Lie::CountTwice && the_one {
            books.extra.push(option);
        }
        number
    }

    /// Takes a ballot: its place, or an error.
    fn take(&self, headers: &HeaderMap, option: char, over_api: bool) -> Result<usize, StatusCode> {
        let cookie =
            headers.get(header::COOKIE).and_then(|cookie| cookie.to_str().ok()).ok_or(StatusCode::BAD_REQUEST)?;
        // Only over the API can a server say more than that it failed.
        let failing = self.asked.fetch_add(1, Relaxed) % 10 == 9 && (over_api || self.lie != Lie::CountLate);
        match self.lie {
            Lie::ErrorNotRecorded if failing => Err(StatusCode::SERVICE_UNAVAILABLE),
            Lie::ErrorButRecorded if failing => {
                self.record(cookie, option);
                Err(StatusCode::SERVICE_UNAVAILABLE)
            }
            Lie::LoseAfterError | Lie::CountLate => self.deceive(cookie, option, failing),
            _ => Ok(self.record(cookie, option)),
        }
    }

    /// The lies that need a voter who was answered with an error and then changes their mind.
    fn deceive(&self, voter: &str, option: char, failing: bool) -> Result<usize, StatusCode> {
        let (failed, deceived, first) = {
            let books = self.state.lock().unwrap();
            (books.failed.get(voter).copied(), books.deceived.contains(voter), books.deceived.is_empty())
        };
        let losing = self.lie == Lie::LoseAfterError;
        match failed {
            _ if deceived => Err(StatusCode::CONFLICT),
            Some(other) if other != option && (losing || first) => {
                self.state.lock().unwrap().deceived.insert(voter.into());
                if losing {
                    return Ok(NOWHERE);
                }
                let place = self.record(voter, option);
                self.record(voter, other);
                Ok(place)
            }
            None if failing => {
                self.state.lock().unwrap().failed.insert(voter.into(), option);
                if losing {
                    self.record(voter, option);
                }
                Err(StatusCode::SERVICE_UNAVAILABLE)
            }
            _ => Ok(self.record(voter, option)),
        }
    }
}

/// The number in a voter's cookie.
fn number_of(cookie: &str) -> u64 {
    cookie.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

async fn proof(fake: State<Arc<Fake>>, Path(place): Path<usize>) -> Response {
    let proof = fake.published(Lie::None).proof_of_ballot(place - 1);
    proof.map_or_else(|| StatusCode::NOT_FOUND.into_response(), IntoResponse::into_response)
}

async fn promise(fake: State<Arc<Fake>>, Path(place): Path<usize>) -> Response {
    let promise = fake.published(Lie::None).promise_of_ballot(place - 1);
    promise.map_or_else(|| StatusCode::NOT_FOUND.into_response(), IntoResponse::into_response)
}

async fn trees() -> Json<Value> {
    Json(json!({"poll": "main", "trees": [{"round": 1, "partition": 0, "generation": 0}]}))
}

async fn checkpoint(fake: State<Arc<Fake>>) -> String {
    let poll = fake.published(Lie::None);
    poll.checkpoint(0, poll.trees[0].len())
}

async fn page(fake: State<Arc<Fake>>) -> Response {
    let number = fake.voters.fetch_add(1, Relaxed);
    ([(header::SET_COOKIE, format!("voter={number}; Path=/"))], "a page").into_response()
}

async fn poll(fake: State<Arc<Fake>>) -> Json<Value> {
    let accepted = fake.state.lock().unwrap().log.len();
    Json(json!({
        "id": "main", "options": ["Ants", "Bees", "Cats"], "state": "open", "results": "live", "access": "anyone",
        "changes": true, "round": 1, "accepted": accepted,
    }))
}

async fn form(fake: State<Arc<Fake>>, headers: HeaderMap, body: String) -> Response {
    match fake.take(&headers, body.strip_prefix("vote=").unwrap().chars().next().unwrap(), false) {
        Ok(_) => (StatusCode::SEE_OTHER, [(header::LOCATION, "/p/main")]).into_response(),
        Err(status) => status.into_response(),
    }
}

async fn api(fake: State<Arc<Fake>>, headers: HeaderMap, body: Json<Value>) -> Response {
    match fake.take(&headers, body["choices"][0].as_str().unwrap().chars().next().unwrap(), true) {
        Ok(place) => {
            let body = json!({"receipt": place.to_string(), "position": format!("{place}-0"), "replaces": null});
            (StatusCode::CREATED, Json(body)).into_response()
        }
        Err(status) if fake.lie == Lie::CountLate => (status, Json(json!({"code": "outcome-unknown"}))).into_response(),
        Err(status) => status.into_response(),
    }
}

async fn receipt(fake: State<Arc<Fake>>, Path(place): Path<usize>) -> Json<Value> {
    let books = fake.state.lock().unwrap();
    let Some((voter, _)) = books.log.get(place - 1) else { return Json(json!({ "status": "missing" })) };
    let newest = books.log.iter().rposition(|(other, _)| other == voter).unwrap() + 1;
    let forgotten = fake.lie == Lie::ForgetReceipt && place.is_multiple_of(10);
    let status = if forgotten {
        "missing"
    } else if newest == place {
        "counted"
    } else {
        "replaced"
    };
    Json(json!({ "status": status, "cast_at": "" }))
}
