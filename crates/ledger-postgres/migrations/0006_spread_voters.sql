-- Voters are spread over partitions, and each partition has every poll: a poll has a row for each partition.
ALTER TABLE polls ADD COLUMN version bigint NOT NULL DEFAULT 1;
-- As in the poll, where it is not the first.
UPDATE polls SET version = (poll ->> 'version')::bigint WHERE poll ->> 'version' IS NOT NULL;
-- Readers look for all rows of an id, writers for that of their partition.
ALTER TABLE polls ADD CONSTRAINT polls_id_partition_key UNIQUE (id, partition);
ALTER TABLE polls DROP CONSTRAINT polls_id_key;

-- What is spread over partitions: 1 for polls, as in earlier releases, 2 for voters. With one partition both are the
-- same.
ALTER TABLE installation ADD COLUMN layout integer NOT NULL DEFAULT 1;
