//! Pages of attempts: which index leads to them, then their rows.
//!
//! A page never reads much more than it shows, whatever is asked: one statement per way into the table, chosen by
//! [`Way::of`]. What a caller with keys sees, and a state, is looked up campaign by campaign and put together, because one
//! walk over all attempts would pass everything that is not wanted.

use super::{AttemptFilter, AttemptRecord, Order, read};
use crate::db::Store;
use crate::engine::{Connection, Pool, Row, postgres, query, query_scalar, sqlite};
use crate::error::Result;
use crate::runs::page;
use crate::scope::{Campaigns, Scope};
use crate::sql::Columns;
use domain::{AttemptId, CallState, CampaignId, ContactId, ListId, RunId, Timestamp};

/// Attempts of a stretch of time that are sorted rather than looked for in the order of their ids.
const SORTED: i64 = 50_000;

/// `+` keeps a column out of the choice of an index. What is not asked for is null.
macro_rules! ids {
    ($way:literal, $than:literal, $order:literal) => {
        concat!(
            "SELECT a.id FROM attempt a WHERE ",
            $way,
            " AND +a.tenant_id = $1 AND ($2 LIKE '%,' || a.campaign_id || ',%' OR $2 IS NULL) \
            AND (a.run_id = $3 OR $3 IS NULL) AND (a.contact_id = $4 OR $4 IS NULL) \
            AND (a.campaign_id = $5 OR $5 IS NULL) AND (a.list_id = $6 OR $6 IS NULL) \
            AND (a.state = $7 OR $7 IS NULL) AND (a.trunk_id = $8 OR $8 IS NULL) \
            AND +a.scheduled_at >= $9 AND +a.scheduled_at < $10 \
            AND ((a.ended_at IS NULL) = ($11 <> 0) OR $11 IS NULL) AND ($13 <> 0 OR a.state <> 'WITHDRAWN') \
            AND ((a.connected_at IS NOT NULL) = ($15 <> 0) OR $15 IS NULL) AND ",
            $than,
            " $12 ORDER BY ",
            $order,
            " LIMIT $14"
        )
    };
}

macro_rules! ended {
    ($what:literal, $way:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM attempt a WHERE ",
            $way,
            " AND +a.tenant_id = $1 AND ($2 LIKE '%,' || a.campaign_id || ',%' OR $2 IS NULL) \
            AND +a.scheduled_at >= $4 AND a.ended_at IS NOT NULL AND a.state <> 'WITHDRAWN'",
            $rest
        )
    };
}

statements! {
    OF_RUN = ids!("a.run_id = $3", "a.id >", "a.id");
    OF_RUN_NEWEST = ids!("a.run_id = $3", "a.id <", "a.id DESC");
    OF_CONTACT = ids!("a.contact_id = $4", "a.id >", "a.id");
    OF_CONTACT_NEWEST = ids!("a.contact_id = $4", "a.id <", "a.id DESC");
    OF_CAMPAIGN = ids!("a.campaign_id = $5", "a.id >", "a.id");
    OF_CAMPAIGN_NEWEST = ids!("a.campaign_id = $5", "a.id <", "a.id DESC");
    OF_STATE = ids!("a.campaign_id = $5 AND a.state = $7 AND a.ended_at IS NOT NULL", "a.id >", "a.id");
    OF_STATE_NEWEST = ids!("a.campaign_id = $5 AND a.state = $7 AND a.ended_at IS NOT NULL", "a.id <", "a.id DESC");
    OF_LIST = ids!("a.list_id = $6", "a.id >", "a.id");
    OF_LIST_NEWEST = ids!("a.list_id = $6", "a.id <", "a.id DESC");
    OPEN = ids!("a.ended_at IS NULL", "+a.id >", "+a.id");
    OPEN_NEWEST = ids!("a.ended_at IS NULL", "+a.id <", "+a.id DESC");
    OF_TIME = ids!("a.scheduled_at >= $9 AND a.scheduled_at < $10", "+a.id >", "+a.id");
    OF_TIME_NEWEST = ids!("a.scheduled_at >= $9 AND a.scheduled_at < $10", "+a.id <", "+a.id DESC");
    OF_ALL = ids!("1 = 1", "a.id >", "a.id");
    OF_ALL_NEWEST = ids!("1 = 1", "a.id <", "a.id DESC");
    // Both are answered from the index alone: they ask for nothing that is not in it.
    HELD = "SELECT COUNT(*) FROM (SELECT 1 FROM attempt WHERE scheduled_at >= $1 AND scheduled_at < $2 LIMIT $3) AS held";
    ENDS = "SELECT MIN(+id) AS first, MAX(+id) AS last FROM attempt WHERE scheduled_at >= $1 AND scheduled_at < $2";
    // The turns of a contact in a run are counted by its retries.
    LAST_OF_RUN = "SELECT a.id, a.contact_id, a.state, a.ext_state FROM attempt a WHERE a.run_id = $2 AND a.id > $3 \
        AND +a.tenant_id = $1 AND a.ended_at IS NOT NULL AND a.state <> 'WITHDRAWN' AND NOT EXISTS (SELECT 1 FROM attempt b \
        WHERE b.run_id = a.run_id AND b.contact_id = a.contact_id AND b.retry > a.retry AND b.state <> 'WITHDRAWN') \
        ORDER BY a.id LIMIT $4";
    // How many are over, and behind which of them a place is: through the indexes of runs, contacts and lists, without a row
    // of anything else.
    ENDED_OF_RUN = ended!("COUNT(*)", "a.run_id = $3", "");
    ENDED_OF_CONTACT = ended!("COUNT(*)", "a.contact_id = $3", "");
    ENDED_OF_LIST = ended!("COUNT(*)", "a.list_id = $3", "");
    NTH_OF_RUN = ended!("a.id", "a.run_id = $3", " ORDER BY a.id LIMIT 1 OFFSET $5");
    NTH_OF_CONTACT = ended!("a.id", "a.contact_id = $3", " ORDER BY a.id LIMIT 1 OFFSET $5");
    NTH_OF_LIST = ended!("a.id", "a.list_id = $3", " ORDER BY a.id LIMIT 1 OFFSET $5");
    CAMPAIGNS = "SELECT id FROM campaign WHERE tenant_id = $1 ORDER BY id";
}

/// The last attempt at a contact in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAttempt {
    /// Its id.
    pub id: AttemptId,
    /// Whom it called.
    pub contact: ContactId,
    /// How it ended, a code such as `RS_BUSY`.
    pub state: String,
    /// Its extended status; empty for none.
    pub ext_state: String,
}

/// To whom attempts were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptsOf {
    /// Those of a run.
    Run(RunId),
    /// Those to a contact.
    Contact(ContactId),
    /// Those to the contacts of a list.
    List(ListId),
}

/// A way into the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Run,
    Contact,
    Campaign,
    State,
    List,
    Open,
    Time,
    /// As `All`, from the first id of the stretch on.
    Stretch,
    All,
}

impl Store {
    /// A page of attempts by id, in the order that is asked for.
    pub async fn attempts(&self, scope: &Scope, filter: &AttemptFilter) -> Result<Vec<AttemptRecord>> {
        let mut connection = self.readers().begin().await?; // one instant for all statements
        let way = Way::of(scope, filter, &mut connection).await?;
        let ids = match campaigns(scope, filter, way, &mut connection).await? {
            None => ids(scope, filter, way, filter.campaign, &mut connection).await?,
            Some(campaigns) => {
                let mut all = Vec::new();
                for campaign in campaigns {
                    all.extend(ids(scope, filter, way, Some(campaign), &mut connection).await?);
                }
                match filter.order {
                    Order::Oldest => all.sort_unstable(),
                    Order::Newest => all.sort_unstable_by(|one, other| other.cmp(one)),
                }
                all.truncate(page(filter.limit) as usize);
                all
            }
        };
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let statement = match self.readers() {
            Pool::Sqlite(_) => sqlite::ATTEMPTS_OF,
            Pool::Postgres(_) => postgres::ATTEMPTS_OF,
        };
        let joined = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        let rows = query(statement).bind(scope.tenant.0).bind(joined).fetch_all(&mut *connection).await?;
        let mut records = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        if filter.order == Order::Newest {
            records.reverse();
        }
        Ok(records)
    }

    /// How many attempts to one of these, decided at `from` or later, are over; and the id of that behind `skip` of them,
    /// `None` when there are not so many.
    pub async fn ended_attempts(
        &self,
        scope: &Scope,
        of: AttemptsOf,
        from: Option<Timestamp>,
        skip: u64,
    ) -> Result<(u64, Option<AttemptId>)> {
        let (count, nth, id) = match of {
            AttemptsOf::Run(run) => (ENDED_OF_RUN, NTH_OF_RUN, run.0),
            AttemptsOf::Contact(contact) => (ENDED_OF_CONTACT, NTH_OF_CONTACT, contact.0),
            AttemptsOf::List(list) => (ENDED_OF_LIST, NTH_OF_LIST, list.0),
        };
        let mut connection = self.readers().begin().await?; // one instant for both
        let of = |statement| {
            let from = from.map_or(i64::MIN, |at| at.0);
            query_scalar::<i64>(statement).bind(scope.tenant.0).bind(scope.campaign_list()).bind(id).bind(from)
        };
        let all = of(count).fetch_one(&mut *connection).await?.unsigned_abs();
        let first = match i64::try_from(skip) {
            Ok(skip) if skip.unsigned_abs() < all => of(nth).bind(skip).fetch_optional(&mut *connection).await?,
            _ => None,
        };
        Ok((all, first.map(AttemptId)))
    }

    /// How the contacts of a run ended: the last attempt at each that is over, by id from behind `after` on, at most 1000.
    /// A contact that is being called again has none.
    pub async fn last_attempts(&self, scope: &Scope, run: RunId, after: AttemptId) -> Result<Vec<LastAttempt>> {
        self.run(scope, run).await?; // in the scope
        let rows = query(LAST_OF_RUN).bind(scope.tenant.0).bind(run.0).bind(after.0).bind(i64::from(page(0)));
        let rows = rows.fetch_all(self.readers()).await?;
        let last = |row: &Row| {
            let (id, contact) = (AttemptId(row.int("id")?), ContactId(row.int("contact_id")?));
            Ok(LastAttempt { id, contact, state: row.text("state")?, ext_state: row.text("ext_state")? })
        };
        rows.iter().map(last).collect()
    }
}

impl Way {
    async fn of(scope: &Scope, filter: &AttemptFilter, connection: &mut Connection) -> Result<Self> {
        if filter.run.is_some() {
            return Ok(Self::Run);
        }
        if filter.contact.is_some() {
            return Ok(Self::Contact);
        }
        let is_final = |state: &String| CallState::ALL.iter().all(|one| one.code() != state || one.is_final());
        if filter.open == Some(true) || filter.state.as_ref().is_some_and(|state| !is_final(state)) {
            return Ok(Self::Open); // a few thousand at most: they hold lines
        }
        // A walk that begins outside of the stretch passes everything between.
        let begins_outside = match filter.order {
            Order::Oldest => filter.from.is_some(),
            Order::Newest => filter.to.is_some(),
        };
        let other = match filter {
            AttemptFilter { state: Some(_), .. } => Self::State,
            AttemptFilter { campaign: Some(_), .. } => Self::Campaign,
            AttemptFilter { list: Some(_), .. } => Self::List,
            _ if scope.campaigns != Campaigns::All => Self::Campaign,
            _ => Self::All,
        };
        let has_time = filter.from.is_some() || filter.to.is_some();
        if has_time && is_short(filter, connection).await? {
            return Ok(Self::Time);
        }
        Ok(if other == Self::All && begins_outside { Self::Stretch } else { other })
    }

    fn statement(self, order: Order) -> &'static str {
        match (self, order) {
            (Self::Run, Order::Oldest) => OF_RUN,
            (Self::Run, Order::Newest) => OF_RUN_NEWEST,
            (Self::Contact, Order::Oldest) => OF_CONTACT,
            (Self::Contact, Order::Newest) => OF_CONTACT_NEWEST,
            (Self::Campaign, Order::Oldest) => OF_CAMPAIGN,
            (Self::Campaign, Order::Newest) => OF_CAMPAIGN_NEWEST,
            (Self::State, Order::Oldest) => OF_STATE,
            (Self::State, Order::Newest) => OF_STATE_NEWEST,
            (Self::List, Order::Oldest) => OF_LIST,
            (Self::List, Order::Newest) => OF_LIST_NEWEST,
            (Self::Open, Order::Oldest) => OPEN,
            (Self::Open, Order::Newest) => OPEN_NEWEST,
            (Self::Time, Order::Oldest) => OF_TIME,
            (Self::Time, Order::Newest) => OF_TIME_NEWEST,
            (Self::All | Self::Stretch, Order::Oldest) => OF_ALL,
            (Self::All | Self::Stretch, Order::Newest) => OF_ALL_NEWEST,
        }
    }
}

/// Whether so few attempts were decided then that they are sorted at once.
async fn is_short(filter: &AttemptFilter, connection: &mut Connection) -> Result<bool> {
    let (from, to) = stretch(filter);
    let held = query_scalar::<i64>(HELD).bind(from).bind(to).bind(SORTED + 1);
    Ok(held.fetch_one(connection).await? <= SORTED)
}

/// The campaigns that are looked up one by one; `None`: one statement finds all.
async fn campaigns(
    scope: &Scope,
    filter: &AttemptFilter,
    way: Way,
    connection: &mut Connection,
) -> Result<Option<Vec<CampaignId>>> {
    if !matches!(way, Way::Campaign | Way::State) {
        return Ok(None);
    }
    if let Some(campaign) = filter.campaign {
        return Ok(Some(vec![campaign]));
    }
    Ok(Some(match &scope.campaigns {
        Campaigns::Only(campaigns) => campaigns.clone(),
        Campaigns::All => {
            let ids = query_scalar::<i64>(CAMPAIGNS).bind(scope.tenant.0).fetch_all(connection).await?;
            ids.into_iter().map(CampaignId).collect()
        }
    }))
}

async fn ids(
    scope: &Scope,
    filter: &AttemptFilter,
    way: Way,
    campaign: Option<CampaignId>,
    connection: &mut Connection,
) -> Result<Vec<i64>> {
    let (from, to) = stretch(filter);
    let mut after = filter.after.map(|id| id.0);
    if way == Way::Stretch {
        // Ids grow with time, but not one by one: the walk begins at the end of the stretch and passes few of others.
        let ends = query(ENDS).bind(from).bind(to).fetch_one(&mut *connection).await?;
        let Some((first, last)) = ends.opt_int("first")?.zip(ends.opt_int("last")?) else { return Ok(Vec::new()) };
        after = Some(match filter.order {
            Order::Oldest => after.unwrap_or(0).max(first.saturating_sub(1)),
            Order::Newest => after.unwrap_or(i64::MAX).min(last.saturating_add(1)),
        });
    }
    let begin = match filter.order {
        Order::Oldest => 0,
        Order::Newest => i64::MAX,
    };
    let ids = query_scalar(way.statement(filter.order))
        .bind(scope.tenant.0)
        .bind(scope.campaign_list())
        .bind(filter.run.map(|id| id.0))
        .bind(filter.contact.map(|id| id.0))
        .bind(campaign.map(|id| id.0))
        .bind(filter.list.map(|id| id.0))
        .bind(&filter.state)
        .bind(filter.trunk.map(|id| id.0))
        .bind(from)
        .bind(to)
        .bind(filter.open.map(i64::from))
        .bind(after.unwrap_or(begin))
        .bind(i64::from(filter.withdrawn || filter.state.as_deref() == Some("WITHDRAWN")))
        .bind(i64::from(page(filter.limit)))
        .bind(filter.answered.map(i64::from));
    Ok(ids.fetch_all(connection).await?)
}

/// From and to as microseconds; open ends are the ends of time.
fn stretch(filter: &AttemptFilter) -> (i64, i64) {
    (filter.from.map_or(i64::MIN, |at| at.0), filter.to.map_or(i64::MAX, |at| at.0))
}

#[cfg(test)]
mod tests;
