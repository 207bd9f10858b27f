//! The system log: what happened to the installation, its links, runs and people, newest first, of the event log and the
//! audit log together. It holds nothing of its own; attempts have their timelines, changes of the configuration the audit.

use crate::db::Store;
use crate::engine::{Row, query};
use crate::error::Result;
use crate::events;
use crate::scope::Scope;
use crate::sql::Columns;
use domain::{Invalid, Timestamp};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// Entries of one page, at most.
const MAX_PAGE: u32 = 1_000;
/// Pages of each log that are looked through for one page of those that are wanted, at most.
const MAX_READS: usize = 20;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What happens every day.
    Info,
    /// What a person may want to know of.
    Warning,
    /// What is wrong.
    Error,
}

impl Level {
    /// Least first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Error];

    /// Its name.
    pub fn code(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// Of what happened.
    fn of(kind: &str) -> Self {
        match kind {
            "alert.raised" | "engine.lost" => Self::Error,
            "pbx.lost"
            | "dialling.held"
            | "restore.done"
            | "run.letter_failed"
            | "campaign.unrestricted_named"
            | "user.sign_in_refused"
            | "user.locked" => Self::Warning,
            _ => Self::Info,
        }
    }
}

/// A place in the log: entries behind it are older.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    at: i64,
    source: Source,
    id: i64,
}

/// Of entries of one moment, those of people come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Event,
    Person,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = if self.source == Source::Event { 'e' } else { 'p' };
        write!(f, "{}{source}{}", self.at, self.id)
    }
}

impl FromStr for Place {
    type Err = Invalid;

    fn from_str(text: &str) -> std::result::Result<Self, Invalid> {
        let parts = |mark, source| {
            let (at, id) = text.split_once(mark)?;
            Some(Self { at: at.parse().ok()?, source, id: id.parse().ok()? })
        };
        parts('e', Source::Event).or_else(|| parts('p', Source::Person)).ok_or_else(|| {
            Invalid::new("after", "is no place of the log: give the `next` of a page, or the id of an entry")
        })
    }
}

/// Which entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter {
    /// At least this much.
    pub level: Level,
    /// About this: `engine`, `pbx`, `run`, `campaign`, `alert`, `dialling`, `suppression_list`, `suppression`, `user`.
    pub subject: Option<String>,
    /// Then or later.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// Older ones than this.
    pub before: Option<Place>,
    /// At most so many.
    pub limit: u32,
    /// Also who signed in.
    pub of_people: bool,
}

/// An entry.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// Where it is.
    pub place: Place,
    /// When it happened.
    pub at: Timestamp,
    /// How much it matters.
    pub level: Level,
    /// What happened: the kind of an event, or `user.` with the action of the audit.
    pub kind: String,
    /// About what.
    pub subject: String,
    /// Which of them.
    pub subject_id: i64,
    /// What that is called now, or was then; empty: nobody knows any more.
    pub name: String,
    /// Who did it: a user's login or a token's name; empty: Carillon.
    pub actor: String,
    /// What else is known, by kind.
    pub data: Value,
}

/// A page of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogPage {
    /// Newest first.
    pub entries: Vec<LogEntry>,
    /// Where the next page begins; `None`: there is nothing older.
    pub next: Option<Place>,
}

statements! {
    // Through the index of what is not about attempts.
    EVENTS = "SELECT e.seq AS id, e.at, e.kind, e.entity, e.entity_id, e.actor, e.data, c.id AS campaign_id, \
        COALESCE(c.name, p.name, s.name, '') AS name FROM event e \
        LEFT JOIN run r ON e.entity = 'run' AND r.id = e.entity_id \
        LEFT JOIN campaign c ON c.id = CASE WHEN e.entity = 'campaign' THEN e.entity_id ELSE r.campaign_id END \
        LEFT JOIN pbx p ON e.entity = 'pbx' AND p.id = e.entity_id \
        LEFT JOIN suppression_list s ON e.entity = 'suppression_list' AND s.id = e.entity_id \
        WHERE e.tenant_id = $1 AND e.entity <> 'attempt' AND (e.at < $2 OR (e.at = $2 AND e.seq < $3)) AND e.at <= $2 \
        AND e.at >= $4 AND ($5 = '' OR e.entity = $5) ORDER BY e.at DESC, e.seq DESC LIMIT $6";
    // What people do to the configuration is for the audit.
    PEOPLE = "SELECT id, at, action, entity_id, actor, name FROM audit WHERE tenant_id = $1 AND entity = 'user' \
        AND action IN ('signed_in', 'signed_out', 'sign_in_refused', 'locked', 'unlocked') \
        AND (at < $2 OR (at = $2 AND id < $3)) AND at <= $2 AND at >= $4 ORDER BY at DESC, id DESC LIMIT $5";
}

impl Store {
    /// A page of the log, as far as the scope sees it. It may hold fewer entries than were asked for and have a next one: a
    /// page looks through so much at most.
    pub async fn system_log(&self, scope: &Scope, filter: &LogFilter) -> Result<LogPage> {
        let limit = filter.limit.clamp(1, MAX_PAGE) as usize;
        let of_people = filter.of_people && scope.sees_all();
        let mut before = filter.before;
        if let Some(to) = filter.to {
            // Everything at `to` itself is behind this.
            let edge = Place { at: to.0, source: Source::Event, id: i64::MIN };
            before = Some(before.map_or(edge, |before| before.min(edge)));
        }
        let mut entries = Vec::new();
        for _ in 0..MAX_READS {
            let mut read = Vec::new();
            let subject = filter.subject.as_deref();
            let mut is_last = true;
            if subject != Some("user") {
                let rows = self.log_events(scope, filter, before, limit).await?;
                is_last &= rows.len() < limit;
                read.extend(rows);
            }
            if of_people && subject.is_none_or(|subject| subject == "user") {
                let rows = self.log_people(scope, filter, before, limit).await?;
                is_last &= rows.len() < limit;
                read.extend(rows);
            }
            // What is behind the `limit`th may lie behind what one of the two logs has not told yet.
            read.sort_unstable_by_key(|(entry, _)| std::cmp::Reverse(entry.place));
            is_last &= read.len() <= limit;
            read.truncate(limit);
            for (entry, is_seen) in read {
                before = Some(entry.place);
                if is_seen && entry.level >= filter.level {
                    entries.push(entry);
                    if entries.len() >= limit {
                        return Ok(LogPage { entries, next: before });
                    }
                }
            }
            if is_last {
                return Ok(LogPage { entries, next: None });
            }
        }
        Ok(LogPage { entries, next: before })
    }

    async fn log_events(
        &self,
        scope: &Scope,
        filter: &LogFilter,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Vec<(LogEntry, bool)>> {
        let (at, id) = edge(before, Source::Event);
        let rows = query(EVENTS)
            .bind(scope.tenant.0)
            .bind(at)
            .bind(id)
            .bind(filter.from.map_or(i64::MIN, |from| from.0))
            .bind(filter.subject.clone().unwrap_or_default())
            .bind(limit as i64)
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(|row| event(scope, row)).collect()
    }

    async fn log_people(
        &self,
        scope: &Scope,
        filter: &LogFilter,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Vec<(LogEntry, bool)>> {
        let (at, id) = edge(before, Source::Person);
        let rows = query(PEOPLE)
            .bind(scope.tenant.0)
            .bind(at)
            .bind(id)
            .bind(filter.from.map_or(i64::MIN, |from| from.0))
            .bind(limit as i64)
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(|row| Ok((person(row)?, true))).collect()
    }
}

/// Instant and id below which the entries of one log are behind a place.
fn edge(before: Option<Place>, source: Source) -> (i64, i64) {
    match before {
        None => (i64::MAX, i64::MAX),
        Some(place) if place.source == source => (place.at, place.id),
        // Those of people come first: behind one of them is every event of that moment, behind an event no person of it.
        Some(place) if place.source == Source::Person => (place.at, i64::MAX),
        Some(place) => (place.at, i64::MIN),
    }
}

fn event(scope: &Scope, row: &Row) -> Result<(LogEntry, bool)> {
    let (subject, subject_id, kind) = (row.text("entity")?, row.int("entity_id")?, row.text("kind")?);
    let (at, data): (_, Value) = (row.at("at")?, row.json("data")?);
    let campaign = match subject.as_str() {
        "campaign" => Some(subject_id),
        _ => row.opt_int("campaign_id")?,
    };
    let is_seen = events::is_of(scope, campaign, (&subject, subject_id), || data.clone());
    let name = match subject.as_str() {
        "alert" => data["name"].as_str().unwrap_or_default().to_owned(),
        _ => row.text("name")?,
    };
    let place = Place { at: at.0, source: Source::Event, id: row.int("id")? };
    let (level, actor) = (Level::of(&kind), row.text("actor")?);
    Ok((LogEntry { place, at, level, kind, subject, subject_id, name, actor, data }, is_seen))
}

fn person(row: &Row) -> Result<LogEntry> {
    let (at, kind) = (row.at("at")?, format!("user.{}", row.text("action")?));
    Ok(LogEntry {
        place: Place { at: at.0, source: Source::Person, id: row.int("id")? },
        at,
        level: Level::of(&kind),
        kind,
        subject: "user".to_owned(),
        subject_id: row.int("entity_id")?,
        name: row.text("name")?,
        actor: row.text("actor")?,
        data: Value::Object(serde_json::Map::new()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::events::{Event, Events};
    use crate::testing::Home;
    use crate::{Life, Write};
    use domain::PbxId;
    use serde_json::json;

    crate::testing::on_both_engines! {
        pages_follow_each_other_over_both_logs;
        a_start_says_whether_the_process_before_was_stopped;
    }

    fn filter(limit: u32) -> LogFilter {
        let (level, subject, from, to, before) = (Level::Info, None, None, None, None);
        LogFilter { level, subject, from, to, before, limit, of_people: true }
    }

    async fn kinds(store: &Store, filter: &LogFilter) -> Vec<String> {
        let page = store.system_log(&Scope::installation(), filter).await.unwrap();
        page.entries.into_iter().map(|entry| entry.kind).collect()
    }

    async fn pages_follow_each_other_over_both_logs(home: Home) {
        let store = home.open().await;
        let scope = Scope::installation();
        let mut transaction = store.begin().await.unwrap();
        // Several of one moment in both logs, and one that came late.
        for (at, n) in [(5, 1), (7, 2), (7, 3), (7, 4), (6, 5), (9, 6)] {
            let event =
                Event::of_dialling(scope.tenant, "dialling.held", Timestamp(at), "", json!({"why": n.to_string()}));
            Events::one(event, &mut transaction).await.unwrap();
        }
        for (at, action) in [(7, "signed_in"), (7, "sign_in_refused"), (8, "created")] {
            query(
                "INSERT INTO audit (tenant_id, at, actor, by_user, action, entity, entity_id, name) \
                VALUES ($1, $2, 'ana', $4, $3, 'user', 1, 'ana')",
            )
            .bind(scope.tenant.0)
            .bind(at)
            .bind(action)
            .bind(true)
            .execute(&mut transaction)
            .await
            .unwrap();
        }
        transaction.commit().await.unwrap();
        let all = store.system_log(&scope, &filter(100)).await.unwrap();
        let places: Vec<String> = all.entries.iter().map(|entry| entry.place.to_string()).collect();
        assert_eq!(places, ["9e6", "7p2", "7p1", "7e4", "7e3", "7e2", "6e5", "5e1"]);
        assert_eq!(all.next, None);
        for limit in 1..=8 {
            let (mut paged, mut before) = (Vec::new(), None);
            loop {
                let page = store.system_log(&scope, &LogFilter { before, ..filter(limit) }).await.unwrap();
                paged.extend(page.entries.into_iter().map(|entry| entry.place.to_string()));
                let Some(next) = page.next else { break };
                assert_eq!(next.to_string().parse(), Ok(next));
                before = Some(next);
            }
            assert_eq!(paged, places, "{limit}");
        }
        let between = LogFilter { from: Some(Timestamp(6)), to: Some(Timestamp(7)), ..filter(100) };
        assert_eq!(kinds(&store, &between).await, ["dialling.held"]);
        let warnings = LogFilter { level: Level::Warning, subject: Some("user".into()), ..filter(1) };
        assert_eq!(kinds(&store, &warnings).await, ["user.sign_in_refused"]);
        assert_eq!(kinds(&store, &LogFilter { of_people: false, ..filter(100) }).await, ["dialling.held"; 6]);
        for wrong in ["", "5", "5x1", "e1", "5e"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }

    async fn a_start_says_whether_the_process_before_was_stopped(home: Home) {
        let store = home.open().await;
        let scope = Scope::installation();
        let start = async |at| {
            let epoch = store.begin_epoch().await.unwrap();
            store.note_start(&scope, &epoch, "1.2.3", Timestamp(at)).await.unwrap();
        };
        start(1).await;
        let life = [
            Life::PbxConnected { pbx: PbxId(1), version: "22.5.2".into() },
            Life::Agent { pbx: PbxId(1), queue: "400".into(), agent: "PJSIP/1001".into(), is_on: true },
            Life::Agent { pbx: PbxId(1), queue: "400".into(), agent: "Local/0669820001@x".into(), is_on: false },
            Life::PbxLost { pbx: PbxId(1), why: "no route to 0669820001".into() },
            Life::Stopped,
        ];
        let writes = life.into_iter().map(|life| Write::Life { life, at: Timestamp(2) }).collect();
        store.commit(&scope, writes).await.unwrap();
        start(3).await;
        start(4).await;
        let mut seen = kinds(&store, &filter(100)).await;
        seen.reverse();
        let wanted = [
            "engine.started",
            "pbx.connected",
            "agent.logged_on",
            "agent.logged_off",
            "pbx.lost",
            "engine.stopped",
            "engine.started",
            "engine.lost",
            "engine.started",
        ];
        assert_eq!(seen, wanted);
        let errors = LogFilter { level: Level::Error, ..filter(100) };
        let page = store.system_log(&scope, &errors).await.unwrap();
        assert_eq!((page.entries.len(), &page.entries[0].data["seen_at"]), (1, &json!(Timestamp(3))));
        let text = format!("{:?}", store.system_log(&scope, &filter(100)).await.unwrap());
        assert!(!text.contains("669820001"), "{text}");
    }
}
