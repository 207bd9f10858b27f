//! What is wrong, as the live figures show it.

use super::episodes::{AlertKind, Trouble};
use crate::live::{Circuit, Live, PbxState};
use domain::Timestamp;
use store::WebhookRecord;

/// Events behind a webhook's place, from which on it is told.
const BACKLOG: u64 = 10_000;
/// A webhook that takes nothing for so long while events wait for it, milliseconds.
const TAKES_NOTHING_MS: i64 = 300_000;

/// Webhooks that do not take their events.
pub(super) fn of_webhooks(webhooks: &[WebhookRecord], now: Timestamp) -> Vec<Trouble> {
    let wrong = |record: &&WebhookRecord| {
        let taken = record.last_delivered_at.unwrap_or(record.created_at);
        let waits = record.behind > 0 || record.lanes > 0;
        let fails = record.last_error_at.is_some_and(|failed| failed > taken) && waits;
        record.webhook.enabled && (record.behind >= BACKLOG || (fails && now.ms_since(taken) >= TAKES_NOTHING_MS))
    };
    let trouble = |record: &WebhookRecord| {
        let (webhook, behind) = (&record.webhook, record.behind);
        let because = if record.last_error.is_empty() { String::new() } else { format!(" ({})", record.last_error) };
        let why = format!("webhook {} does not take its events{because}: it is {behind} behind", webhook.name);
        Trouble { kind: AlertKind::WebhookBacklog, subject: webhook.id.0, name: webhook.name.clone(), why }
    };
    webhooks.iter().filter(wrong).map(trouble).collect()
}

/// Everything that is wrong at this instant.
pub(super) fn of(live: &Live) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let mut wrong = |kind, subject, name: &str, why: String| {
        troubles.push(Trouble { kind, subject, name: name.to_owned(), why });
    };
    for pbx in live.pbxs.iter().filter(|pbx| !pbx.harbour_why.is_empty()) {
        let why = format!(
            "PBX {} did not bring a person who found no agent to the recorded message ({}): they wait on and count as \
             abandoned. May its manager user write `call`?",
            pbx.name, pbx.harbour_why
        );
        wrong(AlertKind::HarbourMissed, pbx.id.0, &pbx.name, why);
    }
    for pbx in &live.pbxs {
        let state = match pbx.state {
            PbxState::Up | PbxState::Reconciling => continue,
            PbxState::Stale => "does not answer",
            PbxState::Down => "is not connected",
        };
        let because = if pbx.why.is_empty() { String::new() } else { format!(" ({})", pbx.why) };
        let why = format!("PBX {} {state}{because}: nothing new is dialled on it", pbx.name);
        wrong(AlertKind::PbxLost, pbx.id.0, &pbx.name, why);
    }
    if let Some(hold) = &live.hold {
        let why = format!("dialling is held by {}: {}", hold.by, hold.why);
        wrong(AlertKind::DiallingHeld, 0, "", why);
    }
    if let Some(storage) = &live.storage {
        wrong(AlertKind::Storage, 0, "", format!("no new call is begun: {}", storage.why));
    }
    for trunk in live.trunks.iter().filter(|trunk| trunk.circuit != Circuit::Closed) {
        let why = format!("trunk {} rests: its carrier refused call after call", trunk.name);
        wrong(AlertKind::CircuitOpen, trunk.id.0, &trunk.name, why);
    }
    troubles
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::Webhook;

    #[test]
    fn a_webhook_is_told_of_when_it_takes_nothing_for_long_or_is_far_behind() {
        let minute = |minutes: i64| Timestamp(minutes * 60_000_000);
        let webhook = Webhook {
            id: domain::WebhookId(3),
            name: "crm".into(),
            url: "https://crm.example/".into(),
            format: store::WebhookFormat::Json,
            campaign: None,
            kinds: vec![],
            enabled: true,
            timeout_ms: 1_000,
            max_tries: 20,
        };
        let fine = WebhookRecord {
            webhook,
            header_names: vec![],
            created_at: minute(0),
            since: 0,
            place: 5,
            delivered: 5,
            last_delivered_at: Some(minute(10)),
            last_error: "answered 500".into(),
            last_error_at: Some(minute(9)),
            lanes: 0,
            dead: 0,
            behind: 50,
        };
        let told = |record: WebhookRecord| of_webhooks(&[record], minute(20)).len();
        assert_eq!(told(fine.clone()), 0);
        assert_eq!(told(WebhookRecord { behind: 10_000, ..fine.clone() }), 1);
        let failing = WebhookRecord { last_error_at: Some(minute(11)), ..fine };
        assert_eq!(told(failing.clone()), 1);
        assert_eq!(told(WebhookRecord { behind: 0, ..failing.clone() }), 0, "nothing waits for it");
        assert_eq!(
            told(WebhookRecord {
                last_delivered_at: Some(minute(16)),
                last_error_at: Some(minute(19)),
                ..failing.clone()
            }),
            0
        );
        let resting = Webhook { enabled: false, ..failing.webhook.clone() };
        assert_eq!(told(WebhookRecord { webhook: resting, ..failing }), 0);
    }
}
