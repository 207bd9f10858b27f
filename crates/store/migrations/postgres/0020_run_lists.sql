-- Lists of a run that a person paused: their fresh contacts are not dialled.
ALTER TABLE run_list ADD COLUMN paused BIGINT NOT NULL DEFAULT 0;
