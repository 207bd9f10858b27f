-- Instants are INTEGER microseconds since 1970 (UTC). Ids of configuration never return after a delete (AUTOINCREMENT):
-- history names them by id.

CREATE TABLE installation (
    tenant_id     INTEGER NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,              -- [a-z0-9]{6}, part of every channel id
    epoch         INTEGER NOT NULL,              -- server starts so far
    number_secret BLOB    NOT NULL,              -- sealed; keys the number hashes and proves that the key file is ours
    created_at    INTEGER NOT NULL
) STRICT;

-- Ids that the journal hands out in blocks.
CREATE TABLE id_block (
    tenant_id INTEGER NOT NULL,
    kind      TEXT    NOT NULL,                  -- attempt | call | leg
    next      INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, kind)
) STRICT, WITHOUT ROWID;

-- At most one row per tenant: its presence stops dialling.
CREATE TABLE hold (
    tenant_id INTEGER NOT NULL PRIMARY KEY,
    since     INTEGER NOT NULL,
    actor     TEXT    NOT NULL,
    why       TEXT    NOT NULL
) STRICT;

CREATE TABLE token (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id  INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    scopes     TEXT    NOT NULL,                 -- comma list of read, operate, admin
    hash       BLOB    NOT NULL UNIQUE,          -- SHA-256 of the token
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
CREATE UNIQUE INDEX token_name ON token (tenant_id, name) WHERE revoked_at IS NULL;

CREATE TABLE pbx (
    id                    INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id             INTEGER NOT NULL,
    name                  TEXT    NOT NULL,
    host                  TEXT    NOT NULL,
    port                  INTEGER NOT NULL,
    username              TEXT    NOT NULL,
    password              BLOB    NOT NULL,      -- sealed
    application           TEXT    NOT NULL,
    originates_per_second INTEGER NOT NULL,
    UNIQUE (tenant_id, name)
) STRICT;

CREATE TABLE trunk (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id           INTEGER NOT NULL,
    pbx_id              INTEGER NOT NULL REFERENCES pbx (id),
    name                TEXT    NOT NULL,
    dial_string         TEXT    NOT NULL,
    capacity            INTEGER NOT NULL,
    calls_per_second    INTEGER NOT NULL,
    progress_timeout_ms INTEGER NOT NULL,
    UNIQUE (tenant_id, name)
) STRICT;
CREATE INDEX trunk_pbx ON trunk (pbx_id);

CREATE TABLE end_point (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id    INTEGER NOT NULL,
    pbx_id       INTEGER NOT NULL REFERENCES pbx (id),
    name         TEXT    NOT NULL,
    kind         TEXT    NOT NULL,               -- PHONE
    context      TEXT    NOT NULL,
    extension    TEXT    NOT NULL,
    max_channels INTEGER NOT NULL,
    UNIQUE (tenant_id, name)
) STRICT;
CREATE INDEX end_point_pbx ON end_point (pbx_id);

CREATE TABLE list (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id  INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    hidden     INTEGER NOT NULL,                 -- 0 | 1
    created_at INTEGER NOT NULL,
    contacts   INTEGER NOT NULL DEFAULT 0,       -- kept by whoever adds or removes contacts, in the same transaction
    UNIQUE (tenant_id, name)
) STRICT;

CREATE TABLE import_job (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id     INTEGER NOT NULL,
    list_id       INTEGER NOT NULL REFERENCES list (id),
    file_name     TEXT    NOT NULL,
    state         TEXT    NOT NULL,              -- uploaded | running | done | cancelled | failed
    encoding      TEXT,                          -- NULL: sniffed when it runs
    delimiter     TEXT,
    format        TEXT,                          -- csv | native
    dedupe        INTEGER NOT NULL,              -- 0 | 1
    rows          INTEGER NOT NULL DEFAULT 0,    -- committed so far, like all counters below
    accepted      INTEGER NOT NULL DEFAULT 0,
    refused       INTEGER NOT NULL DEFAULT 0,
    duplicates    INTEGER NOT NULL DEFAULT 0,
    bytes_done    INTEGER NOT NULL DEFAULT 0,    -- offset in the upload after the last committed row
    bytes_total   INTEGER NOT NULL,
    verdict_bytes INTEGER NOT NULL DEFAULT 0,    -- length of the verdict file after the last committed row
    error         TEXT,
    created_at    INTEGER NOT NULL,
    finished_at   INTEGER
) STRICT;
CREATE INDEX import_job_list ON import_job (list_id);

-- The only table that holds numbers, names and attribute values: erasing a row erases the person. So nothing that
-- must outlive it has a foreign key to it.
CREATE TABLE contact (
    id              INTEGER PRIMARY KEY AUTOINCREMENT, -- grows with time: the cursor of a run over its lists
    tenant_id       INTEGER NOT NULL,
    list_id         INTEGER NOT NULL REFERENCES list (id),
    number_ref      INTEGER NOT NULL,            -- random, 1..2^63: stands for the number wherever it may not be written
    number_as_given TEXT    NOT NULL,
    number          TEXT    NOT NULL,            -- what is dialled
    e164            TEXT,
    number_key      INTEGER NOT NULL,            -- domain::Dialable::key under the installation's secret
    attributes      TEXT    NOT NULL,            -- domain::Attributes as JSON: [["NAME","value"],...]
    import_id       INTEGER,
    import_row      INTEGER                      -- line of the file
) STRICT;
CREATE INDEX contact_list ON contact (list_id, id);
CREATE INDEX contact_key ON contact (list_id, number_key);
CREATE INDEX contact_import ON contact (import_id) WHERE import_id IS NOT NULL;

CREATE TABLE campaign (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id           INTEGER NOT NULL,
    name                TEXT    NOT NULL,
    direction           TEXT    NOT NULL,        -- outbound
    work                TEXT    NOT NULL,        -- list
    priority            INTEGER NOT NULL,
    status              TEXT    NOT NULL,        -- RUNNABLE | CLOSED | HIDDEN
    idle_on_termination INTEGER NOT NULL,        -- 0 | 1
    batch_size          INTEGER NOT NULL,
    time_start          TEXT    NOT NULL,
    time_end            TEXT    NOT NULL,
    time_days           TEXT    NOT NULL,
    zone                TEXT    NOT NULL,
    answer_timeout_ms   INTEGER NOT NULL,
    forced_closure_s    INTEGER NOT NULL,
    dial_clid           TEXT    NOT NULL,
    dial_account        TEXT    NOT NULL,
    variables           TEXT    NOT NULL,        -- domain::Attributes as JSON
    UNIQUE (tenant_id, name)
) STRICT;

CREATE TABLE campaign_trunk (
    tenant_id   INTEGER NOT NULL,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    trunk_id    INTEGER NOT NULL REFERENCES trunk (id),
    position    INTEGER NOT NULL,
    PRIMARY KEY (campaign_id, trunk_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX campaign_trunk_trunk ON campaign_trunk (trunk_id);

CREATE TABLE campaign_end_point (
    tenant_id    INTEGER NOT NULL,
    campaign_id  INTEGER NOT NULL REFERENCES campaign (id),
    end_point_id INTEGER NOT NULL REFERENCES end_point (id),
    position     INTEGER NOT NULL,
    PRIMARY KEY (campaign_id, end_point_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX campaign_end_point_end_point ON campaign_end_point (end_point_id);

CREATE TABLE campaign_list (
    tenant_id   INTEGER NOT NULL,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    list_id     INTEGER NOT NULL REFERENCES list (id),
    position    INTEGER NOT NULL,
    PRIMARY KEY (campaign_id, list_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX campaign_list_list ON campaign_list (list_id);

CREATE TABLE reschedule_rule (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id     INTEGER NOT NULL,
    campaign_id   INTEGER NOT NULL REFERENCES campaign (id),
    position      INTEGER NOT NULL,
    status        TEXT    NOT NULL,
    status_ext    TEXT    NOT NULL,
    max_attempts  INTEGER NOT NULL,
    retry_after_s INTEGER NOT NULL,
    mode          TEXT    NOT NULL               -- FIXED | MULT
) STRICT;
CREATE INDEX reschedule_rule_campaign ON reschedule_rule (campaign_id);

CREATE TABLE run (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id    INTEGER NOT NULL,
    campaign_id  INTEGER NOT NULL REFERENCES campaign (id),
    state        TEXT    NOT NULL,
    why          TEXT    NOT NULL,
    actor        TEXT    NOT NULL,               -- who started it
    settings     TEXT    NOT NULL,               -- domain::Campaign as JSON, as started or last reloaded
    started_at   INTEGER NOT NULL,
    ended_at     INTEGER,
    placed       INTEGER NOT NULL DEFAULT 0,     -- attempts, withdrawn ones not counted
    terminated   INTEGER NOT NULL DEFAULT 0,     -- contacts finished: no retry pending
    open_retries INTEGER NOT NULL DEFAULT 0,     -- contacts waiting for a retry
    connected    INTEGER NOT NULL DEFAULT 0      -- attempts that were answered
) STRICT;
CREATE UNIQUE INDEX run_open ON run (tenant_id, campaign_id) WHERE ended_at IS NULL;
CREATE INDEX run_campaign ON run (campaign_id);

-- The lists of a run, as started or last reloaded.
CREATE TABLE run_list (
    tenant_id INTEGER NOT NULL,
    run_id    INTEGER NOT NULL REFERENCES run (id),
    list_id   INTEGER NOT NULL REFERENCES list (id),
    position  INTEGER NOT NULL,
    last_id   INTEGER,                           -- of its contacts when the run completed: later ones are not its work
    PRIMARY KEY (run_id, list_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_list_list ON run_list (list_id);

-- Where each contact of a run stands. No row: never attempted in this run.
CREATE TABLE run_contact (
    tenant_id  INTEGER NOT NULL,
    run_id     INTEGER NOT NULL,
    contact_id INTEGER NOT NULL,
    list_id    INTEGER NOT NULL,
    state      TEXT    NOT NULL,                 -- open | waiting | finished
    retry      INTEGER NOT NULL,                 -- of the open or last attempt; of the next one when waiting
    due_at     INTEGER,                          -- waiting only
    PRIMARY KEY (run_id, contact_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_contact_due ON run_contact (run_id, due_at, contact_id) WHERE state = 'waiting';

CREATE TABLE attempt (
    id            INTEGER PRIMARY KEY,
    tenant_id     INTEGER NOT NULL,
    call_id       INTEGER NOT NULL,
    leg_id        INTEGER NOT NULL,
    run_id        INTEGER NOT NULL,
    campaign_id   INTEGER NOT NULL,
    contact_id    INTEGER NOT NULL,
    list_id       INTEGER NOT NULL,
    number_ref    INTEGER NOT NULL,
    number_key    INTEGER NOT NULL,
    retry         INTEGER NOT NULL,
    trunk_id      INTEGER NOT NULL,
    end_point_id  INTEGER NOT NULL,
    pbx_id        INTEGER NOT NULL,
    state         TEXT    NOT NULL,              -- domain::CallState, or WITHDRAWN: journalled and never sent
    fault         TEXT,
    ext_state     TEXT    NOT NULL DEFAULT '',
    cause         INTEGER,                       -- Q.850, 0 unknown
    tech_cause    INTEGER,                       -- SIP
    ended_by      TEXT,
    scheduled_at  INTEGER NOT NULL,
    requested_at  INTEGER,
    connected_at  INTEGER,
    ended_at      INTEGER,                       -- NULL: open
    wait_pre_ms   INTEGER,                       -- sums of segments
    wait_after_ms INTEGER,
    talk_ms       INTEGER,
    retry_rule_id INTEGER,
    retry_at      INTEGER,                       -- NULL: no retry followed
    why           TEXT    NOT NULL DEFAULT ''    -- of a withdrawal
) STRICT;
-- Nobody is dialled twice for one turn, and never twice at a time: the guards of last resort.
CREATE UNIQUE INDEX attempt_turn ON attempt (run_id, contact_id, retry) WHERE state <> 'WITHDRAWN';
CREATE UNIQUE INDEX attempt_single_flight ON attempt (tenant_id, number_key) WHERE ended_at IS NULL;
CREATE INDEX attempt_run ON attempt (run_id, id);
CREATE INDEX attempt_contact ON attempt (contact_id);

CREATE TABLE call (
    id         INTEGER PRIMARY KEY,
    tenant_id  INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT;

CREATE TABLE leg (
    id          INTEGER PRIMARY KEY,
    tenant_id   INTEGER NOT NULL,
    call_id     INTEGER,
    pbx_id      INTEGER NOT NULL,
    channel     TEXT    NOT NULL,                -- Asterisk's channel id
    role        TEXT    NOT NULL,                -- customer
    started_at  INTEGER NOT NULL,
    answered_at INTEGER,
    ended_at    INTEGER
) STRICT;

CREATE TABLE segment (
    call_id    INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    tenant_id  INTEGER NOT NULL,
    leg_id     INTEGER NOT NULL,
    kind       TEXT    NOT NULL,                 -- setup | ringing | talk
    started_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    PRIMARY KEY (call_id, position)
) STRICT, WITHOUT ROWID;

-- What happened, in order; written with the rows it is about, never read to rebuild them.
-- `data` holds no number, name or attribute value: contacts appear as ids and number_ref.
CREATE TABLE event (
    seq        INTEGER PRIMARY KEY,
    tenant_id  INTEGER NOT NULL,
    entity     TEXT    NOT NULL,                 -- attempt | run | dialling
    entity_id  INTEGER NOT NULL,
    entity_seq INTEGER NOT NULL,                 -- 1, 2, 3, ... per entity
    kind       TEXT    NOT NULL,                 -- dotted past tense
    version    INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    pbx_at     TEXT,                             -- the PBX's own words for when
    actor      TEXT    NOT NULL,                 -- '' = the dialler
    cause      TEXT    NOT NULL,
    data       TEXT    NOT NULL                  -- JSON object
) STRICT;
CREATE UNIQUE INDEX event_entity ON event (entity, entity_id, entity_seq);
