-- Agents who are shown whom they would call, and for how long.
ALTER TABLE end_point ADD COLUMN preview INTEGER NOT NULL DEFAULT 0;
ALTER TABLE end_point ADD COLUMN reservation_minutes INTEGER NOT NULL DEFAULT 10;
