//! Attempts as the dialler journals them.

use super::Server;
use domain::journal::{AttemptEnd, Fact, NewAttempt, Note, Picked, Receipt, RetryAt, Segment};
use domain::outcome::Fault;
use domain::{
    AttemptId, CallId, CallState, CampaignId, Contact, ContactId, EndPointId, EndedBy, LegId, ListId, PbxId, RuleId,
    RunId, SegmentKind, Timestamp, TrunkId,
};
use serde_json::json;
use store::{Scope, Write, Written};

/// 2026-03-29T01:30:00Z.
const START: Timestamp = Timestamp(1_774_747_800_000_000);

/// A run with three attempts: 1 answered, 2 busy and to be tried again, 3 up.
pub(crate) struct Journal {
    pub(crate) campaign: i64,
    pub(crate) run: i64,
    pub(crate) list: i64,
}

impl Server {
    /// Makes a campaign named `=spring` with three contacts and journals their attempts.
    pub(crate) async fn journal(&self) -> Journal {
        let [pbx, trunk, end_point, list] = self.furnish().await;
        let contacts = json!({"contacts": [{"number": "+390669820001"}, {"number": "102"}, {"number": "103"}]});
        self.post(&format!("/api/lists/{list}/contacts"), contacts).await.expect(200);
        let campaign = json!({"name": "=spring", "trunks": [trunk], "end_points": [end_point], "lists": [list],
            "packs": ["unrestricted"]});
        let campaign = self.post("/api/campaigns", campaign).await.expect(201)["id"].as_i64().unwrap();
        let (store, scope) = (&self.app.store, Scope::installation());
        store.begin_epoch().await.unwrap();
        let run = store.start_run(&scope, CampaignId(campaign), "admin", START).await.unwrap().id;
        let contacts = store.contacts(&scope, ListId(list), ContactId(0), 10).await.unwrap();
        let mut batch = Vec::new();
        for (id, contact) in (1..).zip(&contacts) {
            batch.push(Write::Attempt(NewAttempt {
                campaign: CampaignId(campaign),
                list: ListId(list),
                trunk: TrunkId(trunk),
                end_point: EndPointId(end_point),
                pbx: PbxId(pbx),
                ..attempt(id, run, contact)
            }));
            let note = Note {
                attempt: AttemptId(id),
                leg: LegId(id),
                fact: Fact::Requested,
                at: START.plus_seconds(id),
                counted: None,
            };
            batch.push(Write::Note { note, pbx_at: None, actor: String::new() });
        }
        batch.push(close(1, run, contacts[0].id, true));
        batch.push(close(2, run, contacts[1].id, false));
        let written = store.commit(&scope, batch).await.unwrap();
        assert!(written.iter().all(Written::is_done), "{written:?}");
        Journal { campaign, run: run.0, list }
    }
}

/// The first attempt to a contact, through nothing.
pub(super) fn attempt(id: i64, run: RunId, contact: &Contact) -> NewAttempt {
    NewAttempt {
        attempt: AttemptId(id),
        call: CallId(id),
        leg: LegId(id),
        run,
        campaign: CampaignId(0),
        contact: contact.id,
        list: contact.list,
        number_ref: contact.number_ref,
        number_key: contact.key,
        person_key: contact.person,
        retry: 0,
        number_no: contact.number_no,
        trunk: TrunkId(0),
        end_point: EndPointId(0),
        pbx: PbxId(0),
        scheduled_at: START.plus_seconds(id),
        agent: None,
        reserved: false,
        receipt: Receipt {
            picked: Picked::FreshInOrder,
            rules: vec!["hours".into(), "capacity".into()],
            hours_until: None,
            trunk_in_use: 0,
            trunk_capacity: 30,
            end_point_in_use: 0,
            end_point_capacity: 30,
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

pub(crate) fn close(id: i64, run: RunId, contact: ContactId, answered: bool) -> Write {
    let at = |ms| START.plus_seconds(id).plus_ms(ms);
    let segment = |kind, from, to| Segment { kind, from: at(from), to: at(to) };
    let mut segments = vec![segment(SegmentKind::Setup, 0, 100), segment(SegmentKind::Ringing, 100, 2_100)];
    segments.extend(answered.then(|| segment(SegmentKind::Talk, 2_100, 5_100)));
    let end = AttemptEnd {
        attempt: AttemptId(id),
        call: CallId(id),
        leg: LegId(id),
        run,
        contact,
        state: if answered { CallState::Terminated } else { CallState::RsBusy },
        fault: if answered { Fault::None } else { Fault::Callee },
        ext_state: String::new(),
        cause: if answered { 16 } else { 17 },
        tech_cause: Some(if answered { 200 } else { 486 }),
        ended_by: EndedBy::FarEnd,
        ended_at: at(5_100),
        connected_at: answered.then(|| at(2_100)),
        segments,
        actions: Vec::new(),
        next_number: None,
        left_out: Vec::new(),
        retry: (!answered).then(|| RetryAt { rule: RuleId(1), delay_s: 300, at: at(305_100) }),
    };
    Write::Close { end, pbx_at: None }
}
