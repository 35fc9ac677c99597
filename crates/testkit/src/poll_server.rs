//! Serves a [`PublishedPoll`] as the result page's host does: honest or lying, whatever is in it.

use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use attest::TilePath;
use domain::Digest;
use serde_json::json;

use crate::published_poll::PublishedPoll;

/// A server on a free port of this machine.
#[derive(Debug)]
pub struct PollServer {
    shown: Arc<Mutex<ShownPoll>>,
    url: String,
}

/// What is served now.
#[derive(Debug)]
struct ShownPoll {
    poll: PublishedPoll,
    /// How many leaves of each tree are to be seen; without it the poll is closed, and all are.
    sizes: Option<Vec<usize>>,
    /// Whether the tiles are those of the whole trees, as where a tree grows between two requests.
    tiles_are_ahead: bool,
    /// What is answered instead of what it should be, by path.
    replaced: HashMap<String, String>,
}

impl PollServer {
    /// Serves a poll that is closed and published.
    pub fn start(poll: PublishedPoll) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let shown =
            Arc::new(Mutex::new(ShownPoll { poll, sizes: None, tiles_are_ahead: false, replaced: HashMap::new() }));
        let served = Arc::clone(&shown);
        // It ends with the process of the test.
        thread::spawn(move || listener.incoming().flatten().for_each(|stream| drop(answer(&stream, &served))));
        Self { shown, url }
    }

    /// The address of the poll's page.
    pub fn page(&self) -> String {
        let poll = self.shown.lock().unwrap_or_else(PoisonError::into_inner).poll.round.poll;
        format!("{}/p/{poll}", self.url)
    }

    /// Serves this instead: so many leaves of each tree of an open poll, or all of a closed one.
    pub fn show(&self, poll: PublishedPoll, sizes: Option<Vec<usize>>) {
        self.set(ShownPoll { poll, sizes, tiles_are_ahead: false, replaced: HashMap::new() });
    }

    /// The same, but the trees have grown to their ends since their checkpoints were signed.
    pub fn show_with_newer_tiles(&self, poll: PublishedPoll, sizes: Vec<usize>) {
        self.set(ShownPoll { poll, sizes: Some(sizes), tiles_are_ahead: true, replaced: HashMap::new() });
    }

    /// Answers a path with this text from now on, until another poll is shown.
    pub fn answer(&self, path: &str, text: &str) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.replaced.insert(path.to_owned(), text.to_owned());
    }

    fn set(&self, shown: ShownPoll) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }
}

/// Answers one request and closes the connection.
fn answer(stream: &TcpStream, shown: &Mutex<ShownPoll>) -> io::Result<()> {
    let mut head = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let request = head.next().unwrap_or_default();
    head.for_each(drop);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let body = shown.lock().unwrap_or_else(PoisonError::into_inner).body(path);
    let (status, body) = body.map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)
}

impl ShownPoll {
    fn body(&self, path: &str) -> Option<Vec<u8>> {
        if let Some(text) = self.replaced.get(path) {
            return Some(text.clone().into_bytes());
        }
        if path == "/.well-known/scrutin-key" {
            return Some(format!("{}\n", self.poll.key().verifier()).into_bytes());
        }
        let thing = path.strip_prefix(&format!("/api/polls/{}/", self.poll.round.poll))?;
        match thing {
            "log" => Some(self.list()),
            "seal" if self.sizes.is_none() => Some(self.poll.signed_seal().into_bytes()),
            "result" if self.sizes.is_none() => Some(self.poll.signed_result().into_bytes()),
            "published" if self.sizes.is_none() => Some(self.poll.file().into_bytes()),
            _ => self.of_tree(thing.strip_prefix("log/")?),
        }
    }

    fn size(&self, partition: u16) -> usize {
        let index = usize::from(partition);
        self.sizes.as_ref().map_or_else(|| self.poll.trees[index].len(), |sizes| sizes[index])
    }

    fn list(&self) -> Vec<u8> {
        let tree = |partition| {
            let origin = self.poll.origin(partition);
            let place = format!("{}/{partition}/{}", origin.round.round, origin.generation);
            json!({
                "origin": origin.to_string(),
                "round": origin.round.round,
                "partition": partition,
                "partitions": self.poll.partitions(),
                "generation": origin.generation,
                "size": self.size(partition),
                "address": format!("/api/polls/{}/log/{place}", self.poll.round.poll),
            })
        };
        let trees: Vec<_> = (0..self.poll.partitions()).map(tree).collect();
        json!({"poll": self.poll.round.poll, "trees": trees}).to_string().into_bytes()
    }

    fn of_tree(&self, thing: &str) -> Option<Vec<u8>> {
        let [round, partition, generation, thing] = thing.splitn(4, '/').collect::<Vec<_>>()[..] else { return None };
        let partition = partition.parse().ok().filter(|partition| *partition < self.poll.partitions())?;
        let origin = self.poll.origin(partition);
        let is_there = round == origin.round.round.to_string() && generation == origin.generation.to_string();
        if !is_there {
            return None;
        }
        let size = self.size(partition);
        if thing == "checkpoint" {
            return Some(self.poll.checkpoint(partition, size).into_bytes());
        }
        let tile: TilePath = thing.strip_prefix("tile/")?.parse().ok()?;
        let size = if self.tiles_are_ahead { self.poll.trees[usize::from(partition)].len() } else { size };
        let there = TilePath::in_tree(tile.level, tile.index, size as u64)?;
        // As at a real server, a tile that has become full since is only there as such.
        (tile == there).then(|| Digest::join(&self.poll.tile(partition, tile)))
    }
}
