-- What agents and callees see of a campaign's calls, where it is not the same.
ALTER TABLE campaign ADD COLUMN agent_clid TEXT NOT NULL DEFAULT '';
ALTER TABLE campaign ADD COLUMN dial_presentation TEXT NOT NULL DEFAULT '';
