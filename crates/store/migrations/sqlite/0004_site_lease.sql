-- Who may dial for a site: one process at a time. Each taking raises the fence; what was decided under an old one is refused.
CREATE TABLE site_lease (
    tenant_id  INTEGER NOT NULL,
    site       INTEGER NOT NULL,
    fence      INTEGER NOT NULL,                 -- 0: never taken
    holder     TEXT    NOT NULL,                 -- host and process, for people; '' = given back
    process    TEXT    NOT NULL,                 -- tells whether the holder is dead, on its own machine
    renewals   INTEGER NOT NULL,                 -- grows every second while the holder lives
    renewed_at INTEGER NOT NULL,                 -- the holder's clock, for people
    PRIMARY KEY (tenant_id, site)
) STRICT, WITHOUT ROWID;
INSERT INTO site_lease (tenant_id, site, fence, holder, process, renewals, renewed_at) VALUES (1, 1, 0, '', '', 0, 0);

-- Every transaction that writes updates it first: so it proves its fence, and whoever takes the lease waits for it.
-- Not the row above, which is renewed meanwhile.
CREATE TABLE site_writer (
    tenant_id INTEGER NOT NULL,
    site      INTEGER NOT NULL,
    fence     INTEGER NOT NULL,
    commits   INTEGER NOT NULL,                  -- of the journal: tells whether one whose answer was lost has happened
    PRIMARY KEY (tenant_id, site)
) STRICT, WITHOUT ROWID;
INSERT INTO site_writer (tenant_id, site, fence, commits) VALUES (1, 1, 0, 0);
