-- The books of abandoned calls: rows are added and never changed.
CREATE TABLE abandonment (
    tenant_id    BIGINT NOT NULL,
    campaign_id  BIGINT NOT NULL,
    position     BIGINT NOT NULL,                    -- from 1, without a gap
    period       BIGINT NOT NULL,                    -- the counting period, from 1
    period_start BIGINT NOT NULL,
    count        TEXT   NOT NULL,                    -- live | connected | abandoned | machine | person
    why          TEXT   NOT NULL,                    -- domain::abandonment::Why
    attempt_id   BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    waited_ms    BIGINT NOT NULL,                    -- from the answer
    abandoned_by BIGINT NOT NULL,                    -- -1 | 0 | 1
    live_by      BIGINT NOT NULL,                    -- -1 | 0 | 1
    abandoned    BIGINT NOT NULL,                    -- of the period, with this row
    live         BIGINT NOT NULL,                    -- of the period, with this row
    cap_ppm      BIGINT NOT NULL,
    deadline_ms  BIGINT NOT NULL,
    days         BIGINT NOT NULL,                    -- of one period
    previous     TEXT   NOT NULL,                    -- hash of the row before; '' of the first one
    hash         TEXT   NOT NULL,                    -- SHA-256 of domain::abandonment::Row::canonical
    PRIMARY KEY (campaign_id, position)
);
CREATE INDEX abandonment_attempt ON abandonment (attempt_id);
CREATE INDEX abandonment_period ON abandonment (campaign_id, period, position);
CREATE FUNCTION abandonment_refuses() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'rows of the abandonment ledger are never changed or deleted'; END $$;
CREATE TRIGGER abandonment_stays BEFORE UPDATE OR DELETE ON abandonment FOR EACH ROW EXECUTE FUNCTION abandonment_refuses();
CREATE TRIGGER abandonment_is_kept BEFORE TRUNCATE ON abandonment FOR EACH STATEMENT EXECUTE FUNCTION abandonment_refuses();
