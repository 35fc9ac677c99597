//! The end of the log: ballots that were accepted and are not counted yet, in a file beside the ledger's.
//!
//! The file is a ring of [`CAPACITY`] slots behind a header, written through once when it is made, so that appending never
//! needs space and syncing never more than the slots that were written. A slot holds one ballot and a checksum. A ballot may
//! take the place of any that is counted; as no more than [`CAPACITY`] wait, that is always so of the next slot in turn.
//!
//! What is in the file after a crash needs no order and no end mark: the ballots that wait are those whose checksum is right
//! and whose position the ledger has not passed. A slot that was torn is one that nobody was told of.
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
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use domain::{Ballot, Choices, Entry, Event, MAX_POLL_ID_BYTES, PollId, Position, VoterId};

use crate::store::StoreError;

/// How many ballots can wait to be counted. It bounds the file, the memory, and what the next start may have to count. With room
/// for several batches, ballots are accepted while one is counted.
pub(crate) const CAPACITY: usize = 65_536;
/// What the file begins with: its kind and version.
const HEADER: &[u8; HEADER_BYTES] = b"scrutin-waiting 1\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const HEADER_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;
const SLOT_BYTES: usize = CHECKSUM_BYTES + 1 + MAX_POLL_ID_BYTES + 16 + 4 + 8;
const FILE_BYTES: usize = HEADER_BYTES + CAPACITY * SLOT_BYTES;

/// A ballot at its place in the log.
pub(crate) type Accepted = (Position, Ballot);

/// The file, for its only writer.
pub(crate) struct WaitingFile {
    file: File,
    /// The slot that is written next.
    next: usize,
    /// Slots on their way to the file; kept for its memory.
    buffer: Vec<u8>,
}

/// The file that belongs to the ledger at `ledger`.
pub(crate) fn path_of(ledger: &Path) -> PathBuf {
    let mut name = OsString::from(ledger);
    name.push(".waiting");
    name.into()
}

impl WaitingFile {
    /// Opens it, and makes it if it is not there. What it holds may be overwritten as soon as something is appended.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        slots(&bytes)?;
        if bytes.len() < FILE_BYTES || !bytes.starts_with(HEADER) {
            // The header last, so that it is the mark of a file that is whole.
            bytes.resize(bytes.len().max(FILE_BYTES), 0);
            file.write_all_at(&bytes[HEADER_BYTES..], HEADER_BYTES as u64)?;
            file.sync_all()?;
            file.write_all_at(HEADER, 0)?;
            file.sync_all()?;
            // Its name as well.
            let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
            File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(Self { file, next: 0, buffer: Vec::new() })
    }

    /// Appends ballots in place of counted ones; they are on the disk when this returns. After an error they may be there
    /// or not.
    ///
    /// # Panics
    /// If there are more of them than [`CAPACITY`].
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

    /// The ballots in it after `counted`, in order; also those in slots that only another release has. A file that has lost
    /// some of its slots is an error: who knows what was in them.
    pub(crate) fn after(&self, counted: Position) -> Result<Vec<Accepted>, StoreError> {
        let length = usize::try_from(self.file.metadata()?.len()).map_err(io::Error::other)?;
        let mut bytes = vec![0; length.max(FILE_BYTES)];
        self.file.read_exact_at(&mut bytes, 0)?;
        read_after(&bytes, counted)
    }

    /// Leaves an empty file. Everything in it must be counted.
    pub(crate) fn close(self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.sync_all()
    }

    /// As if the disk had gone, or come back.
    #[cfg(test)]
    pub(crate) fn replace(&mut self, file: File) {
        self.file = file;
    }
}

/// The ballots after `counted` beside the ledger at `ledger`, in order, whoever writes there.
pub(crate) fn read(ledger: &Path, counted: Position) -> Result<Vec<Accepted>, StoreError> {
    match std::fs::read(path_of(ledger)) {
        Ok(bytes) => read_after(&bytes, counted),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// A ballot as an entry of the log.
pub(crate) fn entry(&(position, ballot): &Accepted) -> Entry {
    Entry { position, event: Ok(Event::Ballot(ballot)) }
}

fn read_after(bytes: &[u8], counted: Position) -> Result<Vec<Accepted>, StoreError> {
    let slots = slots(bytes)?.chunks_exact(SLOT_BYTES);
    let mut ballots: Vec<_> = slots.filter_map(read_slot).filter(|(position, _)| *position > counted).collect();
    ballots.sort_unstable_by_key(|&(position, _)| position);
    Ok(ballots)
}

/// What stands behind the header; nothing where the making of the file did not come to an end.
fn slots(bytes: &[u8]) -> Result<&[u8], StoreError> {
    match bytes.split_first_chunk::<HEADER_BYTES>() {
        None => Ok(&[]),
        Some((HEADER, slots)) => Ok(slots),
        Some((header, _)) if header.iter().all(|&byte| byte == 0) => Ok(&[]),
        Some(_) => {
            Err(StoreError::Data("what waits to be counted is kept in a way that this release can't read".into()))
        }
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

/// The ballot in a slot; `None` for one that is empty or torn.
fn read_slot(slot: &[u8]) -> Option<Accepted> {
    let (checksum, rest) = slot.split_first_chunk::<CHECKSUM_BYTES>()?;
    if crc32fast::hash(rest) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let (&length, rest) = rest.split_first()?;
    let (id, rest) = rest.split_first_chunk::<MAX_POLL_ID_BYTES>()?;
    let (voter, rest) = rest.split_first_chunk::<16>()?;
    let (choices, rest) = rest.split_first_chunk::<4>()?;
    let position = Position::from_i64(i64::from_le_bytes(rest.try_into().ok()?))?;
    let ballot = Ballot {
        poll: PollId::parse(str::from_utf8(id.get(..usize::from(length))?).ok()?).ok()?,
        voter: VoterId::from_bytes(*voter),
        choices: Choices::from_bits(u32::from_le_bytes(*choices)).ok()?,
    };
    Some((position, ballot))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(number: u64) -> Accepted {
        let (id, choices) = (format!("poll-{}", number % 3), u32::try_from(number % 7 + 1).unwrap());
        let ballot = Ballot {
            poll: PollId::parse(&id).unwrap(),
            voter: VoterId::from_bytes(u128::from(number).to_be_bytes()),
            choices: Choices::from_bits(choices).unwrap(),
        };
        (Position::new(1_700_000_000_000, number).unwrap(), ballot)
    }

    fn several(numbers: std::ops::Range<u64>) -> Vec<Accepted> {
        numbers.map(accepted).collect()
    }

    #[test]
    fn what_is_appended_is_read_by_the_next_start_and_by_others() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = directory.path().join("ledger.db");
        let path = path_of(&ledger);
        assert_eq!(read(&ledger, Position::ZERO).unwrap(), [], "without a file nothing waits");
        let mut file = WaitingFile::open(&path).unwrap();
        assert_eq!(file.after(Position::ZERO).unwrap(), []);
        file.append(&several(0..3)).unwrap();
        file.append(&several(3..5)).unwrap();
        drop(file);
        assert_eq!(read(&ledger, Position::ZERO).unwrap(), several(0..5));
        let file = WaitingFile::open(&path).unwrap();
        assert_eq!(file.after(accepted(1).0).unwrap(), several(2..5));
        file.close().unwrap();
        assert_eq!(read(&ledger, Position::ZERO).unwrap(), []);
        assert_eq!(WaitingFile::open(&path).unwrap().after(Position::ZERO).unwrap(), []);
    }

    #[test]
    fn as_many_as_there_are_slots_wait_wherever_the_ring_begins() {
        let directory = tempfile::tempdir().unwrap();
        let path = path_of(&directory.path().join("ledger.db"));
        let mut file = WaitingFile::open(&path).unwrap();
        file.append(&several(0..7_000)).unwrap();
        let all = 7_000 + CAPACITY as u64;
        file.append(&several(7_000..15_000)).unwrap();
        file.append(&several(15_000..all)).unwrap();
        assert_eq!(file.after(Position::ZERO).unwrap(), several(7_000..all));
        assert_eq!(path.metadata().unwrap().len(), FILE_BYTES as u64);
    }

    #[test]
    fn a_file_of_a_release_with_fewer_or_more_slots_keeps_what_waits_in_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = path_of(&directory.path().join("ledger.db"));
        let header_and_slots = |ballots: &[Accepted]| {
            let mut bytes = HEADER.to_vec();
            for ballot in ballots {
                write_slot(ballot, &mut bytes);
            }
            bytes
        };
        for waiting in [several(0..10_000), several(0..CAPACITY as u64 + 10)] {
            std::fs::write(&path, header_and_slots(&waiting)).unwrap();
            let mut file = WaitingFile::open(&path).unwrap();
            let last = waiting.last().unwrap().0;
            assert_eq!(file.after(Position::ZERO).unwrap(), waiting);
            assert!(path.metadata().unwrap().len() >= FILE_BYTES as u64);
            // It is counted, and as many may wait again.
            let more = several(CAPACITY as u64 + 10..2 * CAPACITY as u64 + 10);
            file.append(&more).unwrap();
            assert_eq!(file.after(last).unwrap(), more);
        }
    }

    #[test]
    fn a_file_that_has_lost_slots_is_not_taken_for_one_in_which_nothing_waits() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = WaitingFile::open(&path_of(&directory.path().join("ledger.db"))).unwrap();
        file.append(&several(0..5)).unwrap();
        for left in [0, HEADER_BYTES, FILE_BYTES - 1] {
            file.file.set_len(left as u64).unwrap();
            assert!(file.after(Position::ZERO).is_err(), "{left} bytes");
        }
    }

    #[test]
    fn a_torn_slot_takes_no_other_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = WaitingFile::open(&path_of(&directory.path().join("ledger.db"))).unwrap();
        file.append(&several(0..5)).unwrap();
        for byte in 0..SLOT_BYTES {
            let at = (HEADER_BYTES + 2 * SLOT_BYTES + byte) as u64;
            let mut before = [0];
            file.file.read_exact_at(&mut before, at).unwrap();
            file.file.write_all_at(&[!before[0]], at).unwrap();
            let left = [several(0..2), several(3..5)].concat();
            assert_eq!(file.after(Position::ZERO).unwrap(), left, "byte {byte}");
            file.file.write_all_at(&before, at).unwrap();
        }
        assert_eq!(file.after(Position::ZERO).unwrap(), several(0..5));
    }

    #[test]
    fn a_file_that_was_not_made_to_its_end_is_made_again_and_a_foreign_one_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = path_of(&directory.path().join("ledger.db"));
        for made in [0, 5, HEADER_BYTES, FILE_BYTES / 2, FILE_BYTES] {
            std::fs::write(&path, vec![0; made]).unwrap();
            let mut file = WaitingFile::open(&path).unwrap();
            file.append(&several(0..2)).unwrap();
            assert_eq!(file.after(Position::ZERO).unwrap(), several(0..2), "{made} bytes");
        }
        std::fs::write(&path, vec![b'x'; FILE_BYTES]).unwrap();
        let refused = WaitingFile::open(&path).err().unwrap().to_string();
        assert!(refused.contains("this release can't read"), "{refused}");
    }
}
