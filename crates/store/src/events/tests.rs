use super::*;
use crate::engine::query;
use crate::journal::events::{Event, Events};
use crate::testing::{Home, World, close, note};
use crate::{Store, Write};
use domain::journal::Fact;
use domain::{RunId, TenantId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

crate::testing::on_both_engines! {
    a_page_says_what_each_event_is_about_and_a_filter_picks_from_it;
    what_is_no_place_in_the_log_is_refused_and_what_is_gone_is_named;
    readers_of_one_feed_see_every_event_once_and_in_order_wherever_they_begin;
    a_reader_that_stops_and_goes_on_misses_nothing;
    a_feed_that_is_closed_ends_its_readers;
}

const PATIENCE: Duration = Duration::from_secs(20);

async fn started(store: &Store) -> (World, RunId) {
    let world = World::make(store).await;
    let run = store.start_run(&Scope::installation(), world.campaign.id, "ops", Timestamp(1)).await.unwrap();
    (world, run.id)
}

/// Attempts `from..to` from beginning to end: four events each, one commit each.
async fn call(store: &Store, world: &World, run: RunId, attempts: std::ops::Range<i64>) {
    for id in attempts {
        let index = usize::try_from(id - 1).unwrap();
        let batch = vec![
            Write::Attempt(world.attempt(id, run, index, 0)),
            note(id, Fact::Requested, 1),
            close(world.end(id, run, index, None)),
        ];
        store.commit(&Scope::installation(), batch).await.unwrap();
    }
}

async fn everything(store: &Store) -> Vec<LogEvent> {
    store.events_after(&Scope::installation(), 0, MAX_PAGE).await.unwrap()
}

fn kinds_of(events: &[LogEvent]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

async fn a_page_says_what_each_event_is_about_and_a_filter_picks_from_it(home: Home) {
    let store = home.open().await;
    let (world, run) = started(&store).await;
    call(&store, &world, run, 1..2).await;
    let scope = Scope::installation();
    store.set_hold(&scope, "ops", "ask 0669826982", Timestamp(9)).await.unwrap();
    let events = everything(&store).await;
    let expected = ["run.started", "attempt.scheduled", "leg.requested", "leg.ended", "attempt.ended", "dialling.held"];
    assert_eq!(kinds_of(&events), expected);
    let campaign = Some(world.campaign.id.0);
    let about: Vec<_> = events.iter().map(|event| (event.campaign, event.contact.is_some())).collect();
    assert_eq!(about[..2], [(campaign, false), (campaign, true)]);
    assert_eq!(about[5], (None, false));
    let json: Value = serde_json::from_str(&events[2].json).unwrap();
    assert_eq!([&json["run"], &json["entity_seq"], &json["data"]["leg"]], [run.0, 2, 1]);
    assert!(!events[5].json.contains("0669826982"), "{}", events[5].json);

    let pick = |filter: EventFilter, scope: &Scope| {
        filter.check().unwrap();
        events.iter().filter(|event| filter.wants(scope, event)).map(|e| e.kind.clone()).collect::<Vec<_>>()
    };
    let legs = EventFilter { kinds: vec!["leg.*".into()], ..EventFilter::default() };
    assert_eq!(pick(legs, &scope), ["leg.requested", "leg.ended"]);
    let entity = EventFilter { entity: Some("run".into()), entity_id: Some(run.0), ..EventFilter::default() };
    assert_eq!(pick(entity, &scope), ["run.started"]);
    let campaign = EventFilter { campaign: Some(world.campaign.id), ..EventFilter::default() };
    assert_eq!(pick(campaign, &scope).len(), 5);
    let stranger = Scope { campaigns: crate::Campaigns::Only(vec![CampaignId(77)]), ..Scope::installation() };
    assert_eq!(pick(EventFilter::default(), &stranger), ["dialling.held"]);
    let another = Scope { tenant: TenantId(2), ..Scope::installation() };
    assert!(store.events_after(&another, 0, 10).await.unwrap().is_empty());
}

async fn what_is_no_place_in_the_log_is_refused_and_what_is_gone_is_named(home: Home) {
    let store = home.open().await;
    assert_eq!(store.events_from(None).await.unwrap(), 0);
    let (world, run) = started(&store).await;
    call(&store, &world, run, 1..3).await;
    let newest = store.retained_events().await.unwrap().newest;
    assert_eq!(store.events_from(None).await.unwrap(), newest);
    assert_eq!(store.events_from(Some(0)).await.unwrap(), 0);
    assert_eq!(store.events_from(Some(newest)).await.unwrap(), newest);
    assert!(matches!(store.events_from(Some(newest + 1)).await, Err(Error::Invalid(_))));
    assert!(matches!(store.events_from(Some(-1)).await, Err(Error::Invalid(_))));
    let mut transaction = store.begin().await.unwrap();
    query("DELETE FROM event WHERE seq < 5").execute(&mut transaction).await.unwrap();
    query("UPDATE event_log SET dropped_to = 4").execute(&mut transaction).await.unwrap();
    transaction.commit().await.unwrap();
    let gone = store.events_from(Some(2)).await.unwrap_err();
    assert!(matches!(gone, Error::EventsDropped { after: 2, oldest: 5 }), "{gone}");
    assert_eq!(store.events_from(Some(0)).await.unwrap(), 4, "from the oldest there is");
    assert_eq!(store.events_from(Some(4)).await.unwrap(), 4, "nothing is missing behind it");
    assert_eq!(store.events_from(Some(5)).await.unwrap(), 5);

    for (filter, field) in [
        (EventFilter { entity: Some("weather".into()), ..EventFilter::default() }, "entity"),
        (EventFilter { entity_id: Some(1), ..EventFilter::default() }, "id"),
        (EventFilter { kinds: vec!["leg".into()], ..EventFilter::default() }, "kind"),
        (EventFilter { kinds: vec!["*".into()], ..EventFilter::default() }, "kind"),
    ] {
        assert_eq!(filter.check().unwrap_err().field, field, "{filter:?}");
    }
}

/// What a reader is given until it has come to `upto`.
async fn read_to(reader: &mut Subscription, upto: i64) -> Vec<Arc<LogEvent>> {
    let mut events = Vec::new();
    while reader.position() < upto {
        let batch = tokio::time::timeout(PATIENCE, reader.next()).await.expect("in time").unwrap().unwrap();
        events.extend(batch.events);
    }
    events
}

async fn readers_of_one_feed_see_every_event_once_and_in_order_wherever_they_begin(home: Home) {
    let store = home.open().await;
    let (world, run) = started(&store).await;
    call(&store, &world, run, 1..3).await;
    let feed = Feed::start(store.clone());
    let middle = store.retained_events().await.unwrap().newest;
    let readers = [0, 0, 3, middle].map(|after| (after, feed.subscribe(after)));
    let (mut readers, mut readings) = (Vec::from(readers), Vec::new());
    call(&store, &world, run, 3..11).await;
    let newest = store.retained_events().await.unwrap().newest;
    for (after, mut reader) in readers.drain(..) {
        readings.push(tokio::spawn(async move { (after, read_to(&mut reader, newest).await) }));
    }
    let all = everything(&store).await;
    for reading in readings {
        let (after, given) = reading.await.unwrap();
        let wanted: Vec<_> = all.iter().filter(|event| event.seq > after).collect();
        assert!(given.iter().map(|event| &**event).eq(wanted), "behind {after}");
    }
    let mut places: BTreeMap<(String, i64), i64> = BTreeMap::new();
    for event in &all {
        let json: Value = serde_json::from_str(&event.json).unwrap();
        let last = places.entry((event.entity.clone(), event.entity_id)).or_default();
        *last += 1;
        assert_eq!(json["entity_seq"], *last, "{}", event.json);
    }
}

/// More events than are kept in memory, in few commits.
async fn many(store: &Store, count: i64) {
    for from in (0..count).step_by(1_000) {
        let mut transaction = store.begin().await.unwrap();
        let mut events = Events::default();
        for n in from..(from + 1_000).min(count) {
            let mut event =
                Event::of_dialling(Scope::installation().tenant, "dialling.lifted", Timestamp(n), "ops", json!({}));
            event.entity_seq = n + 1;
            events.push(event);
        }
        events.write(&mut transaction).await.unwrap();
        transaction.commit().await.unwrap();
    }
}

async fn a_reader_that_stops_and_goes_on_misses_nothing(home: Home) {
    let store = home.open().await;
    let feed = Feed::start(store.clone());
    let mut slow = feed.subscribe(0);
    let mut quick = feed.subscribe(0);
    many(&store, 10_000).await;
    let newest = store.retained_events().await.unwrap().newest;
    assert_eq!(read_to(&mut quick, newest).await.len(), 10_000);
    // Behind what is in memory; the future is dropped half way, as a cut connection does.
    let mut first = slow.next().await.unwrap().unwrap();
    tokio::select! {
        biased;
        // There at once only where memory still reaches back so far.
        next = slow.next() => first.events.extend(next.unwrap().unwrap().events),
        () = std::future::ready(()) => {}
    }
    let rest = read_to(&mut slow, newest).await;
    let seqs: Vec<i64> = first.events.iter().chain(&rest).map(|event| event.seq).collect();
    assert_eq!(seqs.len(), 10_000);
    assert!(seqs.is_sorted_by(|a, b| a < b));
    // And one that comes after everybody had left.
    drop((slow, quick));
    let mut late = feed.subscribe(newest - 5_000);
    assert_eq!(read_to(&mut late, newest).await.len(), 5_000);
}

async fn a_feed_that_is_closed_ends_its_readers(home: Home) {
    let store = home.open().await;
    let feed = Feed::start(store);
    let mut reader = feed.subscribe(0);
    let waiting = tokio::spawn(async move { reader.next().await });
    feed.close();
    assert_eq!(tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap(), None);
}
