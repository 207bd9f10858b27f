//! `lists`: addToList.

use super::reply::Reply;
use super::{Asked, refuse, shown, unknown_op};
use crate::error::ApiError;
use domain::Invalid;
use domain::contact::check_meaning;
use store::import::parse_native;
use store::{Lock, NewContact, TokenScope};

/// Records that are refused: their 1-based places and what is wrong.
type Bad = Vec<(usize, Invalid)>;

/// Records of one request, at most.
const MAX_RECORDS: usize = 1_000_000;

pub(super) async fn serve(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    match asked.op() {
        "addToList" => add_to_list(asked).await,
        other => Err(unknown_op(other, "addToList")),
    }
}

/// The list is made when it is missing. Good records are added and bad ones counted; when all are bad, nothing changes.
async fn add_to_list(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    asked.may(TokenScope::Operate)?;
    let (app, scope) = (asked.app, &asked.caller.scope);
    let name = asked.needs("list")?;
    let dedupe = flag("dedupe", asked.parameters.get("dedupe"))?;
    let numbers = asked.parameters.get("numbers").unwrap_or_default();
    let (contacts, refused) = records(numbers, app.store.country())?;
    if let Some((place, problem)) = refused.first()
        && contacts.is_empty()
    {
        let message = format!("all {} records are bad; record {place}: {problem}", refused.len());
        return Err(refuse(message));
    }
    let list = match asked.find_list(name).await? {
        Some(list) => list,
        None => {
            let lock = Lock { created_by: scope.actor.user, ..Lock::default() };
            app.store.create_list(scope, (name, &lock)).await?
        }
    };
    let done = app.store.add_many_contacts(scope, list.id, contacts, dedupe).await?;
    app.contacts_added(list.id, done.added).await;
    let mut text = format!("List: {} added {} numbers", list.name, done.added);
    if done.duplicates > 0 {
        text.push_str(&format!("; {} passed over, the list has them", done.duplicates));
    }
    if let Some((place, problem)) = refused.first() {
        text.push_str(&format!("; {} refused, the first is record {place}: {problem}", refused.len()));
    }
    Ok(Reply::Text(text))
}

/// Records between `|` or line ends; empty ones are none. Comes with the 1-based places of bad ones and what is wrong.
fn records(text: &str, country: Option<&str>) -> Result<(Vec<NewContact>, Bad), ApiError> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let parts = text.split(['|', '\n', '\r']).map(str::trim).filter(|record| !record.is_empty());
    for (index, record) in parts.enumerate() {
        if index >= MAX_RECORDS {
            return Err(refuse(format!("more than {MAX_RECORDS} records: import a file instead")));
        }
        let contact = parse_native(record, country).and_then(|candidate| {
            check_meaning(&candidate.attributes)?;
            Ok(NewContact { number: candidate.number, attributes: candidate.attributes })
        });
        match contact {
            Ok(contact) => good.push(contact),
            Err(invalid) => bad.push((index + 1, invalid)),
        }
    }
    Ok((good, bad))
}

/// A yes or no in one of the ways in which they are written.
fn flag(name: &str, value: Option<&str>) -> Result<bool, ApiError> {
    match value.unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" | "0" | "false" | "no" => Ok(false),
        "1" | "true" | "yes" => Ok(true),
        other => Err(refuse(format!("{name} {:?} is neither 1 nor 0", shown(other)))),
    }
}
