-- Letters about a campaign's runs: whom it writes to, and what waits to be sent beside what outcome rules ask for.
ALTER TABLE campaign ADD COLUMN mail TEXT NOT NULL DEFAULT '{"events":"NO","to":[]}';

ALTER TABLE outcome_action ALTER COLUMN attempt_id DROP NOT NULL;  -- of a call; NULL: a letter about the run
ALTER TABLE outcome_action ALTER COLUMN contact_id DROP NOT NULL;  -- of a call
ALTER TABLE outcome_action ALTER COLUMN rule_id DROP NOT NULL;     -- of a call
ALTER TABLE outcome_action ALTER COLUMN rule DROP NOT NULL;        -- as it was when the call ended, JSON
ALTER TABLE outcome_action ADD COLUMN letter TEXT;                 -- what is told about the run, JSON
CREATE INDEX outcome_action_letter ON outcome_action (run_id, id) WHERE letter IS NOT NULL;
