-- Whether and how a campaign's calls are written to the queue_log of the PBX.
ALTER TABLE campaign ADD COLUMN queue_log TEXT NOT NULL DEFAULT '{"enabled":false,"alias":"","attributes":[]}';
