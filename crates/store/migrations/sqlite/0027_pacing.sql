-- How calls are launched for the agents of a campaign's queues, domain::Pacing as JSON. Campaigns that are there go by boost.
ALTER TABLE campaign ADD COLUMN pacing TEXT NOT NULL DEFAULT '{"mode":"boost"}';
