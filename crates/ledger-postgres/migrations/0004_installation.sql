-- Which installation this ledger belongs to: one row, once a worker has written it.
CREATE TABLE installation (
    -- Always true, so that there is one row at most.
    one         boolean     PRIMARY KEY DEFAULT true CHECK (one),
    id          text        NOT NULL,
    partitions  integer     NOT NULL,
    addresses   integer     NOT NULL,
    -- Of SECRET_KEY; none before the first vote has come by.
    fingerprint text,
    -- Where the log is that is counted, without user and password.
    log_address text        NOT NULL,
    made        timestamptz NOT NULL DEFAULT now()
);
