-- Times are nanoseconds since the Unix epoch. Runs are numbered in the order in which they were accepted.
CREATE TABLE runs (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    run         TEXT NOT NULL UNIQUE,
    issue       TEXT NOT NULL,    -- the keys of the event
    request     TEXT NOT NULL,
    requester   TEXT NOT NULL,
    repository  TEXT NOT NULL,
    actor       TEXT NOT NULL,
    event       TEXT NOT NULL,    -- JSON
    accepted_at INTEGER NOT NULL,
    pending     INTEGER NOT NULL, -- 1 if the permission of the actor was not known
    state       INTEGER NOT NULL, -- 0 waiting, 1 claimed, 2 finished
    outcome     TEXT,             -- JSON
    progress    TEXT NOT NULL,    -- JSON
    authorized  INTEGER NOT NULL, -- 1 if the run has passed the stage Authorize
    cancel      INTEGER NOT NULL, -- 1 if the cancellation was requested
    fence       INTEGER NOT NULL,
    attempts    INTEGER NOT NULL, -- the claims since the run last completed a stage for the first time
    reached     INTEGER NOT NULL, -- the number of the latest stage that the run has completed
    until       INTEGER NOT NULL, -- the end of the lease, or the earliest time of the next claim
    bytes       INTEGER NOT NULL, -- the size of the event, the progress and the outcome
    log_next    INTEGER NOT NULL, -- the number of the next line of the log
    log_first   INTEGER NOT NULL, -- the number of the first stored line
    log_bytes   INTEGER NOT NULL
) STRICT;

CREATE INDEX unfinished ON runs (number, pending, bytes) WHERE state < 2;
CREATE INDEX unfinished_requests ON runs (request, actor) WHERE state < 2;
CREATE INDEX unfinished_pending ON runs (repository, actor) WHERE state < 2 AND pending = 1;
CREATE INDEX claimed ON runs (issue, until) WHERE state = 1;
CREATE INDEX finished ON runs (number, bytes) WHERE state = 2;
CREATE INDEX logs ON runs (number, log_bytes) WHERE log_bytes > 0;

CREATE TABLE deliveries (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    body_sha256 BLOB NOT NULL,
    run         TEXT NOT NULL
) STRICT;

-- The number of the newest claim of each requester.
CREATE TABLE turns (
    requester   TEXT PRIMARY KEY,
    claimed     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX turns_by_age ON turns (claimed);

CREATE TABLE log_lines (
    run_number  INTEGER NOT NULL,
    line        INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    text        TEXT NOT NULL,
    PRIMARY KEY (run_number, line)
) STRICT, WITHOUT ROWID;

-- Sums over all runs, so that no statement reads all runs.
CREATE TABLE totals (
    name        TEXT PRIMARY KEY,
    value       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO totals (name, value) VALUES
    ('claims', 0),
    ('deliveries', 0),
    ('finished_runs', 0),
    ('finished_bytes', 0),
    ('log_bytes', 0);
