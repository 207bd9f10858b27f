-- End points whose queue is observed, over-dialling, and the manager user through which a PBX over ARI is observed.
ALTER TABLE end_point ADD COLUMN queue TEXT;                                -- of a QUEUE: as queues.conf calls it
ALTER TABLE end_point ADD COLUMN boost_permille BIGINT NOT NULL DEFAULT 1000;
ALTER TABLE end_point ADD COLUMN max_waiting BIGINT NOT NULL DEFAULT 2;
ALTER TABLE pbx ADD COLUMN manager_host TEXT;
ALTER TABLE pbx ADD COLUMN manager_port BIGINT;
ALTER TABLE pbx ADD COLUMN manager_username TEXT;
ALTER TABLE pbx ADD COLUMN manager_password BYTEA;                           -- sealed
ALTER TABLE campaign ADD COLUMN boost_permille BIGINT NOT NULL DEFAULT 1000;
ALTER TABLE run ADD COLUMN boost_permille BIGINT NOT NULL DEFAULT 1000;
