-- Letters about a campaign's runs: whom it writes to, and what waits to be sent beside what outcome rules ask for.
ALTER TABLE campaign ADD COLUMN mail TEXT NOT NULL DEFAULT '{"events":"NO","to":[]}';

CREATE TABLE outcome_action_next (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id   INTEGER NOT NULL,
    attempt_id  INTEGER,                              -- of a call; NULL: a letter about the run
    run_id      INTEGER NOT NULL REFERENCES run (id),
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    contact_id  INTEGER,                              -- of a call
    rule_id     INTEGER,                              -- of a call
    rule        TEXT,                                 -- as it was when the call ended, JSON
    letter      TEXT,                                 -- what is told about the run, JSON
    outside     INTEGER NOT NULL,                     -- 1: tells another system
    state       TEXT    NOT NULL,                     -- waiting | done | failed
    due_at      INTEGER NOT NULL,                     -- of the next try
    not_before  INTEGER NOT NULL,                     -- the end of the call and the rule's delay; when a letter was due
    tries       INTEGER NOT NULL DEFAULT 0,
    said        TEXT    NOT NULL DEFAULT '',          -- of the last try, for people
    changed_at  INTEGER NOT NULL,
    to_campaign_id INTEGER,                           -- whose run the number is to be added to
    UNIQUE (attempt_id, rule_id)
) STRICT;
INSERT INTO outcome_action_next (id, tenant_id, attempt_id, run_id, campaign_id, contact_id, rule_id, rule, outside, state,
    due_at, not_before, tries, said, changed_at, to_campaign_id)
    SELECT id, tenant_id, attempt_id, run_id, campaign_id, contact_id, rule_id, rule, outside, state, due_at, not_before,
        tries, said, changed_at, to_campaign_id FROM outcome_action;
-- Ids are not given again: programs know actions by them.
DELETE FROM sqlite_sequence WHERE name = 'outcome_action_next';
INSERT INTO sqlite_sequence (name, seq) SELECT 'outcome_action_next', seq FROM sqlite_sequence WHERE name = 'outcome_action';
DROP TABLE outcome_action;
ALTER TABLE outcome_action_next RENAME TO outcome_action;
CREATE INDEX outcome_action_due ON outcome_action (outside, due_at) WHERE state = 'waiting';
CREATE INDEX outcome_action_to_campaign ON outcome_action (to_campaign_id) WHERE state = 'waiting';
CREATE INDEX outcome_action_run ON outcome_action (run_id, state);
CREATE INDEX outcome_action_failed ON outcome_action (id) WHERE state = 'failed';
CREATE INDEX outcome_action_letter ON outcome_action (run_id, id) WHERE letter IS NOT NULL;
