-- Contacts with several numbers.
ALTER TABLE contact ADD COLUMN alternates TEXT;                             -- domain::Alternates as JSON; NULL: one number
-- Contacts by the keys of those numbers. Rows stay when a person is forgotten: a key is not a number.
CREATE TABLE contact_number (
    tenant_id  INTEGER NOT NULL,
    number_key INTEGER NOT NULL,
    contact_id INTEGER NOT NULL,
    list_id    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, number_key, contact_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX contact_number_contact ON contact_number (contact_id);
-- Which of the contact's numbers: 0 its own, n that of MULTINUMn. A turn is one of them in one round.
ALTER TABLE run_contact ADD COLUMN number_no INTEGER NOT NULL DEFAULT 0;    -- of the open or last attempt; of the next one when waiting
ALTER TABLE attempt ADD COLUMN number_no INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN next_number INTEGER;                         -- the number that followed at once
DROP INDEX attempt_turn;
CREATE UNIQUE INDEX attempt_turn ON attempt (run_id, contact_id, retry, number_no) WHERE state <> 'WITHDRAWN';
