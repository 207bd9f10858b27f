//! `cargo xtask bench attempts`: what a page of 100 attempts costs among 1,000,000, for everybody and for a user with keys.
//!
//! The attempts are written into an SQLite database by its own SQL, 50 campaigns of very different sizes, one attempt a
//! second. Then each question of the calls page is asked from the newest, from the oldest, and from the middle on: one
//! line per question, with the slowest of its pages after a first one that warms nothing but the statement. Fails when one
//! takes more than 100 ms.
//!
//! ```text
//! bench_attempts [--json] [--rows N]
//! ```

#![allow(clippy::print_stdout, reason = "printing figures is its job")]

use domain::{
    AttemptId, CampaignId, EndPoint, EndPointId, EndPointKind, ListId, Pbx, PbxId, Timestamp, Trunk, TrunkId,
};
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use std::time::{Duration, Instant};
use store::{AttemptFilter, Campaigns, Order, Scope, Settings, Store};

type Failure = Box<dyn std::error::Error>;

const ROWS: i64 = 1_000_000;
const CAMPAIGNS: i64 = 50;
const LIMIT: u32 = 100;
const TARGET: Duration = Duration::from_millis(100);
/// When the first attempt was decided, microseconds.
const BEGAN: i64 = 1_780_000_000_000_000;
const SECOND: i64 = 1_000_000;

/// `$1` rows. Half of all attempts are campaign 1's, every thousandth is campaign 50's; campaign 49 has none.
const ATTEMPTS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
    INSERT INTO attempt (id, tenant_id, call_id, leg_id, run_id, campaign_id, contact_id, list_id, number_ref, number_key, \
    retry, trunk_id, end_point_id, pbx_id, state, fault, ext_state, cause, tech_cause, ended_by, scheduled_at, \
    requested_at, ended_at, wait_pre_ms, wait_after_ms, talk_ms) \
    SELECT i, 1, i, i, i % 20 + 1, CASE WHEN i % 2 = 0 THEN 1 WHEN i % 1000 = 1 THEN 50 ELSE 2 + i % 47 END, i, \
    1 + i % 10, i, i * 2654435761, 0, 1, 1, 1, CASE i % 10 WHEN 0 THEN 'TERMINATED' WHEN 1 THEN 'RS_BUSY' \
    ELSE 'RS_NOANSWER' END, 'callee', '', 17, 486, 'far_end', $2 + i * 1000000, $2 + i * 1000000 + 1000, \
    CASE WHEN i > $1 - 200 THEN NULL ELSE $2 + i * 1000000 + 20000000 END, 100, 19900, 0 FROM n";
const LEGS: &str = "INSERT INTO leg (id, tenant_id, call_id, pbx_id, channel, role, started_at) \
    SELECT id, 1, id, 1, 'c-bench0-1-' || id, 'customer', scheduled_at FROM attempt";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let (json, rows) = options()?;
    let folder = tempfile::tempdir()?;
    let settings = Settings {
        path: folder.path().join("bench.db"),
        server: None,
        key_file: folder.path().join("key"),
        country: Some("IT".into()),
    };
    furnish(&settings).await?;
    fill(&settings, rows).await?;
    let store = Store::open(&settings).await?;
    let mut lines = Vec::new();
    for (what, scope, filter) in questions(rows) {
        let slowest = ask(&store, &scope, &filter, rows).await?;
        eprintln!("{what:<60} {:8.1} ms", slowest.as_secs_f64() * 1_000.0);
        lines.push((what, slowest));
    }
    store.close().await;
    let (what, slowest) = lines.iter().max_by_key(|(_, took)| *took).ok_or("nothing was asked")?;
    let slowest_ms = slowest.as_secs_f64() * 1_000.0;
    if json {
        let all: Vec<_> = lines.iter().map(|(what, took)| json!([what, took.as_secs_f64() * 1_000.0])).collect();
        println!("{}", json!({ "attempts": rows, "page": LIMIT, "slowest_ms": slowest_ms, "questions": all }));
    } else {
        println!("{rows} attempts, pages of {LIMIT}; slowest: {what}, {slowest_ms:.1} ms");
    }
    if *slowest > TARGET {
        return Err(format!("{what}: {slowest_ms:.1} ms; {} ms are the target", TARGET.as_millis()).into());
    }
    Ok(())
}

/// What the calls page can ask for. A campaign that is not named is one of everybody's.
fn questions(rows: i64) -> Vec<(String, Scope, AttemptFilter)> {
    let everybody = Scope::installation;
    let with_keys = |ids: Vec<i64>| Scope {
        campaigns: Campaigns::Only(ids.into_iter().map(CampaignId).collect()),
        ..Scope::installation()
    };
    let none = AttemptFilter::default;
    let of = |campaign| AttemptFilter { campaign: Some(CampaignId(campaign)), ..none() };
    let in_state = |state: &str| AttemptFilter { state: Some(state.into()), ..none() };
    let at = |second: i64| Some(Timestamp(BEGAN + second * SECOND));
    let hour = AttemptFilter { from: at(rows / 2), to: at(rows / 2 + 3_600), ..none() };
    let first_half = AttemptFilter { to: at(rows / 2), ..none() };
    let second_half = AttemptFilter { from: at(rows / 2), ..none() };
    let all = vec![
        ("everything", everybody(), none()),
        ("a large campaign", everybody(), of(1)),
        ("a small campaign", everybody(), of(50)),
        ("a campaign without any", everybody(), of(49)),
        ("a state that is frequent", everybody(), in_state("RS_BUSY")),
        ("a state that nothing has", everybody(), in_state("RS_ERROR")),
        ("a state of a large campaign", everybody(), AttemptFilter { state: Some("RS_ERROR".into()), ..of(1) }),
        ("a list", everybody(), AttemptFilter { list: Some(ListId(3)), ..none() }),
        ("what is up", everybody(), AttemptFilter { open: Some(true), ..none() }),
        ("an hour", everybody(), hour.clone()),
        ("an hour of a large campaign", everybody(), AttemptFilter { campaign: Some(CampaignId(1)), ..hour.clone() }),
        ("the first half", everybody(), first_half),
        ("the second half", everybody(), second_half),
        ("with the key of one small campaign", with_keys(vec![50]), none()),
        ("with the key of a campaign without any", with_keys(vec![49]), none()),
        ("with the keys of 24 campaigns", with_keys((2..26).collect()), none()),
        ("with those 24, a state that nothing has", with_keys((2..26).collect()), in_state("RS_ERROR")),
        ("with those 24, an hour", with_keys((2..26).collect()), hour),
    ];
    all.into_iter().map(|(what, scope, filter)| (what.to_owned(), scope, filter)).collect()
}

/// The slowest page.
async fn ask(store: &Store, scope: &Scope, filter: &AttemptFilter, rows: i64) -> Result<Duration, Failure> {
    let mut slowest = Duration::ZERO;
    for order in [Order::Newest, Order::Oldest] {
        for after in [None, Some(AttemptId(rows / 2))] {
            let filter = AttemptFilter { order, after, limit: LIMIT, ..filter.clone() };
            store.attempts(scope, &AttemptFilter { limit: 1, ..filter.clone() }).await?;
            let began = Instant::now();
            store.attempts(scope, &filter).await?;
            slowest = slowest.max(began.elapsed());
        }
    }
    Ok(slowest)
}

/// What attempts are made of.
async fn furnish(settings: &Settings) -> Result<(), Failure> {
    let store = Store::open(settings).await?;
    let scope = Scope::installation();
    let pbx = Pbx {
        id: PbxId(0),
        name: "office".into(),
        link: domain::PbxLink::Ari,
        host: "127.0.0.1".into(),
        port: 8088,
        username: "carillon".into(),
        application: "carillon".into(),
        originates_per_second: 100,
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
        capacity: 10,
        calls_per_second: 0,
        progress_timeout_ms: 10_000,
    };
    store.create_trunk(&scope, &trunk).await?;
    let end_point = EndPoint {
        id: EndPointId(0),
        pbx,
        name: "ivr".into(),
        kind: EndPointKind::Phone,
        context: "ivr".into(),
        extension: "100".into(),
        max_channels: 10,
        queue: None,
    };
    store.create_end_point(&scope, &end_point).await?;
    for list in 1..=10 {
        store.create_list(&scope, &format!("list {list}")).await?;
    }
    for campaign in 1..=CAMPAIGNS {
        store
            .create_campaign(&scope, &domain::Campaign::named(&format!("campaign {campaign}"), "UTC"), "bench")
            .await?;
    }
    store.close().await;
    Ok(())
}

async fn fill(settings: &Settings, rows: i64) -> Result<(), Failure> {
    let began = Instant::now();
    let options = SqliteConnectOptions::new().filename(&settings.path);
    let database = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    sqlx::query(ATTEMPTS).bind(rows).bind(BEGAN).execute(&database).await?;
    sqlx::query(LEGS).execute(&database).await?;
    database.close().await;
    eprintln!("{rows} attempts were written in {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn options() -> Result<(bool, i64), Failure> {
    let (mut json, mut rows) = (false, ROWS);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => json = true,
            "--rows" => rows = arguments.next().ok_or("--rows needs a value")?.parse()?,
            other => return Err(format!("usage: bench_attempts [--json] [--rows N], not {other:?}").into()),
        }
    }
    Ok((json, rows))
}
