-- How a PBX is reached, and how fast it is spoken to over its manager interface.
ALTER TABLE pbx ADD COLUMN link TEXT NOT NULL DEFAULT 'ARI';                -- ARI or AMI
ALTER TABLE pbx ADD COLUMN unit_ms BIGINT NOT NULL DEFAULT 50;
ALTER TABLE pbx ADD COLUMN messages_per_unit BIGINT NOT NULL DEFAULT 5;
