-- The run that has served the request of this run, if this run was skipped for this reason.
ALTER TABLE runs ADD COLUMN served_by TEXT;
-- The lines of a log before the number log_head stay, and so do those from log_first on. The lines between them
-- were removed, and log_cut is the size of their texts.
ALTER TABLE runs ADD COLUMN log_head INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN log_cut INTEGER NOT NULL DEFAULT 0;

-- The times by which deliveries and finished runs are removed. For rows of version 1, they are not known:
-- a delivery counts as received now, and a run as finished when it was accepted.
ALTER TABLE deliveries ADD COLUMN received_at INTEGER NOT NULL DEFAULT 0;
UPDATE deliveries SET received_at = unixepoch() * 1000000000;
ALTER TABLE runs ADD COLUMN finished_at INTEGER;
UPDATE runs SET finished_at = accepted_at WHERE state = 2;
CREATE INDEX finished_by_age ON runs (finished_at) WHERE state = 2;
CREATE INDEX finished_requests ON runs (request, number) WHERE state = 2;

-- The number of checks whether the database can be written.
INSERT INTO totals (name, value) VALUES ('checks', 0);
