-- Lists whose numbers a campaign does not call.
CREATE TABLE campaign_black_list (
    tenant_id   BIGINT NOT NULL,
    campaign_id BIGINT NOT NULL REFERENCES campaign (id),
    list_id     BIGINT NOT NULL REFERENCES list (id),
    position    BIGINT NOT NULL,
    PRIMARY KEY (campaign_id, list_id)
);
CREATE INDEX campaign_black_list_list ON campaign_black_list (list_id);
