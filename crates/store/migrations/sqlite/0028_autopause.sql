-- Agents who are called first are paused meanwhile; and those of calls that are over are found at a start.
ALTER TABLE campaign ADD COLUMN autopause INTEGER NOT NULL DEFAULT 0;
CREATE INDEX attempt_agent_ended ON attempt (ended_at) WHERE agent_leg_id IS NOT NULL;
