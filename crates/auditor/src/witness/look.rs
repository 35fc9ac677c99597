//! A witness of one poll.

use std::path::Path;

use attest::{Checkpoint, KeyError, MAX_NOTE_BYTES, TreeOrigin, VerifierKey};
use serde::Deserialize;

use super::{
    files::Files,
    news::{WitnessError, WitnessNews},
    tree::{WitnessedTree, kept_checkpoint},
};
use crate::{address::PollAddress, client::PublicClient};

/// Where the key is kept, as the server has it.
const KEY: &str = ".well-known/scrutin-key";

/// The longest list of trees, in bytes: 1,024 partitions in some rounds.
const MAX_LIST_BYTES: usize = 16 << 20;

/// Keeps what is public of one poll.
#[derive(Debug)]
pub struct PollWitness {
    pub(super) client: PublicClient,
    pub(super) address: PollAddress,
    pub(super) files: Files,
    pub(super) key: VerifierKey,
}

/// What `/api/polls/POLL/log` says.
#[derive(Deserialize)]
struct TreeList {
    trees: Vec<ListedTree>,
}

#[derive(Deserialize)]
struct ListedTree {
    origin: String,
}

impl PollWitness {
    /// Of a poll, with its files in this directory. The key is the one that is given, else the one that was kept, else
    /// the one that the server has now.
    pub fn open(address: PollAddress, directory: &Path, key: Option<&VerifierKey>) -> Result<Self, WitnessError> {
        let (client, files) = (PublicClient::new(), Files::new(directory));
        let kept = files.read_text(KEY)?;
        let line = match (key, &kept) {
            (Some(key), _) => key.to_string(),
            (None, Some(kept)) => kept.clone(),
            (None, None) => client.text(&address.key(), MAX_NOTE_BYTES)?,
        };
        let read: VerifierKey = line
            .trim_end()
            .parse()
            .map_err(|error: KeyError| WitnessError::answer(&address.key(), error.to_string()))?;
        if kept.is_some_and(|kept| kept.trim_end() != read.to_string()) {
            return Err(WitnessError::answer(&files.path(KEY).display(), "another key was kept there before"));
        }
        files.write(KEY, format!("{read}\n").as_bytes())?;
        Ok(Self { client, address, files, key: read })
    }

    /// Looks once at everything. What could not be looked at is among the news.
    pub fn look(&self) -> Vec<WitnessNews> {
        let origins = match self.list() {
            Ok(origins) => origins,
            Err(error) => return vec![WitnessNews::NotChecked(error)],
        };
        let kept = self.kept_trees().unwrap_or_default(); // what can't be read of them is told below
        let mut news = withdrawn(&kept, &origins);
        for origin in &origins {
            match self.tree(origin).look() {
                Ok(Some(grown)) => {
                    news.extend(begun_anew(&kept, origin));
                    news.push(grown);
                }
                Ok(None) => {}
                Err(error) => news.push(WitnessNews::NotChecked(error)),
            }
        }
        // Last, since they are compared with the trees.
        let seals = self.kept_trees().and_then(|trees| self.look_at_seals(&trees));
        news.extend(seals.unwrap_or_else(|error| vec![WitnessNews::NotChecked(error)]));
        news
    }

    /// The newest checkpoint of each tree that was kept.
    fn kept_trees(&self) -> Result<Vec<Checkpoint>, WitnessError> {
        let mut places = vec![self.name("log")];
        for _round_partition_generation in 0..3 {
            let mut below = Vec::new();
            for place in places {
                below.extend(self.files.list(&place)?.into_iter().map(|name| format!("{place}/{name}")));
            }
            places = below;
        }
        let kept =
            places.iter().map(|place| Ok(kept_checkpoint(&self.key, &self.files.below(place))?.map(|(kept, _)| kept)));
        kept.filter_map(Result::transpose).collect()
    }

    /// The trees that the server has.
    fn list(&self) -> Result<Vec<TreeOrigin>, WitnessError> {
        let address = self.address.of("log");
        let text = self.client.text(&address, MAX_LIST_BYTES)?;
        let wrong = |why: &str| WitnessError::answer(&address, why);
        let list: TreeList = serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
        let of_poll = |origin: &TreeOrigin| origin.round.poll == self.address.poll();
        let read = |tree: &ListedTree| TreeOrigin::parse(&tree.origin).filter(of_poll);
        let origins: Option<Vec<_>> = list.trees.iter().map(read).collect();
        let origins = origins.ok_or_else(|| wrong("it names a tree that is not one of the poll"))?;
        self.files.write(&self.name("log/index.json"), text.as_bytes())?;
        Ok(origins)
    }

    pub(super) fn tree<'a>(&'a self, origin: &'a TreeOrigin) -> WitnessedTree<'a> {
        let place = format!("{}/{}/{}", origin.round.round, origin.partition, origin.generation);
        WitnessedTree {
            client: &self.client,
            key: &self.key,
            origin,
            address: self.address.of(&format!("log/{place}")),
            files: self.files.below(&self.name(&format!("log/{place}"))),
            contradictions: self.contradictions(&place.replace('/', "-")),
        }
    }

    pub(super) fn contradictions(&self, of: &str) -> Files {
        self.files.below(&format!("contradictions/{}/{of}", self.address.poll()))
    }

    /// The file of a thing of the poll, as the server's address of it.
    pub(super) fn name(&self, thing: &str) -> String {
        format!("api/polls/{}/{thing}", self.address.poll())
    }
}

/// That a tree that was not kept before follows another one of its partition.
fn begun_anew(kept: &[Checkpoint], origin: &TreeOrigin) -> Option<WitnessNews> {
    let is_followed = |kept: &&Checkpoint| follows(origin, &kept.origin);
    let before = kept.iter().filter(is_followed).max_by_key(|kept| kept.origin.generation)?;
    let is_new = kept.iter().all(|kept| kept.origin != *origin);
    is_new.then(|| WitnessNews::BegunAnew { origin: origin.clone(), given_up: before.size })
}

/// Which of the trees that were kept the server does not list any more, though no later one follows them: they can't
/// be looked at.
fn withdrawn(kept: &[Checkpoint], listed: &[TreeOrigin]) -> Vec<WitnessNews> {
    let is_there = |kept: &Checkpoint| listed.iter().any(|there| *there == kept.origin || follows(there, &kept.origin));
    let gone = kept.iter().filter(|kept| !is_there(kept));
    let told = gone.map(|Checkpoint { origin, size, .. }| {
        let why = format!("the server does not list this tree any more, of which {size} ballots were kept");
        WitnessNews::NotChecked(WitnessError::answer(origin, why))
    });
    told.collect()
}

/// Whether one tree is of the same partition as another, and of a later generation.
fn follows(one: &TreeOrigin, other: &TreeOrigin) -> bool {
    (&one.round, one.partition) == (&other.round, other.partition) && one.generation > other.generation
}
