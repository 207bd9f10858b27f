//! Each record of a WombatDialer, given to the same API here under its new ids. Fields are understood where that API
//! understands them, and nowhere else.

use super::report::Report;
use super::source::Source;
use crate::client::Session;
use crate::failure::Failure;
use crate::output::{note, show};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Fields without which a thing still does what it did: one that is refused here is given up, and the rest is made.
const CAN_BE_LEFT_OUT: [&str; 17] = [
    "httpNotify",
    "emailEvents",
    "emailAddresses",
    "addlLogging",
    "loggingAlias",
    "loggingQmVars",
    "agentClid",
    "dial_pres",
    "dial_account",
    "initialPredictiveModel",
    "amdTracking",
    "amdParams",
    "amdAudioFile",
    "amdFaxFile",
    "campaignVars",
    "description",
    "comment",
];

/// Lists that WombatDialer fills by itself end so: who is in them was given to a run that is not ours.
const AUTO: [&str; 2] = ["/AUTO", " AUTO"];

/// A kind of record: where it is, how people call it, and its key.
#[derive(Clone, Copy)]
struct Kind {
    entity: &'static str,
    what: &'static str,
    key: &'static str,
}

const HOURS: Kind = Kind { entity: "oh", what: "sets of opening hours", key: "openingHourId" };
const SERVERS: Kind = Kind { entity: "asterisk", what: "servers", key: "id" };
const TRUNKS: Kind = Kind { entity: "trunk", what: "trunks", key: "trunkId" };
const END_POINTS: Kind = Kind { entity: "ep", what: "end points", key: "epId" };
const LISTS: Kind = Kind { entity: "list", what: "lists", key: "listId" };
const CAMPAIGNS: Kind = Kind { entity: "campaign", what: "campaigns", key: "campaignId" };
const CONTACTS: &str = "contacts";

/// What a campaign has.
#[derive(Clone, Copy)]
struct Link {
    /// Below `campaign/`.
    entity: &'static str,
    /// How people call it.
    what: &'static str,
    /// The field that points to something else, and what that is.
    target: Option<(&'static str, Kind)>,
}

const LINKS: [Link; 5] = [
    Link { entity: "trunk", what: "trunks of campaigns", target: Some(("trunkId", TRUNKS)) },
    Link { entity: "ep", what: "end points of campaigns", target: Some(("epId", END_POINTS)) },
    Link { entity: "list", what: "lists of campaigns", target: Some(("cl", LISTS)) },
    Link { entity: "oh", what: "opening hours of campaigns", target: Some(("rule", HOURS)) },
    Link { entity: "reschedule", what: "reschedule rules", target: None },
];
/// They may name other campaigns, so they come when all are there.
const OUTCOME_RULES: Link = Link { entity: "disposition", what: "outcome rules", target: None };

/// Reads there and makes here.
pub(super) struct Copier<'a> {
    source: Source,
    session: &'a Session,
    /// WombatDialer's API of this server, e.g. `wombat/api`.
    here: String,
    with_contacts: bool,
    /// The id here of what has an id there.
    ids: BTreeMap<(&'static str, i64), i64>,
    report: Report,
}

impl<'a> Copier<'a> {
    pub(super) async fn new(
        source: Source,
        session: &'a Session,
        dry_run: bool,
        with_contacts: bool,
    ) -> Result<Self, Failure> {
        let about = session.client.get("api/about").await?.value;
        let here = about["wombat"].as_str().ok_or_else(|| Failure::answer("address of WombatDialer's API"))?;
        let here = here.trim_matches('/').to_owned();
        let report = Report { dry_run, ..Report::default() };
        Ok(Self { source, session, here, with_contacts, ids: BTreeMap::new(), report })
    }

    /// Everything, in an order in which what is pointed to is there first.
    pub(super) async fn run(mut self) -> Result<Report, Failure> {
        for kind in [HOURS, SERVERS, TRUNKS, END_POINTS, LISTS] {
            let here = self.here_by_name(kind).await?;
            for record in self.source.all(kind.entity, None).await? {
                self.thing(kind, record, &here).await?;
            }
        }
        let here = self.here_by_name(CAMPAIGNS).await?;
        let mut made = Vec::new();
        for record in self.source.all(CAMPAIGNS.entity, None).await? {
            let there = record[CAMPAIGNS.key].as_i64();
            let name = name_of(&record);
            if self.thing(CAMPAIGNS, record, &here).await? {
                made.extend(there.map(|there| (there, name)));
            }
        }
        for (there, name) in &made {
            for link in LINKS {
                self.links(*there, name, link).await?;
            }
        }
        for (there, name) in &made {
            self.links(*there, name, OUTCOME_RULES).await?;
        }
        Ok(self.report)
    }

    /// One record of its own; whether it is new here.
    async fn thing(&mut self, kind: Kind, record: Value, here: &BTreeMap<String, i64>) -> Result<bool, Failure> {
        self.report.of(kind.what).found += 1;
        let name = name_of(&record);
        let Some(there) = record[kind.key].as_i64() else {
            self.left_out(kind.what, &name, "it has no id there");
            return Ok(false);
        };
        if kind.entity == LISTS.entity && AUTO.iter().any(|end| name.ends_with(end)) {
            self.report.of(kind.what).there += 1;
            self.report.note(format!("list {name:?} is one that WombatDialer fills by itself: it is not needed here"));
            return Ok(false);
        }
        let mut record = bare(record, kind.key);
        if let Some(server) = record.get("astId").and_then(|server| server["id"].as_i64()) {
            match self.ids.get(&(SERVERS.entity, server)) {
                Some(id) => record.insert("astId".into(), json!({ "id": id })),
                None if self.report.dry_run => None,
                None => {
                    self.left_out(kind.what, &name, "its server was left out");
                    return Ok(false);
                }
            };
        }
        let known = here.get(&identity(kind, &Value::Object(record.clone()))).copied();
        let is_new = known.is_none();
        if let Some(known) = known {
            self.report.of(kind.what).there += 1;
            self.ids.insert((kind.entity, there), known);
        } else if self.report.dry_run {
            self.report.of(kind.what).made += 1;
        } else {
            match self.make(kind.entity, None, record, &format!("{} {name:?}", kind.entity)).await? {
                Ok(saved) => {
                    self.report.of(kind.what).made += 1;
                    self.ids.extend(saved[kind.key].as_i64().map(|id| ((kind.entity, there), id)));
                }
                Err(why) => {
                    self.left_out(kind.what, &name, &why);
                    return Ok(false);
                }
            }
        }
        match kind.entity {
            "list" => self.contacts(there, &name, !is_new).await?,
            "oh" if is_new => self.rules_of_hours(there, &name).await?,
            _ => {}
        }
        Ok(is_new)
    }

    async fn rules_of_hours(&mut self, there: i64, name: &str) -> Result<(), Failure> {
        const WHAT: &str = "rules of opening hours";
        let rules = self.source.all("oh/rule", Some(there)).await?;
        self.children("oh/rule", self.ids.get(&(HOURS.entity, there)).copied(), WHAT, name, rules, None).await
    }

    /// What a campaign points to, or its rules.
    async fn links(&mut self, there: i64, name: &str, link: Link) -> Result<(), Failure> {
        let entity = format!("campaign/{}", link.entity);
        let records = self.source.all(&entity, Some(there)).await?;
        let here = self.ids.get(&(CAMPAIGNS.entity, there)).copied();
        self.children(&entity, here, link.what, name, records, link.target).await
    }

    async fn children(
        &mut self,
        entity: &str,
        parent: Option<i64>,
        what: &'static str,
        name: &str,
        records: Vec<Value>,
        target: Option<(&str, Kind)>,
    ) -> Result<(), Failure> {
        for record in records {
            self.report.of(what).found += 1;
            if self.report.dry_run {
                self.report.of(what).made += 1;
                continue;
            }
            let Some(parent) = parent else {
                self.left_out(what, name, "what it belongs to was left out");
                continue;
            };
            let record = match target {
                None => {
                    let keys = ["rescheduleRuleId", "dispositionId", "openingHourRuleId", "ruleId", "id"];
                    keys.iter().fold(bare(record, "idx"), |mut record, key| {
                        record.remove(*key);
                        record
                    })
                }
                Some((field, kind)) => {
                    let Some(id) = record[field][kind.key].as_i64().and_then(|id| self.ids.get(&(kind.entity, id)))
                    else {
                        let pointed = show(&record[field]["name"]);
                        self.left_out(what, name, &format!("{} {pointed:?} was left out", kind.entity));
                        continue;
                    };
                    let mut link = Map::new();
                    link.insert(field.into(), json!({ kind.key: id }));
                    link.extend(record.get("clType").map(|role| ("clType".to_owned(), role.clone())));
                    link
                }
            };
            match self.make(entity, Some(parent), record, &format!("{entity} of {name:?}")).await? {
                Ok(_) => self.report.of(what).made += 1,
                Err(why) => self.left_out(what, name, &why),
            }
        }
        Ok(())
    }

    /// Everybody in a list. `again`: it was here before, and holds some of them.
    async fn contacts(&mut self, there: i64, name: &str, again: bool) -> Result<(), Failure> {
        let here = self.ids.get(&(LISTS.entity, there)).copied();
        let (mut read, mut outputs) = (0, 0);
        while self.with_contacts {
            let page = self.source.page("list/record", Some(there), read).await?;
            let count = page.records.len();
            read += count;
            self.report.of(CONTACTS).found += count;
            if count > 0 && !self.report.dry_run && here.is_some() {
                outputs += page.records.iter().map(|record| attributes(record, false).len()).sum::<usize>();
                let contacts: Vec<Value> = page
                    .records
                    .iter()
                    .map(|record| json!({ "number": record["number"], "attributes": attributes(record, true) }))
                    .collect();
                self.add(here.unwrap_or_default(), name, &contacts, again).await?;
                note(format!("list {name}: {read} of {}", page.all));
            } else if self.report.dry_run {
                self.report.of(CONTACTS).made += count;
            }
            if count == 0 || read >= page.all {
                break;
            }
        }
        if outputs > 0 {
            self.report
                .note(format!("list {name:?}: {outputs} output attributes belong to calls that were made there"));
        }
        Ok(())
    }

    async fn add(&mut self, list: i64, name: &str, contacts: &[Value], again: bool) -> Result<(), Failure> {
        let body = json!({ "contacts": contacts, "dedupe": again });
        let added = self.session.client.post(&format!("api/lists/{list}/contacts"), Some(&body)).await;
        let answer = match added {
            Ok(answer) => answer.value,
            Err(failure) if failure.may_pass() => return Err(failure),
            // Not one of them can be dialled.
            Err(failure) => json!({ "refused": contacts, "why": failure.message }),
        };
        let count = |field: &str| answer[field].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
        let refused = answer["refused"].as_array().map_or(0, Vec::len);
        let tally = self.report.of(CONTACTS);
        tally.made += count("added");
        tally.there += count("skipped_duplicates");
        tally.left_out += refused;
        if refused > 0 {
            let first = &answer["refused"][0];
            let why = answer["why"].as_str().or(first["problem"].as_str()).unwrap_or("it says no reason");
            let place = first["index"].as_u64().map_or(String::new(), |index| format!(" {} of its page", index + 1));
            self.report.note(format!("list {name:?}: {refused} numbers were refused, the first{place}: {why}"));
        }
        Ok(())
    }

    /// Gives a record to the API here. A field that is refused and without which it still works is emptied.
    async fn make(
        &mut self,
        entity: &str,
        parent: Option<i64>,
        record: Map<String, Value>,
        called: &str,
    ) -> Result<Result<Value, String>, Failure> {
        let mut record = record;
        let path = format!("{}/edit/{entity}/", self.here);
        let parent = parent.map(|parent| parent.to_string());
        // Once per field that can be left out, and once more.
        for _ in 0..=CAN_BE_LEFT_OUT.len() {
            let data = Value::Object(record.clone()).to_string();
            let mut form = vec![("mode", "E"), ("data", data.as_str())];
            form.extend(parent.as_deref().map(|parent| ("parent", parent)));
            let answer = self.session.client.post_form(&path, &form).await?.value;
            if answer["status"] == "OK" {
                return Ok(Ok(answer["results"][0].clone()));
            }
            let why = answer["error"].as_str().unwrap_or("it does not say why").to_owned();
            let words: Vec<&str> = why.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            let named = CAN_BE_LEFT_OUT.iter().find(|field| words.contains(field) && record.contains_key(**field));
            let Some(field) = named else { return Ok(Err(why)) };
            self.report.note(format!("{called}: {field} was left out: {why}"));
            record.remove(*field);
        }
        Ok(Err("too many of its fields were refused".to_owned()))
    }

    /// What is here, by what makes it the same thing.
    async fn here_by_name(&self, kind: Kind) -> Result<BTreeMap<String, i64>, Failure> {
        let mut all = BTreeMap::new();
        // `~` finds what is hidden, too.
        let query = [("mode", "L"), ("query", "~"), ("items", "100000")];
        let answer = self.session.client.find(&format!("{}/edit/{}/", self.here, kind.entity), &query).await?.value;
        if answer["status"] != "OK" {
            return Err(Failure::refused(show(&answer["error"])));
        }
        for record in answer["results"].as_array().into_iter().flatten() {
            all.extend(record[kind.key].as_i64().map(|id| (identity(kind, record), id)));
        }
        Ok(all)
    }

    fn left_out(&mut self, what: &'static str, name: &str, why: &str) {
        self.report.of(what).left_out += 1;
        self.report.note(format!("{what}: {name:?} was left out: {why}"));
    }
}

/// A record without its key and its signatures.
fn bare(record: Value, key: &str) -> Map<String, Value> {
    let Value::Object(fields) = record else { return Map::new() };
    let is_ours = |name: &str| name == key || name.starts_with("sys_") || ["state", "campaignId"].contains(&name);
    fields.into_iter().filter(|(name, _)| !is_ours(name)).collect()
}

/// What people know it by.
fn name_of(record: &Value) -> String {
    let text = |field: &str| record[field].as_str().map(str::trim).filter(|text| !text.is_empty());
    text("name").or(text("queueName")).or(text("description")).unwrap_or_default().to_owned()
}

/// What makes two records the same thing: its name, and the server that it belongs to.
fn identity(kind: Kind, record: &Value) -> String {
    let name = if kind.entity == SERVERS.entity { show(&record["description"]) } else { name_of(record) };
    match record["astId"]["id"].as_i64() {
        Some(server) => format!("{server} {name}"),
        None => name,
    }
}

/// Attributes that came with the number, or those that calls brought.
fn attributes(record: &Value, inputs: bool) -> Map<String, Value> {
    let all = record["attributes"].as_array().into_iter().flatten();
    let of_kind = all.filter(|attribute| attribute["isInput"].as_bool().unwrap_or(true) == inputs);
    of_kind
        .filter_map(|attribute| {
            Some((attribute["attrName"].as_str()?.to_owned(), attribute["attrValue"].as_str()?.into()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_by_its_name_and_server() {
        let queue = json!({"type": "QUEUE", "queueName": "999", "name": "", "astId": {"id": 3}});
        assert_eq!(identity(END_POINTS, &queue), "3 999");
        assert_eq!(identity(SERVERS, &json!({"id": 1, "description": "office", "name": "x"})), "office");
        assert_eq!(name_of(&json!({"description": "only this"})), "only this");
    }

    #[test]
    fn what_belongs_to_the_other_system_stays_there() {
        let record =
            json!({"trunkId": 7, "name": "a", "sys_dt_creazione": "x", "state": "UP", "campaignId": "", "capacity": 3});
        assert_eq!(Value::Object(bare(record, "trunkId")), json!({"name": "a", "capacity": 3}));
    }

    #[test]
    fn attributes_of_calls_are_told_from_those_of_numbers() {
        let record = json!({"attributes": [{"isInput": true, "attrName": "A", "attrValue": "1"},
            {"isInput": false, "attrName": "B", "attrValue": "2"}]});
        assert_eq!(Value::Object(attributes(&record, true)), json!({"A": "1"}));
        assert_eq!(Value::Object(attributes(&record, false)), json!({"B": "2"}));
    }
}
