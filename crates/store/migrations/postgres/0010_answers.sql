-- What each webhook was told and what it answered, 256 events to a row: written with how far it is, once a second at most.
CREATE TABLE webhook_told (
    tenant_id  BIGINT NOT NULL,
    block      BIGINT NOT NULL,                 -- seq / 256
    webhook_id BIGINT NOT NULL,                 -- its rows stay when it is deleted
    name       TEXT    NOT NULL,                 -- of the webhook, when the row was written last
    entries    TEXT    NOT NULL,                 -- JSON without its brackets: [seq,at,try,took_ms,status or why],...
    PRIMARY KEY (tenant_id, block, webhook_id)
);
