-- When the log was counted, to the second: what comes after `after`, up to the next row's, was counted in the second
-- that begins `at`, by this server's clock. At most one row for each second in which something was counted; what was
-- counted before this table was there has none.
CREATE TABLE count_times (
    partition integer     NOT NULL,
    after     bigint      NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (partition, after)
);
