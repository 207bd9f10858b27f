//! What the books know of numbers and persons: lists that name them, and calls to them by whatever campaign.
//!
//! Asked of many at once, with a statement per hundreds, not one per row; always on the connection of whoever has to be
//! right: the journal asks in the transaction that writes the attempt.

use crate::db::Store;
use crate::engine::{Connection, query};
use crate::error::Result;
use crate::scope::Scope;
use crate::sql::Columns;
use domain::abandonment::is_machine;
use domain::rules::calls::{MAX_DAYS, MAX_REMEMBERED};
use domain::rules::{Calls, NumberStanding, Standing};
use domain::{AttemptId, CampaignId, Contact, Dialable, ListId, NumberKey, Numbered, SuppressionListId, Timestamp};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

const DAY_S: i64 = 86_400;
/// Keys that one statement asks for: the least that takes what there is. What is over stays empty.
const SIZES: [usize; 3] = [4, 32, 256];

/// Attempts that were sent, or may have been. One that was suppressed before anything was sent was not,
/// nor one whose agent, who is called first, did not come or did not want it. What the PBX gave a cause was sent, also when
/// we died before we wrote that.
macro_rules! counts {
    ($attempt:literal) => {
        concat!(
            $attempt,
            ".state <> 'WITHDRAWN' AND NOT (",
            $attempt,
            ".state IN ('RS_BLACKLIST', 'RS_NOAGENT', 'RS_AGENTSKIP') AND ",
            $attempt,
            ".requested_at IS NULL AND NOT (",
            $attempt,
            ".state = 'RS_BLACKLIST' AND ",
            $attempt,
            ".cause <> 0))"
        )
    };
}
pub(crate) use counts;

/// The last attempts to each key, and the last conversation. The sub-select ends the search at the oldest that counts;
/// one more than is remembered, because the attempt that asks is left out.
macro_rules! calls {
    ($key:literal) => {
        concat!(
            "WITH k (asked) AS (VALUES {rows}) SELECT k.asked, a.id, a.scheduled_at AS at, CAST(0 AS BIGINT) AS talked, \
            COALESCE(a.ended_at, a.scheduled_at) AS over_at, a.ext_state, CAST(COALESCE((SELECT SUM(x.abandoned_by) \
            FROM abandonment x WHERE x.attempt_id = a.id), 0) AS BIGINT) AS abandoned FROM k CROSS JOIN attempt a WHERE a.tenant_id = $1 AND a.",
            $key,
            " = k.asked AND a.scheduled_at > $2 AND ",
            counts!("a"),
            " AND a.scheduled_at >= COALESCE((SELECT b.scheduled_at FROM attempt b WHERE b.tenant_id = $1 AND b.",
            $key,
            " = k.asked AND b.scheduled_at > $2 AND ",
            counts!("b"),
            " ORDER BY b.scheduled_at DESC LIMIT 1 OFFSET 50), $2) \
            UNION ALL SELECT k.asked, t.id, COALESCE(t.ended_at, t.connected_at) AS at, CAST(1 AS BIGINT) AS talked, \
            CAST(0 AS BIGINT) AS over_at, '' AS ext_state, CAST(0 AS BIGINT) AS abandoned FROM k CROSS JOIN attempt t WHERE t.id = (SELECT c.id FROM attempt c WHERE c.tenant_id = $1 AND c.",
            $key,
            " = k.asked AND c.",
            $key,
            " IS NOT NULL AND c.connected_at IS NOT NULL ORDER BY c.connected_at DESC LIMIT 1)"
        )
    };
}

const NUMBER_CALLS: &str = calls!("number_key");
const PERSON_CALLS: &str = calls!("person_key");
/// `$2` is not used, so that all have their keys behind it. `campaign_id` is that of a black list, 0 of a suppression list.
const SUPPRESSED: &str = "SELECT s.number_key AS asked, s.list_id, l.everywhere, CAST(0 AS BIGINT) AS campaign_id FROM suppression_key s \
    JOIN suppression_list l ON l.id = s.list_id WHERE s.tenant_id = $1 AND s.number_key IN ({keys}) AND CAST($2 AS BIGINT) = $2 \
    UNION ALL SELECT r.number_key AS asked, r.list_id, l.everywhere, CAST(0 AS BIGINT) AS campaign_id FROM suppression_list l CROSS JOIN registry_key r \
    WHERE l.tenant_id = $1 AND l.kind = 'registry' AND r.tenant_id = $1 AND r.list_id = l.id AND r.version = l.version \
    AND r.number_key IN ({keys}) \
    UNION ALL SELECT c.number_key AS asked, c.list_id, CAST(0 AS BIGINT) AS everywhere, b.campaign_id \
    FROM campaign_black_list b CROSS JOIN contact c WHERE b.tenant_id = $1 AND c.tenant_id = $1 AND c.list_id = b.list_id \
    AND c.number_key IN ({keys}) \
    UNION ALL SELECT n.number_key AS asked, n.list_id, CAST(0 AS BIGINT) AS everywhere, b.campaign_id \
    FROM campaign_black_list b CROSS JOIN contact_number n WHERE b.tenant_id = $1 AND n.tenant_id = $1 AND n.list_id = b.list_id \
    AND n.number_key IN ({keys})";

statements! {
    LINKS = "SELECT list_id, campaign_id FROM suppression_list_campaign WHERE tenant_id = $1";
}

/// A statement for each of [`SIZES`].
type Sized = [&'static str; SIZES.len()];

static NUMBERS: LazyLock<Sized> = LazyLock::new(|| sized(NUMBER_CALLS));
static PERSONS: LazyLock<Sized> = LazyLock::new(|| sized(PERSON_CALLS));
static LISTS: LazyLock<Sized> = LazyLock::new(|| sized(SUPPRESSED));

/// Leaks its texts: once per statement, so that they stay prepared.
fn sized(text: &str) -> Sized {
    SIZES.map(|size| {
        let keys: Vec<String> = (3..3 + size).map(|place| format!("CAST(${place} AS BIGINT)")).collect();
        let rows: Vec<String> = keys.iter().map(|key| format!("({key})")).collect();
        &*Box::leak(text.replace("{keys}", &keys.join(", ")).replace("{rows}", &rows.join(", ")).into_boxed_str())
    })
}

/// A number and perhaps a person.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The campaign that would call it.
    pub(crate) campaign: CampaignId,
    /// Of every spelling; the first is the one that calls are counted by.
    pub(crate) keys: Vec<NumberKey>,
    /// The same of each number of a contact with several, by place, its own first; otherwise empty.
    pub(crate) numbers: Vec<(u32, Vec<NumberKey>)>,
    /// The person, if the contact names one.
    pub(crate) person: Option<NumberKey>,
    /// The attempt that asks: it and those that stand behind it in the same batch are left out.
    pub(crate) attempt: Option<AttemptId>,
}

impl Asked {
    pub(crate) fn of(contact: &Contact, campaign: CampaignId, secret: u64) -> Self {
        let every = |one: &Numbered| (one.no, with_own(one.key, one.number.every_key(secret)));
        let numbers = contact.numbers.iter().flat_map(|numbers| &numbers.all).map(every).collect();
        let keys = with_own(contact.key, contact.number.every_key(secret));
        Self { campaign, keys, numbers, person: contact.person, attempt: None }
    }
}

/// The key that calls are counted by in front of all others.
pub(crate) fn with_own(own: NumberKey, mut keys: Vec<NumberKey>) -> Vec<NumberKey> {
    keys.retain(|key| *key != own);
    keys.insert(0, own);
    keys
}

impl Store {
    /// What is known of a number, and of a person if one is given, for calls of this campaign.
    pub async fn standing(
        &self,
        scope: &Scope,
        campaign: CampaignId,
        number: &Dialable,
        person: Option<NumberKey>,
        at: Timestamp,
    ) -> Result<Standing> {
        let asked = Asked { campaign, keys: self.number_keys(number), numbers: vec![], person, attempt: None };
        let mut connection = self.readers().begin().await?;
        Ok(standings(scope, &[asked], at, &mut connection).await?.remove(0))
    }

    /// Whether each number is on a suppression list that counts for every campaign, in their order.
    pub async fn suppressed(&self, scope: &Scope, numbers: &[Dialable]) -> Result<Vec<bool>> {
        let everywhere = |number| Asked {
            campaign: CampaignId(0),
            keys: self.number_keys(number),
            numbers: vec![],
            person: None,
            attempt: None,
        };
        let asked: Vec<Asked> = numbers.iter().map(everywhere).collect();
        let mut connection = self.readers().begin().await?;
        let lists = lists(scope, &asked, &mut connection).await?;
        Ok(asked.iter().map(|one| lists.of(&one.keys, one.campaign).is_some()).collect())
    }

    /// The same of many contacts, in their order.
    pub async fn standings(
        &self,
        scope: &Scope,
        campaign: CampaignId,
        contacts: &[Contact],
        at: Timestamp,
    ) -> Result<Vec<Standing>> {
        let secret = self.installation().number_secret;
        let asked: Vec<Asked> = contacts.iter().map(|contact| Asked::of(contact, campaign, secret)).collect();
        let mut connection = self.readers().begin().await?;
        standings(scope, &asked, at, &mut connection).await
    }
}

/// What is known of each, in order, on this connection at `at`.
pub(crate) async fn standings(
    scope: &Scope,
    asked: &[Asked],
    at: Timestamp,
    connection: &mut Connection,
) -> Result<Vec<Standing>> {
    let lists = lists(scope, asked, connection).await?;
    let of_one = |asked: &Asked| asked.keys.first().copied();
    let others = asked.iter().flat_map(|asked| &asked.numbers).filter_map(|(_, keys)| keys.first().copied());
    let numbers = asked.iter().filter_map(of_one).chain(others);
    let numbers = calls(&NUMBERS, scope, numbers, at, connection).await?;
    let persons = calls(&PERSONS, scope, asked.iter().filter_map(|asked| asked.person), at, connection).await?;
    // Each sees those before it in its batch, and not those behind: two to one person do not put each other off.
    let mut behind: HashSet<AttemptId> = asked.iter().filter_map(|asked| asked.attempt).collect();
    let mut all = Vec::with_capacity(asked.len());
    for one in asked {
        let known = |of: &HashMap<NumberKey, Known>, key: Option<NumberKey>| {
            key.and_then(|key| of.get(&key)).map(|known| known.without(&behind)).unwrap_or_default()
        };
        let number = |no: u32, keys: &[NumberKey]| NumberStanding {
            no,
            suppressed_by: lists.of(keys, one.campaign),
            black_listed_by: lists.black(keys, one.campaign),
            number: known(&numbers, keys.first().copied()),
        };
        let each: Vec<NumberStanding> = one.numbers.iter().map(|(no, keys)| number(*no, keys)).collect();
        let asked_for = number(0, &one.keys);
        // Who suppresses a contact's own number suppresses the contact.
        let (suppressed_by, black_listed_by) =
            each.first().map_or((None, None), |own| (own.suppressed_by, own.black_listed_by));
        all.push(Standing {
            suppressed_by: asked_for.suppressed_by.or(suppressed_by),
            black_listed_by: asked_for.black_listed_by.or(black_listed_by),
            number: asked_for.number,
            person: known(&persons, one.person),
            numbers: each,
        });
        if let Some(attempt) = one.attempt {
            behind.remove(&attempt);
        }
    }
    Ok(all)
}

/// The calls to one key.
#[derive(Default)]
struct Known {
    attempts: BTreeMap<AttemptId, Timestamp>,
    talked_at: Option<Timestamp>,
    abandoned_at: Option<Timestamp>,
    machine_at: Option<Timestamp>,
}

impl Known {
    fn without(&self, others: &HashSet<AttemptId>) -> Calls {
        let mut attempts: Vec<Timestamp> =
            self.attempts.iter().filter(|(id, _)| !others.contains(id)).map(|(_, at)| *at).collect();
        attempts.sort_unstable_by(|one, other| other.cmp(one));
        attempts.truncate(MAX_REMEMBERED);
        let (abandoned_at, machine_at) = (self.abandoned_at, self.machine_at);
        Calls { attempts, conversation_at: self.talked_at, abandoned_at, machine_at }
    }
}

async fn calls(
    statements: &Sized,
    scope: &Scope,
    keys: impl Iterator<Item = NumberKey>,
    at: Timestamp,
    connection: &mut Connection,
) -> Result<HashMap<NumberKey, Known>> {
    let keys: Vec<NumberKey> = keys.collect::<HashSet<_>>().into_iter().collect();
    let mut known: HashMap<NumberKey, Known> = HashMap::with_capacity(keys.len());
    let since = at.plus_seconds(-i64::from(MAX_DAYS + 1) * DAY_S);
    for some in keys.chunks(SIZES[SIZES.len() - 1]) {
        for row in ask(statements, scope, since.0, some, connection).await? {
            let known = known.entry(NumberKey(row.int("asked")?)).or_default();
            let at = row.at("at")?;
            match row.flag("talked")? {
                true => known.talked_at = known.talked_at.max(Some(at)),
                false => {
                    known.attempts.insert(AttemptId(row.int("id")?), at);
                    let over_at = row.opt_at("over_at")?;
                    if row.int("abandoned")? > 0 {
                        known.abandoned_at = known.abandoned_at.max(over_at);
                    }
                    if is_machine(&row.text("ext_state")?) {
                        known.machine_at = known.machine_at.max(over_at);
                    }
                }
            }
        }
    }
    Ok(known)
}

/// Which lists name which keys.
struct Lists {
    named: HashMap<NumberKey, Vec<(SuppressionListId, bool)>>,
    links: HashSet<(SuppressionListId, CampaignId)>,
    black: HashMap<NumberKey, Vec<(ListId, CampaignId)>>,
}

impl Lists {
    /// The first list that counts for the campaign.
    fn of(&self, keys: &[NumberKey], campaign: CampaignId) -> Option<SuppressionListId> {
        let named = keys.iter().filter_map(|key| self.named.get(key)).flatten();
        let holds = named.filter(|(list, everywhere)| *everywhere || self.links.contains(&(*list, campaign)));
        holds.map(|(list, _)| *list).min()
    }

    /// The first black list of the campaign that names it.
    fn black(&self, keys: &[NumberKey], campaign: CampaignId) -> Option<ListId> {
        let named = keys.iter().filter_map(|key| self.black.get(key)).flatten();
        named.filter(|(_, of)| *of == campaign).map(|(list, _)| *list).min()
    }
}

async fn lists(scope: &Scope, asked: &[Asked], connection: &mut Connection) -> Result<Lists> {
    let every = |asked: &Asked| {
        [&asked.keys]
            .into_iter()
            .chain(asked.numbers.iter().map(|(_, keys)| keys))
            .flatten()
            .copied()
            .collect::<Vec<_>>()
    };
    let keys: Vec<NumberKey> = asked.iter().flat_map(every).collect::<HashSet<_>>().into_iter().collect();
    let mut lists = Lists { named: HashMap::new(), links: HashSet::new(), black: HashMap::new() };
    for some in keys.chunks(SIZES[SIZES.len() - 1]) {
        for row in ask(&LISTS, scope, 0, some, connection).await? {
            let (key, list) = (NumberKey(row.int("asked")?), row.int("list_id")?);
            match row.int("campaign_id")? {
                0 => {
                    let list = (SuppressionListId(list), row.flag("everywhere")?);
                    lists.named.entry(key).or_default().push(list);
                }
                campaign => lists.black.entry(key).or_default().push((ListId(list), CampaignId(campaign))),
            }
        }
    }
    if lists.named.values().flatten().any(|(_, everywhere)| !everywhere) {
        for row in query(LINKS).bind(scope.tenant.0).fetch_all(&mut *connection).await? {
            lists.links.insert((SuppressionListId(row.int("list_id")?), CampaignId(row.int("campaign_id")?)));
        }
    }
    Ok(lists)
}

async fn ask(
    statements: &Sized,
    scope: &Scope,
    second: i64,
    keys: &[NumberKey],
    connection: &mut Connection,
) -> Result<Vec<crate::engine::Row>> {
    let size = SIZES.iter().position(|size| *size >= keys.len()).unwrap_or(SIZES.len() - 1);
    let mut statement = query(statements[size]).bind(scope.tenant.0).bind(second);
    for place in 0..SIZES[size] {
        statement = statement.bind(keys.get(place).map(|key| key.0));
    }
    Ok(statement.fetch_all(connection).await?)
}

/// For the test that prepares every statement.
#[cfg(test)]
pub(crate) fn statements() -> Vec<(&'static str, &'static str)> {
    let sized = [("numbers", &NUMBERS), ("persons", &PERSONS), ("lists", &LISTS)];
    let sized = sized.into_iter().flat_map(|(name, texts)| texts.iter().map(move |text| (name, *text)));
    STATEMENTS.iter().copied().chain(sized).collect()
}

#[cfg(test)]
mod tests;
