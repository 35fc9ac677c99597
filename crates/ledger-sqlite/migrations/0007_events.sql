-- Events, each counted in its home partition: a list of polls under one name. Polls and ballots know nothing of them.
CREATE TABLE events (
    id        TEXT    PRIMARY KEY,
    partition INTEGER NOT NULL,
    version   INTEGER NOT NULL, -- as in the JSON; the newest is kept
    event     TEXT    NOT NULL, -- all of it, as JSON
    position  INTEGER NOT NULL  -- where it last changed
) STRICT, WITHOUT ROWID;
