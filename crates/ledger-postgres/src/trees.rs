//! Looks up the trees of the polls, builds them from the ballots where there is none, and writes what a batch made of
//! them.
//!
//! A ledger that belongs to no installation grows no trees: they would have no name.

use std::collections::HashMap;

use domain::{
    CarriedTree, Digest, Gap, GrowingTree, Partition, Partitions, Poll, PollId, PollIndex, Position, TermsInForce,
    TreeChange, TreeClose, TreeId, TreePlace, TreeRebuild,
};
use futures_util::TryStreamExt;
use tokio_postgres::types::ToSql;

use crate::{
    database_error::DatabaseError,
    installation,
    leader_trees::{Growth, PlacedTile, terms_json},
    rows,
    tree_rows::{self, TreeRow, signed, tree_columns},
    writer::{Leader, version},
};

/// The most trees kept in memory, of some 16 KiB at most; beyond it they are forgotten, and read again.
const MAX_KNOWN_TREES: usize = 4_096;
/// How many ballots are read at once to build a tree.
const BALLOTS_AT_ONCE: &str = "FETCH 20000 FROM tree_ballots";

/// The newest tree of each of these rows of polls.
const NEWEST_TREES: &str = concat!(
    "SELECT DISTINCT ON (trees.poll) ",
    tree_columns!(),
    "FROM trees JOIN polls ON polls.number = trees.poll LEFT JOIN turnout ON turnout.poll = polls.number
    WHERE trees.poll = ANY($1::integer[]) ORDER BY trees.poll, trees.number DESC"
);
const FIND_TILES: &str = "
    SELECT tiles.tree, tiles.level, tiles.digests
    FROM unnest($1::integer[], $2::smallint[], $3::bigint[]) AS asked (tree, level, place)
    JOIN tiles ON tiles.tree = asked.tree AND tiles.level = asked.level AND tiles.place = asked.place
    ORDER BY tiles.tree, tiles.level";
/// Polls whose present round has no tree that is grown, or a newer generation that is not.
const WITHOUT_TREES: &str = "
    SELECT polls.id FROM polls LEFT JOIN turnout ON turnout.poll = polls.number
    WHERE polls.partition = $1::integer AND (
        NOT EXISTS (
            SELECT 1 FROM trees WHERE trees.poll = polls.number AND trees.since = polls.since
                AND trees.counted IS NOT DISTINCT FROM coalesce(turnout.counted, 0)
        )
        OR EXISTS (SELECT 1 FROM trees WHERE trees.poll = polls.number AND trees.counted IS NULL)
    )
    ORDER BY polls.id";
const POLL_ROW: &str = "
    SELECT poll::text AS poll, position, round, since FROM polls WHERE number = $1::integer";
const ADD_TREE: &str = "
    INSERT INTO trees (poll, round, generation, installation, partitions, since, last, size, voters, counted)
    VALUES ($1::integer, $2::bigint, $3::bigint, $4::text, $5::integer, $6::bigint, $6::bigint, 0, 0, NULL)";
const TREE_ROW: &str = concat!(
    "SELECT ",
    tree_columns!(),
    "FROM trees JOIN polls ON polls.number = trees.poll LEFT JOIN turnout ON turnout.poll = polls.number
    WHERE trees.poll = $1::integer ORDER BY trees.number DESC LIMIT 1"
);
const DELETE_TILES: &str = "DELETE FROM tiles WHERE tree = $1::integer";
const BALLOTS_CURSOR: &str = "DECLARE tree_ballots NO SCROLL CURSOR FOR ";

/// The newest tree of each of these polls gets a successor that is to be built, with the same closes. Also where two
/// losses are of one moment, or the clock went back, the generation is another.
const BEGIN_TREES_ANEW: &str = "
    WITH newest AS (
        SELECT DISTINCT ON (trees.poll) trees.* FROM trees JOIN polls ON polls.number = trees.poll
        LEFT JOIN unnest($3::text[], $4::bigint[]) AS in_log (id, version) ON in_log.id = polls.id
        WHERE polls.partition = $1::integer AND (polls.state = 'open' OR in_log.version <> polls.version)
        ORDER BY trees.poll, trees.number DESC
    ), added AS (
        INSERT INTO trees (poll, round, generation, installation, partitions, since, last, size, voters, counted)
        SELECT poll, round, greatest($2::bigint, generation + 1), installation, partitions, since, since, 0, 0, NULL
        FROM newest
        RETURNING number, poll
    )
    INSERT INTO tree_closes (tree, version, position, size, root, voters)
    SELECT added.number, tree_closes.version, tree_closes.position, tree_closes.size, tree_closes.root,
        tree_closes.voters
    FROM added JOIN newest ON newest.poll = added.poll JOIN tree_closes ON tree_closes.tree = newest.number";

impl Leader {
    /// Makes sure that the trees of these polls are known, whose rows this leader knows. Builds those that are not
    /// there.
    pub(crate) async fn learn_trees(&mut self, polls: &[PollId]) -> Result<(), DatabaseError> {
        if self.trees.place.is_none() {
            self.trees.place = self.tree_place().await?;
        }
        let Some(place) = self.trees.place.clone() else { return Ok(()) };
        if self.trees.known.len() > MAX_KNOWN_TREES {
            self.trees.forget();
        }
        let unknown = polls.iter().filter(|id| !self.trees.known.contains_key(id));
        let unknown: Vec<(PollId, i32)> = unknown.filter_map(|id| Some((*id, self.polls.get(id)?.number))).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let numbers: Vec<i32> = unknown.iter().map(|(_, number)| *number).collect();
        let rows = self.client.query(NEWEST_TREES, &[&numbers]).await?;
        let rows = rows.iter().map(TreeRow::read).collect::<Result<Vec<_>, _>>()?;
        let current: Vec<TreeRow> =
            rows.into_iter().filter(|row| row.is_grown && row.is_current && self.is_of_present_round(row)).collect();
        self.load_trees(current).await?;
        for (poll, number) in unknown {
            if !self.trees.known.contains_key(&poll) {
                let tree = self.build_tree(&place, poll, number).await?;
                self.trees.known.insert(poll, tree);
            }
        }
        Ok(())
    }

    fn is_of_present_round(&self, row: &TreeRow) -> bool {
        self.polls.get(&row.stored.id.poll).is_some_and(|poll| poll.known.since == row.stored.since)
    }

    async fn tree_place(&self) -> Result<Option<TreePlace>, DatabaseError> {
        let identity = installation::identity(&self.client).await?;
        let partition = Partition::new(u16::try_from(self.partition).expect("it came from a partition"));
        Ok(identity.map(|identity| TreePlace {
            partitions: identity.partitions(),
            installation: identity.installation.id,
            partition,
        }))
    }

    /// Reads the last tiles of these trees.
    async fn load_trees(&mut self, rows: Vec<TreeRow>) -> Result<(), DatabaseError> {
        let (mut trees, mut levels, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for row in &rows {
            for tile in tree_rows::last_tiles(row.stored.size) {
                trees.push(row.number);
                levels.push(i16::from(tile.level));
                places.push(signed(tile.index));
            }
        }
        let mut open = HashMap::<i32, Vec<Vec<Digest>>>::new();
        for row in self.client.query(FIND_TILES, &[&trees, &levels, &places]).await? {
            let level = usize::try_from(row.try_get::<_, i16>("level")?).unwrap_or_default();
            let of_tree = open.entry(row.try_get("tree")?).or_default();
            of_tree.resize(level + 1, Vec::new());
            of_tree[level] = tree_rows::digests(row.try_get("digests")?)?;
        }
        for row in rows {
            let poll = row.stored.id.poll;
            let wording = self.polls[&poll].known.wording;
            let tree = GrowingTree::load(row.stored, wording, open.remove(&row.number).unwrap_or_default());
            self.trees.known.insert(poll, tree.ok_or(DatabaseError::Unreadable("the tiles of a tree"))?);
        }
        Ok(())
    }

    /// Builds the trees of all present rounds that have none.
    pub(crate) async fn grow_missing_trees(&mut self) -> Result<(), DatabaseError> {
        let rows = self.client.query(WITHOUT_TREES, &[&self.partition]).await?;
        let polls = rows.iter().map(|row| rows::poll_id(row, "id")).collect::<Result<Vec<_>, _>>()?;
        for polls in polls.chunks(MAX_KNOWN_TREES) {
            self.learn(polls).await?;
        }
        Ok(())
    }

    /// Trees of open polls, and of those that the log has in another version, are to be built anew.
    pub(crate) async fn begin_trees_anew(&mut self, gap: Gap, polls: &[Poll]) -> Result<(), DatabaseError> {
        let ids: Vec<PollId> = polls.iter().map(Poll::id).collect();
        let ids: Vec<&str> = ids.iter().map(PollId::as_str).collect();
        let versions: Vec<i64> = polls.iter().map(version).collect();
        let generation = signed(gap.through.millis());
        let parameters: [&(dyn ToSql + Sync); 4] = [&self.partition, &generation, &ids, &versions];
        self.client.execute(BEGIN_TREES_ANEW, &parameters).await?;
        self.trees.forget();
        Ok(())
    }

    /// Makes these trees again, of ballots that are all counted. Returns those that are not as they were.
    pub(crate) async fn restore_trees(&mut self, trees: Vec<CarriedTree>) -> Result<Vec<TreeId>, DatabaseError> {
        let mut differing = Vec::new();
        for carried in trees {
            let poll = carried.tree.id.poll;
            self.learn(&[poll]).await?;
            let there = match self.polls.get(&poll) {
                Some(known) => self.restore_tree(known.number, known.known.since, &carried).await?,
                None => Vec::new(),
            };
            if there != carried.tree.closes {
                differing.push(carried.tree.id);
            }
        }
        self.trees.forget();
        Ok(differing)
    }

    /// Returns what the tree was at the closes of its poll.
    async fn restore_tree(
        &self,
        poll: i32,
        since: Position,
        carried: &CarriedTree,
    ) -> Result<Vec<TreeClose>, DatabaseError> {
        let CarriedTree { tree, terms } = carried;
        let place = TreePlace {
            installation: tree.id.installation.clone(),
            partition: Partition::new(tree.id.partition),
            partitions: Partitions::new(tree.id.partitions).map_err(|_| DatabaseError::Unreadable("a tree"))?,
        };
        if self.client.query_opt(TREE_ROW, &[&poll]).await?.is_none() {
            self.begin_transaction().await?;
            let terms: Vec<_> = terms.iter().map(|known| (poll, known.after, terms_json(&known.terms))).collect();
            self.write_terms(&terms).await?;
            self.add_tree_to_build(&tree.id, poll, since).await?;
            self.write_closes(&[(poll, &tree.id, &tree.closes)]).await?;
            self.client.batch_execute("COMMIT").await?;
            self.build_tree(&place, tree.id.poll, poll).await?;
        }
        let row = TreeRow::read(&self.client.query_one(TREE_ROW, &[&poll]).await?)?;
        tree_rows::closes(&self.client, row.number).await
    }

    /// Builds the tree of a poll's present round from its ballots, in a transaction of its own.
    async fn build_tree(&self, place: &TreePlace, poll: PollId, number: i32) -> Result<GrowingTree, DatabaseError> {
        self.begin_transaction().await?;
        self.client.batch_execute("SET LOCAL statement_timeout = 0").await?;
        let row = self.client.query_one(POLL_ROW, &[&number]).await?;
        let (poll_now, changed) = (rows::poll(&row, "poll")?, rows::position(&row, "position")?);
        let (round, since) = (rows::round(&row, "round")?, rows::position(&row, "since")?);
        let tree = self.tree_to_build(&place.tree(poll, round), number, since).await?;
        let mut terms = tree_rows::terms(&self.client, number).await?;
        if terms.is_empty() {
            terms.push(TermsInForce { after: since, terms: poll_now.terms() });
            self.write_terms(&[(number, since, terms_json(&terms[0].terms))]).await?;
        }
        let closes = tree_rows::closes(&self.client, tree.number).await?;
        let mut history = tree.history(&terms, &closes);
        add_last_close(&mut history.closes, &poll_now, changed);
        // A release without trees may have counted on, or other tables were restored than these.
        self.client.execute(DELETE_TILES, &[&tree.number]).await?;
        let mut rebuild = TreeRebuild::begin(tree.stored.id.clone(), &history);
        self.rebuild(&tree, &mut rebuild).await?;
        let (grown, full, closes) = rebuild.end();
        let mut tiles: Vec<PlacedTile> = full.into_iter().map(|full| (full.tile, Some(full.last))).collect();
        tiles.extend(grown.open_tiles(grown.edge().levels()).into_iter().map(|tile| (tile, None)));
        self.write_tiles(&[(number, grown.id(), tiles)]).await?;
        self.write_closes(&[(number, grown.id(), &closes)]).await?;
        self.update_trees(&[(number, &grown.stored())]).await?;
        self.client.batch_execute("COMMIT").await?;
        Ok(grown)
    }

    /// The row of the tree that is to be built; a new one if the present round has none.
    async fn tree_to_build(&self, id: &TreeId, poll: i32, since: Position) -> Result<TreeRow, DatabaseError> {
        let newest = self.client.query_opt(TREE_ROW, &[&poll]).await?;
        let newest = newest.as_ref().map(TreeRow::read).transpose()?;
        if let Some(row) = newest.filter(|row| row.stored.since == since) {
            return Ok(row);
        }
        self.add_tree_to_build(id, poll, since).await?;
        TreeRow::read(&self.client.query_one(TREE_ROW, &[&poll]).await?)
    }

    async fn add_tree_to_build(&self, id: &TreeId, poll: i32, since: Position) -> Result<(), DatabaseError> {
        let (round, generation) = (i64::from(id.round), signed(id.generation));
        let (installation, partitions) = (id.installation.as_str(), i32::from(id.partitions));
        let parameters: [&(dyn ToSql + Sync); 6] =
            [&poll, &round, &generation, &installation, &partitions, &since.as_i64()];
        self.client.execute(ADD_TREE, &parameters).await?;
        Ok(())
    }

    async fn rebuild(&self, tree: &TreeRow, rebuild: &mut TreeRebuild) -> Result<(), DatabaseError> {
        let (since, through) = (tree.stored.since.as_i64(), tree.last_position());
        // A cursor takes no parameters; these are numbers.
        let ballots = tree_rows::BALLOTS_IN_ORDER
            .replace("$1", &tree.poll.to_string())
            .replace("$2", &since.to_string())
            .replace("$3", &through.to_string());
        self.client.batch_execute(&format!("{BALLOTS_CURSOR}{ballots}")).await?;
        let fetch = self.client.prepare(BALLOTS_AT_ONCE).await?;
        loop {
            let mut fetched = 0_usize;
            let none: [&str; 0] = [];
            {
                let mut rows = std::pin::pin!(self.client.query_raw(&fetch, none).await?);
                while let Some(row) = rows.try_next().await? {
                    rebuild.add(&tree_rows::leaf_ballot(&row)?.0);
                    fetched += 1;
                }
            }
            let full = rebuild.take_full().into_iter().map(|full| (full.tile, Some(full.last))).collect();
            self.write_tiles(&[(tree.poll, &tree.stored.id, full)]).await?;
            if fetched == 0 {
                break;
            }
        }
        self.client.batch_execute("CLOSE tree_ballots").await?;
        Ok(())
    }

    /// Writes what a batch made of the trees; `number` says the number of a poll's row.
    pub(crate) async fn write_growth(
        &self,
        growth: Option<&Growth>,
        number: impl Fn(PollIndex) -> i32,
    ) -> Result<(), DatabaseError> {
        let Some(Growth { changes, terms }) = growth else { return Ok(()) };
        let terms: Vec<_> = terms.iter().map(|(poll, after, json)| (number(*poll), *after, json.clone())).collect();
        let new = changes.iter().filter(|change| change.is_new);
        let new: Vec<_> = new.map(|change| (number(change.poll), change.tree.stored())).collect();
        let stored: Vec<_> = changes.iter().map(|change| (number(change.poll), change.tree.stored())).collect();
        let stored: Vec<_> = stored.iter().map(|(poll, tree)| (*poll, tree)).collect();
        let tiles: Vec<_> =
            changes.iter().map(|change| (number(change.poll), change.tree.id(), changed_tiles(change))).collect();
        let closes: Vec<_> =
            changes.iter().map(|change| (number(change.poll), change.tree.id(), &change.closes[..])).collect();
        tokio::try_join!(biased;
            self.write_terms(&terms),
            self.add_trees(&new),
            self.write_tiles(&tiles),
            self.write_closes(&closes),
            self.update_trees(&stored),
        )?;
        Ok(())
    }
}

fn changed_tiles(change: &TreeChange) -> Vec<PlacedTile> {
    let full = change.full.iter().map(|full| (full.tile.clone(), Some(full.last)));
    let open = change.tree.open_tiles(change.open_levels()).into_iter().map(|tile| (tile, None));
    full.chain(open).collect()
}

/// The close of a poll that no tree has noted, as in a ledger of an earlier release: all that is known is where the
/// poll last changed.
fn add_last_close(closes: &mut Vec<(Position, u64)>, poll: &Poll, last_change: Position) {
    let Some(version) = poll.closed_in() else { return };
    if closes.iter().all(|(_, known)| *known != version) {
        closes.push((last_change, version));
    }
}
