//! `carillon why`: why nothing is dialled, and why a number may be called or not.

use crate::client::{Answer, Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, local, note, table};
use clap::Args;
use comfy_table::CellAlignment;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long a campaign that is being counted is waited for.
const PATIENCE: Duration = Duration::from_secs(180);

/// What is asked about.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A campaign, name or id; or a telephone number, written as a list may write it
    #[arg(required_unless_present = "contact")]
    what: Option<String>,
    /// A contact of a list, by its id
    #[arg(long, conflicts_with = "what")]
    contact: Option<i64>,
    /// Of a number or contact: only for this campaign, name or id
    #[arg(long)]
    campaign: Option<String>,
    /// Of a number or contact: at another time, `2026-11-22T08:00:00Z` or `2026-11-22 09:00` on this machine's clock
    #[arg(long, value_parser = instant)]
    at: Option<Timestamp>,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let here = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::system()).ok().map(|zoned| zoned.timestamp());
    text.parse()
        .ok()
        .or_else(here)
        .ok_or_else(|| format!("{text:?} is no time: 2026-11-22T08:00:00Z, or 2026-11-22 09:00"))
}

/// Asks and says it.
pub(crate) async fn run(options: Options, session: &Session) -> Result<(), Failure> {
    let Options { what, contact, campaign, at } = options;
    if let Some(contact) = contact {
        return verdicts(&format!("api/contacts/{contact}/why"), None, campaign, at, session).await;
    }
    let what = what.unwrap_or_default();
    let about_number = campaign.is_some() || at.is_some();
    if !about_number && let Some(row) = session.client.find_named(Noun::Campaign, &what).await? {
        return funnel(&cell(&row, "id"), session).await;
    }
    let digits = what.chars().filter(char::is_ascii_digit).count();
    if digits < 2 && !about_number {
        // It can only be meant as a campaign: the refusal names those that are near.
        session.client.named(Noun::Campaign, &what).await?;
    }
    verdicts("api/why", Some(&what), campaign, at, session).await
}

async fn funnel(campaign: &str, session: &Session) -> Result<(), Failure> {
    let answer = counted(&format!("api/campaigns/{campaign}/why"), session).await?;
    session.print(&answer, campaign_text);
    Ok(())
}

/// Asks until the contacts are counted: a campaign that nobody asked about lately takes a while.
async fn counted(path: &str, session: &Session) -> Result<Answer, Failure> {
    let began = Instant::now();
    loop {
        let answer = session.client.get(path).await?;
        let counting = &answer.value["counting"];
        if counting.is_null() || counting["too_many"] == true || began.elapsed() > PATIENCE {
            return Ok(answer);
        }
        note(format!("counting contacts: {} of {}", cell(counting, "done"), cell(counting, "of")));
    }
}

fn campaign_text(why: &Value) -> String {
    let mut text = vec![cell(why, "sentence"), String::new()];
    let mut conditions = table(&["asked", "", "how it stands", "changes"]);
    for one in why["conditions"].as_array().into_iter().flatten() {
        let holds = if one["holds"] == true { "ok" } else { "NO" };
        conditions.add_row([cell(one, "rule"), holds.to_owned(), cell(one, "text"), local(one, "until")]);
    }
    text.push(conditions.to_string());
    match why["funnel"].as_object() {
        Some(_) => text.push(funnel_table(&why["funnel"])),
        None if why["counting"]["too_many"] == true => {
            text.push(format!("{} contacts: too many to be counted", cell(why, "counting.of")));
        }
        None => text.push("the contacts are still being counted: ask again".to_owned()),
    }
    let packs = why["packs"].as_array().into_iter().flatten();
    let packs: Vec<String> =
        packs.map(|pack| format!("{} {}", cell(pack, "name"), cell(pack, "version")).trim_end().to_owned()).collect();
    text.push(format!("rules: {}", packs.join(", ")));
    text.join("\n")
}

/// Numbers to the right; buckets that keep nobody back are left out.
fn funnel_table(funnel: &Value) -> String {
    let mut rows = table(&["contacts", "first", "all", "next change"]);
    rows.add_row(["all".to_owned(), cell(funnel, "contacts"), String::new(), String::new()]);
    for bucket in funnel["buckets"].as_array().into_iter().flatten().filter(|bucket| bucket["all"] != 0) {
        rows.add_row([
            format!("- {}", cell(bucket, "text")),
            cell(bucket, "first"),
            cell(bucket, "all"),
            local(bucket, "next_change"),
        ]);
    }
    rows.add_row(["= may be called now".to_owned(), cell(funnel, "dialable"), String::new(), String::new()]);
    for column in [1, 2] {
        if let Some(column) = rows.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    rows.to_string()
}

async fn verdicts(
    path: &str,
    number: Option<&str>,
    campaign: Option<String>,
    at: Option<Timestamp>,
    session: &Session,
) -> Result<(), Failure> {
    let mut query = Vec::new();
    query.extend(number.map(|number| ("number", number.to_owned())));
    if let Some(campaign) = &campaign {
        query.push(("campaign", session.client.id(Noun::Campaign, campaign).await?.to_string()));
    }
    query.extend(at.map(|at| ("at", at.to_string())));
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = session.client.find(path, &query).await?;
    session.print(&answer, |page| {
        let all = page["items"].as_array().into_iter().flatten().map(verdict_text);
        all.collect::<Vec<_>>().join("\n\n")
    });
    Ok(())
}

fn verdict_text(verdict: &Value) -> String {
    let who = match verdict["campaign"].as_i64() {
        Some(id) => format!("campaign {} ({id})", cell(verdict, "campaign_name")),
        None => "no campaign has this number: the pack default says".to_owned(),
    };
    let contact = match verdict["contact"].as_i64() {
        Some(id) => format!(", contact {id} of list {}", cell(verdict, "list")),
        None if verdict["campaign"].is_null() => String::new(),
        None => ", in none of its lists".to_owned(),
    };
    let state =
        verdict["state"].as_str().map(|state| format!(", {state} in run {}", cell(verdict, "run"))).unwrap_or_default();
    let may = match (verdict["allowed"] == true, verdict["again_at"].is_null()) {
        (true, _) => "may be called".to_owned(),
        (false, false) => format!("may not be called; worth asking again at {}", local(verdict, "again_at")),
        (false, true) => "may not be called, and that does not change by itself".to_owned(),
    };
    let mut rules = table(&["rule", "", "why", "yes from"]);
    for says in verdict["rules"].as_array().into_iter().flatten() {
        let yes = if says["yes"] == true { "yes" } else { "NO" };
        rules.add_row([cell(says, "rule"), yes.to_owned(), cell(says, "why"), local(says, "until")]);
    }
    let numbers = numbers(verdict);
    format!("{who}{contact}{state}\n{}: {may}\n{rules}{numbers}", local(verdict, "at"))
}

/// What is said of each number of a contact that names several; empty: it names one.
fn numbers(verdict: &Value) -> String {
    let Some(all) = verdict["numbers"].as_array().filter(|all| !all.is_empty()) else { return String::new() };
    let mut rows = table(&["number", "", "first no", "yes from"]);
    for one in all {
        let name = if one["no"] == 0 { "its own".to_owned() } else { cell(one, "no") };
        let turn = match (one["left_out"].as_str(), one["next"] == true) {
            (Some(why), _) => format!("passed over: it {why}"),
            (None, true) => "its turn is next".to_owned(),
            (None, false) => String::new(),
        };
        rows.add_row([name, turn, cell(one, "rule"), local(one, "until")]);
    }
    format!("\n{rows}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_campaign_is_a_sentence_and_two_tables() {
        let why = json!({
            "sentence": "nothing is dialled: nobody may be called now", "packs": [{"name": "default", "version": "2026-11"}],
            "conditions": [{"rule": "pbx_up", "holds": false, "text": "pbx is not up", "until": null}],
            "funnel": {"contacts": 9, "dialable": 0, "buckets": [
                {"stage": "finished", "text": "finished in this run", "first": 0, "all": 0, "next_change": null},
                {"stage": "inside_callee_window", "text": "outside their calling hours", "first": 9, "all": 9,
                    "next_change": "2026-11-23T09:00:00Z"}]},
            "counting": null,
        });
        let text = campaign_text(&why);
        assert!(text.starts_with("nothing is dialled: nobody may be called now\n"), "{text}");
        for part in [
            "pbx_up",
            "NO",
            "outside their calling hours",
            "2026-11-2",
            "= may be called now",
            "rules: default 2026-11",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        assert!(!text.contains("finished in this run"), "what keeps nobody back is left out\n{text}");
    }

    #[test]
    fn a_time_is_an_instant_or_this_machines_clock() {
        assert_eq!(instant("2026-11-22T08:00:00Z").unwrap().to_string(), "2026-11-22T08:00:00Z");
        assert!(instant("2026-11-22 09:00").is_ok() && instant("2026-11-22T09:00:00").is_ok());
        assert!(instant("noon").is_err() && instant("2026-02-30 09:00").is_err());
    }
}
