-- What the log's clock showed at the last heartbeat, in milliseconds since 1970. With the heartbeat's age it tells what
-- that clock shows now: by it a poll's countdown ends. No clock of a reader has a part in it.
ALTER TABLE log ADD COLUMN log_clock bigint;
