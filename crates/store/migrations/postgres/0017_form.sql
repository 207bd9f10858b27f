-- How a webhook is told: the event as JSON, or an ended attempt as a form.
ALTER TABLE webhook ADD COLUMN format TEXT NOT NULL DEFAULT 'JSON'; -- JSON | FORM
