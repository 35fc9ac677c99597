//! The file of a poll's published ballots, which is read and sent block by block.

use std::{collections::HashMap, fmt::Write, sync::Arc, time::Duration};

use attest::{
    BallotContent, END_OF_PUBLICATION, PublishedBallot, PublishedHeader, PublishedTree, ResultNote, VerifierKey,
};
use axum::body::{Body, Bytes};
use domain::{Digest, PollId, PublishedBallots, PublishedChoices, Scoreboard, TreeBallot, Unavailable};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{
    sealing::{SealedPoll, key_of},
    tree_board::TreeBoard,
};

const PUBLISHING: &str = "publishing ballots";
/// The longest time for sending a file: a slow reader holds up others. A million ballots are 100 MB.
const SENT_WITHIN: Duration = Duration::from_mins(15);

/// What is published of a poll.
pub(crate) struct PollPublication {
    scoreboard: Arc<dyn Scoreboard>,
    sealed: Arc<SealedPoll>,
    header: PublishedHeader,
    digest: Digest,
    /// The numbers of the wordings, from 1.
    numbers: HashMap<Digest, u32>,
}

/// The file, as far as it is written.
pub(crate) struct PublishedFile {
    publication: Arc<PollPublication>,
    /// When it breaks off.
    until: Instant,
    /// How many trees were begun.
    begun: usize,
    tree: Option<TreeOnItsWay>,
    has_ended: bool,
    /// The permit for one of those that may run at once.
    _turn: OwnedSemaphorePermit,
}

/// A tree whose ballots are written.
struct TreeOnItsWay {
    ballots: PublishedBallots,
    /// How many are still to come.
    left: u64,
}

impl PollPublication {
    /// Of a sealed poll whose ballots are published, with its result.
    pub(crate) fn new(trees: &TreeBoard, sealed: Arc<SealedPoll>, result: &ResultNote) -> Self {
        let round = sealed.seal.round.clone();
        let key = trees.key(&round.installation);
        let verifier: VerifierKey = key.verifier().clone();
        let (wordings, seal) = (sealed.wordings.clone(), sealed.note.clone());
        let numbers = (1..).zip(&wordings).map(|(number, terms)| (terms.digest(), number)).collect();
        let header = PublishedHeader { round, key: verifier, wordings, seal, result: key.sign(result) };
        let digest = Digest::of(header.to_string().as_bytes());
        Self { scoreboard: Arc::clone(trees.scoreboard()), sealed, header, digest, numbers }
    }

    /// How many ballots it has.
    pub(crate) fn ballots(&self) -> u64 {
        self.sealed.seal.ballots
    }

    /// Of which poll.
    pub(crate) fn poll(&self) -> PollId {
        self.header.round.poll
    }

    /// Names the whole file: the digest of its first line, which has the key, the words and what is signed. All other
    /// lines follow from the seal in it.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// Begins to read: if the ledger does not answer, that is known before anything is sent.
    pub(crate) async fn begin(
        self: Arc<Self>,
        turn: OwnedSemaphorePermit,
    ) -> Result<(PublishedFile, Bytes), Unavailable> {
        let head = format!("{}\n", self.header);
        let until = Instant::now() + SENT_WITHIN;
        let mut file = PublishedFile { publication: self, until, begun: 0, tree: None, has_ended: false, _turn: turn };
        let first = file.next().await?.unwrap_or_default();
        Ok((file, [head, first].concat().into()))
    }

    fn line(&self, ballot: &TreeBallot) -> Result<PublishedBallot, Unavailable> {
        let TreeBallot { mark, replaces, choices, wording } = *ballot;
        let content = match choices {
            PublishedChoices::Open(choices, blind) => BallotContent::Counts { choices, blind },
            PublishedChoices::Closed(hidden) => BallotContent::Replaced { hidden },
        };
        let number = self.numbers.get(&wording).copied();
        let wording =
            number.ok_or_else(|| Unavailable::failed(PUBLISHING, "a ballot has a wording that is unknown"))?;
        Ok(PublishedBallot { mark, replaces, content, wording })
    }
}

impl PublishedFile {
    /// The rest of the file, behind what [`PollPublication::begin`] returned.
    pub(crate) fn into_body(self, begun: Bytes) -> Body {
        let poll = self.publication.header.round.poll;
        let rest = stream::try_unfold(self, async |mut file| Ok(file.next().await?.map(|text| (text.into(), file))));
        let rest = rest.inspect_err(move |error: &Unavailable| {
            tracing::warn!(event = "publication.broke_off", poll.id = %poll, %error, "a published file is incomplete");
        });
        Body::from_stream(stream::once(async move { Ok(begun) }).chain(rest))
    }

    /// The whole file at once, for small ones.
    pub(crate) async fn into_bytes(mut self, begun: Bytes) -> Result<Bytes, Unavailable> {
        let mut bytes = begun.to_vec();
        while let Some(text) = self.next().await? {
            bytes.extend(text.into_bytes());
        }
        Ok(bytes.into())
    }

    /// The next lines; `None` behind the last.
    async fn next(&mut self) -> Result<Option<String>, Unavailable> {
        if Instant::now() > self.until {
            return Err(Unavailable::failed(PUBLISHING, "its reader is too slow"));
        }
        let differs = || Unavailable::failed(PUBLISHING, "the ballots are not those of the seal");
        let Some(mut tree) = self.tree.take() else { return self.begin_tree().await };
        let Some(block) = tree.ballots.next().await.transpose()? else {
            return if tree.left == 0 { self.begin_tree().await } else { Err(differs()) };
        };
        tree.left = tree.left.checked_sub(block.len() as u64).ok_or_else(differs)?;
        let mut text = String::new();
        for ballot in &block {
            writeln!(text, "{}", self.publication.line(ballot)?).expect("a text takes more");
        }
        self.tree = Some(tree);
        Ok(Some(text))
    }

    /// The line of the next tree, or the end.
    async fn begin_tree(&mut self) -> Result<Option<String>, Unavailable> {
        let PollPublication { sealed, scoreboard, .. } = &*self.publication;
        let Some((id, tree)) = sealed.trees.get(self.begun).zip(sealed.seal.trees.get(self.begun)) else {
            let end = (!self.has_ended).then(|| format!("{END_OF_PUBLICATION}\n"));
            self.has_ended = true;
            return Ok(end);
        };
        let ballots = scoreboard.published(key_of(id)).await?;
        self.begun += 1;
        self.tree = Some(TreeOnItsWay { ballots, left: tree.size });
        let (partition, partitions, generation) = (id.partition, id.partitions, id.generation);
        Ok(Some(format!("{}\n", PublishedTree { partition, partitions, generation, size: tree.size })))
    }
}
