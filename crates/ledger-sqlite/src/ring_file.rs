//! The ring file: accepted ballots that are not counted yet, next to the ledger's file.
//!
//! It is a ring of [`CAPACITY`] slots after a header. It is written in full once, when it is created, so an append
//! never needs disk space, and an fsync writes only the slots. A slot holds one ballot and a checksum, and is reused
//! once its ballot is counted. At most [`CAPACITY`] ballots are uncounted, so the next slot is always free.
//!
//! After a crash the file needs no order and no end mark: the uncounted ballots are those with a correct checksum and a
//! position after the ledger's. A torn slot holds a ballot that was not acknowledged.
//!
//! | bytes of a slot | |
//! |---|---|
//! | 4 | CRC-32 of the others |
//! | 1 | length of the poll's id |
//! | 32 | the id, filled up with 0 |
//! | 16 | the voter's pseudonym |
//! | 4 | choices: bit 0 is option a |
//! | 8 | position |

use std::{
    fmt,
    fs::File,
    io::{self, ErrorKind, Read, Seek},
    os::unix::fs::FileExt,
    path::Path,
};

use domain::{Ballot, Choices, Entry, MAX_POLL_ID_BYTES, PollId, Position, Record, VoterId};

use crate::store::StoreError;

/// How many ballots can be accepted but not counted. It limits the file, the memory, and the ballots that the next
/// start must count. It is two batches, so that ballots are accepted while one batch is counted.
pub(crate) const CAPACITY: usize = 65_536;
/// The start of the file: its kind and version.
const HEADER: &[u8; HEADER_BYTES] = b"scrutin-waiting 1\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const HEADER_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;
const SLOT_BYTES: usize = CHECKSUM_BYTES + 1 + MAX_POLL_ID_BYTES + 16 + 4 + 8;
/// How many slots or positions a log line names.
const MAX_NAMED: usize = 20;
const FILE_BYTES: usize = HEADER_BYTES + CAPACITY * SLOT_BYTES;
/// How many slots are read or made at once, and their bytes: about 10 KiB, since the process keeps the memory of a
/// larger buffer.
const CHUNK_SLOTS: usize = 120;
const CHUNK_BYTES: usize = CHUNK_SLOTS * SLOT_BYTES;

/// A ballot at its position in the log.
pub(crate) type Accepted = (Position, Ballot);

/// The file, for its only writer.
pub(crate) struct RingFile {
    file: File,
    /// The next slot to write.
    next: usize,
    /// The slots of one append; kept to reuse the memory.
    buffer: Vec<u8>,
}

/// What a ring file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RingContent {
    /// In order of their positions.
    pub(crate) ballots: Vec<Accepted>,
    pub(crate) damaged: Vec<DamagedSlot>,
    /// Positions, not after the ledger's, of ballots that the ledger does not have. Found by `uncounted`, which reads
    /// both.
    pub(crate) passed_over: Vec<Position>,
}

/// A slot whose content does not match its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DamagedSlot {
    /// Its number, from 0.
    slot: usize,
    /// The position in it, if it fits between those of its neighbours.
    position: Option<Position>,
}

impl fmt::Display for DamagedSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "position {position} in slot {}", self.slot),
            None => write!(f, "slot {}", self.slot),
        }
    }
}

impl RingFile {
    /// Takes the open file, and writes it in full if that was not done yet; `sync_name` makes its name durable. The
    /// first append may overwrite the file's content.
    pub(crate) fn new(mut file: File, sync_name: impl FnOnce() -> io::Result<()>) -> Result<Self, StoreError> {
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let has_slots = has_slots(&mut file)?;
        if length < FILE_BYTES || !has_slots {
            make_empty(&file, if has_slots { length } else { HEADER_BYTES }, length.max(FILE_BYTES))?;
            file.sync_all()?;
            // The header comes last: it marks a complete file.
            file.write_all_at(HEADER, 0)?;
            file.sync_all()?;
            sync_name()?;
        }
        Ok(Self { file, next: 0, buffer: Vec::new() })
    }

    /// Writes ballots over counted ones. They are on disk when this returns; after an error they may or may not be.
    ///
    /// # Panics
    /// If there are more ballots than [`CAPACITY`].
    pub(crate) fn append(&mut self, ballots: &[Accepted]) -> io::Result<()> {
        assert!(ballots.len() <= CAPACITY, "{} ballots at once", ballots.len());
        self.buffer.clear();
        for ballot in ballots {
            write_slot(ballot, &mut self.buffer);
        }
        let until_the_end = (CAPACITY - self.next) * SLOT_BYTES;
        let (first, rest) = self.buffer.split_at(until_the_end.min(self.buffer.len()));
        self.file.write_all_at(first, (HEADER_BYTES + self.next * SLOT_BYTES) as u64)?;
        if !rest.is_empty() {
            self.file.write_all_at(rest, HEADER_BYTES as u64)?;
        }
        self.file.sync_data()?;
        self.next = (self.next + ballots.len()) % CAPACITY;
        Ok(())
    }

    /// The ballots after this position, in order. A file with lost slots is an error, because their content is unknown.
    pub(crate) fn after(&self, counted_through: Position) -> Result<Vec<Accepted>, StoreError> {
        let mut ballots = self.content()?.ballots;
        ballots.retain(|(position, _)| *position > counted_through);
        Ok(ballots)
    }

    /// The whole content.
    pub(crate) fn content(&self) -> Result<RingContent, StoreError> {
        if self.file.metadata()?.len() < FILE_BYTES as u64 {
            return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
        }
        (&self.file).rewind()?;
        content(&self.file)
    }

    /// Empties the file. All its ballots must be counted.
    pub(crate) fn close(self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.sync_all()
    }

    /// For tests: simulates a disk that fails, or that works again.
    #[cfg(test)]
    pub(crate) fn replace(&mut self, file: File) {
        self.file = file;
    }
}

/// The content of a ring file that another process may be writing; empty if there is no file.
pub(crate) fn read(ring: &Path) -> Result<RingContent, StoreError> {
    match File::open(ring) {
        Ok(file) => content(file),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(RingContent::default()),
        Err(error) => Err(error.into()),
    }
}

/// A ballot as an entry of the log.
pub(crate) fn entry(&(position, ballot): &Accepted) -> Entry {
    Entry { position, record: Ok(Record::Ballot(ballot)) }
}

fn content(mut file: impl Read) -> Result<RingContent, StoreError> {
    if !has_slots(&mut file)? {
        return Ok(RingContent::default());
    }
    let (mut decoder, mut bytes) = (SlotDecoder::default(), Vec::with_capacity(CHUNK_BYTES));
    loop {
        bytes.clear();
        file.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut bytes)?;
        if bytes.len() < SLOT_BYTES {
            return Ok(decoder.finish());
        }
        bytes.chunks_exact(SLOT_BYTES).for_each(|slot| decoder.take(slot));
    }
}

/// Decodes slots one after the other.
#[derive(Default)]
struct SlotDecoder {
    content: RingContent,
    slots: usize,
    /// The position in the slot before, if that has a ballot.
    before: Option<Position>,
    /// The slot before, if it is damaged, and the position in the slot before it.
    damaged: Option<(DamagedSlot, Option<Position>)>,
}

impl SlotDecoder {
    fn take(&mut self, bytes: &[u8]) {
        let ballot = read_slot(bytes);
        let position = ballot.map(|(position, _)| position);
        self.keep_damaged(position);
        if ballot.is_none() && *bytes != [0; SLOT_BYTES] {
            self.damaged = Some((DamagedSlot { slot: self.slots, position: position_in(bytes) }, self.before));
        }
        self.content.ballots.extend(ballot);
        self.before = position;
        self.slots += 1;
    }

    /// Keeps the damaged slot, now that the position in the slot after it is known.
    fn keep_damaged(&mut self, after: Option<Position>) {
        if let Some((DamagedSlot { slot, position }, before)) = self.damaged.take() {
            let position = position.filter(|&position| fits_between(position, (before, after)));
            self.content.damaged.push(DamagedSlot { slot, position });
        }
    }

    fn finish(mut self) -> RingContent {
        self.keep_damaged(None);
        self.content.ballots.sort_unstable_by_key(|&(position, _)| position);
        self.content
    }
}

/// Writes empty slots, so that their place on the disk is allocated.
fn make_empty(file: &File, from: usize, to: usize) -> io::Result<()> {
    let empty = [0; CHUNK_BYTES];
    for begin in (from..to).step_by(empty.len()) {
        file.write_all_at(&empty[..empty.len().min(to - begin)], begin as u64)?;
    }
    Ok(())
}

/// Whether a position is possible between those of its neighbours: positions grow, except where the ring begins.
fn fits_between(position: Position, neighbours: (Option<Position>, Option<Position>)) -> bool {
    match neighbours {
        (Some(before), Some(after)) if before < after => before < position && position < after,
        (Some(before), Some(after)) => before < position || position < after,
        (Some(before), None) => before < position,
        (None, Some(after)) => position < after,
        (None, None) => true,
    }
}

/// Reads the header. False for a file that was not created completely: it has no slots.
fn has_slots(file: &mut impl Read) -> Result<bool, StoreError> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    file.by_ref().take(HEADER_BYTES as u64).read_to_end(&mut header)?;
    if header == HEADER {
        Ok(true)
    } else if header.len() < HEADER_BYTES || header.iter().all(|&byte| byte == 0) {
        Ok(false)
    } else {
        Err(StoreError::Data("what waits to be counted is kept in a way that this release can't read".into()))
    }
}

fn write_slot(&(position, ballot): &Accepted, slots: &mut Vec<u8>) {
    let begin = slots.len();
    let id = ballot.poll.as_str().as_bytes();
    slots.extend_from_slice(&[0; CHECKSUM_BYTES]);
    slots.push(u8::try_from(id.len()).expect("an id has at most 32 bytes"));
    slots.extend_from_slice(id);
    slots.resize(begin + CHECKSUM_BYTES + 1 + MAX_POLL_ID_BYTES, 0);
    slots.extend_from_slice(ballot.voter.as_bytes());
    slots.extend_from_slice(&ballot.choices.bits().to_le_bytes());
    slots.extend_from_slice(&position.as_i64().to_le_bytes());
    let checksum = crc32fast::hash(&slots[begin + CHECKSUM_BYTES..]);
    slots[begin..begin + CHECKSUM_BYTES].copy_from_slice(&checksum.to_le_bytes());
}

/// The ballot in a slot; `None` if the slot is empty or torn.
fn read_slot(slot: &[u8]) -> Option<Accepted> {
    let (checksum, rest) = slot.split_first_chunk::<CHECKSUM_BYTES>()?;
    if crc32fast::hash(rest) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let (&length, rest) = rest.split_first()?;
    let (id, rest) = rest.split_first_chunk::<MAX_POLL_ID_BYTES>()?;
    let (voter, rest) = rest.split_first_chunk::<16>()?;
    let (choices, _) = rest.split_first_chunk::<4>()?;
    let position = position_in(slot)?;
    let ballot = Ballot {
        poll: PollId::parse(str::from_utf8(id.get(..usize::from(length))?).ok()?).ok()?,
        voter: VoterId::from_bytes(*voter),
        choices: Choices::from_bits(u32::from_le_bytes(*choices)).ok()?,
    };
    Some((position, ballot))
}

fn position_in(slot: &[u8]) -> Option<Position> {
    Position::from_i64(i64::from_le_bytes(*slot.last_chunk()?))
}

/// The first of these slots or positions, as text.
pub(crate) fn name_all(all: &[impl ToString]) -> String {
    let named: Vec<_> = all.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    let more = all.len().saturating_sub(MAX_NAMED);
    named.join(", ") + &if more > 0 { format!(", and {more} more") } else { String::new() }
}

#[cfg(test)]
mod tests;
