//! Counting a batch: one transaction, three round trips. The arithmetic is [`domain::count`]'s; here it is turned into
//! one statement for each table. Statements of one trip are sent without waiting for each other's answers, and
//! the server runs them in order.

use std::collections::HashMap;

use domain::{
    ApplyOutcome, Batch, Changes, CountedBallot, Entry, EventId, EventUpdate, KnownPoll, PollId, PollIndex, PollUpdate,
    Position, Previous, RejectedEntry, TallyChange, VoterId, count,
};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::{
    database_error::DatabaseError,
    leader_trees::Growth,
    listen, rows,
    statements::{FIND_POLLS, WRITE_POLLS},
    writer::{Leader, LedgerPoll, to_json, version},
};

/// The most polls kept in memory; beyond it they are forgotten, and looked up again as they come.
const MAX_KNOWN_POLLS: usize = 100_000;
/// The longest reason and the longest entry kept of what was set aside, in bytes.
const MAX_REASON_BYTES: usize = 500;
const MAX_ENTRY_BYTES: usize = 4_000;

impl Leader {
    /// Counts what of `entries` is not counted yet.
    pub(crate) async fn apply(&mut self, entries: Vec<Entry>) -> Result<ApplyOutcome, DatabaseError> {
        let batch = Batch::new(self.position, entries);
        if batch.is_empty() {
            return Ok(ApplyOutcome { position: self.position, ..ApplyOutcome::default() });
        }
        self.learn(&batch.polls).await?;
        let known: Vec<Option<LedgerPoll>> = batch.polls.iter().map(|id| self.polls.get(id).copied()).collect();
        let previous = self.open_batch(&batch, &known).await?;

        let known_to_count: Vec<Option<KnownPoll>> = known.iter().map(|poll| poll.map(|poll| poll.known)).collect();
        let changes = count(&known_to_count, &previous, &batch);

        let numbers = self.write_polls(&changes.polls, &known).await?;
        let growth = self.write_ballots(&batch, &changes, &numbers).await?;
        let moved = (changes.moved(&batch), changes.moved_events());
        Box::pin(self.write_rest(&changes, growth.as_ref(), &moved, &numbers)).await?;
        self.trees.remember(growth);
        Ok(self.remember(&changes, &numbers))
    }

    /// Looks up those of `polls` that this leader does not know yet, and their trees.
    pub(crate) async fn learn(&mut self, polls: &[PollId]) -> Result<(), DatabaseError> {
        if self.polls.len() > MAX_KNOWN_POLLS {
            self.polls.clear();
        }
        let unknown: Vec<&str> = polls.iter().filter(|id| !self.polls.contains_key(id)).map(PollId::as_str).collect();
        if !unknown.is_empty() {
            for row in self.client.query(FIND_POLLS, &[&self.partition, &unknown]).await? {
                let (round, since) = (rows::round(&row, "round")?, rows::position(&row, "since")?);
                let known = KnownPoll::new(&rows::poll(&row, "poll")?, round, since);
                self.polls.insert(rows::poll_id(&row, "id")?, LedgerPoll { number: row.try_get("number")?, known });
            }
        }
        self.learn_trees(polls).await
    }

    /// Begins a transaction, and makes sure that this is still the partition's only writer.
    pub(crate) async fn begin_transaction(&self) -> Result<(), DatabaseError> {
        let parameters: [&(dyn ToSql + Sync); 1] = [&self.partition];
        let lock = self.client.query_one(&self.statements.lock_position, &parameters);
        let ((), row) = tokio::try_join!(biased; self.client.batch_execute("BEGIN"), lock)?;
        if rows::position(&row, 0)? == self.position { Ok(()) } else { Err(DatabaseError::Overtaken) }
    }

    /// Begins the transaction, and finds each voter's newest ballot.
    async fn open_batch(
        &self,
        batch: &Batch,
        known: &[Option<LedgerPoll>],
    ) -> Result<Vec<Option<Previous>>, DatabaseError> {
        let numbered = batch.voters.iter().enumerate();
        let numbered = numbered.filter_map(|(index, &(poll, voter))| Some((known[poll.get()]?.number, voter, index)));
        let mut asked: Vec<(i32, VoterId, usize)> = numbered.collect();
        // In the order of the key, so that neighbours in the index are looked up one after the other.
        asked.sort_unstable();
        let polls: Vec<i32> = asked.iter().map(|&(poll, ..)| poll).collect();
        let voters: Vec<Uuid> = asked.iter().map(|&(_, voter, _)| rows::voter(voter)).collect();
        let newest = async {
            let statement = &self.statements.newest_ballots;
            Ok(self.client.query_one(statement, &[&polls, &voters]).await?)
        };
        let ((), row) = tokio::try_join!(biased; self.begin_transaction(), newest)?;

        let mut previous = vec![None; batch.voters.len()];
        let places: Option<Vec<i32>> = row.try_get(0)?;
        let (Some(places), positions, choices) =
            (places, row.try_get::<_, Option<Vec<i64>>>(1)?, row.try_get::<_, Option<Vec<i32>>>(2)?)
        else {
            return Ok(previous); // no voter has a ballot yet
        };
        let ballots = positions.into_iter().flatten().zip(choices.into_iter().flatten());
        for (place, (position, choices)) in places.into_iter().zip(ballots) {
            let index = usize::try_from(place - 1).ok().and_then(|place| asked.get(place));
            let &(.., index) = index.ok_or(DatabaseError::Unreadable("an ordinality"))?;
            let (position, choices) = (rows::to_position(position)?, rows::choices(choices)?);
            previous[index] = Some(Previous { position, choices });
        }
        Ok(previous)
    }

    /// Writes new and changed polls, and returns the number of each poll of the batch that has one.
    async fn write_polls(
        &self,
        updates: &[PollUpdate],
        known: &[Option<LedgerPoll>],
    ) -> Result<Vec<Option<i32>>, DatabaseError> {
        let mut numbers: Vec<Option<i32>> = known.iter().map(|poll| poll.map(|poll| poll.number)).collect();
        if updates.is_empty() {
            return Ok(numbers);
        }
        let ids: Vec<PollId> = updates.iter().map(|update| update.now.id()).collect();
        let ids: Vec<&str> = ids.iter().map(PollId::as_str).collect();
        let versions: Vec<i64> = updates.iter().map(|update| version(&update.now)).collect();
        let polls: Vec<String> = updates.iter().map(|update| to_json(&update.now)).collect();
        let states: Vec<&str> = updates.iter().map(|update| update.now.state().as_str()).collect();
        let listed: Vec<bool> = updates.iter().map(|update| update.now.listed()).collect();
        let rounds: Vec<i64> = updates.iter().map(|update| i64::from(update.now.round())).collect();
        let since: Vec<i64> = updates.iter().map(|update| update.since.as_i64()).collect();
        let positions: Vec<i64> = updates.iter().map(|update| update.position.as_i64()).collect();
        let rows = self
            .client
            .query(
                WRITE_POLLS,
                &[&self.partition, &ids, &versions, &polls, &states, &listed, &rounds, &since, &positions],
            )
            .await?;
        let mut written = HashMap::with_capacity(rows.len());
        for row in rows {
            written.insert(rows::poll_id(&row, "id")?, row.try_get("number")?);
        }
        for update in updates {
            numbers[update.poll.get()] = written.get(&update.now.id()).copied();
        }
        Ok(numbers)
    }

    /// Writes the ballots, and meanwhile grows the trees.
    async fn write_ballots(
        &self,
        batch: &Batch,
        changes: &Changes,
        numbers: &[Option<i32>],
    ) -> Result<Option<Growth>, DatabaseError> {
        let grow = async {
            // Lets the connection send the ballots first: the server writes them while leaves are hashed.
            tokio::task::yield_now().await;
            Ok(self.trees.grow(&batch.polls, changes))
        };
        let ((), growth) = tokio::try_join!(biased; self.add_ballots(&changes.ballots, numbers), grow)?;
        Ok(growth)
    }

    /// Everything else that changes, and the end of the transaction, in one trip. When it returns, it is on disk.
    async fn write_rest(
        &self,
        changes: &Changes,
        growth: Option<&Growth>,
        (polls, events): &(Vec<PollId>, Vec<EventId>),
        numbers: &[Option<i32>],
    ) -> Result<(), DatabaseError> {
        // Were one of the statements to fail, the server would take COMMIT for ROLLBACK, and its error is returned.
        tokio::try_join!(biased;
            self.write_events(&changes.events),
            self.clear_tallies(&changes.tallies, numbers),
            self.add_votes(&changes.tallies, numbers),
            self.add_turnout(&changes.tallies, numbers),
            self.write_growth(growth, |poll| number_of(numbers, poll)),
            self.add_rejected(&changes.rejected),
            self.note_time(),
            self.move_position(changes.position),
            self.notify(polls, events),
            async { Ok(self.client.batch_execute("COMMIT").await?) },
        )?;
        Ok(())
    }

    /// Writes new and changed events, where the ledger has no newer version.
    pub(crate) async fn write_events(&self, updates: &[EventUpdate]) -> Result<(), DatabaseError> {
        if updates.is_empty() {
            return Ok(());
        }
        let ids: Vec<EventId> = updates.iter().map(|update| update.now.id()).collect();
        let ids: Vec<&str> = ids.iter().map(EventId::as_str).collect();
        let versions: Vec<i64> =
            updates.iter().map(|update| i64::try_from(update.now.version()).unwrap_or(i64::MAX)).collect();
        let to_json = |update: &EventUpdate| serde_json::to_string(&update.now).expect("an event is plain text");
        let events: Vec<String> = updates.iter().map(to_json).collect();
        let positions: Vec<i64> = updates.iter().map(|update| update.position.as_i64()).collect();
        let parameters: [&(dyn ToSql + Sync); 5] = [&self.partition, &ids, &versions, &events, &positions];
        self.client.execute(&self.statements.write_events, &parameters).await?;
        Ok(())
    }

    async fn add_ballots(&self, ballots: &[CountedBallot], numbers: &[Option<i32>]) -> Result<(), DatabaseError> {
        if ballots.is_empty() {
            return Ok(());
        }
        // In the order of the key, so that neighbours in the index are written one after the other.
        let mut ballots: Vec<&CountedBallot> = ballots.iter().collect();
        ballots.sort_unstable_by_key(|ballot| (number_of(numbers, ballot.poll), ballot.voter, ballot.position));
        let polls: Vec<i32> = ballots.iter().map(|ballot| number_of(numbers, ballot.poll)).collect();
        let voters: Vec<Uuid> = ballots.iter().map(|ballot| rows::voter(ballot.voter)).collect();
        let positions: Vec<i64> = ballots.iter().map(|ballot| ballot.position.as_i64()).collect();
        let choices: Vec<i32> = ballots.iter().map(|ballot| rows::bits(ballot.choices)).collect();
        self.client.execute(&self.statements.add_ballots, &[&polls, &voters, &positions, &choices]).await?;
        Ok(())
    }

    /// A new round begins with no row, and no row means no votes.
    async fn clear_tallies(&self, tallies: &[TallyChange], numbers: &[Option<i32>]) -> Result<(), DatabaseError> {
        let restarted = tallies.iter().filter(|tally| tally.restart);
        let polls: Vec<i32> = restarted.map(|tally| number_of(numbers, tally.poll)).collect();
        if !polls.is_empty() {
            self.client.execute(&self.statements.clear_tallies, &[&polls]).await?;
        }
        Ok(())
    }

    async fn add_votes(&self, tallies: &[TallyChange], numbers: &[Option<i32>]) -> Result<(), DatabaseError> {
        let (mut polls, mut options, mut votes) = (Vec::<i32>::new(), Vec::<i16>::new(), Vec::<i64>::new());
        for tally in tallies {
            for (option, &more) in (0..).zip(&tally.votes).filter(|&(_, &more)| more != 0) {
                polls.push(number_of(numbers, tally.poll));
                options.push(option);
                votes.push(more);
            }
        }
        if !polls.is_empty() {
            self.client.execute(&self.statements.add_votes, &[&polls, &options, &votes]).await?;
        }
        Ok(())
    }

    async fn add_turnout(&self, tallies: &[TallyChange], numbers: &[Option<i32>]) -> Result<(), DatabaseError> {
        if tallies.is_empty() {
            return Ok(());
        }
        let polls: Vec<i32> = tallies.iter().map(|tally| number_of(numbers, tally.poll)).collect();
        let restarts: Vec<bool> = tallies.iter().map(|tally| tally.restart).collect();
        let voters: Vec<i64> = tallies.iter().map(|tally| tally.voters).collect();
        let counted: Vec<i64> = tallies.iter().map(|tally| tally.ballots.cast_signed()).collect();
        self.client.execute(&self.statements.add_turnout, &[&polls, &restarts, &voters, &counted]).await?;
        Ok(())
    }

    async fn add_rejected(&self, rejected: &[RejectedEntry]) -> Result<(), DatabaseError> {
        if rejected.is_empty() {
            return Ok(());
        }
        let positions: Vec<i64> = rejected.iter().map(|rejected| rejected.position.as_i64()).collect();
        let reasons: Vec<String> =
            rejected.iter().map(|rejected| storable(&rejected.entry.reason, MAX_REASON_BYTES)).collect();
        let entries: Vec<String> =
            rejected.iter().map(|rejected| storable(&rejected.entry.entry, MAX_ENTRY_BYTES)).collect();
        let parameters: [&(dyn ToSql + Sync); 4] = [&self.partition, &positions, &reasons, &entries];
        self.client.execute(&self.statements.add_rejected, &parameters).await?;
        Ok(())
    }

    /// Notes that what comes after the position is counted now.
    async fn note_time(&self) -> Result<(), DatabaseError> {
        self.client.execute(&self.statements.note_time, &[&self.partition, &self.position.as_i64()]).await?;
        Ok(())
    }

    async fn move_position(&self, position: Position) -> Result<(), DatabaseError> {
        self.client.execute(&self.statements.move_position, &[&self.partition, &position.as_i64()]).await?;
        Ok(())
    }

    async fn notify(&self, polls: &[PollId], events: &[EventId]) -> Result<(), DatabaseError> {
        self.client.execute(&self.statements.notify, &[&listen::CHANNEL, &listen::payload(polls, events)]).await?;
        Ok(())
    }

    /// Takes over what was committed.
    fn remember(&mut self, changes: &Changes, numbers: &[Option<i32>]) -> ApplyOutcome {
        for update in &changes.polls {
            let known = KnownPoll::new(&update.now, update.now.round(), update.since);
            let number = number_of(numbers, update.poll);
            self.polls.insert(update.now.id(), LedgerPoll { number, known });
        }
        self.position = changes.position;
        ApplyOutcome {
            position: changes.position,
            ballots: changes.ballots.len() as u64,
            rejected: changes.rejected.len() as u64,
        }
    }
}

fn number_of(numbers: &[Option<i32>], poll: PollIndex) -> i32 {
    numbers[poll.get()].expect("every poll with ballots was found or written by this batch")
}

/// The text without what PostgreSQL can't store (the character NUL), and cut.
fn storable(text: &str, max_bytes: usize) -> String {
    text[..text.floor_char_boundary(max_bytes)].replace('\0', "\u{fffd}")
}
