//! Attempts as they are read: by people, by exports, and by a restart.

use crate::contacts;
use crate::db::Store;
use crate::engine::{Row, query};
use crate::error::{Error, Result};
use crate::scope::Scope;
use crate::sql::{Columns, now};
use crate::standing::{self, Asked};
use domain::journal::{CalledBefore, FirstAgent, OpenAttempt};
use domain::outcome::Fault;
use domain::rules::{Rules, Standing};
use domain::{
    AttemptId, Attributes, CallId, CallState, CampaignId, Contact, ContactId, EndPointId, EndedBy, LegId, ListId,
    NumberKey, PbxId, RuleId, RunId, Timestamp, TrunkId,
};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

mod outputs;
pub(crate) mod pages;

/// In which order attempts are read: that of their ids, in which they were decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// From the first on.
    #[default]
    Oldest,
    /// From the last one back.
    Newest,
}

/// Which attempts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptFilter {
    /// Of this run.
    pub run: Option<RunId>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// To this contact.
    pub contact: Option<ContactId>,
    /// To contacts of this list.
    pub list: Option<ListId>,
    /// In this state, a code such as `RS_BUSY`.
    pub state: Option<String>,
    /// Through this trunk.
    pub trunk: Option<TrunkId>,
    /// Decided then or later.
    pub from: Option<Timestamp>,
    /// Decided before.
    pub to: Option<Timestamp>,
    /// `true`: not over; `false`: over.
    pub open: Option<bool>,
    /// `true`: somebody went off-hook; `false`: nobody did.
    pub answered: Option<bool>,
    /// Those that were taken back too, which no figure counts.
    pub withdrawn: bool,
    /// By which end of the ids they are read.
    pub order: Order,
    /// Behind this one in that order: the cursor.
    pub after: Option<AttemptId>,
    /// At most; 0 or more than 1000 means 1000.
    pub limit: u32,
}

/// An attempt with the names of what it used. Its `Debug` shows no number.
#[derive(Clone, PartialEq, Serialize)]
pub struct AttemptRecord {
    /// Its id.
    pub id: AttemptId,
    /// Its call.
    pub call: CallId,
    /// The call's first leg.
    pub leg: LegId,
    /// Asterisk's id of that leg's channel.
    pub channel: String,
    /// Of which run.
    pub run: RunId,
    /// Of which campaign.
    pub campaign: CampaignId,
    /// The campaign's name now.
    pub campaign_name: String,
    /// To which contact.
    pub contact: ContactId,
    /// What was dialled; `None` when the contact was erased, or does not have the number any more.
    pub number: Option<String>,
    /// From which list.
    pub list: ListId,
    /// The list's name now.
    pub list_name: Option<String>,
    /// 0-based retry counter: of rounds over the contact's numbers.
    pub retry: u32,
    /// Which of the contact's numbers; 0: its own.
    pub number_no: u32,
    /// Through which trunk.
    pub trunk: TrunkId,
    /// The trunk's name now; `None` when it was deleted.
    pub trunk_name: Option<String>,
    /// To which end point.
    pub end_point: EndPointId,
    /// The end point's name now; `None` when it was deleted.
    pub end_point_name: Option<String>,
    /// On which PBX.
    pub pbx: PbxId,
    /// The PBX's name now; `None` when it was deleted.
    pub pbx_name: Option<String>,
    /// WombatDialer's code, e.g. `RS_BUSY`; `WITHDRAWN` for one that was taken back.
    pub state: String,
    /// Whose fault a failure was.
    pub fault: Option<Fault>,
    /// Extended status; empty when none came.
    pub ext_state: String,
    /// Q.850 cause; 0 when unknown.
    pub cause: Option<u16>,
    /// SIP code of the final response.
    pub tech_cause: Option<u16>,
    /// Who ended it.
    pub ended_by: Option<EndedBy>,
    /// When it was decided.
    pub scheduled_at: Timestamp,
    /// When it was handed to the PBX link.
    pub requested_at: Option<Timestamp>,
    /// When the far end answered.
    pub connected_at: Option<Timestamp>,
    /// When it was over; `None`: it is open.
    pub ended_at: Option<Timestamp>,
    /// Milliseconds from request to channel.
    pub wait_pre_ms: Option<i64>,
    /// Milliseconds from channel to answer or end.
    pub wait_after_ms: Option<i64>,
    /// Milliseconds from answer to end.
    pub talk_ms: Option<i64>,
    /// The rule that asked for a retry.
    pub retry_rule: Option<RuleId>,
    /// When the contact is tried again; `None`: it was finished with this attempt, or its next number followed.
    pub retry_at: Option<Timestamp>,
    /// The number of the contact that followed at once.
    pub next_number: Option<u32>,
    /// Why it was taken back.
    pub why: String,
    /// What the dialplan or programs told of it.
    pub outputs: Attributes,
    /// The agent who was called before the person, by its telephone.
    pub agent: Option<String>,
}

impl AttemptRecord {
    /// Whole seconds from its end to its retry, rounded; 0 without one.
    #[must_use]
    pub fn retry_in_s(&self) -> i64 {
        self.retry_at.zip(self.ended_at).map_or(0, |(at, end)| ((at.ms_since(end) + 500) / 1_000).max(0))
    }
}

impl fmt::Debug for AttemptRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttemptRecord({} of run {}, contact {}, {})", self.id, self.run, self.contact, self.state)
    }
}

/// An attempt with the names of what it used, up to the end of `WHERE`.
macro_rules! attempt_rows {
    ($where:literal) => {
        concat!(
            "SELECT a.id, a.call_id, a.leg_id, leg.channel, a.run_id, a.campaign_id, campaign.name AS campaign_name, ",
            "a.contact_id, contact.number, a.list_id, list.name AS list_name, a.retry, a.trunk_id, a.number_no, ",
            "CASE WHEN a.number_no > 0 AND contact.number_key <> a.number_key THEN a.number_key END AS other_key, ",
            "CASE WHEN a.number_no > 0 THEN contact.alternates END AS alternates, a.next_number, ",
            "trunk.name AS trunk_name, a.end_point_id, end_point.name AS end_point_name, a.pbx_id, ",
            "pbx.name AS pbx_name, a.state, a.fault, a.ext_state, a.cause, a.tech_cause, a.ended_by, a.scheduled_at, ",
            "a.requested_at, a.connected_at, a.ended_at, a.wait_pre_ms, a.wait_after_ms, a.talk_ms, a.retry_rule_id, ",
            "a.retry_at, a.why, a.outputs, a.agent FROM attempt a JOIN leg ON leg.id = a.leg_id ",
            "JOIN campaign ON campaign.id = a.campaign_id LEFT JOIN contact ON contact.id = a.contact_id ",
            "LEFT JOIN list ON list.id = a.list_id LEFT JOIN trunk ON trunk.id = a.trunk_id ",
            "LEFT JOIN end_point ON end_point.id = a.end_point_id LEFT JOIN pbx ON pbx.id = a.pbx_id ",
            // The `+`: the id leads there. An index that begins with the tenant would be read from end to end.
            "WHERE +a.tenant_id = $1 AND ",
            $where
        )
    };
}
pub(crate) use attempt_rows;

/// Longer than the longest time to answer, of an agent and then of a person, and the PBX's own patience beyond both.
const AGENTS_WAIT_SECONDS: i64 = 900;

statements! {
    GET = attempt_rows!("a.id = $2");
    // The `+`: through the index of what is open, not one of all attempts.
    OPEN = "SELECT id, call_id, leg_id, run_id, campaign_id, contact_id, number_key, retry, number_no, trunk_id, end_point_id, pbx_id, \
        scheduled_at, connected_at, ext_state, agent, agent_leg_id, state FROM attempt \
        WHERE +tenant_id = $1 AND ended_at IS NULL AND ($2 LIKE '%,' || campaign_id || ',%' OR $2 IS NULL) ORDER BY id";
    // Each agent's last: he is called again only when the one before is gone.
    AGENTS = "SELECT a.id, a.call_id, a.pbx_id, a.agent, a.agent_leg_id FROM attempt a JOIN (SELECT MAX(id) AS id FROM attempt \
        WHERE agent_leg_id IS NOT NULL AND tenant_id = $1 AND ended_at > $2 GROUP BY pbx_id, agent) l ON a.id = l.id ORDER BY a.id";
}

impl Store {
    /// One attempt, also one that was taken back.
    pub async fn attempt(&self, scope: &Scope, id: AttemptId) -> Result<AttemptRecord> {
        let row = query(GET).bind(scope.tenant.0).bind(id.0).fetch_optional(self.readers()).await?;
        let record = row.as_ref().map(read).transpose()?.filter(|record| scope.allows(record.campaign));
        record.ok_or_else(|| Error::not_found("attempt", id))
    }

    /// Agents who were called before the person, or looked first, for attempts that ended a while before `now`: the last one
    /// of each. None waits longer than that for somebody who does not come.
    pub async fn agents_called_lately(&self, scope: &Scope, now: Timestamp) -> Result<Vec<CalledBefore>> {
        let since = now.plus_seconds(-AGENTS_WAIT_SECONDS);
        let rows = query(AGENTS).bind(scope.tenant.0).bind(since.0).fetch_all(self.readers()).await?;
        let read = |row: &Row| {
            let agent = FirstAgent { leg: LegId(row.int("agent_leg_id")?), interface: row.text("agent")? };
            let (attempt, call) = (AttemptId(row.int("id")?), CallId(row.int("call_id")?));
            Ok(CalledBefore { attempt, call, pbx: PbxId(row.int("pbx_id")?), agent })
        };
        rows.iter().map(read).collect()
    }

    /// Every attempt that is not over: at a start, those that were open when the last process ended.
    pub async fn open_attempts(&self, scope: &Scope) -> Result<Vec<OpenAttempt>> {
        let rows = query(OPEN).bind(scope.tenant.0).bind(scope.campaign_list()).fetch_all(self.readers()).await?;
        let mut open: Vec<OpenAttempt> = rows.iter().map(read_open).collect::<Result<_>>()?;
        let tallies = self.tallies_of_open(scope).await?;
        let campaigns: Vec<CampaignId> = open.iter().map(|open| open.campaign).collect();
        let standings = self.standings_of(scope, &open, &campaigns).await?;
        for (open, (standing, contact)) in open.iter_mut().zip(standings) {
            open.tally = tallies.get(&open.attempt).copied();
            open.suppressed = standing.suppressed_by.is_some();
            let called = contact.filter(|contact| contact.numbers.is_some());
            let called = called.map(|contact| contact.at(open.number_no).unwrap_or(contact));
            // Which ranges its campaign denies is asked when the number is read.
            open.other_numbers =
                called.map_or_else(Vec::new, |called| called.other_numbers(&Rules::none(), &standing, |_| false));
        }
        for open in open.iter_mut().filter(|open| open.reserved) {
            open.details = match self.contact(scope, open.contact).await {
                Ok(contact) => Some(Arc::new(contact.turn(open.number_no))),
                Err(Error::NotFound { .. }) => None,
                Err(error) => return Err(error),
            };
        }
        Ok(open)
    }

    async fn standings_of(
        &self,
        scope: &Scope,
        open: &[OpenAttempt],
        campaigns: &[CampaignId],
    ) -> Result<Vec<(Standing, Option<Contact>)>> {
        let secret = self.installation().number_secret;
        let (mut asked, mut contacts) = (Vec::with_capacity(open.len()), Vec::with_capacity(open.len()));
        for (open, campaign) in open.iter().zip(campaigns) {
            let contact = match self.contact(scope, open.contact).await {
                Ok(contact) => Some(contact),
                // Forgotten meanwhile: the key is what is left.
                Err(Error::NotFound { .. }) => None,
                Err(error) => return Err(error),
            };
            let called = contact.as_ref().and_then(|contact| contact.at(open.number_no));
            let known = called.map(|called| Asked { person: None, ..Asked::of(&called, *campaign, secret) });
            let unknown = || Asked { campaign: *campaign, keys: vec![], numbers: vec![], person: None, attempt: None };
            let mut one = known.unwrap_or_else(unknown);
            one.keys = standing::with_own(open.number_key, one.keys);
            asked.push(one);
            contacts.push(contact);
        }
        let mut connection = self.readers().begin().await?;
        let standings = standing::standings(scope, &asked, now(), &mut connection).await?;
        Ok(standings.into_iter().zip(contacts).collect())
    }
}

fn read(row: &Row) -> Result<AttemptRecord> {
    Ok(AttemptRecord {
        id: AttemptId(row.int("id")?),
        call: CallId(row.int("call_id")?),
        leg: LegId(row.int("leg_id")?),
        channel: row.text("channel")?,
        run: RunId(row.int("run_id")?),
        campaign: CampaignId(row.int("campaign_id")?),
        campaign_name: row.text("campaign_name")?,
        contact: ContactId(row.int("contact_id")?),
        number: match row.opt_int("other_key")? {
            None => row.opt_text("number")?,
            Some(key) => contacts::numbers::further(row, |one| one.key.0 == key)?.map(|one| one.number.dialled),
        },
        list: ListId(row.int("list_id")?),
        list_name: row.opt_text("list_name")?,
        retry: row.number("retry")?,
        number_no: row.number("number_no")?,
        trunk: TrunkId(row.int("trunk_id")?),
        trunk_name: row.opt_text("trunk_name")?,
        end_point: EndPointId(row.int("end_point_id")?),
        end_point_name: row.opt_text("end_point_name")?,
        pbx: PbxId(row.int("pbx_id")?),
        pbx_name: row.opt_text("pbx_name")?,
        state: row.text("state")?,
        fault: row.opt_code("fault")?,
        ext_state: row.text("ext_state")?,
        cause: row.opt_number("cause")?,
        tech_cause: row.opt_number("tech_cause")?,
        ended_by: row.opt_code("ended_by")?,
        scheduled_at: row.at("scheduled_at")?,
        requested_at: row.opt_at("requested_at")?,
        connected_at: row.opt_at("connected_at")?,
        ended_at: row.opt_at("ended_at")?,
        wait_pre_ms: row.opt_int("wait_pre_ms")?,
        wait_after_ms: row.opt_int("wait_after_ms")?,
        talk_ms: row.opt_int("talk_ms")?,
        retry_rule: row.opt_int("retry_rule_id")?.map(RuleId),
        retry_at: row.opt_at("retry_at")?,
        next_number: row.opt_number("next_number")?,
        why: row.text("why")?,
        outputs: row.json("outputs")?,
        agent: row.opt_text("agent")?,
    })
}

fn read_open(row: &Row) -> Result<OpenAttempt> {
    Ok(OpenAttempt {
        attempt: AttemptId(row.int("id")?),
        call: CallId(row.int("call_id")?),
        leg: LegId(row.int("leg_id")?),
        run: RunId(row.int("run_id")?),
        campaign: CampaignId(row.int("campaign_id")?),
        contact: ContactId(row.int("contact_id")?),
        number_key: NumberKey(row.int("number_key")?),
        retry: row.number("retry")?,
        number_no: row.number("number_no")?,
        other_numbers: Vec::new(),
        trunk: TrunkId(row.int("trunk_id")?),
        end_point: EndPointId(row.int("end_point_id")?),
        pbx: PbxId(row.int("pbx_id")?),
        scheduled_at: row.at("scheduled_at")?,
        connected_at: row.opt_at("connected_at")?,
        tally: None,
        ext_state: row.text("ext_state")?,
        agent: match (row.opt_text("agent")?, row.opt_int("agent_leg_id")?) {
            (Some(interface), Some(leg)) => Some(FirstAgent { leg: LegId(leg), interface }),
            _ => None,
        },
        reserved: row.text("state")? == CallState::RdReserved.code(),
        details: None,
        suppressed: false,
    })
}
