-- Voters are spread over partitions, and each partition has every poll: a poll has a row for each partition. SQLite
-- drops no constraint, so the table is made anew, and with it those that refer to it.
CREATE TABLE new_polls (
    number    INTEGER PRIMARY KEY,
    id        TEXT    NOT NULL,
    partition INTEGER NOT NULL,
    version   INTEGER NOT NULL, -- as in the JSON
    poll      TEXT    NOT NULL, -- all of it, as JSON
    state     TEXT    NOT NULL, -- as in the JSON
    listed    INTEGER NOT NULL, -- as in the JSON
    round     INTEGER NOT NULL, -- the round being counted; 0 where a gap hides which it is
    since     INTEGER NOT NULL, -- ballots after this position are of the present round
    position  INTEGER NOT NULL, -- where the poll last changed
    UNIQUE (id, partition)
) STRICT;
INSERT INTO new_polls (number, id, partition, version, poll, state, listed, round, since, position)
SELECT number, id, partition, coalesce(json_extract(poll, '$.version'), 1), poll, state, listed, round, since, position
FROM polls;

CREATE TABLE new_tallies (
    poll   INTEGER NOT NULL REFERENCES new_polls (number),
    option INTEGER NOT NULL,
    votes  INTEGER NOT NULL CHECK (votes >= 0),
    PRIMARY KEY (poll, option)
) STRICT, WITHOUT ROWID;
INSERT INTO new_tallies SELECT poll, option, votes FROM tallies;

CREATE TABLE new_turnout (
    poll    INTEGER PRIMARY KEY REFERENCES new_polls (number),
    voters  INTEGER NOT NULL CHECK (voters >= 0),
    counted INTEGER NOT NULL CHECK (counted >= 0) -- ballots, over all rounds
) STRICT;
INSERT INTO new_turnout SELECT poll, voters, counted FROM turnout;

DROP TABLE tallies;
DROP TABLE turnout;
DROP TABLE polls;
-- What refers to it follows.
ALTER TABLE new_polls RENAME TO polls;
ALTER TABLE new_tallies RENAME TO tallies;
ALTER TABLE new_turnout RENAME TO turnout;
CREATE INDEX polls_listed ON polls (id) WHERE listed = 1 AND state = 'open';

-- What is spread over partitions: 1 for polls, as in earlier releases, 2 for voters. With one partition both are the
-- same.
ALTER TABLE installation ADD COLUMN layout INTEGER NOT NULL DEFAULT 1;
