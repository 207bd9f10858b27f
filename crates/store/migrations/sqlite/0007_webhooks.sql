-- Up to where events were deleted: a reader that stands before it has missed some.
CREATE TABLE event_log (
    tenant_id  INTEGER NOT NULL PRIMARY KEY,
    dropped_to INTEGER NOT NULL                  -- the last that was deleted; 0: none was
) STRICT;
INSERT INTO event_log (tenant_id, dropped_to) VALUES (1, 0);

-- Who is told of events over HTTP. Deliveries follow a place in the log: nothing is copied per event.
CREATE TABLE webhook (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id         INTEGER NOT NULL,
    name              TEXT    NOT NULL,
    url               TEXT    NOT NULL,
    secret            BLOB    NOT NULL,          -- sealed
    headers           BLOB    NOT NULL,          -- sealed JSON: [["name","value"],...]
    header_names      TEXT    NOT NULL,          -- JSON, to show
    campaign_id       INTEGER,                   -- NULL: of every campaign, and of none
    kinds             TEXT    NOT NULL,          -- JSON; empty: every kind
    enabled           INTEGER NOT NULL,          -- 0 | 1
    timeout_ms        INTEGER NOT NULL,
    max_tries         INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    since             INTEGER NOT NULL,          -- events up to here are not its work
    place             INTEGER NOT NULL,          -- events up to here were taken, are not for it, wait in a lane, or are dead
    delivered         INTEGER NOT NULL DEFAULT 0,
    last_delivered_at INTEGER,
    last_error        TEXT    NOT NULL DEFAULT '',
    last_error_at     INTEGER,
    UNIQUE (tenant_id, name)
) STRICT;

-- A contact (or run, ...) an event of which was not taken: what follows in its lane waits behind it.
CREATE TABLE webhook_lane (
    tenant_id  INTEGER NOT NULL,
    webhook_id INTEGER NOT NULL REFERENCES webhook (id),
    entity     TEXT    NOT NULL,                 -- contact | run | dialling | ...
    entity_id  INTEGER NOT NULL,
    seq        INTEGER NOT NULL,                 -- the event that is tried next
    tries      INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,
    error      TEXT    NOT NULL,
    PRIMARY KEY (webhook_id, entity, entity_id)
) STRICT, WITHOUT ROWID;

-- Events that a webhook did not take and that are not tried any more.
CREATE TABLE webhook_dead (
    tenant_id  INTEGER NOT NULL,
    webhook_id INTEGER NOT NULL REFERENCES webhook (id),
    seq        INTEGER NOT NULL,
    tries      INTEGER NOT NULL,
    error      TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    again      INTEGER NOT NULL,                 -- 1: to be tried once more
    PRIMARY KEY (webhook_id, seq)
) STRICT, WITHOUT ROWID;
