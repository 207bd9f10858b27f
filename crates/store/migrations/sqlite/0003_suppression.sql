-- Numbers that must not be called: rows are added and never removed.
CREATE TABLE suppression (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id INTEGER NOT NULL,
    number    TEXT    NOT NULL,                  -- E.164, else what would be dialled
    actor     TEXT    NOT NULL,
    why       TEXT    NOT NULL,
    added_at  INTEGER NOT NULL
) STRICT;

-- One row per spelling that a list may have: domain::Dialable::every_key under the installation's secret.
CREATE TABLE suppression_key (
    tenant_id      INTEGER NOT NULL,
    number_key     INTEGER NOT NULL,
    suppression_id INTEGER NOT NULL REFERENCES suppression (id),
    PRIMARY KEY (tenant_id, number_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX suppression_key_suppression ON suppression_key (suppression_id);
