-- What is done about calls that have ended, and what of it waits, is done or failed.
CREATE TABLE outcome_rule (
    id                   INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id            INTEGER NOT NULL,
    campaign_id          INTEGER NOT NULL REFERENCES campaign (id),
    position             INTEGER NOT NULL,
    status               TEXT    NOT NULL,            -- a final call state
    status_ext           TEXT    NOT NULL,            -- '': calls without one; '*': every call
    with_retries_pending INTEGER NOT NULL,            -- 0 | 1
    verb                 TEXT    NOT NULL,            -- NONE | HTTP_GET | HTTP_POST | ADD_LIST | ADD_BLACKLIST | EMAIL | RESCHEDULE
    list_id              INTEGER REFERENCES list (id),
    to_campaign_id       INTEGER REFERENCES campaign (id),
    destination          TEXT    NOT NULL,            -- address, or receivers
    text                 TEXT    NOT NULL,
    defer_s              INTEGER NOT NULL,
    var_mode             TEXT    NOT NULL,            -- ALL | INPUT | OUTPUT | NONE
    attributes           TEXT    NOT NULL             -- name and value pairs as JSON
) STRICT;
CREATE INDEX outcome_rule_campaign ON outcome_rule (campaign_id);
CREATE INDEX outcome_rule_list ON outcome_rule (list_id) WHERE list_id IS NOT NULL;
CREATE INDEX outcome_rule_to_campaign ON outcome_rule (to_campaign_id) WHERE to_campaign_id IS NOT NULL;

CREATE TABLE outcome_action (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id   INTEGER NOT NULL,
    attempt_id  INTEGER NOT NULL,
    run_id      INTEGER NOT NULL REFERENCES run (id),
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    contact_id  INTEGER NOT NULL,
    rule_id     INTEGER NOT NULL,
    rule        TEXT    NOT NULL,                     -- as it was when the call ended, JSON
    outside     INTEGER NOT NULL,                     -- 1: tells another system
    state       TEXT    NOT NULL,                     -- waiting | done | failed
    due_at      INTEGER NOT NULL,                     -- of the next try
    not_before  INTEGER NOT NULL,                     -- the end of the call and the rule's delay
    tries       INTEGER NOT NULL DEFAULT 0,
    said        TEXT    NOT NULL DEFAULT '',          -- of the last try, for people
    changed_at  INTEGER NOT NULL,
    to_campaign_id INTEGER,                        -- whose run the number is to be added to
    UNIQUE (attempt_id, rule_id)
) STRICT;
CREATE INDEX outcome_action_due ON outcome_action (outside, due_at) WHERE state = 'waiting';
CREATE INDEX outcome_action_to_campaign ON outcome_action (to_campaign_id) WHERE state = 'waiting';
CREATE INDEX outcome_action_run ON outcome_action (run_id, state);
CREATE INDEX outcome_action_failed ON outcome_action (id) WHERE state = 'failed';

-- How often outcome rules handed the contact on before it came here.
ALTER TABLE contact ADD COLUMN handed_on INTEGER NOT NULL DEFAULT 0;
