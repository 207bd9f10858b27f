-- Agents who are called before the person: how an end point says so, and whom an attempt took.
ALTER TABLE end_point ADD COLUMN reverse BIGINT NOT NULL DEFAULT 0;
ALTER TABLE end_point ADD COLUMN dial_find TEXT NOT NULL DEFAULT '';        -- rewrites a member's interface
ALTER TABLE end_point ADD COLUMN dial_replace TEXT NOT NULL DEFAULT '';
ALTER TABLE attempt ADD COLUMN agent TEXT;                                  -- its telephone, as the queue names it
ALTER TABLE attempt ADD COLUMN agent_leg_id BIGINT;
