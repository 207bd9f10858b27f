-- The books of abandoned calls: rows are added and never changed.
CREATE TABLE abandonment (
    tenant_id    INTEGER NOT NULL,
    campaign_id  INTEGER NOT NULL,
    position     INTEGER NOT NULL,                    -- from 1, without a gap
    period       INTEGER NOT NULL,                    -- the counting period, from 1
    period_start INTEGER NOT NULL,
    count        TEXT    NOT NULL,                    -- live | connected | abandoned | machine | person
    why          TEXT    NOT NULL,                    -- domain::abandonment::Why
    attempt_id   INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    waited_ms    INTEGER NOT NULL,                    -- from the answer
    abandoned_by INTEGER NOT NULL,                    -- -1 | 0 | 1
    live_by      INTEGER NOT NULL,                    -- -1 | 0 | 1
    abandoned    INTEGER NOT NULL,                    -- of the period, with this row
    live         INTEGER NOT NULL,                    -- of the period, with this row
    cap_ppm      INTEGER NOT NULL,
    deadline_ms  INTEGER NOT NULL,
    days         INTEGER NOT NULL,                    -- of one period
    previous     TEXT    NOT NULL,                    -- hash of the row before; '' of the first one
    hash         TEXT    NOT NULL,                    -- SHA-256 of domain::abandonment::Row::canonical
    PRIMARY KEY (campaign_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX abandonment_attempt ON abandonment (attempt_id);
CREATE INDEX abandonment_period ON abandonment (campaign_id, period, position);
CREATE TRIGGER abandonment_stays BEFORE UPDATE ON abandonment
BEGIN SELECT RAISE(ABORT, 'rows of the abandonment ledger are never changed'); END;
CREATE TRIGGER abandonment_is_kept BEFORE DELETE ON abandonment
BEGIN SELECT RAISE(ABORT, 'rows of the abandonment ledger are never deleted'); END;
