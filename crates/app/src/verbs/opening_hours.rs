//! `carillon opening-hours`: named sets of rules that say when campaigns may dial.

use super::campaign::{clock, days, hours};
use super::{Column, add, list_all, object, patch, remove};
use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, facts, table};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

/// What to do with opening hours.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a set; without a rule it is always open
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// Every set
    List,
    /// One set and its rules
    Show {
        /// Name or id
        set: String,
    },
    /// When it is open in the seven days from today, or from another day on
    Week {
        /// Name or id
        set: String,
        /// The first day, e.g. 2026-12-21
        #[arg(long, value_name = "DATE")]
        from: Option<String>,
    },
    /// Change a set; what is not given stays. Runs go by it at once
    Set {
        /// Name or id
        set: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        settings: Settings,
    },
    /// Remove a set that no campaign and no open run goes by
    Remove {
        /// Name or id
        set: String,
    },
    /// Its rules: the first that matches decides
    #[command(subcommand)]
    Rule(Rule),
}

/// What a set can be told besides its rules.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// What holds where no rule matches [default: open]
    #[arg(long = "default", value_enum, value_name = "MODE")]
    default_mode: Option<Mode>,
    /// IANA zone of its rules; empty: that of the campaign
    #[arg(long)]
    zone: Option<String>,
    /// For people
    #[arg(long)]
    comment: Option<String>,
}

/// Whether calls may be placed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Mode {
    /// They may
    Open,
    /// They may not
    Closed,
}

impl Mode {
    fn code(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Closed => "CLOSED",
        }
    }
}

/// What to do with the rules of a set.
#[derive(Debug, Subcommand)]
pub(crate) enum Rule {
    /// Add a rule, behind the others or before one of them
    Add {
        /// Set, name or id
        set: String,
        /// What holds while it matches
        #[arg(value_enum)]
        mode: Mode,
        /// mon,tue,... or mon-fri, or digits 1 (Sunday) to 7 [default: any day]
        #[arg(long, value_parser = days)]
        days: Option<String>,
        /// Times, e.g. 09:00-17:59:59 or 22:00:00-05:59:59; the last second is included [default: all day]
        #[arg(long, value_name = "FROM-TO", value_parser = hours)]
        hours: Option<(String, String)>,
        /// A day, 2026-12-25, or every year 12-25 [default: any date]
        #[arg(long, value_name = "DAY")]
        on: Option<String>,
        /// With --on: up to and including this day
        #[arg(long, value_name = "DAY", requires = "on")]
        until: Option<String>,
        /// For people
        #[arg(long)]
        comment: Option<String>,
        /// Its place among the rules, from 1 [default: last]
        #[arg(long, value_name = "PLACE", value_parser = clap::value_parser!(u32).range(1..=100))]
        at: Option<u32>,
    },
    /// Remove a rule
    Remove {
        /// Set, name or id
        set: String,
        /// The rule's place, from 1
        #[arg(value_parser = clap::value_parser!(u32).range(1..=100))]
        place: u32,
    },
}

const COLUMNS: [Column; 5] =
    [("id", "id"), ("name", "name"), ("default", "default_mode"), ("zone", "zone"), ("comment", "comment")];

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    let noun = Noun::OpeningHours;
    match verb {
        Verb::Create { name, settings } => add(session, noun, &settings.body(Some(name))).await,
        Verb::List => list_all(session, noun, false, &COLUMNS).await,
        Verb::Show { set } => {
            let answer = session.client.get(&session.client.path(noun, &set).await?).await?;
            session.print(&answer, shown);
            Ok(())
        }
        Verb::Week { set, from } => week(session, &set, from.as_deref()).await,
        Verb::Set { set, name, settings } => patch(session, noun, &set, settings.body(name)).await,
        Verb::Remove { set } => remove(session, noun, &set).await,
        Verb::Rule(Rule::Add { set, mode, days, hours, on, until, comment, at }) => {
            let (start, end) = hours.unzip();
            let rule = object([
                ("mode", Some(mode.code().into())),
                ("days", days.map(Value::from)),
                ("time_start", start.map(Value::from)),
                ("time_end", end.map(Value::from)),
                ("date_from", on.map(Value::from)),
                ("date_to", until.map(Value::from)),
                ("comment", comment.map(Value::from)),
            ]);
            change(session, &set, |rules| {
                let last = rules.len();
                rules.insert(at.map_or(last, |place| (place as usize - 1).min(last)), rule);
                Ok(())
            })
            .await
        }
        Verb::Rule(Rule::Remove { set, place }) => {
            change(session, &set, |rules| {
                if place as usize > rules.len() {
                    return Err(Failure::refused(format!("opening hours {set:?} have no rule {place}"))
                        .remedy(format!("carillon opening-hours show {set:?} shows their rules")));
                }
                rules.remove(place as usize - 1);
                Ok(())
            })
            .await
        }
    }
}

impl Settings {
    fn body(self, name: Option<String>) -> Value {
        object([
            ("name", name.map(Value::from)),
            ("default_mode", self.default_mode.map(|mode| mode.code().into())),
            ("zone", self.zone.map(Value::from)),
            ("comment", self.comment.map(Value::from)),
        ])
    }
}

/// The API replaces all rules at once, so they are read first.
async fn change(
    session: &Session,
    set: &str,
    edit: impl FnOnce(&mut Vec<Value>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let row = session.client.named(Noun::OpeningHours, set).await?;
    let mut rules = row["rules"].as_array().cloned().unwrap_or_default();
    edit(&mut rules)?;
    let path = format!("{}/{}", Noun::OpeningHours.path(), cell(&row, "id"));
    let answer = session.client.patch(&path, &json!({ "rules": rules })).await?;
    session.print(&answer, shown);
    Ok(())
}

fn shown(set: &Value) -> String {
    let head = facts(COLUMNS.iter().map(|(head, path)| (*head, cell(set, path))));
    let rules = set["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    if rules.is_empty() {
        return head.to_string();
    }
    let mut table = table(&["rule", "mode", "days", "dates", "hours", "comment"]);
    for (place, rule) in rules.iter().enumerate() {
        let dates = match (cell(rule, "date_from"), cell(rule, "date_to")) {
            (from, to) if to.is_empty() || to == "-" => from,
            (from, to) => format!("{from} to {to}"),
        };
        let hours = format!("{}-{}", clock(&cell(rule, "time_start")), clock(&cell(rule, "time_end")));
        let (mode, days, comment) = (cell(rule, "mode"), cell(rule, "days"), cell(rule, "comment"));
        table.add_row([(place + 1).to_string(), mode, days, dates, hours, comment]);
    }
    format!("{head}\n{table}")
}

async fn week(session: &Session, set: &str, from: Option<&str>) -> Result<(), Failure> {
    let path = format!("{}/week", session.client.path(Noun::OpeningHours, set).await?);
    let query: Vec<(&str, &str)> = from.map(|from| ("from", from)).into_iter().collect();
    let answer = session.client.find(&path, &query).await?;
    session.print(&answer, |week| {
        let mut table = table(&["day", "open"]);
        for day in week["days"].as_array().into_iter().flatten() {
            let spans = day["open"].as_array().map(Vec::as_slice).unwrap_or_default();
            let spans = spans.iter().map(|span| format!("{}-{}", cell(span, "opens"), cell(span, "closes")));
            let open = spans.collect::<Vec<_>>().join(", ");
            table.add_row([cell(day, "date"), if open.is_empty() { "closed".to_owned() } else { open }]);
        }
        let now = if week["open_now"] == true { "open now" } else { "closed now" };
        format!("{table}\n{now} ({}; {})", cell(week, "why_now"), cell(week, "zone"))
    });
    Ok(())
}
