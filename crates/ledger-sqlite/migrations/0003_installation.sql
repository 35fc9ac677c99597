-- Which installation this ledger belongs to: one row at most.
CREATE TABLE installation (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    id          TEXT    NOT NULL,
    partitions  INTEGER NOT NULL,
    addresses   INTEGER NOT NULL,
    fingerprint TEXT, -- of the secret key; none before it is known
    log_address TEXT    NOT NULL -- where the log is that is counted; '' for the file beside this one
) STRICT;
