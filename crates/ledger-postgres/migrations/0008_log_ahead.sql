-- By how many milliseconds the log's clock was ahead of this server's at the last heartbeat; negative if it was
-- behind. A poll's countdown ends by the log's clock, and no clock of a reader has a part in it. A difference, since a
-- leader of an earlier release goes on with the heartbeats and leaves this column alone.
ALTER TABLE log ADD COLUMN log_ahead_millis bigint;
