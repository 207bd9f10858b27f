-- Lists of a run that a person paused: their fresh contacts are not dialled.
ALTER TABLE run_list ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
