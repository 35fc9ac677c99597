-- The trees by which anyone can check a count (docs/verification.md): one for each poll's row and round, and another
-- generation after each loss.
CREATE TABLE trees (
    number       INTEGER PRIMARY KEY,
    poll         INTEGER NOT NULL REFERENCES polls (number),
    round        INTEGER NOT NULL,
    generation   INTEGER NOT NULL, -- 0, or the moment of the loss, in milliseconds since 1970
    installation TEXT    NOT NULL, -- in which it began
    partitions   INTEGER NOT NULL, -- how many that had
    since        INTEGER NOT NULL, -- the round's ballots are after this position
    last         INTEGER NOT NULL, -- the last ballot
    size         INTEGER NOT NULL, -- leaves in whole blocks
    voters       INTEGER NOT NULL, -- of all ballots, also of those whose block has not ended
    grown        INTEGER NOT NULL, -- 0: it is to be built from the ballots
    UNIQUE (poll, round, generation)
) STRICT;

-- Digests that stand beside one another, 256 in a full tile. In the last tile of the lowest level the leaves of the
-- block that has not ended come after those of whole blocks, in the order of the log.
CREATE TABLE tiles (
    tree    INTEGER NOT NULL REFERENCES trees (number),
    level   INTEGER NOT NULL,
    place   INTEGER NOT NULL, -- from 0 on each level
    last    INTEGER,          -- of a full tile: the last ballot when it was filled
    digests BLOB    NOT NULL,
    PRIMARY KEY (tree, level, place)
) STRICT;

-- A ballot's leaf is looked for by its position.
CREATE INDEX tiles_last ON tiles (tree, last, place) WHERE level = 0 AND last IS NOT NULL;

-- What a tree was at each close of its poll.
CREATE TABLE tree_closes (
    tree     INTEGER NOT NULL REFERENCES trees (number),
    version  INTEGER NOT NULL, -- of the poll
    position INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    root     BLOB    NOT NULL,
    voters   INTEGER NOT NULL,
    PRIMARY KEY (tree, version)
) STRICT, WITHOUT ROWID;

-- For which words and rules ballots were cast: those after this position, up to the next one.
CREATE TABLE terms (
    poll  INTEGER NOT NULL REFERENCES polls (number),
    after INTEGER NOT NULL,
    terms TEXT    NOT NULL, -- as JSON
    PRIMARY KEY (poll, after)
) STRICT, WITHOUT ROWID;
