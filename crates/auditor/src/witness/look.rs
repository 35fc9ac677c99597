//! A witness of one poll.

use std::path::Path;

use attest::{KeyError, MAX_NOTE_BYTES, NoteText, Seal, SealedTree, TreeOrigin, VerifierKey, words};
use serde::Deserialize;

use super::{
    files::Files,
    news::{Contradiction, WitnessError, WitnessNews},
    tree::WitnessedTree,
};
use crate::{
    address::PollAddress,
    client::{FetchError, PublicClient},
};

/// Where the key is kept, as the server has it.
const KEY: &str = ".well-known/scrutin-key";

/// The longest list of trees, in bytes: 1,024 partitions in some rounds.
const MAX_LIST_BYTES: usize = 16 << 20;

/// Keeps what is public of one poll.
#[derive(Debug)]
pub struct PollWitness {
    client: PublicClient,
    address: PollAddress,
    files: Files,
    key: VerifierKey,
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
        let mut looks: Vec<_> = origins.iter().map(|origin| self.tree(origin).look()).collect();
        looks.push(self.look_at_seal()); // last, since it is compared with the trees
        looks.into_iter().filter_map(|news| news.unwrap_or_else(|error| Some(WitnessNews::NotChecked(error)))).collect()
    }

    /// The trees that the server has, and those that were kept.
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

    fn tree<'a>(&'a self, origin: &'a TreeOrigin) -> WitnessedTree<'a> {
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

    /// Keeps the newest seal. Two of one close can't both be true, and neither can one whose trees are not those that
    /// were kept.
    fn look_at_seal(&self) -> Result<Option<WitnessNews>, WitnessError> {
        let (address, name) = (self.address.of("seal"), self.name("seal"));
        let note = match self.client.text(&address, MAX_NOTE_BYTES) {
            Err(FetchError::NotThere(_)) => return Ok(None),
            note => note?,
        };
        let seen: Seal = self.key.open(&note).map_err(|error| WitnessError::answer(&address, error.to_string()))?;
        if seen.round.poll != self.address.poll() {
            return Err(WitnessError::answer(&address, "it is of another poll"));
        }
        if let Some(kept_note) = self.files.read_text(&name)? {
            let damaged = |_| WitnessError::Damaged(self.files.path(&name));
            let kept: Seal = self.key.open(&kept_note).map_err(damaged)?;
            if (kept.round.round, kept.version) == (seen.round.round, seen.version) {
                let same = kept.text() == seen.text();
                return if same { Ok(None) } else { self.two_seals(&kept, &kept_note, &note).map(Some) };
            }
            if (kept.round.round, kept.version) > (seen.round.round, seen.version) {
                return Ok(None); // another instance, or a restored dump
            }
        }
        for sealed in &seen.trees {
            let SealedTree { partition, generation, .. } = *sealed;
            let origin = TreeOrigin { round: seen.round.clone(), partition, generation };
            if let Some(contradiction) = self.tree(&origin).contradicts(sealed, &note)? {
                return Ok(Some(contradiction));
            }
        }
        self.files.write(&name, note.as_bytes())?;
        Ok(Some(WitnessNews::Sealed { version: seen.version, words: words(&seen.digest()).join(" ") }))
    }

    fn two_seals(&self, kept: &Seal, kept_note: &str, seen_note: &str) -> Result<WitnessNews, WitnessError> {
        let files = self.contradictions(&format!("seal-{}-{}", kept.round.round, kept.version));
        let kept_file = files.write("kept", kept_note.as_bytes())?;
        let seen = files.write("seen", seen_note.as_bytes())?;
        Ok(WitnessNews::Contradiction(Contradiction { of: kept.round.to_string(), kept: kept_file, seen }))
    }

    fn contradictions(&self, of: &str) -> Files {
        self.files.below(&format!("contradictions/{}/{of}", self.address.poll()))
    }

    /// The file of a thing of the poll, as the server's address of it.
    fn name(&self, thing: &str) -> String {
        format!("api/polls/{}/{thing}", self.address.poll())
    }
}
