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
