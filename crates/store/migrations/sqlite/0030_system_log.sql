-- The system log reads what is not about attempts, and who signed in, newest first.
CREATE INDEX event_system ON event (tenant_id, at, seq) WHERE entity <> 'attempt';
CREATE INDEX audit_people ON audit (tenant_id, at, id) WHERE entity = 'user';
