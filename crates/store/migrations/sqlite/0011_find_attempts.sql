-- Ways to a page of attempts that pass nothing that is not on it: in a campaign, in one of its states, in a list, in time.
CREATE INDEX attempt_campaign ON attempt (campaign_id, id);
CREATE INDEX attempt_state ON attempt (campaign_id, state, id) WHERE ended_at IS NOT NULL;
CREATE INDEX attempt_list ON attempt (list_id, id);
CREATE INDEX attempt_scheduled ON attempt (scheduled_at);
