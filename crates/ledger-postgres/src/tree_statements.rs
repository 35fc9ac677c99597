//! The SQL that writes trees. As in `statements.rs`, it is for PostgreSQL 9.4 and later, and prepared once.

/// Trees are named by poll, round and generation, so that those of this batch need no answer first.
pub(crate) const ADD_TREES: &str = "
    INSERT INTO trees (poll, round, generation, installation, partitions, since, last, size, voters, counted)
    SELECT poll, round, generation, installation, partitions, since, since, 0, 0, 0
    FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::text[], $5::integer[], $6::bigint[])
        AS given (poll, round, generation, installation, partitions, since)";
/// After `turnout` was written.
pub(crate) const UPDATE_TREES: &str = "
    UPDATE trees SET last = given.last, size = given.size, voters = given.voters,
        counted = coalesce((SELECT turnout.counted FROM turnout WHERE turnout.poll = trees.poll), 0)
    FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
        AS given (poll, round, generation, last, size, voters)
    WHERE trees.poll = given.poll AND trees.round = given.round AND trees.generation = given.generation";
pub(crate) const WRITE_TILES: &str = "
    WITH given AS (
        SELECT trees.number AS tree, given.level, given.place, given.last, given.digests
        FROM unnest(
            $1::integer[], $2::bigint[], $3::bigint[], $4::smallint[], $5::bigint[], $6::bigint[], $7::bytea[]
        ) AS given (poll, round, generation, level, place, last, digests)
        JOIN trees USING (poll, round, generation)
    ), changed AS (
        UPDATE tiles SET last = given.last, digests = given.digests
        FROM given WHERE tiles.tree = given.tree AND tiles.level = given.level AND tiles.place = given.place
        RETURNING tiles.tree, tiles.level, tiles.place
    )
    INSERT INTO tiles (tree, level, place, last, digests)
    SELECT tree, level, place, last, digests FROM given
    WHERE NOT EXISTS (
        SELECT 1 FROM changed
        WHERE changed.tree = given.tree AND changed.level = given.level AND changed.place = given.place
    )";
pub(crate) const WRITE_CLOSES: &str = "
    WITH given AS (
        SELECT trees.number AS tree, given.version, given.position, given.size, given.root, given.voters
        FROM unnest(
            $1::integer[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[],
            $8::bigint[]
        ) AS given (poll, round, generation, version, position, size, root, voters)
        JOIN trees USING (poll, round, generation)
    ), changed AS (
        UPDATE tree_closes SET position = given.position, size = given.size, root = given.root, voters = given.voters
        FROM given WHERE tree_closes.tree = given.tree AND tree_closes.version = given.version
        RETURNING tree_closes.tree, tree_closes.version
    )
    INSERT INTO tree_closes (tree, version, position, size, root, voters)
    SELECT tree, version, position, size, root, voters FROM given
    WHERE NOT EXISTS (SELECT 1 FROM changed WHERE changed.tree = given.tree AND changed.version = given.version)";
pub(crate) const WRITE_TERMS: &str = "
    WITH given AS (
        SELECT * FROM unnest($1::integer[], $2::bigint[], $3::text[]) AS given (poll, after, terms)
    ), changed AS (
        UPDATE terms SET terms = given.terms::json
        FROM given WHERE terms.poll = given.poll AND terms.after = given.after
        RETURNING terms.poll, terms.after
    )
    INSERT INTO terms (poll, after, terms)
    SELECT poll, after, terms::json FROM given
    WHERE NOT EXISTS (SELECT 1 FROM changed WHERE changed.poll = given.poll AND changed.after = given.after)";
