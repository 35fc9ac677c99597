//! The seals of a witness. The newest is kept where the server has it, and each other one beside it: what a seal says
//! of trees that are still smaller is compared once they have grown.

use attest::{Checkpoint, MAX_NOTE_BYTES, NoteText, Seal, TreeOrigin, words};

use super::{
    files::Files,
    look::PollWitness,
    news::{Contradiction, WitnessError, WitnessNews},
};
use crate::client::FetchError;

/// The name of the newest seal, as the server has it.
const NEWEST: &str = "seal";

/// The directory of those that are not the newest.
const OTHERS: &str = "seals";

/// A seal, and its note.
struct WitnessedSeal {
    seal: Seal,
    note: String,
}

impl WitnessedSeal {
    /// Which close it is of. Of one close there is one seal.
    fn close(&self) -> (u32, u64) {
        (self.seal.round.round, self.seal.version)
    }
}

impl PollWitness {
    /// Fetches the seal and keeps it. Two of one close can't both be true, and neither can one whose trees are not
    /// those that were kept; this is asked again of each seal at each look, since trees grow.
    pub(super) fn look_at_seals(&self, trees: &[Checkpoint]) -> Result<Vec<WitnessNews>, WitnessError> {
        let kept = self.kept_seals()?;
        let mut news = Vec::new();
        if let Some(seen) = self.seen_seal()? {
            let same = kept.iter().find(|kept| kept.close() == seen.close());
            if let Some(same) = same.filter(|kept| kept.seal.text() != seen.seal.text()) {
                news.push(self.two_seals(same, &seen)?);
            } else if same.is_none() {
                let contradictions = self.contradictions_of(&seen, trees)?;
                if contradictions.is_empty() {
                    news.extend(self.keep(&seen, &kept)?);
                } else {
                    news.extend(contradictions);
                }
            }
        }
        for seal in &kept {
            news.extend(self.contradictions_of(seal, trees)?);
        }
        Ok(news)
    }

    /// What the server says now; nothing while the poll is open.
    fn seen_seal(&self) -> Result<Option<WitnessedSeal>, WitnessError> {
        let address = self.address.of(NEWEST);
        let note = match self.client.text(&address, MAX_NOTE_BYTES) {
            Err(FetchError::NotThere { .. }) => return Ok(None),
            note => note?,
        };
        let seal: Seal = self.key.open(&note).map_err(|error| WitnessError::answer(&address, error.to_string()))?;
        if seal.round.poll != self.address.poll() {
            return Err(WitnessError::answer(&address, "it is of another poll"));
        }
        Ok(Some(WitnessedSeal { seal, note }))
    }

    /// All that were kept; the newest, if there is one, is the first.
    fn kept_seals(&self) -> Result<Vec<WitnessedSeal>, WitnessError> {
        let others = self.files.list(&self.name(OTHERS))?;
        let names = others.iter().map(|other| self.name(&format!("{OTHERS}/{other}")));
        let mut kept = Vec::new();
        for name in [self.name(NEWEST)].into_iter().chain(names) {
            let Some(note) = self.files.read_text(&name)? else { continue };
            let seal = self.key.open(&note).map_err(|_| WitnessError::Damaged(self.files.path(&name)))?;
            kept.push(WitnessedSeal { seal, note });
        }
        Ok(kept)
    }

    /// Keeps a new one. One of an earlier close is of another instance, or of a restored dump, and no news.
    fn keep(&self, seen: &WitnessedSeal, kept: &[WitnessedSeal]) -> Result<Option<WitnessNews>, WitnessError> {
        let newest = kept.first();
        let (newer, other) = match newest {
            Some(newest) if newest.close() > seen.close() => (None, Some(seen)),
            newest => (Some(seen), newest),
        };
        if let Some(other) = other {
            let (round, version) = other.close();
            self.files.write(&self.name(&format!("{OTHERS}/{round}-{version}")), other.note.as_bytes())?;
        }
        let Some(WitnessedSeal { seal, note }) = newer else { return Ok(None) };
        self.files.write(&self.name(NEWEST), note.as_bytes())?;
        Ok(Some(WitnessNews::Sealed { version: seal.version, words: words(&seal.digest()).join(" ") }))
    }

    /// Which trees of a seal are not those that were kept, and which of those that were kept it leaves out: all
    /// partitions of a round are sealed together.
    fn contradictions_of(
        &self,
        sealed: &WitnessedSeal,
        trees: &[Checkpoint],
    ) -> Result<Vec<WitnessNews>, WitnessError> {
        let WitnessedSeal { seal, note } = sealed;
        let is_left_out = |kept: &&Checkpoint| {
            kept.origin.round == seal.round && usize::from(kept.origin.partition) >= seal.trees.len()
        };
        let left_out = trees.iter().filter(is_left_out).map(|kept| self.against_a_checkpoint(kept, seal, note));
        let mut found = left_out.collect::<Result<Vec<_>, _>>()?;
        for tree in &seal.trees {
            let origin =
                TreeOrigin { round: seal.round.clone(), partition: tree.partition, generation: tree.generation };
            let kept = trees.iter().find(|kept| kept.origin == origin);
            if let Some(kept) = kept
                && self.tree(&origin).differs(kept, tree)?
            {
                found.push(self.against_a_checkpoint(kept, seal, note)?);
            }
        }
        Ok(found)
    }

    /// Keeps a seal and the checkpoint that it contradicts.
    fn against_a_checkpoint(&self, kept: &Checkpoint, seal: &Seal, note: &str) -> Result<WitnessNews, WitnessError> {
        let tree = self.tree(&kept.origin);
        let checkpoint = tree.kept()?.map(|(_, note)| note).unwrap_or_default();
        let kept_file = tree.contradictions.write(&format!("checkpoint-{}", kept.size), checkpoint.as_bytes())?;
        let seen = tree.contradictions.write(&seal_name(seal), note.as_bytes())?;
        Ok(WitnessNews::Contradiction(Contradiction { of: kept.origin.to_string(), kept: kept_file, seen }))
    }

    fn two_seals(&self, kept: &WitnessedSeal, seen: &WitnessedSeal) -> Result<WitnessNews, WitnessError> {
        let files: Files = self.contradictions(&format!("seal-{}-{}", kept.seal.round.round, kept.seal.version));
        let kept_file = files.write("kept", kept.note.as_bytes())?;
        let seen = files.write("seen", seen.note.as_bytes())?;
        Ok(WitnessNews::Contradiction(Contradiction { of: kept.seal.round.to_string(), kept: kept_file, seen }))
    }
}

fn seal_name(seal: &Seal) -> String {
    format!("seal-{}-{:.8}", seal.version, seal.digest().to_string())
}
