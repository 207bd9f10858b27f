use super::*;
use crate::testing::{Home, World, close};
use crate::{Store, Write};
use std::collections::BTreeMap;

crate::testing::on_both_engines! {
    a_webhook_begins_now_keeps_its_secrets_and_is_changed_and_deleted;
    what_a_webhook_cannot_be_is_refused_by_field;
    progress_is_written_and_read_again_and_a_replay_goes_back;
    a_lane_holds_what_belongs_to_one_contact;
    an_attempt_says_who_was_told_of_it_and_who_waits;
}

fn webhook(name: &str) -> Webhook {
    Webhook {
        id: WebhookId(0),
        name: name.into(),
        url: "https://crm.example/hook".into(),
        format: WebhookFormat::Json,
        campaign: None,
        kinds: vec!["attempt.*".into()],
        enabled: true,
        timeout_ms: 5_000,
        max_tries: 20,
    }
}

fn secrets() -> Secrets {
    Secrets { key: vec![7; 32], headers: vec![("X-Key".into(), "s3cret-header".into())] }
}

/// A run with two attempts, each of three events.
async fn attempts(store: &Store) -> World {
    let scope = Scope::installation();
    let world = World::make(store).await;
    let run = store.start_run(&scope, world.campaign.id, "ops", Timestamp(1)).await.unwrap().id;
    for id in [1, 2] {
        let index = usize::try_from(id).unwrap() - 1;
        let batch = vec![Write::Attempt(world.attempt(id, run, index, 0)), close(world.end(id, run, index, None))];
        store.commit(&scope, batch).await.unwrap();
    }
    world
}

async fn a_webhook_begins_now_keeps_its_secrets_and_is_changed_and_deleted(home: Home) {
    let (store, scope) = (home.open().await, Scope::installation());
    attempts(&store).await;
    let newest = store.retained_events().await.unwrap().newest;
    let made = store.create_webhook(&scope, &webhook("crm"), &secrets()).await.unwrap();
    assert_eq!((made.place, made.since, made.behind), (newest, newest, 0));
    assert_eq!(made.header_names, ["X-Key"]);
    let error = store.create_webhook(&scope, &webhook("crm"), &secrets()).await.unwrap_err();
    assert_eq!(error.code(), "name_taken");
    let changed = Webhook { enabled: false, kinds: vec![], ..made.webhook.clone() };
    store.update_webhook(&scope, &changed, None, Some(&[])).await.unwrap();
    assert_eq!(store.webhook(&scope, made.webhook.id).await.unwrap().webhook, changed);
    let kept = store.webhook_secrets(&scope, made.webhook.id).await.unwrap();
    assert_eq!((kept.key, kept.headers), (vec![7; 32], vec![]));
    assert!(!format!("{:?}", secrets()).contains("s3cret"));
    if store.free_bytes().unwrap().is_some() {
        let file = std::fs::read(&home.settings.path).unwrap();
        assert!(!file.windows(13).any(|bytes| bytes == b"s3cret-header"), "a header is in the file in the clear");
    }
    store.delete_webhook(&scope, made.webhook.id).await.unwrap();
    assert_eq!(store.delete_webhook(&scope, made.webhook.id).await.unwrap_err().code(), "not_found");
}

async fn what_a_webhook_cannot_be_is_refused_by_field(home: Home) {
    let (store, scope) = (home.open().await, Scope::installation());
    let key = |key: Vec<u8>| Secrets { key, headers: vec![] };
    let headers = |name: &str, value: &str| Secrets { headers: vec![(name.into(), value.into())], ..secrets() };
    let cases = [
        (Webhook { name: String::new(), ..webhook("a") }, secrets(), "name"),
        (Webhook { url: String::new(), ..webhook("a") }, secrets(), "url"),
        (Webhook { timeout_ms: 50, ..webhook("a") }, secrets(), "timeout_ms"),
        (Webhook { max_tries: 0, ..webhook("a") }, secrets(), "max_tries"),
        (Webhook { kinds: vec!["leg".into()], ..webhook("a") }, secrets(), "kinds"),
        (Webhook { campaign: Some(CampaignId(9)), ..webhook("a") }, secrets(), "campaign"),
        (webhook("a"), key(vec![1; 8]), "secret"),
        (webhook("a"), headers("Host", "x"), "headers[0]"),
        (webhook("a"), headers("webhook-id", "x"), "headers[0]"),
        (webhook("a"), headers("X-A", "a\r\nb"), "headers[0]"),
        (webhook("a"), headers("X A", "a"), "headers[0]"),
    ];
    for (webhook, secrets, field) in cases {
        let error = store.create_webhook(&scope, &webhook, &secrets).await.unwrap_err();
        assert_eq!(error.field(), Some(field), "{error}");
    }
    for n in 0..MAX_WEBHOOKS {
        store.create_webhook(&scope, &webhook(&format!("w{n}")), &secrets()).await.unwrap();
    }
    assert_eq!(store.create_webhook(&scope, &webhook("more"), &secrets()).await.unwrap_err().code(), "conflict");
    // A campaign's own is not counted among them.
    let world = World::make(&store).await;
    let of_campaign = Webhook {
        format: WebhookFormat::Form,
        campaign: Some(world.campaign.id),
        kinds: vec![FORM_KIND.into()],
        ..webhook("own")
    };
    store.create_webhook(&scope, &of_campaign, &secrets()).await.unwrap();
}

async fn progress_is_written_and_read_again_and_a_replay_goes_back(home: Home) {
    let (store, scope) = (home.open().await, Scope::installation());
    let id = store.create_webhook(&scope, &webhook("crm"), &secrets()).await.unwrap().webhook.id;
    attempts(&store).await;
    let lane = |seq| Lane { seq, tries: 1, due_at: Timestamp(5), error: "answered 500".into() };
    let key = |id| LaneKey { entity: "contact".into(), id };
    let dead = |seq| Dead { seq, tries: 20, error: "answered 400".into(), at: Timestamp(6), again: false };
    let first = Progress {
        place: 3,
        delivered: 2,
        last_delivered_at: Some(Timestamp(4)),
        failed: Some((Timestamp(5), "answered 500".into())),
        lanes: BTreeMap::from([(key(1), Some(lane(2))), (key(2), Some(lane(3)))]),
        dead: BTreeMap::from([(1, Some(dead(1)))]),
        told: vec![],
    };
    let later = Progress {
        place: 5,
        delivered: 1,
        lanes: BTreeMap::from([(key(1), None)]),
        dead: BTreeMap::from([(4, Some(dead(4)))]),
        ..Progress::default()
    };
    let gone = (WebhookId(77), Progress::default());
    store.save_progress(&scope, &BTreeMap::from([(id, first.and(later)), gone])).await.unwrap();
    let record = store.webhook(&scope, id).await.unwrap();
    assert_eq!((record.place, record.delivered, record.lanes, record.dead), (5, 3, 1, 2));
    assert_eq!((record.last_error.as_str(), record.last_error_at), ("answered 500", Some(Timestamp(5))));
    assert_eq!(store.webhook_lanes(&scope, id).await.unwrap(), BTreeMap::from([(key(2), lane(3))]));
    assert_eq!(store.webhook_dead(&scope, id, 1, 10).await.unwrap(), [dead(4)]);
    assert!(store.webhook_again(&scope, id, 10).await.unwrap().is_empty());
    store.replay_dead(&scope, id).await.unwrap();
    assert_eq!(store.webhook_again(&scope, id, 10).await.unwrap().len(), 2);
    let back = store.replay_webhook(&scope, id, 2).await.unwrap();
    assert_eq!((back.place, back.since, back.lanes, back.dead), (2, 0, 0, 0));
    assert_eq!(store.replay_webhook(&scope, id, 99).await.unwrap_err().field(), Some("after"));
}

async fn an_attempt_says_who_was_told_of_it_and_who_waits(home: Home) {
    let (store, scope) = (home.open().await, Scope::installation());
    let make = async |change: Webhook| store.create_webhook(&scope, &change, &secrets()).await.unwrap().webhook.id;
    let crm = make(Webhook { kinds: vec![], ..webhook("crm") }).await;
    let sick = make(Webhook { kinds: vec![], ..webhook("sick") }).await;
    let resting = make(Webhook { enabled: false, ..webhook("resting") }).await;
    make(Webhook { kinds: vec!["run.*".into()], ..webhook("of runs") }).await;
    let world = attempts(&store).await;
    make(webhook("late")).await;
    let attempt = domain::AttemptId(1);
    let seqs: Vec<i64> = store.timeline(&scope, attempt).await.unwrap().iter().map(|event| event.seq).collect();
    let told = |seq, number, answer: Answer| Told {
        seq,
        at: Timestamp(1_000 * seq + i64::from(number)),
        number,
        took_ms: 7,
        answer,
    };
    let refused = || Answer::Refused("answered 500".into());
    let newest = store.retained_events().await.unwrap().newest;
    let first = Progress {
        place: seqs[1],
        told: vec![told(seqs[0], 1, refused()), told(seqs[1], 1, Answer::Taken(204))],
        ..Progress::default()
    };
    let later = Progress { place: newest, told: vec![told(seqs[0], 2, Answer::Taken(200))], ..Progress::default() };
    let contact = LaneKey { entity: "contact".into(), id: world.contacts[0].id.0 };
    let lane = Lane { seq: seqs[1], tries: 3, due_at: Timestamp(77), error: "answered 503".into() };
    let dead = Dead { seq: seqs[0], tries: 20, error: "answered 400".into(), at: Timestamp(6), again: false };
    let of_sick = Progress {
        place: newest,
        lanes: BTreeMap::from([(contact, Some(lane))]),
        dead: BTreeMap::from([(seqs[0], Some(dead))]),
        told: vec![told(seqs[0], 20, refused())],
        ..Progress::default()
    };
    for progress in [first, later] {
        store.save_progress(&scope, &BTreeMap::from([(crm, progress)])).await.unwrap();
    }
    store.save_progress(&scope, &BTreeMap::from([(sick, of_sick)])).await.unwrap();

    let all = store.notifications(&scope, attempt).await.unwrap();
    assert!(all.iter().is_sorted_by_key(|one| one.tries.first().map_or(i64::MAX, |told| told.at.0)), "{all:?}");
    let of = |id: WebhookId| -> Vec<(i64, Delivery, usize, &str)> {
        let mut of: Vec<_> = all.iter().filter(|one| one.webhook == id).collect();
        of.sort_by_key(|one| one.seq);
        of.into_iter().map(|one| (one.seq, one.delivery, one.tries.len(), one.why.as_str())).collect()
    };
    let behind = "an earlier event of the contact was not taken yet";
    let wanted =
        [(seqs[0], Delivery::Taken, 2, ""), (seqs[1], Delivery::Taken, 1, ""), (seqs[2], Delivery::Unknown, 0, "")];
    assert_eq!(of(crm), wanted);
    let wanted = [
        (seqs[0], Delivery::Dead, 1, "answered 400"),
        (seqs[1], Delivery::Waiting, 0, "answered 503"),
        (seqs[2], Delivery::Waiting, 0, behind),
    ];
    assert_eq!(of(sick), wanted);
    assert!(of(resting).iter().all(|one| (one.1, one.3) == (Delivery::Waiting, "the webhook is disabled")));
    assert_eq!(all.iter().filter(|one| ["of runs", "late"].contains(&one.name.as_str())).count(), 0);
    // What was told stays known when the webhook is gone, and goes with the events.
    store.delete_webhook(&scope, crm).await.unwrap();
    let all = store.notifications(&scope, attempt).await.unwrap();
    let of_crm: Vec<_> = all.iter().filter(|one| one.name == "crm").map(|one| (one.seq, one.delivery)).collect();
    assert_eq!(of_crm, [(seqs[0], Delivery::Taken), (seqs[1], Delivery::Taken)]);
}

async fn a_lane_holds_what_belongs_to_one_contact(home: Home) {
    let (store, scope) = (home.open().await, Scope::installation());
    let world = attempts(&store).await;
    let events = store.events_after(&scope, 0, 100).await.unwrap();
    let contact = LaneKey { entity: "contact".into(), id: world.contacts[1].id.0 };
    let wanted: Vec<_> = events.iter().filter(|event| LaneKey::of(event) == contact).cloned().collect();
    assert_eq!(wanted.len(), 3);
    assert_eq!(store.lane_events(&scope, &contact, (0, 100), 100).await.unwrap(), wanted);
    let middle = (wanted[0].seq, wanted[1].seq);
    assert_eq!(store.lane_events(&scope, &contact, middle, 100).await.unwrap(), wanted[1..2]);
    let run = LaneKey::of(&events[0]);
    assert_eq!(store.lane_events(&scope, &run, (0, 100), 1).await.unwrap(), events[..1]);
    assert_eq!(store.event(&scope, events[0].seq).await.unwrap(), Some(events[0].clone()));
    assert_eq!(store.event(&scope, 99).await.unwrap(), None);
}
