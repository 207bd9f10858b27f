//! Numbers that must not be called. An entry is added and never removed; it holds from the reply on.
//!
//! The journal asks for entries in the transaction that writes an attempt, so that the order of the two is the order on
//! the disk. When the database cannot take an entry, it goes to the [`reserve`], and from there to the database as soon
//! as that can be written again.

mod file;
pub mod lists;
pub mod registry;
pub mod reserve;

use crate::audit::{self, Subject};
use crate::db::Store;
use crate::disk::blocking;
use crate::engine::{Connection, Row, query, query_scalar};
use crate::error::{Error, Result};
use crate::scope::{Actor, Kind, Scope};
use crate::sql::Columns;
use domain::error::check_why;
use domain::{CampaignId, Dialable, Invalid, NumberKey, SuppressionListId, TenantId, Timestamp};
use lists::GLOBAL;
use reserve::Reserve;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tracing::{info, warn};

/// Numbers of one request, at most.
pub const MAX_NUMBERS: usize = 1_000;
/// How long the database may take before an entry goes to the reserve.
const DATABASE_DEADLINE: Duration = Duration::from_secs(2);

/// An entry, as the reserve holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    tenant: i64,
    /// On which list; an older program knew one only.
    #[serde(default = "global")]
    list: i64,
    /// Of every spelling.
    keys: Vec<i64>,
    number: String,
    by: String,
    why: String,
    at: Timestamp,
}

fn global() -> i64 {
    GLOBAL.0
}

/// A number that must not be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuppressionRecord {
    /// Its id; `None` while it waits in the reserve, and in a registry.
    pub id: Option<i64>,
    /// On which list.
    pub list: SuppressionListId,
    /// E.164 where that can be derived, otherwise what would be dialled.
    pub number: String,
    /// Who added it.
    pub by: String,
    /// Why, in their words.
    pub why: String,
    /// Since when.
    pub at: Timestamp,
}

/// What became of a request to suppress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressed {
    /// The keys of all its numbers in every spelling, for the dialler.
    pub keys: Vec<NumberKey>,
    /// How many were not suppressed before; in the reserve all count.
    pub added: usize,
    /// They are in the reserve: the database could not be written.
    pub in_reserve: bool,
    /// The campaigns that must not call them; `None`: none may.
    pub campaigns: Option<Vec<CampaignId>>,
}

statements! {
    INSERT = "INSERT INTO suppression (tenant_id, number, actor, why, added_at, list_id) \
        VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";
    // A spelling belongs to the first entry that covers it.
    INSERT_KEY = "INSERT INTO suppression_key (tenant_id, number_key, suppression_id, list_id) \
        VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    KNOWN = "SELECT COUNT(*) FROM suppression_key WHERE tenant_id = $1 AND number_key = $2 AND list_id = $3";
    LISTS = "SELECT id FROM suppression_list WHERE kind = 'optout'";
    PAGE = "SELECT id, list_id, number, actor, why, added_at FROM suppression WHERE tenant_id = $1 AND id > $2 \
        AND (list_id = $4 OR $4 IS NULL) AND ($5 LIKE '%,' || list_id || ',%' OR $5 IS NULL) ORDER BY id LIMIT $3";
    OF_NUMBER = "SELECT s.id, s.list_id, s.number, s.actor, s.why, s.added_at FROM suppression_key k \
        JOIN suppression s ON s.id = k.suppression_id WHERE k.tenant_id = $1 AND k.number_key = $2 ORDER BY k.list_id";
}

/// The reserve, shared by the clones of a store.
#[derive(Debug, Clone)]
pub(crate) struct Shelf(Arc<Mutex<Reserve>>);

impl Shelf {
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let path: PathBuf = folder.join("suppression.reserve");
        let reserve = Reserve::open(&path).map_err(Error::io("cannot make the reserve", &path))?;
        Ok(Self(Arc::new(Mutex::new(reserve))))
    }

    /// For a store that only reads: empty, and full to every entry.
    pub(crate) fn closed() -> Result<Self> {
        let reserve = Reserve::closed().map_err(Error::io("cannot open", Path::new("/dev/null")))?;
        Ok(Self(Arc::new(Mutex::new(reserve))))
    }

    fn lock(&self) -> MutexGuard<'_, Reserve> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the reserve where waiting for the disk is allowed.
    async fn with<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&mut Reserve) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let shelf = self.clone();
        blocking(move || {
            let mut reserve = shelf.lock();
            work(&mut reserve).map_err(|error| Error::io(what, reserve.path())(error))
        })
        .await
    }
}

impl Store {
    /// Suppresses the numbers. When this returns they are on the disk: in the database, or in the reserve when that
    /// cannot be written within two seconds.
    ///
    /// Refused: more than [`MAX_NUMBERS`] numbers, a reason over [`domain::error::MAX_WHY_CHARS`] characters or on several lines, a list
    /// that does not exist or is a registry.
    pub async fn suppress(
        &self,
        scope: &Scope,
        list: SuppressionListId,
        numbers: &[Dialable],
        by: &str,
        why: &str,
        at: Timestamp,
    ) -> Result<Suppressed> {
        if numbers.is_empty() || numbers.len() > MAX_NUMBERS {
            return Err(Invalid::new("numbers", format!("must be 1 to {MAX_NUMBERS} numbers")).into());
        }
        check_why(why)?;
        let campaigns = self.holds_for(scope, list).await?;
        let entry = |number: &Dialable| Entry {
            tenant: scope.tenant.0,
            list: list.0,
            keys: self.number_keys(number).into_iter().map(|key| key.0).collect(),
            number: number.e164.as_ref().unwrap_or(&number.dialled).clone(),
            by: by.to_owned(),
            why: why.to_owned(),
            at,
        };
        let entries: Vec<Entry> = numbers.iter().map(entry).collect();
        let keys = entries.iter().flat_map(|entry| entry.keys.iter().copied().map(NumberKey)).collect();
        let why_not = match tokio::time::timeout(DATABASE_DEADLINE, self.insert_suppressions(scope, &entries)).await {
            Ok(Ok(added)) => return Ok(Suppressed { keys, added, in_reserve: false, campaigns }),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it took more than {DATABASE_DEADLINE:?}"),
        };
        warn!(entries = entries.len(), why = why_not, "suppression entries go to the reserve: the database failed");
        let added = entries.len();
        self.shelf().with("cannot write the reserve", move |reserve| reserve.append(&entries)).await?;
        Ok(Suppressed { keys, added, in_reserve: true, campaigns })
    }

    /// Moves what is in the reserve to the database; how many entries.
    pub async fn empty_reserve(&self) -> Result<usize> {
        let mut entries = self.shelf().lock().entries().to_vec();
        if entries.is_empty() {
            return Ok(0);
        }
        // The database may be a restored one that does not have the list under this id: then nobody may call the number.
        let lists: Vec<i64> = query_scalar(LISTS).fetch_all(self.readers()).await?;
        for entry in entries.iter_mut().filter(|entry| !lists.contains(&entry.list)) {
            entry.list = GLOBAL.0;
        }
        let scope = Scope::installation();
        let deadline = tokio::time::timeout(DATABASE_DEADLINE, self.insert_suppressions(&scope, &entries)).await;
        deadline.map_err(|_| {
            Error::io("cannot empty", self.shelf().lock().path())(std::io::ErrorKind::TimedOut.into())
        })??;
        let count = entries.len();
        // An entry that came meanwhile stays for the next time: a second copy of the others does no harm.
        let clear =
            move |reserve: &mut Reserve| if reserve.entries().len() == count { reserve.clear() } else { Ok(()) };
        self.shelf().with("cannot empty the reserve", clear).await?;
        info!(entries = count, "suppression entries moved from the reserve to the database");
        Ok(count)
    }

    /// Entries that wait in the reserve.
    pub fn in_reserve(&self) -> usize {
        self.shelf().lock().entries().len()
    }

    /// Entries in the order in which they were added, from behind the id `after`; of one list or of all. What is in a
    /// registry is not among them.
    pub async fn suppressions(
        &self,
        scope: &Scope,
        list: Option<SuppressionListId>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<SuppressionRecord>> {
        let rows = query(PAGE).bind(scope.tenant.0).bind(after).bind(i64::from(limit)).bind(list.map(|list| list.0));
        let rows = rows.bind(scope.list_of(Kind::SuppressionList));
        rows.fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    /// Entries that wait in the reserve; of one list or of all.
    pub fn suppressions_in_reserve(&self, scope: &Scope, list: Option<SuppressionListId>) -> Vec<SuppressionRecord> {
        let reserve = self.shelf().lock();
        let entries = reserve.entries().iter().filter(|entry| entry.tenant == scope.tenant.0);
        let seen = entries.filter(|entry| scope.sees(Kind::SuppressionList, entry.list));
        seen.filter(|entry| list.is_none_or(|list| entry.list == list.0)).map(Entry::record).collect()
    }

    /// Every list that names the number, registries and the reserve too. Empty: nothing forbids to call it.
    pub async fn suppressions_of(&self, scope: &Scope, number: &Dialable) -> Result<Vec<SuppressionRecord>> {
        let key = self.number_key(number);
        let rows = query(OF_NUMBER).bind(scope.tenant.0).bind(key.0).fetch_all(self.readers()).await?;
        let mut found: Vec<SuppressionRecord> = rows.iter().map(read).collect::<Result<_>>()?;
        let waiting = self.suppressions_in_reserve_of(scope, key);
        found.extend(
            waiting.into_iter().filter(|entry| !found.iter().any(|other| other.list == entry.list)).collect::<Vec<_>>(),
        );
        found.extend(self.registries_naming(scope, number).await?);
        found.retain(|entry| scope.sees(Kind::SuppressionList, entry.list.0));
        Ok(found)
    }

    fn suppressions_in_reserve_of(&self, scope: &Scope, key: NumberKey) -> Vec<SuppressionRecord> {
        let reserve = self.shelf().lock();
        let entries = reserve.entries().iter();
        entries
            .filter(|entry| entry.tenant == scope.tenant.0 && entry.keys.contains(&key.0))
            .map(Entry::record)
            .collect()
    }

    async fn insert_suppressions(&self, scope: &Scope, entries: &[Entry]) -> Result<usize> {
        let mut transaction = self.begin().await?;
        let added = insert(entries, &mut transaction).await?;
        for ((tenant, list, by), count) in &added {
            let actor = match scope.actor.name == *by {
                true => scope.actor.clone(),
                // From the reserve, which does not know whether it was a user.
                false => Actor { name: by.clone(), user: None },
            };
            let scope = Scope { tenant: TenantId(*tenant), actor, ..scope.clone() };
            let subject = Subject::Entity(Kind::SuppressionList);
            audit::note_count(&scope, "suppressed", subject, *list, (*count).into(), &mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(added.values().sum())
    }
}

impl Entry {
    fn record(&self) -> SuppressionRecord {
        let Self { number, by, why, at, list, .. } = self.clone();
        SuppressionRecord { id: None, list: SuppressionListId(list), number, by, why, at }
    }
}

/// How many are new, by tenant, list and who asked.
type Added = BTreeMap<(i64, i64, String), usize>;

async fn insert(entries: &[Entry], connection: &mut Connection) -> Result<Added> {
    let mut added = Added::new();
    for entry in entries {
        let Some(own) = entry.keys.first() else { continue };
        let known = query_scalar(KNOWN).bind(entry.tenant).bind(*own).bind(entry.list);
        let known: i64 = known.fetch_one(&mut *connection).await?;
        if known > 0 {
            continue;
        }
        let id: i64 = query_scalar(INSERT)
            .bind(entry.tenant)
            .bind(&entry.number)
            .bind(&entry.by)
            .bind(&entry.why)
            .bind(entry.at.0)
            .bind(entry.list)
            .fetch_one(&mut *connection)
            .await?;
        for key in &entry.keys {
            let insert = query(INSERT_KEY).bind(entry.tenant).bind(*key).bind(id).bind(entry.list);
            insert.execute(&mut *connection).await?;
        }
        *added.entry((entry.tenant, entry.list, entry.by.clone())).or_default() += 1;
    }
    Ok(added)
}

fn read(row: &Row) -> Result<SuppressionRecord> {
    Ok(SuppressionRecord {
        id: Some(row.int("id")?),
        list: SuppressionListId(row.int("list_id")?),
        number: row.text("number")?,
        by: row.text("actor")?,
        why: row.text("why")?,
        at: row.at("added_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Write, Written};
    use crate::testing::Home;
    use domain::error::MAX_WHY_CHARS;

    crate::testing::on_both_engines! {
        a_number_is_suppressed_in_every_spelling_and_once;
        what_is_too_much_is_refused_by_field;
        when_the_database_cannot_be_written_the_reserve_takes_it;
        a_writer_that_hangs_does_not_keep_an_entry_waiting;
        an_entry_of_a_list_that_is_not_there_any_more_holds_for_everybody;
        the_journal_tells_which_attempt_may_not_be_sent;
    }

    fn number(text: &str) -> Dialable {
        Dialable::parse(text, Some("IT")).unwrap()
    }

    async fn suppress(store: &Store, texts: &[&str]) -> Suppressed {
        let numbers: Vec<Dialable> = texts.iter().map(|text| number(text)).collect();
        store.suppress(&Scope::installation(), GLOBAL, &numbers, "ana", "asked us to stop", Timestamp(5)).await.unwrap()
    }

    async fn a_number_is_suppressed_in_every_spelling_and_once(home: Home) {
        let store = home.open().await;
        let done = suppress(&store, &["06 69820001", "0669820002"]).await;
        assert_eq!((done.added, done.in_reserve), (2, false));
        assert!(done.keys.len() > 2, "every spelling has its key");
        assert_eq!(suppress(&store, &["+390669820001"]).await.added, 0);
        assert_eq!(suppress(&store, &["+1 555 400 0002"]).await.added, 1);
        let scope = Scope::installation();
        let found = store.suppressions_of(&scope, &number("0669820001")).await.unwrap().remove(0);
        assert_eq!((found.number.as_str(), found.by.as_str()), ("+390669820001", "ana"));
        assert!(store.suppressions_of(&scope, &number("0669820009")).await.unwrap().is_empty());
        let page = store.suppressions(&scope, None, 0, 1).await.unwrap();
        let rest = store.suppressions(&scope, None, page[0].id.unwrap(), 10).await.unwrap();
        assert_eq!((page.len(), rest.len()), (1, 2));
    }

    async fn what_is_too_much_is_refused_by_field(home: Home) {
        let store = home.open().await;
        let scope = Scope::installation();
        let long = "x".repeat(MAX_WHY_CHARS + 1);
        for (numbers, why, field) in
            [(0, "", "numbers"), (MAX_NUMBERS + 1, "", "numbers"), (1, long.as_str(), "why"), (1, "a\nb", "why")]
        {
            let numbers = vec![number("0669820001"); numbers];
            let error = store.suppress(&scope, GLOBAL, &numbers, "ana", why, Timestamp(5)).await.unwrap_err();
            assert!(matches!(&error, Error::Invalid(invalid) if invalid.field == field), "{error}");
        }
        assert!(store.suppressions(&scope, None, 0, 10).await.unwrap().is_empty());
    }

    /// The longest entry there can be goes through the reserve, over a restart, into the database.
    async fn when_the_database_cannot_be_written_the_reserve_takes_it(home: Home) {
        let store = home.open().await;
        let scope = Scope::installation();
        let hidden = "ALTER TABLE suppression RENAME TO hidden";
        let mut transaction = store.begin().await.unwrap();
        query(hidden).execute(&mut transaction).await.unwrap();
        transaction.commit().await.unwrap();
        let why = "\u{1f515}".repeat(MAX_WHY_CHARS);
        let by = "\u{1f4de}".repeat(100);
        let done = store.suppress(&scope, GLOBAL, &[number(&"9".repeat(40))], &by, &why, Timestamp(5)).await.unwrap();
        assert!(done.in_reserve);
        assert_eq!(store.in_reserve(), 1);
        assert!(store.empty_reserve().await.is_err());
        store.close().await;
        drop(store);
        let store = home.open().await;
        assert_eq!(store.in_reserve(), 1, "a restart loses nothing");
        let mut transaction = store.begin().await.unwrap();
        query("ALTER TABLE hidden RENAME TO suppression").execute(&mut transaction).await.unwrap();
        transaction.commit().await.unwrap();
        let waiting = store.suppressions_of(&scope, &number(&"9".repeat(40))).await.unwrap().remove(0);
        assert_eq!((waiting.id, waiting.why.as_str()), (None, why.as_str()));
        assert_eq!(store.empty_reserve().await.unwrap(), 1);
        assert_eq!(store.in_reserve(), 0);
        assert!(store.suppressions_of(&scope, &number(&"9".repeat(40))).await.unwrap().remove(0).id.is_some());
    }

    async fn a_writer_that_hangs_does_not_keep_an_entry_waiting(home: Home) {
        let store = home.open().await;
        let _writer = store.begin().await.unwrap();
        let began = std::time::Instant::now();
        assert!(suppress(&store, &["0669820001"]).await.in_reserve);
        assert!(began.elapsed() < Duration::from_secs(10), "it waits for two: {:?}", began.elapsed());
    }

    async fn an_entry_of_a_list_that_is_not_there_any_more_holds_for_everybody(home: Home) {
        let store = home.open().await;
        let entry = Entry {
            tenant: 1,
            list: 77,
            keys: store.number_keys(&number("0669820001")).into_iter().map(|key| key.0).collect(),
            number: "+390669820001".into(),
            by: "ana".into(),
            why: String::new(),
            at: Timestamp(5),
        };
        store.shelf().lock().append(&[entry]).unwrap();
        assert_eq!(store.empty_reserve().await.unwrap(), 1);
        let found = store.suppressions_of(&Scope::installation(), &number("0669820001")).await.unwrap();
        assert_eq!(found.iter().map(|entry| entry.list).collect::<Vec<_>>(), [GLOBAL]);
    }

    async fn the_journal_tells_which_attempt_may_not_be_sent(home: Home) {
        let store = home.open().await;
        let world = crate::testing::World::of(&store, 2).await;
        let run = store.start_run(&Scope::installation(), world.campaign.id, "ana", Timestamp(5)).await.unwrap().id;
        suppress(&store, &[&world.contacts[0].number.as_given]).await;
        let mut attempts = [world.attempt(1, run, 0, 0), world.attempt(2, run, 1, 0)];
        attempts.iter_mut().for_each(|attempt| attempt.receipt.rules.push("number_not_suppressed".into()));
        let batch = attempts.map(Write::Attempt).to_vec();
        let written = store.commit(&Scope::installation(), batch).await.unwrap();
        let by = |written: &Written| match written {
            Written::Attempt(standing) => standing.suppressed_by,
            other => panic!("{other:?}"),
        };
        assert_eq!([by(&written[0]), by(&written[1])], [Some(domain::SuppressionListId(1)), None]);
        for (attempt, claimed) in [(1, false), (2, true)] {
            let events = store.timeline(&Scope::installation(), domain::AttemptId(attempt)).await.unwrap();
            assert_eq!(events[0].data.to_string().contains("number_not_suppressed"), claimed, "what the receipt says");
        }
    }
}
