-- What a user may do, and the keys that come with it.
CREATE TABLE user_class (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id   INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    role        TEXT    NOT NULL,                -- read | operate | admin
    keys        TEXT    NOT NULL,                -- space separated
    all_keys    INTEGER NOT NULL,                -- 0 | 1: sees what any key locks
    UNIQUE (tenant_id, name)
) STRICT;
INSERT INTO user_class (tenant_id, name, description, role, keys, all_keys) VALUES
    (1, 'Administrator', 'Configures everything and sees everything', 'admin', '', 1),
    (1, 'Operator', 'Starts, pauses and feeds runs', 'operate', '', 0),
    (1, 'Viewer', 'Looks, and changes nothing', 'read', '', 0);

CREATE TABLE user_account (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id         INTEGER NOT NULL,
    login             TEXT    NOT NULL,          -- lower case
    name              TEXT    NOT NULL,
    email             TEXT    NOT NULL,
    enabled           INTEGER NOT NULL,          -- 0 | 1
    class_id          INTEGER NOT NULL REFERENCES user_class (id),
    keys              TEXT    NOT NULL,          -- space separated; -B takes away what the class grants
    comment           TEXT    NOT NULL,
    password          TEXT    NOT NULL,          -- argon2id, as a PHC string
    last_signed_in_at INTEGER,
    created_at        INTEGER NOT NULL,
    UNIQUE (tenant_id, login)
) STRICT;
CREATE INDEX user_account_class ON user_account (class_id);

-- Who is signed in.
CREATE TABLE user_session (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id    INTEGER NOT NULL,
    user_id      INTEGER NOT NULL REFERENCES user_account (id),
    hash         BLOB    NOT NULL UNIQUE,        -- SHA-256 of what the browser holds
    signed_in_at INTEGER NOT NULL,
    seen_at      INTEGER NOT NULL                -- when it was last used, to the minute
) STRICT;
CREATE INDEX user_session_user ON user_session (user_id);

-- Wrong sign-ins, also for logins that do not exist: nobody can tell one from the other.
CREATE TABLE sign_in_failure (
    tenant_id    INTEGER NOT NULL,
    login_key    BLOB    NOT NULL,               -- of the login under the installation's secret
    failures     INTEGER NOT NULL,
    since        INTEGER NOT NULL,
    locked_until INTEGER,
    PRIMARY KEY (tenant_id, login_key)
) STRICT, WITHOUT ROWID;

-- Who may see an entity: holders of its key ('': everybody) and whoever made it.
ALTER TABLE pbx ADD COLUMN security_key TEXT NOT NULL DEFAULT '';
ALTER TABLE pbx ADD COLUMN created_by INTEGER;
ALTER TABLE pbx ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trunk ADD COLUMN security_key TEXT NOT NULL DEFAULT '';
ALTER TABLE trunk ADD COLUMN created_by INTEGER;
ALTER TABLE trunk ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;
ALTER TABLE end_point ADD COLUMN security_key TEXT NOT NULL DEFAULT '';
ALTER TABLE end_point ADD COLUMN created_by INTEGER;
ALTER TABLE end_point ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;
ALTER TABLE list ADD COLUMN security_key TEXT NOT NULL DEFAULT '';
ALTER TABLE list ADD COLUMN created_by INTEGER;
ALTER TABLE campaign ADD COLUMN security_key TEXT NOT NULL DEFAULT '';
ALTER TABLE campaign ADD COLUMN created_by INTEGER;
ALTER TABLE suppression_list ADD COLUMN security_key TEXT NOT NULL DEFAULT '';
ALTER TABLE suppression_list ADD COLUMN created_by INTEGER;
-- NULL: it sees everything.
ALTER TABLE token ADD COLUMN keys TEXT;

-- Who changed what of the configuration, with what it was before and what it became.
CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id  INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    actor      TEXT    NOT NULL,                 -- a user's login, a token's name, '' = carillon itself
    by_user    INTEGER NOT NULL,                 -- 0 | 1: the actor is a user
    action     TEXT    NOT NULL,                 -- created | changed | deleted | ...
    entity     TEXT    NOT NULL,
    entity_id  INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    before     TEXT,                             -- JSON object without secrets
    after      TEXT
) STRICT;
CREATE INDEX audit_entity ON audit (tenant_id, entity, entity_id, id);
