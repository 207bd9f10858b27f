-- Calls that programs add to a live run: a list of the campaign's own holds them.
ALTER TABLE list ADD COLUMN auto_of INTEGER REFERENCES campaign (id);          -- NULL: an ordinary list
CREATE UNIQUE INDEX list_auto_of ON list (auto_of) WHERE auto_of IS NOT NULL;
-- What the dialplan or a program told of a call: name and value pairs as JSON.
ALTER TABLE attempt ADD COLUMN outputs TEXT NOT NULL DEFAULT '[]';
