-- The trees by which anyone can check a count (docs/verification.md): one for each poll's row and round, and another
-- generation after each loss.
CREATE TABLE trees (
    number       serial  PRIMARY KEY,
    poll         integer NOT NULL,
    round        bigint  NOT NULL,
    -- 0, or the moment of the loss, in milliseconds since 1970.
    generation   bigint  NOT NULL,
    -- In which it began, and how many partitions that had.
    installation text    NOT NULL,
    partitions   integer NOT NULL,
    -- The round's ballots are after this position.
    since        bigint  NOT NULL,
    -- The last ballot.
    last         bigint  NOT NULL,
    -- Leaves in whole blocks.
    size         bigint  NOT NULL,
    -- Of all ballots, also of those whose block has not ended.
    voters       bigint  NOT NULL,
    -- What `turnout` said when it last grew; null where it is to be built from the ballots. A release without trees
    -- that counts in between leaves it behind.
    counted      bigint,
    UNIQUE (poll, round, generation)
) WITH (fillfactor = 50);

-- Digests that stand beside one another, 256 in a full tile. In the last tile of the lowest level the leaves of the
-- block that has not ended come after those of whole blocks, in the order of the log.
CREATE TABLE tiles (
    tree    integer  NOT NULL,
    level   smallint NOT NULL,
    -- From 0 on each level.
    place   bigint   NOT NULL,
    -- Of a full tile: the last ballot when it was filled.
    last    bigint,
    digests bytea    NOT NULL,
    PRIMARY KEY (tree, level, place)
);
-- Digests can't be made shorter.
ALTER TABLE tiles ALTER COLUMN digests SET STORAGE EXTERNAL;
-- A ballot's leaf is looked for by its position.
CREATE INDEX tiles_last ON tiles (tree, last, place) WHERE level = 0 AND last IS NOT NULL;

-- What a tree was at each close of its poll.
CREATE TABLE tree_closes (
    tree     integer NOT NULL,
    -- Of the poll.
    version  bigint  NOT NULL,
    position bigint  NOT NULL,
    size     bigint  NOT NULL,
    root     bytea   NOT NULL,
    voters   bigint  NOT NULL,
    PRIMARY KEY (tree, version)
);

-- For which words and rules ballots were cast: those after this position, up to the next one.
CREATE TABLE terms (
    poll  integer NOT NULL,
    after bigint  NOT NULL,
    terms json    NOT NULL,
    PRIMARY KEY (poll, after)
);
