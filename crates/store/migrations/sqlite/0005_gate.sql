-- Whom a campaign may call and when.
ALTER TABLE campaign ADD COLUMN packs  TEXT NOT NULL DEFAULT '["default"]'; -- names of rule packs as JSON
ALTER TABLE campaign ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';          -- domain::rules::Limits as JSON

-- A contact that a rule put off waits without an attempt; one that a rule refuses is looked at again with a reload.
-- run_contact.state: open | waiting | refused | finished
ALTER TABLE run_contact ADD COLUMN put_off_by TEXT;                         -- code of the rule; NULL: waits for a retry
CREATE INDEX run_contact_refused ON run_contact (run_id, contact_id) WHERE state = 'refused';
ALTER TABLE run ADD COLUMN put_off INTEGER NOT NULL DEFAULT 0;              -- contacts that wait because of a rule
ALTER TABLE run ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;              -- contacts that a rule refuses

-- What the caps of a number and of a person count.
ALTER TABLE attempt ADD COLUMN person_key INTEGER;                          -- keyed hash of the contact's PERSON
CREATE INDEX attempt_number ON attempt (tenant_id, number_key, scheduled_at);
CREATE INDEX attempt_number_talk ON attempt (tenant_id, number_key, connected_at) WHERE connected_at IS NOT NULL;
CREATE INDEX attempt_person ON attempt (tenant_id, person_key, scheduled_at) WHERE person_key IS NOT NULL;
CREATE INDEX attempt_person_talk ON attempt (tenant_id, person_key, connected_at)
    WHERE person_key IS NOT NULL AND connected_at IS NOT NULL;

-- Lists of numbers that must not be called. What an `optout` list holds is added and never removed; a `registry` is
-- replaced as a whole by the file of its keeper.
CREATE TABLE suppression_list (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id   INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    kind        TEXT    NOT NULL,                -- optout | registry
    everywhere  INTEGER NOT NULL,                -- 0: only for the campaigns that suppression_list_campaign names | 1
    created_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL,                -- of a registry: the one in force; 0: none yet, and of opt-outs
    entries     INTEGER NOT NULL,                -- of a registry: numbers of that version
    imported_at INTEGER,                         -- of a registry: when it came into force
    UNIQUE (tenant_id, name)
) STRICT;
INSERT INTO suppression_list (id, tenant_id, name, kind, everywhere, created_at, version, entries)
    VALUES (1, 1, 'global', 'optout', 1, 0, 0, 0);

CREATE TABLE suppression_list_campaign (
    tenant_id   INTEGER NOT NULL,
    list_id     INTEGER NOT NULL REFERENCES suppression_list (id),
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    PRIMARY KEY (list_id, campaign_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX suppression_list_campaign_campaign ON suppression_list_campaign (campaign_id);

-- What was suppressed so far holds for every campaign. A number may be on several lists.
ALTER TABLE suppression ADD COLUMN list_id INTEGER NOT NULL DEFAULT 1;
CREATE INDEX suppression_of_list ON suppression (tenant_id, list_id, id);
CREATE TABLE suppression_spelling (
    tenant_id      INTEGER NOT NULL,
    number_key     INTEGER NOT NULL,
    list_id        INTEGER NOT NULL,
    suppression_id INTEGER NOT NULL REFERENCES suppression (id),
    PRIMARY KEY (tenant_id, number_key, list_id)
) STRICT, WITHOUT ROWID;
INSERT INTO suppression_spelling (tenant_id, number_key, list_id, suppression_id)
    SELECT tenant_id, number_key, 1, suppression_id FROM suppression_key;
DROP TABLE suppression_key;
ALTER TABLE suppression_spelling RENAME TO suppression_key;
CREATE INDEX suppression_key_suppression ON suppression_key (suppression_id);

-- Numbers of registries, one key each: whoever asks asks for every spelling. Only the version that suppression_list
-- names is in force; the others are on their way in or out.
CREATE TABLE registry_key (
    tenant_id  INTEGER NOT NULL,
    list_id    INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    number_key INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, list_id, version, number_key)
) STRICT, WITHOUT ROWID;
