-- Times that a backup took the place of the database. While one is not settled, dialling is held: who was called between
-- backup and restore is not known.
CREATE TABLE restore (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id   INTEGER NOT NULL,
    restored_at INTEGER NOT NULL,
    taken_at    INTEGER NOT NULL,                -- when the backup was made
    lift_at     INTEGER NOT NULL,                -- the longest gap is over: the hold ends by itself
    attempt_id  INTEGER NOT NULL,                -- attempts of this id and later were made after the restore
    settled_at  INTEGER,                         -- NULL: dialling is held because of it
    settled_by  TEXT,                            -- token name, or carillon
    settled_how TEXT                             -- accepted | elapsed | records | superseded
) STRICT;
CREATE UNIQUE INDEX restore_open ON restore (tenant_id) WHERE settled_at IS NULL;
