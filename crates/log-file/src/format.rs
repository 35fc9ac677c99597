//! A log in a file: how everything that a ledger holds is moved to another. `scrutin export` and `worker export` write
//! it. `scrutin import` and `worker import` count it like any other log: only the ordinary count decides what is
//! counted.
//!
//! JSON, one value on a line:
//!
//! ```text
//! {"log":{"version":1}}
//! {"poll":{"position":1848762368000000000,"poll":{"id":"main",…}}}
//! {"event":{"position":1848762368000000000,"event":{"id":"evening",…}}}
//! {"ballot":{"position":1848762368000000001,"poll":"main","voter":"4f…(32 digits)","choices":1}}
//! {"tree":{"installation":"7b1f…","poll":"main","round":1,…,"closes":[{"version":2,…,"root":"… (64 digits)"}]}}
//! {"end":{"entries":2,"polls":[{"poll":"main","votes":[1,0],"voters":1,"ballots":1}]}}
//! ```
//!
//! Each position is greater than the one before it. A log of several partitions (version 2, 4) is one merged log: there
//! several ballots, of different voters, may have one position. The last line says how much there was, and what its
//! count must come to: a file that was cut off has none. Voters stand in it as pseudonyms, which are theirs only with
//! the same `SECRET_KEY`.
//!
//! Before the last line there are the trees of the present rounds (versions 3 and 4; earlier releases have none): the
//! import makes them again of the ballots and compares what they were when their polls were closed.

use std::{
    fmt::Display,
    io::{self, BufRead, Read, Write},
};

use domain::{Ballot, CarriedTree, Choices, Entry, Event, Poll, PollId, Position, Record, VoteCounts, VoterId};
use serde::{Deserialize, Serialize};

use crate::tree_line::TreeLine;

/// The version of the format for a log of one partition, and that of releases without trees.
const VERSIONS: [u32; 2] = [3, 1];
/// The same for a log of several: positions may be equal.
const MERGED_VERSIONS: [u32; 2] = [4, 2];
/// The longest line: a poll of 26 options with all that JSON may make of their letters.
const MAX_LINE_BYTES: u64 = 256 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Log { version: u32 },
    Poll { position: Position, poll: Box<Poll> },
    Event { position: Position, event: Box<Event> },
    Ballot { position: Position, poll: PollId, voter: String, choices: u32 },
    Tree(Box<TreeLine>),
    End { entries: u64, polls: Vec<PollFigures> },
}

#[derive(Serialize, Deserialize)]
struct PollFigures {
    poll: PollId,
    votes: Vec<u64>,
    voters: u64,
    ballots: u64,
}

/// Writes a log.
pub struct LogWriter<W> {
    out: W,
    entries: u64,
}

impl<W: Write> LogWriter<W> {
    /// Begins a file with the log of one partition.
    pub fn begin(out: W) -> io::Result<Self> {
        Self::begin_version(out, VERSIONS[0])
    }

    /// Begins a file with the logs of several partitions, merged by position.
    pub fn begin_merged(out: W) -> io::Result<Self> {
        Self::begin_version(out, MERGED_VERSIONS[0])
    }

    fn begin_version(out: W, version: u32) -> io::Result<Self> {
        let mut writer = Self { out, entries: 0 };
        writer.line(&Line::Log { version })?;
        Ok(writer)
    }

    /// Adds an entry. One that could not be read when it was counted is left out.
    pub fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        let position = entry.position;
        let line = match &entry.record {
            Ok(Record::Poll(poll)) => Line::Poll { position, poll: poll.clone() },
            Ok(Record::Event(event)) => Line::Event { position, event: event.clone() },
            Ok(Record::Ballot(Ballot { poll, voter, choices })) => {
                Line::Ballot { position, poll: *poll, voter: hex(voter), choices: choices.bits() }
            }
            Err(_) => return Ok(()),
        };
        self.entries += 1;
        self.line(&line)
    }

    /// Adds a tree, after all entries.
    pub fn tree(&mut self, tree: &CarriedTree) -> io::Result<()> {
        self.line(&Line::Tree(Box::new(TreeLine::of(tree))))
    }

    /// Ends the file with what its count must come to. Returns how many entries it holds.
    pub fn end(mut self, figures: impl IntoIterator<Item = (PollId, VoteCounts)>) -> io::Result<u64> {
        let of_poll = |(poll, VoteCounts { votes, voters, ballots: counted })| PollFigures {
            poll,
            votes,
            voters,
            ballots: counted,
        };
        let polls = figures.into_iter().map(of_poll).collect();
        self.line(&Line::End { entries: self.entries, polls })?;
        self.out.flush()?;
        Ok(self.entries)
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }
}

/// Why a file can't be read on.
#[derive(Debug, thiserror::Error)]
pub enum LogFileError {
    /// The file, or what it comes through, failed.
    #[error("reading: {0}")]
    Io(#[from] io::Error),
    /// A line is not what it should be.
    #[error("line {line}: {reason}")]
    Line {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no last line.
    #[error("the file ends after {entries} entries without saying that this is its end: it was cut off")]
    CutOff {
        /// How many there were.
        entries: u64,
    },
}

/// Reads a log.
pub struct LogReader<R> {
    input: R,
    line: u64,
    entries: u64,
    last: Position,
    is_merged: bool,
    trees: Vec<CarriedTree>,
}

/// What follows in a file.
pub enum Next {
    /// An entry.
    Entry(Entry),
    /// Nothing more; what the count must come to, and the trees.
    End(Vec<(PollId, VoteCounts)>, Vec<CarriedTree>),
}

impl<R: BufRead> LogReader<R> {
    /// Begins to read; the first line must say that this is a log, and of a version that is known.
    pub fn begin(input: R) -> Result<Self, LogFileError> {
        let mut reader = Self { input, line: 0, entries: 0, last: Position::ZERO, is_merged: false, trees: Vec::new() };
        match reader.line()? {
            Some(Line::Log { version }) if VERSIONS.contains(&version) => Ok(reader),
            Some(Line::Log { version }) if MERGED_VERSIONS.contains(&version) => Ok(Self { is_merged: true, ..reader }),
            Some(Line::Log { version }) => {
                Err(reader.wrong(format!("a log of version {version}; this release reads 1 to 4")))
            }
            Some(_) => Err(reader.wrong("a log begins with {\"log\":…}")),
            None => Err(LogFileError::CutOff { entries: 0 }),
        }
    }

    /// The next entry, or the end. After the end there is nothing to ask for.
    pub fn read(&mut self) -> Result<Next, LogFileError> {
        let mut line = self.line()?;
        while let Some(Line::Tree(tree)) = line {
            let tree = tree.read().ok_or_else(|| self.wrong("root: 64 hexadecimal digits are needed"))?;
            self.trees.push(tree);
            line = self.line()?;
        }
        let (position, record) = match line {
            Some(Line::Poll { position, poll }) => (position, Record::Poll(poll)),
            Some(Line::Event { position, event }) => (position, Record::Event(event)),
            Some(Line::Ballot { position, poll, voter, choices }) => {
                let voter = unhex(&voter).ok_or_else(|| self.wrong("voter: 32 hexadecimal digits are needed"))?;
                let choices = Choices::from_bits(choices).map_err(|error| self.wrong(format!("choices: {error}")))?;
                (position, Record::Ballot(Ballot { poll, voter, choices }))
            }
            Some(Line::Tree(_)) => unreachable!("they were read above"),
            Some(Line::End { entries, polls }) if entries == self.entries => {
                let figures =
                    |of: PollFigures| (of.poll, VoteCounts { votes: of.votes, voters: of.voters, ballots: of.ballots });
                return Ok(Next::End(polls.into_iter().map(figures).collect(), std::mem::take(&mut self.trees)));
            }
            Some(Line::End { entries, .. }) => {
                return Err(self.wrong(format!("there should be {entries} entries and there are {}", self.entries)));
            }
            Some(Line::Log { .. }) => return Err(self.wrong("another log begins")),
            None => return Err(LogFileError::CutOff { entries: self.entries }),
        };
        // The ledger would pass over it, as counted already.
        if position < self.last || position == self.last && !self.is_merged {
            return Err(self.wrong(format!("position {position} is not after {}", self.last)));
        }
        self.last = position;
        self.entries += 1;
        Ok(Next::Entry(Entry { position, record: Ok(record) }))
    }

    fn line(&mut self) -> Result<Option<Line>, LogFileError> {
        let mut text = Vec::new();
        self.input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut text)?;
        self.line += 1;
        match text.pop() {
            None => Ok(None),
            Some(b'\n') => serde_json::from_slice(&text).map(Some).map_err(|error| self.wrong(error)),
            Some(_) if text.len() as u64 + 1 == MAX_LINE_BYTES => Err(self.wrong("the line is too long")),
            Some(_) => Err(LogFileError::CutOff { entries: self.entries }),
        }
    }

    fn wrong(&self, reason: impl Display) -> LogFileError {
        LogFileError::Line { line: self.line, reason: reason.to_string() }
    }
}

fn hex(voter: &VoterId) -> String {
    format!("{:032x}", u128::from_be_bytes(*voter.as_bytes()))
}

fn unhex(digits: &str) -> Option<VoterId> {
    let plain = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = u128::from_str_radix(digits, 16).ok().filter(|_| plain)?;
    Some(VoterId::from_bytes(number.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use domain::{EventId, EventSpec, PollSpec};

    use super::*;

    fn entries() -> Vec<Entry> {
        let poll = Poll::new(PollId::MAIN, PollSpec::simple("Tea — or \"coffee\"?", ["Tea", "Coffee"])).unwrap();
        let voter = VoterId::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        let ballot = Ballot { poll: PollId::MAIN, voter, choices: Choices::from_bits(2).unwrap() };
        let at = |millis| Position::new(millis, 1).unwrap();
        vec![
            Entry { position: at(1), record: Ok(Record::Poll(Box::new(poll))) },
            Entry { position: at(2), record: Ok(Record::Ballot(ballot)) },
        ]
    }

    fn figures() -> Vec<(PollId, VoteCounts)> {
        vec![(PollId::MAIN, VoteCounts { votes: vec![0, 1], voters: 1, ballots: 1 })]
    }

    fn written() -> String {
        let mut file = Vec::new();
        let mut writer = LogWriter::begin(&mut file).unwrap();
        for entry in &entries() {
            writer.entry(entry).unwrap();
        }
        assert_eq!(writer.end(figures()).unwrap(), 2);
        String::from_utf8(file).unwrap()
    }

    type Whole = (Vec<Entry>, Vec<(PollId, VoteCounts)>);

    fn read(file: &[u8]) -> Result<Whole, LogFileError> {
        let mut reader = LogReader::begin(file)?;
        let mut entries = Vec::new();
        loop {
            match reader.read()? {
                Next::Entry(entry) => entries.push(entry),
                Next::End(figures, _) => return Ok((entries, figures)),
            }
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(read(written().as_bytes()).unwrap(), (entries(), figures()));
    }

    #[test]
    fn in_a_merged_log_positions_may_be_equal_and_never_fall() {
        let mut file = Vec::new();
        let mut writer = LogWriter::begin_merged(&mut file).unwrap();
        for index in [0, 1, 1] {
            writer.entry(&entries()[index]).unwrap();
        }
        writer.end(figures()).unwrap();
        let file = String::from_utf8(file).unwrap();
        assert_eq!(read(file.as_bytes()).unwrap().0.len(), 3);
        let plain = file.replacen("\"version\":4", "\"version\":3", 1);
        assert!(read(plain.as_bytes()).unwrap_err().to_string().contains("line 4: position"));
        let falls = file.replacen("\"position\":2097153", "\"position\":2097154", 1);
        assert!(read(falls.as_bytes()).unwrap_err().to_string().contains("line 4: position"));
    }

    // Golden: what one release wrote must be read by every later one.
    #[test]
    fn a_ballot_is_written_as_it_always_was() {
        let line = written().lines().nth(2).unwrap().to_owned();
        let golden =
            r#"{"ballot":{"position":2097153,"poll":"main","voter":"000102030405060708090a0b0c0d0eff","choices":2}}"#;
        assert_eq!(line, golden);
    }

    #[test]
    fn a_file_without_trees_is_of_an_earlier_release() {
        let older = written().replacen("\"version\":3", "\"version\":1", 1);
        assert_eq!(read(older.as_bytes()).unwrap(), (entries(), figures()));
    }

    // Golden, as a ballot.
    #[test]
    fn a_tree_is_written_as_it_always_was_and_read_again() {
        let poll = Poll::new(PollId::MAIN, PollSpec::simple("Tea?", ["Yes", "No"])).unwrap();
        let installation = domain::InstallationId::new("7b1f");
        let id =
            domain::TreeId { installation, poll: PollId::MAIN, round: 2, partition: 1, partitions: 4, generation: 0 };
        let at = |millis| Position::new(millis, 1).unwrap();
        let root = domain::Digest::from_bytes([7; 32]);
        let close = domain::TreeClose { version: 3, position: at(9), size: 300, root, voters: 280 };
        let tree = domain::HeldTree { id, since: at(1), size: 512, closes: vec![close] };
        let terms = vec![domain::TermsInForce { after: at(1), terms: poll.terms() }];
        let carried = CarriedTree { tree, terms };
        let mut file = Vec::new();
        let mut writer = LogWriter::begin(&mut file).unwrap();
        writer.tree(&carried).unwrap();
        writer.end(Vec::new()).unwrap();
        let golden = concat!(
            r#"{"tree":{"installation":"7b1f","poll":"main","round":2,"partition":1,"partitions":4,"generation":0,"#,
            r#""since":1048577,"size":512,"terms":[{"after":1048577,"question":"Tea?","options":["Yes","No"],"#,
            r#""max_choices":1,"changes":true,"access":"anyone","publish":false}],"closes":[{"version":3,"#,
            r#""position":9437185,"size":300,"#,
            r#""root":"0707070707070707070707070707070707070707070707070707070707070707","#,
            r#""voters":280}]}}"#
        );
        assert_eq!(str::from_utf8(&file).unwrap().lines().nth(1), Some(golden));
        let Next::End(_, trees) = LogReader::begin(&file[..]).unwrap().read().unwrap() else { panic!("an entry") };
        assert_eq!(trees, [carried]);
    }

    #[test]
    fn an_event_is_written_as_it_always_was_and_read_again() {
        let spec = EventSpec { title: "An evening".into(), polls: vec![PollId::MAIN] };
        let event = Event::new(EventId::parse("evening").unwrap(), spec).unwrap();
        let entry = Entry { position: Position::new(0, 1).unwrap(), record: Ok(Record::Event(Box::new(event))) };
        let mut file = Vec::new();
        let mut writer = LogWriter::begin(&mut file).unwrap();
        writer.entry(&entry).unwrap();
        writer.end(Vec::new()).unwrap();
        let golden = concat!(
            r#"{"event":{"position":1,"event":{"id":"evening","version":1,"title":"An evening","#,
            r#""polls":["main"],"progress":"before"}}}"#
        );
        assert_eq!(str::from_utf8(&file).unwrap().lines().nth(1), Some(golden));
        assert_eq!(read(&file).unwrap().0, [entry]);
    }

    #[test]
    fn a_file_that_was_cut_off_anywhere_is_told_from_a_whole_one() {
        let whole = written().into_bytes();
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "cut off after {length} bytes");
        }
        assert!(matches!(read(&whole[..whole.len() - 1]), Err(LogFileError::CutOff { entries: 2 })));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let said = |file: String| read(file.as_bytes()).unwrap_err().to_string();
        let changed = |from: &str, to: &str| {
            let file = written();
            assert!(file.contains(from), "{from}");
            said(file.replacen(from, to, 1))
        };
        assert!(changed("\"version\":3", "\"version\":5").contains("line 1: a log of version 5"));
        assert!(changed("0eff", "0ef").contains("line 3: voter"));
        assert!(changed("0eff", "+eff").contains("line 3: voter"));
        assert!(changed("\"choices\":2", "\"choices\":0").contains("line 3: choices"));
        assert!(changed("\"position\":2097153", "\"position\":5").contains("line 3: position 0-5 is not after"));
        assert!(changed("\"entries\":2", "\"entries\":3").contains("line 4: there should be 3 entries"));
        assert!(changed("{\"ballot\"", "{\"ballad\"").contains("line 3: unknown variant"));
        assert!(said(format!("{}\n", "x".repeat(300_000))).contains("line 1: the line is too long"));
        assert!(said("<html>\n".into()).contains("line 1: expected value"));
    }
}
