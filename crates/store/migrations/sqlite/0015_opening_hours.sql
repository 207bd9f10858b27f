-- Sets of rules that say when campaigns may dial; a campaign's sets must all be open.
CREATE TABLE opening_hours (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id    INTEGER NOT NULL,
    name         TEXT    NOT NULL,
    comment      TEXT    NOT NULL,
    default_mode TEXT    NOT NULL,                -- OPEN | CLOSED: where no rule matches
    zone         TEXT    NOT NULL,                -- IANA; '': that of the campaign
    security_key TEXT    NOT NULL DEFAULT '',
    created_by   INTEGER,
    hidden       INTEGER NOT NULL DEFAULT 0,      -- 0 | 1
    UNIQUE (tenant_id, name)
) STRICT;

-- The first rule that matches decides.
CREATE TABLE opening_rule (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id        INTEGER NOT NULL,
    opening_hours_id INTEGER NOT NULL REFERENCES opening_hours (id),
    position         INTEGER NOT NULL,
    mode             TEXT    NOT NULL,            -- OPEN | CLOSED
    days             TEXT    NOT NULL,            -- digits 1 (Sunday) to 7; '': any day
    date_from        TEXT    NOT NULL,            -- 2026-12-24 or 12-24; '': any date
    date_to          TEXT    NOT NULL,            -- inclusive; '': the first day only
    time_start       TEXT    NOT NULL,            -- HHMMSS
    time_end         TEXT    NOT NULL,            -- HHMMSS, inclusive
    comment          TEXT    NOT NULL
) STRICT;
CREATE INDEX opening_rule_opening_hours ON opening_rule (opening_hours_id);

CREATE TABLE campaign_opening_hours (
    tenant_id        INTEGER NOT NULL,
    campaign_id      INTEGER NOT NULL REFERENCES campaign (id),
    opening_hours_id INTEGER NOT NULL REFERENCES opening_hours (id),
    position         INTEGER NOT NULL,
    PRIMARY KEY (campaign_id, opening_hours_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX campaign_opening_hours_opening_hours ON campaign_opening_hours (opening_hours_id);
