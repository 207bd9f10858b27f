//! What the tests of this crate share: a folder with a database, one of each thing, and shorthands for writes.

use crate::{NewContact, Scope, Server, Settings, Store, Write};
use domain::journal::{AttemptEnd, Fact, NewAttempt, Note, Picked, Receipt, RetryAt, Segment, Withdrawal};
use domain::outcome::Fault;
use domain::{
    AttemptId, Attributes, CallId, CallState, Campaign, Contact, Dialable, EndPoint, EndPointId, EndPointKind, EndedBy,
    LegId, Pbx, PbxId, RuleId, RunId, SegmentKind, Timestamp, Trunk, TrunkId,
};
use std::path::Path;
use std::process::Command;
use testkit::postgres::{Database, template};

/// Makes two tests of each function that takes a [`Home`]: `sqlite::name` and `postgres::name`.
macro_rules! on_both_engines {
    ($($test:ident;)*) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::testing::Home::new()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::testing::Home::on_postgres()).await;
            })*
        }
    };
}
pub(crate) use on_both_engines;

/// A folder that a database lives in, or that goes with a database of a private cluster.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    pub(crate) settings: Settings,
    _database: Option<Database>,
}

impl Home {
    pub(crate) fn on_postgres() -> Self {
        let database = Database::copy_of(&migrated()).unwrap();
        let mut home = Self::new();
        home.settings.server = Some(Server::parse(&database.url(), None).unwrap());
        Self { _database: Some(database), ..home }
    }

    /// Another one on the same engine.
    pub(crate) fn another(&self) -> Self {
        if self.settings.server.is_some() { Self::on_postgres() } else { Self::new() }
    }

    /// Tells a process that is started where it is: [`handed_over`] there.
    pub(crate) fn hand_over(&self, child: &mut Command) {
        child.env(FOLDER, self.path());
        if let Some(server) = &self.settings.server {
            child.env(SERVER, server.url());
        }
    }

    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            path: folder.path().join("carillon.db"),
            server: None,
            key_file: folder.path().join("key"),
            country: Some("IT".into()),
        };
        Self { folder, settings, _database: None }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.settings).await.unwrap()
    }

    pub(crate) async fn reopen(&self, store: Store) -> Store {
        store.close().await;
        drop(store);
        self.open().await
    }
}

const FOLDER: &str = "CARILLON_STORE_TEST_FOLDER";
const SERVER: &str = "CARILLON_STORE_TEST_SERVER";

/// The settings of the [`Home`] of the process that started this one; `None`: no test did.
pub(crate) fn handed_over() -> Option<Settings> {
    let folder = std::path::PathBuf::from(std::env::var_os(FOLDER)?);
    let server = std::env::var(SERVER).ok().map(|url| Server::parse(&url, None).unwrap());
    Some(Settings { path: folder.join("carillon.db"), server, key_file: folder.join("key"), country: None })
}

/// The template of the cluster that holds empty tables.
fn migrated() -> String {
    let name = format!("store_{:016x}", crate::schema::fingerprint());
    let make = |url: &str| {
        let server = Server::parse(url, None)?;
        let work = async {
            let (writer, readers) = crate::engine::postgres::open(&server).await?;
            crate::schema::migrate(&writer, crate::schema::VERSIONS, None).await?;
            writer.close().await;
            readers.close().await;
            Ok(())
        };
        // The test has a runtime already; this one needs a thread of its own.
        let run = || tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work);
        std::thread::scope(|scope| scope.spawn(run).join()).expect("migrating does not panic")
    };
    template(&name, make).unwrap()
}

/// One PBX with a trunk and an end point, and a campaign `spring` with a list of ten contacts.
pub(crate) struct World {
    pub(crate) pbx: Pbx,
    pub(crate) trunk: Trunk,
    pub(crate) end_point: EndPoint,
    pub(crate) list: crate::ListRecord,
    pub(crate) contacts: Vec<Contact>,
    pub(crate) campaign: Campaign,
}

impl World {
    pub(crate) async fn make(store: &Store) -> Self {
        Self::of(store, 10).await
    }

    /// The same with `size` contacts, at most 1000.
    pub(crate) async fn of(store: &Store, size: u32) -> Self {
        let scope = Scope::installation();
        let pbx = store.create_pbx(&scope, &pbx("office"), "secret").await.unwrap();
        let trunk = store.create_trunk(&scope, &trunk("out", pbx.id)).await.unwrap();
        let end_point = store.create_end_point(&scope, &end_point("ivr", pbx.id)).await.unwrap();
        let list = store.create_list(&scope, "spring list").await.unwrap();
        store.add_contacts(&scope, list.id, contacts(size), false).await.unwrap();
        let contacts = store.contacts(&scope, list.id, domain::ContactId(0), size).await.unwrap();
        let mut campaign = Campaign::named("spring", "UTC");
        campaign.trunks = vec![trunk.id];
        campaign.end_points = vec![end_point.id];
        campaign.lists = vec![list.id];
        let campaign = store.create_campaign(&scope, &campaign, "ana").await.unwrap();
        Self { pbx, trunk, end_point, list, contacts, campaign }
    }

    /// Attempt `id` to the contact at `index`, in call and leg of the same id.
    pub(crate) fn attempt(&self, id: i64, run: RunId, index: usize, retry: u32) -> NewAttempt {
        let contact = &self.contacts[index];
        let due_at = Timestamp(id * 1_000_000 - 1);
        NewAttempt {
            attempt: AttemptId(id),
            call: CallId(id),
            leg: LegId(id),
            run,
            campaign: self.campaign.id,
            contact: contact.id,
            list: contact.list,
            number_ref: contact.number_ref,
            number_key: contact.key,
            person_key: contact.person,
            retry,
            number_no: contact.number_no,
            trunk: self.trunk.id,
            end_point: self.end_point.id,
            pbx: self.pbx.id,
            scheduled_at: Timestamp(id * 1_000_000),
            agent: None,
            reserved: false,
            receipt: Receipt {
                picked: if retry == 0 { Picked::FreshInOrder } else { Picked::RetryDue { due_at } },
                rules: vec!["hours".into(), "single_flight".into()],
                hours_until: None,
                trunk_in_use: 0,
                trunk_capacity: 10,
                end_point_in_use: 0,
                end_point_capacity: 10,
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

    /// The end of that attempt, 900 ms later: no answer, with a retry at `retry_at`; without one it was answered.
    pub(crate) fn end(&self, id: i64, run: RunId, index: usize, retry_at: Option<Timestamp>) -> AttemptEnd {
        let start = Timestamp(id * 1_000_000);
        let answered = retry_at.is_none();
        let segment = |kind, from: i64, to: i64| Segment { kind, from: start.plus_ms(from), to: start.plus_ms(to) };
        let mut segments = vec![segment(SegmentKind::Setup, 0, 100), segment(SegmentKind::Ringing, 100, 400)];
        segments.extend(answered.then(|| segment(SegmentKind::Talk, 400, 900)));
        AttemptEnd {
            attempt: AttemptId(id),
            call: CallId(id),
            leg: LegId(id),
            run,
            contact: self.contacts[index].id,
            state: if answered { CallState::Terminated } else { CallState::RsNoanswer },
            fault: if answered { Fault::None } else { Fault::Callee },
            ext_state: String::new(),
            cause: 16,
            tech_cause: Some(200),
            ended_by: EndedBy::FarEnd,
            ended_at: start.plus_ms(900),
            connected_at: answered.then(|| start.plus_ms(400)),
            segments,
            actions: Vec::new(),
            next_number: None,
            left_out: Vec::new(),
            retry: retry_at.map(|at| RetryAt { rule: RuleId(1), delay_s: 60, at }),
        }
    }

    pub(crate) fn withdrawal(&self, id: i64, run: RunId, index: usize, retry: u32) -> Withdrawal {
        Withdrawal {
            attempt: AttemptId(id),
            run,
            contact: self.contacts[index].id,
            retry,
            number_no: 0,
            due_at: (retry > 0).then_some(Timestamp(id * 1_000_000 - 1)),
            put_off_by: None,
            why: "link down before 0669826982 was sent".into(),
            at: Timestamp(id * 1_000_000 + 5),
        }
    }
}

pub(crate) fn note(id: i64, fact: Fact, ms: i64) -> Write {
    let at = Timestamp(id * 1_000_000).plus_ms(ms);
    Write::Note {
        note: Note { attempt: AttemptId(id), leg: LegId(id), fact, at, counted: None },
        pbx_at: Some("2026".into()),
        actor: String::new(),
    }
}

pub(crate) fn close(end: AttemptEnd) -> Write {
    Write::Close { end, pbx_at: None }
}

pub(crate) fn pbx(name: &str) -> Pbx {
    Pbx {
        id: PbxId(0),
        name: name.into(),
        host: "127.0.0.1".into(),
        port: 8088,
        username: "carillon".into(),
        application: "carillon".into(),
        originates_per_second: 100,
        link: domain::PbxLink::Ari,
        unit_ms: 50,
        messages_per_unit: 5,
        manager: None,
    }
}

pub(crate) fn trunk(name: &str, pbx: PbxId) -> Trunk {
    Trunk {
        id: TrunkId(0),
        pbx,
        name: name.into(),
        dial_string: "PJSIP/${num}@out".into(),
        capacity: 10,
        calls_per_second: 0,
        progress_timeout_ms: 10_000,
    }
}

pub(crate) fn end_point(name: &str, pbx: PbxId) -> EndPoint {
    EndPoint {
        id: EndPointId(0),
        pbx,
        name: name.into(),
        kind: EndPointKind::Phone,
        context: "ivr".into(),
        extension: "100".into(),
        max_channels: 10,
        queue: None,
    }
}

/// Contacts with the numbers 0669820000, 0669820001, ...
pub(crate) fn contacts(count: u32) -> Vec<NewContact> {
    (0..count)
        .map(|n| {
            let mut attributes = Attributes::default();
            attributes.add("NAME", &format!("Person {n}")).unwrap();
            NewContact { number: Dialable::parse(&format!("066982{n:04}"), Some("IT")).unwrap(), attributes }
        })
        .collect()
}

/// Every statement of the crate, by module.
pub(crate) fn statements() -> Vec<(&'static str, Vec<(&'static str, &'static str)>)> {
    let modules = [
        ("actions", crate::actions::STATEMENTS),
        ("letters", crate::actions::letters::STATEMENTS),
        ("actions carried out", crate::actions::carry_out::STATEMENTS),
        ("alerts", crate::alerts::STATEMENTS),
        ("calls", crate::calls::STATEMENTS),
        ("attempts", crate::attempts::STATEMENTS),
        ("pages of attempts", crate::attempts::pages::STATEMENTS),
        ("audit", crate::audit::STATEMENTS),
        ("system log", crate::system_log::STATEMENTS),
        ("campaigns", crate::campaigns::STATEMENTS),
        ("contacts", crate::contacts::STATEMENTS),
        ("changes of contacts", crate::contacts::change::STATEMENTS),
        ("numbers of contacts", crate::contacts::numbers::STATEMENTS),
        ("places of contacts", crate::contacts::places::STATEMENTS),
        ("end_points", crate::end_points::STATEMENTS),
        ("outcome_rules", crate::outcome_rules::STATEMENTS),
        ("opening_hours", crate::opening_hours::STATEMENTS),
        ("erasure", crate::erasure::STATEMENTS),
        ("events", crate::events::STATEMENTS),
        ("census", crate::census::STATEMENTS),
        ("inspect", crate::inspect::STATEMENTS),
        ("installation", crate::installation::STATEMENTS),
        ("lists", crate::lists::STATEMENTS),
        ("locks", crate::locks::STATEMENTS),
        ("pbxs", crate::pbxs::STATEMENTS),
        ("reports", crate::reports::STATEMENTS),
        ("restore", crate::restore::hold::STATEMENTS),
        ("restore records", crate::restore::records::STATEMENTS),
        ("restore on a server", crate::restore::server_statements()),
        ("abandonment", crate::abandonment::STATEMENTS),
        ("forecasts", crate::forecasts::STATEMENTS),
        ("retention", crate::retention::STATEMENTS),
        ("runs", crate::runs::STATEMENTS),
        ("schema", crate::schema::STATEMENTS),
        ("suppression", crate::suppression::STATEMENTS),
        ("suppression lists", crate::suppression::lists::STATEMENTS),
        ("registries", crate::suppression::registry::STATEMENTS),
        ("timeline", crate::timeline::STATEMENTS),
        ("tokens", crate::tokens::STATEMENTS),
        ("toll", crate::toll::STATEMENTS),
        ("trunks", crate::trunks::STATEMENTS),
    ];
    let mut all: Vec<_> = modules.into_iter().map(|(module, statements)| (module, statements.to_vec())).collect();
    all.extend(crate::journal::statements().into_iter().map(|statements| ("journal", statements)));
    all.push(("standing", crate::standing::statements()));
    all.push(("import", crate::import::statements()));
    all.push(("many numbers of contacts", crate::contacts::numbers::statements().to_vec()));
    all.push(("lease", crate::lease::statements()));
    all.push(("webhooks", crate::webhooks::statements()));
    all.push(("users", crate::users::statements()));
    all
}

/// Every row of every table of ours as text, by table. Not what a backup adds, nor what SQLite keeps for itself.
pub(crate) async fn content(path: &Path) -> std::collections::BTreeMap<String, Vec<String>> {
    let database = crate::backup::open(path).await.unwrap();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'backup_%' \
        AND name NOT LIKE 'sqlite_%'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&database).await.unwrap();
    let mut content = std::collections::BTreeMap::new();
    for table in tables {
        let columns = "SELECT name FROM pragma_table_info($1) ORDER BY cid";
        let columns: Vec<String> = sqlx::query_scalar(columns).bind(&table).fetch_all(&database).await.unwrap();
        let row: Vec<String> = columns.iter().map(|name| format!("quote(\"{name}\")")).collect();
        let sql = format!("SELECT {} FROM \"{table}\" ORDER BY 1", row.join(" || ',' || "));
        let rows = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&database).await.unwrap();
        content.insert(table, rows);
    }
    database.close().await;
    content
}
