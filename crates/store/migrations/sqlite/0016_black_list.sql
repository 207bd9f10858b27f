-- Lists whose numbers a campaign does not call.
CREATE TABLE campaign_black_list (
    tenant_id   INTEGER NOT NULL,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    list_id     INTEGER NOT NULL REFERENCES list (id),
    position    INTEGER NOT NULL,
    PRIMARY KEY (campaign_id, list_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX campaign_black_list_list ON campaign_black_list (list_id);
