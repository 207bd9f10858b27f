-- Columns of an imported file that are left out.
ALTER TABLE import_job ADD COLUMN skip TEXT NOT NULL DEFAULT '[]'; -- JSON: names
