//! Measures the journal: how many calls a second it takes from decision to outcome, and how long a commit waits.
//!
//! `cargo run --profile bench-run -p store --example journal_rate -- [attempts per commit] [attempts] [folder]`
//!
//! On SQLite, or on the empty PostgreSQL database of `DATABASE_URL`.
//!
//! Each call is an attempt, four notes and a close, in two commits as in life: one before the request, one after it. With
//! `COUNTED` in the environment each has a fifth note and two rows of the abandonment ledger.

#![allow(clippy::print_stdout, reason = "printing figures is its job")]

use domain::abandonment::{CountingRule, Tally, Why};
use domain::journal::{AttemptEnd, Fact, NewAttempt, Note, Picked, Receipt, Segment};
use domain::outcome::Fault;
use domain::*;
use std::time::{Duration, Instant};
use store::{NewContact, Scope, Settings, Store, Write};

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let per_commit: usize = arguments.next().map_or(Ok(32), |text| text.parse())?;
    let total: usize = arguments.next().map_or(Ok(20_000), |text| text.parse())?;
    let folder = match arguments.next() {
        Some(parent) => tempfile::tempdir_in(parent)?,
        None => tempfile::tempdir()?,
    };
    let (path, key_file) = (folder.path().join("rate.db"), folder.path().join("key"));
    let server = match std::env::var("DATABASE_URL") {
        Ok(url) => Some(store::Server::parse(&url, None)?),
        Err(_) => None,
    };
    let settings = Settings { path, server, key_file, country: None };
    let store = Store::open(&settings).await?;
    store.begin_epoch().await?;
    let (run, campaign, contacts) = prepare(&store, total).await?;
    let scope = Scope::installation();
    let mut waits = Vec::new();
    let started = Instant::now();
    let processor = processor_time()?;
    for (number, some) in contacts.chunks(per_commit).enumerate() {
        let first = (number * per_commit) as i64 + 1;
        let ids = first..first + some.len() as i64;
        let attempts = ids.clone().zip(some).map(|(id, contact)| Write::Attempt(attempt(id, run, &campaign, contact)));
        commit(&store, &scope, attempts.collect(), &mut waits).await?;
        let rest = ids.zip(some).flat_map(|(id, contact)| life(id, run, campaign.id, contact));
        commit(&store, &scope, rest.collect(), &mut waits).await?;
    }
    let took = started.elapsed();
    let processor = processor_time()? - processor;
    waits.sort_unstable();
    let quantile = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
    let per_second = |time: Duration| total as f64 / time.as_secs_f64();
    println!("attempts {total}, {per_commit} per commit, {} commits", waits.len());
    println!("elapsed {:.2} s: {:.0} attempts/s", took.as_secs_f64(), per_second(took));
    println!("processor {:.2} s: {:.0} attempts/s per core", processor.as_secs_f64(), per_second(processor));
    println!("commit p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms", quantile(0.5), quantile(0.99), quantile(1.0));
    println!("totals {:?}", store.run(&scope, run).await?.totals);
    let reported = Instant::now();
    let report = store.report(&scope, &[run]).await?;
    println!(
        "report {:.0} ms: {} attempts, {} double, {} lost",
        reported.elapsed().as_secs_f64() * 1_000.0,
        report.attempts,
        report.double_dialled,
        report.lost
    );
    Ok(())
}

async fn commit(store: &Store, scope: &Scope, batch: Vec<Write>, waits: &mut Vec<Duration>) -> Result<(), Failure> {
    let started = Instant::now();
    let written = store.commit(scope, batch).await?;
    waits.push(started.elapsed());
    match written.into_iter().find(|written| !written.is_done()) {
        Some(refused) => Err(format!("{refused:?}").into()),
        None => Ok(()),
    }
}

async fn prepare(store: &Store, total: usize) -> Result<(RunId, Campaign, Vec<Contact>), Failure> {
    let scope = Scope::installation();
    let pbx = Pbx {
        id: PbxId(0),
        name: "office".into(),
        host: "127.0.0.1".into(),
        port: 8088,
        username: "carillon".into(),
        application: "carillon".into(),
        originates_per_second: 100,
        link: domain::PbxLink::Ari,
        unit_ms: 50,
        messages_per_unit: 5,
        manager: None,
    };
    let pbx = store.create_pbx(&scope, &pbx, "secret").await?.id;
    let trunk = Trunk {
        id: TrunkId(0),
        pbx,
        name: "out".into(),
        dial_string: "PJSIP/${num}@out".into(),
        capacity: 10_000,
        calls_per_second: 0,
        progress_timeout_ms: 10_000,
    };
    let end_point = EndPoint {
        id: EndPointId(0),
        pbx,
        name: "ivr".into(),
        kind: EndPointKind::Phone,
        context: "ivr".into(),
        extension: "100".into(),
        max_channels: 10_000,
        queue: None,
    };
    let list = store.create_list(&scope, "numbers").await?.id;
    let mut contacts = Vec::with_capacity(total);
    for first in (0..total).step_by(5_000) {
        let some = (first..total.min(first + 5_000)).map(|n| {
            let mut attributes = Attributes::default();
            attributes.add("NAME", &format!("Person {n}"))?;
            Ok(NewContact { number: Dialable::parse(&format!("39066{n:07}"), None)?, attributes })
        });
        store.add_contacts(&scope, list, some.collect::<Result<_, Invalid>>()?, false).await?;
    }
    while contacts.len() < total {
        let after = contacts.last().map_or(ContactId(0), |contact: &Contact| contact.id);
        contacts.extend(store.contacts(&scope, list, after, 1_000).await?);
    }
    let mut campaign = Campaign::named("spring", "UTC");
    campaign.packs = vec![domain::rules::pack::UNRESTRICTED.into()];
    campaign.trunks = vec![store.create_trunk(&scope, &trunk).await?.id];
    campaign.end_points = vec![store.create_end_point(&scope, &end_point).await?.id];
    campaign.lists = vec![list];
    let campaign = store.create_campaign(&scope, &campaign, "ana").await?;
    let run = store.start_run(&scope, campaign.id, "example", Timestamp(0)).await?;
    Ok((run.id, campaign, contacts))
}

fn attempt(id: i64, run: RunId, campaign: &Campaign, contact: &Contact) -> NewAttempt {
    NewAttempt {
        attempt: AttemptId(id),
        call: CallId(id),
        leg: LegId(id),
        run,
        campaign: campaign.id,
        contact: contact.id,
        list: contact.list,
        number_ref: contact.number_ref,
        number_key: contact.key,
        person_key: contact.person,
        retry: 0,
        number_no: 0,
        trunk: campaign.trunks[0],
        end_point: campaign.end_points[0],
        pbx: PbxId(1),
        scheduled_at: Timestamp(id * 1_000),
        agent: None,
        reserved: false,
        receipt: Receipt {
            picked: Picked::FreshInOrder,
            rules: ["hours", "single_flight", "trunk", "end_point", "rate"].map(Into::into).to_vec(),
            hours_until: None,
            trunk_in_use: 17,
            trunk_capacity: 100,
            end_point_in_use: 4,
            end_point_capacity: 100,
            probe: false,
            run_in_progress: 0,
            run_in_memory: 0,
            priority: 10,
            caller_id: Default::default(),
            contact: domain::rules::ContactReceipt::default(),
            queue: None,
            number: None,
        },
    }
}

fn life(id: i64, run: RunId, campaign: CampaignId, contact: &Contact) -> Vec<Write> {
    let start = Timestamp(id * 1_000);
    let mut facts = vec![
        (Fact::Requested, 1, None),
        (Fact::Created, 100, None),
        (Fact::Ringing, 200, None),
        (Fact::Answered, 400, None),
    ];
    if std::env::var_os("COUNTED").is_some() {
        let mut tally = Tally::new(campaign, CountingRule::default());
        facts[3].2 = Some(tally.live());
        facts.push((Fact::Abandoned, 2_400, tally.abandoned(Why::TooLate, 2_000)));
    }
    let notes = facts.into_iter().map(|(fact, ms, counted)| Write::Note {
        note: Note { attempt: AttemptId(id), leg: LegId(id), fact, at: start.plus_ms(ms), counted },
        pbx_at: Some("2026-11-21T09:00:00.000+0000".into()),
        actor: String::new(),
    });
    let segment = |kind, from, to| Segment { kind, from: start.plus_ms(from), to: start.plus_ms(to) };
    let end = AttemptEnd {
        attempt: AttemptId(id),
        call: CallId(id),
        leg: LegId(id),
        run,
        contact: contact.id,
        state: CallState::Terminated,
        fault: Fault::None,
        ext_state: String::new(),
        cause: 16,
        tech_cause: None,
        ended_by: EndedBy::FarEnd,
        ended_at: start.plus_ms(900),
        connected_at: Some(start.plus_ms(400)),
        segments: vec![
            segment(SegmentKind::Setup, 1, 100),
            segment(SegmentKind::Ringing, 100, 400),
            segment(SegmentKind::Talk, 400, 900),
        ],
        actions: Vec::new(),
        retry: None,
        next_number: None,
        left_out: Vec::new(),
    };
    notes.chain([Write::Close { end, pbx_at: None }]).collect()
}

/// User and system time of this process so far, in clock ticks of 10 ms.
fn processor_time() -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}
