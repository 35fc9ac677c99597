-- The ledger. Numbers instead of ids in the large table; no foreign key on it, since each would be looked up
-- for every ballot, and only the one writer of a partition adds rows.

CREATE TABLE polls (
    number    serial  PRIMARY KEY,
    -- Sorted by bytes, as the programs sort ids, whatever the database's locale.
    id        text    COLLATE "C" NOT NULL UNIQUE,
    partition integer NOT NULL,
    -- The whole poll, as the log has it.
    poll      json    NOT NULL,
    -- What queries select by, out of the same poll.
    state     text    NOT NULL,
    listed    boolean NOT NULL,
    -- The round that is being counted. It is not always the poll's own: see `attach` in writer.rs.
    round     bigint  NOT NULL,
    -- Ballots after this position are of that round.
    since     bigint  NOT NULL,
    -- Where the poll last changed.
    position  bigint  NOT NULL
);

CREATE INDEX polls_partition ON polls (partition);
CREATE INDEX polls_listed ON polls (id) WHERE listed AND state = 'open';

-- Every ballot ever counted; rows are only added. In this order of columns a row needs no padding.
CREATE TABLE ballots (
    position bigint  NOT NULL,
    poll     integer NOT NULL,
    -- Bit 0 is option a.
    choices  integer NOT NULL,
    voter    uuid    NOT NULL,
    PRIMARY KEY (poll, voter, position)
);

-- Votes by option (0 is a) in the present round; no row means none. Room for updates on the same page.
CREATE TABLE tallies (
    poll   integer  NOT NULL,
    option smallint NOT NULL,
    votes  bigint   NOT NULL,
    PRIMARY KEY (poll, option)
) WITH (fillfactor = 50);

-- Voters in the present round, and ballots over all rounds; no row means none.
CREATE TABLE turnout (
    poll    integer PRIMARY KEY,
    voters  bigint  NOT NULL,
    counted bigint  NOT NULL
) WITH (fillfactor = 50);

-- How far each partition of the log is counted: committed together with what was counted.
CREATE TABLE log (
    partition integer PRIMARY KEY,
    -- The incarnation of the log that was read last.
    log_id    text,
    position  bigint  NOT NULL
) WITH (fillfactor = 50);

-- What the log had forgotten before it was counted.
CREATE TABLE gaps (
    partition integer     NOT NULL,
    after     bigint      NOT NULL,
    through   bigint      NOT NULL,
    noted     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partition, after, through)
);

-- Entries that could not be counted, for a person to look at.
CREATE TABLE rejected (
    partition integer NOT NULL,
    position  bigint  NOT NULL,
    reason    text    NOT NULL,
    entry     text    NOT NULL,
    PRIMARY KEY (partition, position)
);
