//! Why is this number called, or not: what every rule says of it, now and at any other time.

use crate::clock::wall;
use crate::handle::{Handle, NodeError};
use domain::rules::{Answer, ContactReceipt, ContactRule, Facts, Limits, Rules, Standing, Windows, Zones, judge, pack};
use domain::{AttemptId, Attributes, CampaignId, Contact, ContactId, Dialable, ListId, RunId, Timestamp, WhyLeftOut};
use store::{InForce, Kind, RunContact, Scope};

/// Campaigns that one question is answered for, at most.
const MAX_ANSWERS: usize = 50;

/// What the rules of one campaign say of one contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The instant that it holds for.
    pub at: Timestamp,
    /// The campaign; `None`: none has the number, the pack `default` was asked.
    pub campaign: Option<(CampaignId, String)>,
    /// Its open run.
    pub run: Option<RunId>,
    /// The contact and its list; `None`: the number is in no list of the campaign.
    pub contact: Option<(ContactId, ListId)>,
    /// How far the contact is in the run: `fresh`, `open`, `waiting`, `refused` or `finished`.
    pub state: Option<String>,
    /// Whether every rule says yes.
    pub allowed: bool,
    /// When it is worth asking again, where all that say no change by themselves.
    pub again_at: Option<Timestamp>,
    /// What every rule says, in order.
    pub rules: Vec<RuleSays>,
    /// The figures.
    pub receipt: ContactReceipt,
    /// Which of the contact's numbers this is about; 0: its own.
    pub number_no: u32,
    /// All numbers of a contact that names several, by place; otherwise empty.
    pub numbers: Vec<NumberVerdict>,
}

/// What is said of one of several numbers of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberVerdict {
    /// Its place.
    pub no: u32,
    /// It is the one that is called next, as far as the contact is in its run.
    pub next: bool,
    /// The first rule that says no, and until when.
    pub first_no: Option<(ContactRule, Option<Timestamp>)>,
    /// Why it is passed over, if it is.
    pub left_out: Option<WhyLeftOut>,
}

/// What one rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSays {
    /// Which.
    pub rule: ContactRule,
    /// Whether it says yes.
    pub yes: bool,
    /// From when it says yes, when it says no and changes by itself.
    pub until: Option<Timestamp>,
    /// On what grounds, for people.
    pub why: String,
}

/// What is judged.
struct Asked<'a> {
    in_force: Option<&'a InForce>,
    contact: Option<&'a Contact>,
    number: &'a Dialable,
    at: Timestamp,
    /// The present: calls in progress count.
    now: bool,
}

impl Handle {
    /// What the rules say of a number: for one campaign, or for each that has it in a list. `at`: now when absent; of
    /// another time the calls that are known now are asked.
    pub async fn why_number(
        &self,
        scope: &Scope,
        number: &Dialable,
        campaign: Option<CampaignId>,
        at: Option<Timestamp>,
    ) -> Result<Vec<Verdict>, NodeError> {
        let contacts = self.store().contacts_with_number(scope, number).await?;
        let (now, at) = (at.is_none(), at.unwrap_or_else(wall));
        let mut verdicts = Vec::new();
        for in_force in self.in_force(scope, campaign).await? {
            let of_campaign: Vec<&Contact> =
                contacts.iter().filter(|contact| in_force.campaign.lists.contains(&contact.list)).collect();
            let in_force = Some(&in_force);
            for contact in of_campaign.iter().take(MAX_ANSWERS - verdicts.len().min(MAX_ANSWERS)) {
                // The one of its numbers that was asked about.
                let keys = self.store().number_keys(number);
                let numbers = contact.numbers.iter().flat_map(|numbers| &numbers.all);
                let meant = numbers.filter(|one| keys.contains(&one.key)).map(|one| one.no).next();
                let contact = &contact.turn(meant.unwrap_or(0));
                let asked = Asked { in_force, contact: Some(contact), number: &contact.number, at, now };
                verdicts.push(self.judge(scope, &asked).await?);
            }
            if campaign.is_some() && of_campaign.is_empty() {
                verdicts.push(self.judge(scope, &Asked { in_force, contact: None, number, at, now }).await?);
            }
        }
        if verdicts.is_empty() {
            verdicts.push(self.judge(scope, &Asked { in_force: None, contact: None, number, at, now }).await?);
        }
        Ok(verdicts)
    }

    /// The same of one contact.
    pub async fn why_contact(
        &self,
        scope: &Scope,
        contact: ContactId,
        campaign: Option<CampaignId>,
        at: Option<Timestamp>,
    ) -> Result<Vec<Verdict>, NodeError> {
        let contact = self.store().contact(scope, contact).await?;
        let (now, at) = (at.is_none(), at.unwrap_or_else(wall));
        let mut verdicts = Vec::new();
        for in_force in self.in_force(scope, campaign).await? {
            let has_it = in_force.campaign.lists.contains(&contact.list);
            if (has_it || campaign.is_some()) && verdicts.len() < MAX_ANSWERS {
                let place = match in_force.run {
                    Some(run) => self.store().run_contacts(scope, run, contact.id, contact.id).await?.pop(),
                    None => None,
                };
                let contact = &contact.turn(place.as_ref().map_or(0, turn));
                let (in_force, number) = (Some(&in_force), &contact.number);
                verdicts.push(self.judge(scope, &Asked { in_force, contact: Some(contact), number, at, now }).await?);
            }
        }
        if verdicts.is_empty() {
            let asked = Asked { in_force: None, contact: Some(&contact), number: &contact.number, at, now };
            verdicts.push(self.judge(scope, &asked).await?);
        }
        Ok(verdicts)
    }

    /// The campaign that was asked for, otherwise every one, as in force now.
    async fn in_force(&self, scope: &Scope, campaign: Option<CampaignId>) -> Result<Vec<InForce>, NodeError> {
        let asked = match campaign {
            Some(campaign) => vec![campaign],
            None => self.store().campaigns(scope).await?.into_iter().map(|campaign| campaign.id).collect(),
        };
        let mut in_force = Vec::with_capacity(asked.len());
        for campaign in asked {
            in_force.push(self.store().in_force(scope, campaign).await?);
        }
        Ok(in_force)
    }

    /// The call to the number, or to another one of the same contact, that is in progress.
    async fn call_to(
        &self,
        scope: &Scope,
        contact: Option<&Contact>,
        number: &Dialable,
    ) -> Result<Option<AttemptId>, NodeError> {
        let store = self.store();
        let own = contact.map_or_else(|| store.number_key(number), |contact| contact.key);
        for key in std::iter::once(own).chain(contact.into_iter().flat_map(Contact::other_keys)) {
            if let Some(call) = store.call_to(scope, key).await? {
                return Ok(Some(call));
            }
        }
        Ok(None)
    }

    async fn judge(&self, scope: &Scope, asked: &Asked<'_>) -> Result<Verdict, NodeError> {
        let Asked { in_force, contact, number, at, now } = *asked;
        let store = self.store();
        let rules = match in_force {
            Some(in_force) => in_force.campaign.callee_rules()?,
            None => Rules::of(&[pack::DEFAULT.to_owned()], &Limits::default(), "UTC")?,
        };
        let nothing = Attributes::default();
        let attributes = contact.map_or(&nothing, |contact| &contact.attributes);
        let person = contact.and_then(|contact| contact.person);
        let campaign = in_force.map_or(CampaignId(0), |in_force| in_force.campaign.id);
        let standing = match contact {
            Some(contact) => {
                let standings = store.standings(scope, campaign, std::slice::from_ref(contact), at).await?;
                standings.into_iter().next().unwrap_or_default()
            }
            None => store.standing(scope, campaign, number, person, at).await?,
        };
        let place = match (in_force.and_then(|in_force| in_force.run), contact) {
            (Some(run), Some(contact)) => store.run_contacts(scope, run, contact.id, contact.id).await?.pop(),
            _ => None,
        };
        let call = if now { self.call_to(scope, contact, number).await? } else { None };
        let put_off = place.as_ref().is_some_and(|place| place.put_off_by.is_some());
        let denied = rules.denies(number).map(str::to_owned);
        let facts = Facts {
            denied: denied.is_some(),
            suppressed: standing.suppressed_by.is_some() || standing.black_listed_by.is_some(),
            consent_at: contact.and_then(|contact| contact.consent_at),
            // What put it off is asked itself.
            due_at: place.as_ref().filter(|_| !put_off).and_then(|place| place.due_at),
            number: &standing.number,
            person: &standing.person,
            zones: contact.map_or_else(|| Zones::of(number, attributes), |contact| contact.zones),
            in_flight: call.is_some(),
        };
        let black_list = match standing.black_listed_by {
            // A list whose name may not be told is one all the same.
            Some(list) => Some(store.list(scope, list).await.ok().map(|list| list.name)),
            None => None,
        };
        let mut windows = Windows::default();
        let verdicts = judge(&rules, &facts, at, &mut windows);
        let receipt = ContactReceipt::of(&rules, &facts, at, &mut windows);
        let grounds = Grounds {
            denied,
            standing: &standing,
            receipt: &receipt,
            due_at: facts.due_at,
            in_call: match call {
                None => None,
                // That there is a call is said to everybody, of which campaign it is to who sees that.
                Some(call) => Some(store.attempt(scope, call).await.is_ok().then_some(call.0)),
            },
            black_list,
            list_seen: standing.suppressed_by.is_some_and(|list| scope.sees(Kind::SuppressionList, list.0)),
        };
        let says = ContactRule::ALL.into_iter().zip(verdicts.0).map(|(rule, answer)| RuleSays {
            rule,
            yes: answer == Answer::Yes,
            until: match answer {
                Answer::Yes => None,
                Answer::No { until } => until,
            },
            why: grounds.of(rule),
        });
        let numbers = contact
            .map_or_else(Vec::new, |contact| numbers(contact, &standing, &rules, place.as_ref(), at, &mut windows));
        let rules = says.collect();
        let run = in_force.and_then(|in_force| in_force.run);
        Ok(Verdict {
            at,
            campaign: in_force.map(|in_force| (in_force.campaign.id, in_force.campaign.name.clone())),
            run,
            contact: contact.map(|contact| (contact.id, contact.list)),
            state: run.and(contact).map(|_| state(place.as_ref())),
            allowed: verdicts.first_no().is_none(),
            again_at: verdicts.again_at(),
            rules,
            receipt,
            number_no: contact.map_or(0, |contact| contact.number_no),
            numbers,
        })
    }
}

/// The number whose turn comes in its run, or is.
fn turn(place: &RunContact) -> u32 {
    if place.state == "finished" { 0 } else { place.number_no }
}

/// What is said of each number of a contact that names several.
fn numbers(
    contact: &Contact,
    standing: &Standing,
    rules: &Rules,
    place: Option<&RunContact>,
    at: Timestamp,
    windows: &mut Windows,
) -> Vec<NumberVerdict> {
    let next = place.map_or(0, turn);
    let others =
        contact.other_numbers(rules, standing, |zones| windows.ask(rules, zones, at) == Answer::No { until: None });
    let all = contact.numbers.iter().flat_map(|numbers| {
        let left_out = numbers.left_out.iter().map(|one| one.no);
        numbers.all.iter().map(|one| one.no).chain(left_out)
    });
    let mut verdicts: Vec<NumberVerdict> = all
        .map(|no| {
            let left_out = others.iter().find(|other| other.no == no).and_then(|other| other.left_out);
            let first_no = contact.at(no).and_then(|called| {
                let standing = standing.at(no);
                let facts = Facts {
                    denied: rules.denies(&called.number).is_some(),
                    suppressed: standing.suppressed_by.is_some() || standing.black_listed_by.is_some(),
                    consent_at: called.consent_at,
                    due_at: None,
                    number: &standing.number,
                    person: &standing.person,
                    zones: called.zones,
                    in_flight: false,
                };
                judge(rules, &facts, at, windows).first_no()
            });
            // Its own number is never passed over: who bars that bars the contact.
            NumberVerdict { no, next: no == next, first_no, left_out: left_out.filter(|_| no > 0) }
        })
        .collect();
    verdicts.sort_by_key(|verdict| verdict.no);
    verdicts
}

fn state(place: Option<&RunContact>) -> String {
    place.map_or("fresh", |place| place.state.as_str()).to_owned()
}

/// On what grounds each rule says what it says.
struct Grounds<'a> {
    denied: Option<String>,
    standing: &'a Standing,
    receipt: &'a ContactReceipt,
    due_at: Option<Timestamp>,
    /// A call to it is in progress; which one, when it may be told.
    in_call: Option<Option<i64>>,
    list_seen: bool,
    /// On a black list of the campaign; its name, when it may be told.
    black_list: Option<Option<String>>,
}

impl Grounds<'_> {
    fn of(&self, rule: ContactRule) -> String {
        let receipt = self.receipt;
        let or = |text: Option<String>, none: &str| text.unwrap_or_else(|| none.to_owned());
        match rule {
            ContactRule::NumberAllowed => or(
                self.denied.as_ref().map(|prefix| format!("numbers that begin with {prefix} are not called")),
                "in no range that is denied",
            ),
            ContactRule::NumberNotSuppressed if self.standing.suppressed_by.is_none() && self.black_list.is_some() => {
                match self.black_list.as_ref().and_then(Option::as_ref) {
                    Some(name) => format!("on the campaign's black list {name:?}"),
                    None => "on a black list of the campaign".to_owned(),
                }
            }
            ContactRule::NumberNotSuppressed => or(
                self.standing.suppressed_by.map(|list| match self.list_seen {
                    true => format!("on suppression list {list}"),
                    false => "on a suppression list".to_owned(),
                }),
                "on no suppression list that counts here",
            ),
            ContactRule::ConsentGiven if !receipt.consent_needed => "no consent is asked for".to_owned(),
            ContactRule::ConsentGiven => {
                or(receipt.consent_at.map(|at| format!("consent of {at}")), "no consent is known")
            }
            ContactRule::RetryDue => or(self.due_at.map(|at| format!("due at {at}")), "waits for no time"),
            ContactRule::AttemptsBelowCap => {
                let caps = receipt.caps.iter().map(|cap| format!("{} of {} in {} h", cap.used, cap.allowed, cap.hours));
                let caps: Vec<String> = caps.collect();
                if caps.is_empty() { "no cap".to_owned() } else { caps.join(", ") }
            }
            ContactRule::CooledDown => {
                let talked = or(
                    receipt.last_conversation_at.map(|at| format!("last talked to at {at}")),
                    "nobody talked to them",
                );
                let rests =
                    [("last abandoned call", receipt.last_abandoned_at), ("last machine", receipt.last_machine_at)];
                let rests: String =
                    rests.iter().filter_map(|(what, at)| at.map(|at| format!("; {what} at {at}"))).collect();
                format!("{talked}; {} h are to pass{rests}", receipt.cooldown_hours)
            }
            ContactRule::GapKept => {
                let last =
                    or(receipt.last_attempt_at.map(|at| format!("last attempt at {at}")), "no attempt is remembered");
                format!("{last}; {} min are to pass", receipt.gap_minutes)
            }
            ContactRule::InsideCalleeWindow => self.window(),
            ContactRule::NumberNotInFlight => {
                let says = |attempt: Option<i64>| match attempt {
                    Some(attempt) => format!("attempt {attempt} is in progress"),
                    None => "a call to it is in progress".to_owned(),
                };
                or(self.in_call.map(says), "in no call")
            }
        }
    }

    fn window(&self) -> String {
        let receipt = self.receipt;
        let clocks: Vec<String> = receipt
            .clocks
            .iter()
            .map(|clock| format!("{} in {}", clock.showed.strftime("%a %H:%M"), clock.zone))
            .collect();
        match (receipt.zones, clocks.is_empty()) {
            (_, false) if receipt.zones as usize > clocks.len() => {
                format!("{} zones, from {}", receipt.zones, clocks.join(" to "))
            }
            (_, false) => clocks.join(", "),
            (0, true) if receipt.packs.iter().all(|pack| pack.name == pack::UNRESTRICTED) => "any hour".to_owned(),
            _ => "nobody knows where the number is, or hours are not asked for".to_owned(),
        }
    }
}
