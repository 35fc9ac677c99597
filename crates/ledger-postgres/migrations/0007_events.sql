-- Events, each counted in its home partition: a list of polls under one name. Polls and ballots know nothing of them.
CREATE TABLE events (
    -- Sorted by bytes, as the programs sort ids, whatever the database's locale.
    id        text    COLLATE "C" PRIMARY KEY,
    partition integer NOT NULL,
    -- As in the event; the newest is kept.
    version   bigint  NOT NULL,
    -- The whole event, as the log has it.
    event     json    NOT NULL,
    -- Where it last changed.
    position  bigint  NOT NULL
);
