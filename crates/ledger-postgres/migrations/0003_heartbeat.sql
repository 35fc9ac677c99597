-- When the leader of a partition last noted that it counts, by this server's clock; also where there is
-- nothing to count.
ALTER TABLE log ADD COLUMN heartbeat timestamptz NOT NULL DEFAULT now();
