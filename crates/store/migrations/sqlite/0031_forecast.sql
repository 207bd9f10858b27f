-- The last forecasts of a campaign, so that they can be put beside what the run did.
CREATE TABLE forecast (
    id          INTEGER PRIMARY KEY,
    tenant_id   INTEGER NOT NULL,
    campaign_id INTEGER NOT NULL,
    run_id      INTEGER,                              -- the run that was open; NULL: the next one is meant
    made_at     INTEGER NOT NULL,
    actor       TEXT    NOT NULL,
    begins_at   INTEGER NOT NULL,
    horizon_s   INTEGER NOT NULL,
    result      TEXT    NOT NULL                      -- JSON, as the API told it
) STRICT;
CREATE INDEX forecast_campaign ON forecast (campaign_id, id);
