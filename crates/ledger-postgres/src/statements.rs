//! The SQL that counts, and what of it a leader prepares once.
//!
//! Everything here must be understood by PostgreSQL 9.4 (`tests/sql_for_9_4.rs` holds the list). In place of
//! `ON CONFLICT` a table is updated and then filled up with what was not there; that is safe because a partition
//! has one writer. Statements that are sent without waiting for answers are prepared: preparing one in between
//! would wait.

use tokio_postgres::{Client, Statement};

use crate::{database_error::DatabaseError, listen, tree_statements};

const ADD_POLL: &str = "
    INSERT INTO polls (id, partition, version, poll, state, listed, round, since, position)
    SELECT $1, $2, $3, $4::text::json, $5, $6, $7, $8, $8
    WHERE NOT EXISTS (SELECT 1 FROM polls WHERE id = $1 AND partition = $2)";
pub(crate) const FIND_POLLS: &str = "
    SELECT id, number, poll::text AS poll, round, since FROM polls
    WHERE partition = $1::integer AND id = ANY($2::text[])";
/// Blocks until a former leader that has not noticed losing the lock has finished.
const LOCK_POSITION: &str = "SELECT position FROM log WHERE partition = $1::integer FOR UPDATE";
/// One descent of the primary key for each voter; the answer is three arrays in one row, which spares the
/// driver ten thousand rows.
const NEWEST_BALLOTS: &str = "
    SELECT array_agg(asked.place::integer), array_agg(newest.position), array_agg(newest.choices)
    FROM unnest($1::integer[], $2::uuid[]) WITH ORDINALITY AS asked (poll, voter, place)
    CROSS JOIN LATERAL (
        SELECT position, choices FROM ballots
        WHERE ballots.poll = asked.poll AND ballots.voter = asked.voter
        ORDER BY position DESC LIMIT 1
    ) AS newest";
pub(crate) const WRITE_POLLS: &str = "
    WITH given AS (
        SELECT * FROM unnest(
            $2::text[], $3::bigint[], $4::text[], $5::text[], $6::boolean[], $7::bigint[], $8::bigint[], $9::bigint[]
        ) AS given (id, version, poll, state, listed, round, since, position)
    ), changed AS (
        UPDATE polls SET version = given.version, poll = given.poll::json, state = given.state, listed = given.listed,
            round = given.round, since = given.since, position = given.position
        FROM given WHERE polls.id = given.id AND polls.partition = $1::integer
        RETURNING polls.id, polls.number
    ), added AS (
        INSERT INTO polls (id, partition, version, poll, state, listed, round, since, position)
        SELECT id, $1::integer, version, poll::json, state, listed, round, since, position FROM given
        WHERE NOT EXISTS (SELECT 1 FROM changed WHERE changed.id = given.id)
        RETURNING id, number
    )
    SELECT id, number FROM changed UNION ALL SELECT id, number FROM added";
/// Not over a newer version.
const WRITE_EVENTS: &str = "
    WITH given AS (
        SELECT * FROM unnest($2::text[], $3::bigint[], $4::text[], $5::bigint[]) AS given (id, version, event, position)
    ), changed AS (
        UPDATE events SET partition = $1::integer, version = given.version, event = given.event::json,
            position = given.position
        FROM given WHERE events.id = given.id AND events.version <= given.version
    )
    INSERT INTO events (id, partition, version, event, position)
    SELECT id, $1::integer, version, event::json, position FROM given
    WHERE NOT EXISTS (SELECT 1 FROM events WHERE events.id = given.id)";
const ADD_BALLOTS: &str = "
    INSERT INTO ballots (poll, voter, position, choices)
    SELECT * FROM unnest($1::integer[], $2::uuid[], $3::bigint[], $4::integer[])";
const CLEAR_TALLIES: &str = "DELETE FROM tallies WHERE poll = ANY($1::integer[])";
const ADD_VOTES: &str = "
    WITH given AS (
        SELECT * FROM unnest($1::integer[], $2::smallint[], $3::bigint[]) AS given (poll, option, votes)
    ), changed AS (
        UPDATE tallies SET votes = tallies.votes + given.votes
        FROM given WHERE tallies.poll = given.poll AND tallies.option = given.option
        RETURNING tallies.poll, tallies.option
    )
    INSERT INTO tallies (poll, option, votes)
    SELECT poll, option, votes FROM given
    WHERE NOT EXISTS (SELECT 1 FROM changed WHERE changed.poll = given.poll AND changed.option = given.option)";
const ADD_TURNOUT: &str = "
    WITH given AS (
        SELECT * FROM unnest($1::integer[], $2::boolean[], $3::bigint[], $4::bigint[])
            AS given (poll, restart, voters, counted)
    ), changed AS (
        UPDATE turnout SET
            voters = CASE WHEN given.restart THEN 0 ELSE turnout.voters END + given.voters,
            counted = turnout.counted + given.counted
        FROM given WHERE turnout.poll = given.poll
        RETURNING turnout.poll
    )
    INSERT INTO turnout (poll, voters, counted)
    SELECT poll, voters, counted FROM given
    WHERE NOT EXISTS (SELECT 1 FROM changed WHERE changed.poll = given.poll)";
const ADD_REJECTED: &str = "
    INSERT INTO rejected (partition, position, reason, entry)
    SELECT $1::integer, * FROM unnest($2::bigint[], $3::text[], $4::text[])";
/// At most one row for each second; see the table.
const NOTE_TIME: &str = "
    INSERT INTO count_times (partition, after, at)
    SELECT $1::integer, $2::bigint, date_trunc('second', now())
    WHERE date_trunc('second', now()) IS DISTINCT FROM (
        SELECT at FROM count_times WHERE partition = $1::integer ORDER BY after DESC LIMIT 1
    )";
const MOVE_POSITION: &str = "UPDATE log SET position = $2::bigint WHERE partition = $1::integer";

/// Only where nobody else has moved the position.
const HEARTBEAT: &str = "
    UPDATE log SET heartbeat = clock_timestamp(),
        log_ahead_millis = $3::bigint - (extract(epoch FROM clock_timestamp()) * 1000)::bigint
    WHERE partition = $1::integer AND position = $2::bigint";

/// What a leader prepares once.
pub(crate) struct Statements {
    pub(crate) add_poll: Statement,
    pub(crate) lock_position: Statement,
    pub(crate) newest_ballots: Statement,
    pub(crate) write_events: Statement,
    pub(crate) add_ballots: Statement,
    pub(crate) add_votes: Statement,
    pub(crate) add_turnout: Statement,
    pub(crate) note_time: Statement,
    pub(crate) move_position: Statement,
    pub(crate) clear_tallies: Statement,
    pub(crate) add_rejected: Statement,
    pub(crate) notify: Statement,
    pub(crate) heartbeat: Statement,
    pub(crate) add_trees: Statement,
    pub(crate) update_trees: Statement,
    pub(crate) write_tiles: Statement,
    pub(crate) write_closes: Statement,
    pub(crate) write_terms: Statement,
}

impl Statements {
    pub(crate) async fn prepare(client: &Client) -> Result<Self, DatabaseError> {
        Ok(Self {
            add_poll: client.prepare(ADD_POLL).await?,
            lock_position: client.prepare(LOCK_POSITION).await?,
            newest_ballots: client.prepare(NEWEST_BALLOTS).await?,
            write_events: client.prepare(WRITE_EVENTS).await?,
            add_ballots: client.prepare(ADD_BALLOTS).await?,
            add_votes: client.prepare(ADD_VOTES).await?,
            add_turnout: client.prepare(ADD_TURNOUT).await?,
            note_time: client.prepare(NOTE_TIME).await?,
            move_position: client.prepare(MOVE_POSITION).await?,
            clear_tallies: client.prepare(CLEAR_TALLIES).await?,
            add_rejected: client.prepare(ADD_REJECTED).await?,
            notify: client.prepare(listen::NOTIFY).await?,
            heartbeat: client.prepare(HEARTBEAT).await?,
            add_trees: client.prepare(tree_statements::ADD_TREES).await?,
            update_trees: client.prepare(tree_statements::UPDATE_TREES).await?,
            write_tiles: client.prepare(tree_statements::WRITE_TILES).await?,
            write_closes: client.prepare(tree_statements::WRITE_CLOSES).await?,
            write_terms: client.prepare(tree_statements::WRITE_TERMS).await?,
        })
    }
}
