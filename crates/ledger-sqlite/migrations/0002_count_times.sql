-- When the log was counted, to the second: what comes after `after`, up to the next row's, was counted in the second
-- `at` (since 1970). At most one row for each second in which something was counted; what was counted before this table
-- was there has none.
CREATE TABLE count_times (
    partition INTEGER NOT NULL,
    after     INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (partition, after)
) STRICT, WITHOUT ROWID;
