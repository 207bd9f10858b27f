-- What was wrong, from when to when: told once when it began and once when it was over.
CREATE TABLE alert (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id INTEGER NOT NULL,
    kind      TEXT NOT NULL,                      -- pbx_lost | dialling_held | storage | circuit_open | outcome_mix | webhook_backlog
    subject   INTEGER NOT NULL,                        -- id of the PBX, trunk, campaign or webhook; 0: the installation
    name      TEXT NOT NULL,                      -- the one it had
    why       TEXT NOT NULL,
    raised_at INTEGER NOT NULL,
    ended_at  INTEGER,                                 -- NULL: it goes on
    mailed    INTEGER NOT NULL DEFAULT 0               -- letters sent: 1 that it began, 2 that it is over
) STRICT;
CREATE UNIQUE INDEX alert_open ON alert (tenant_id, kind, subject) WHERE ended_at IS NULL;
