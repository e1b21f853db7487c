-- The run that has served the request of this run, if this run was skipped for this reason.
ALTER TABLE runs ADD COLUMN served_by TEXT;
-- The lines of a log before the number log_head stay, and so do those from log_first on. The lines between them
-- were removed, and log_cut is the size of their texts.
ALTER TABLE runs ADD COLUMN log_head INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN log_cut INTEGER NOT NULL DEFAULT 0;
