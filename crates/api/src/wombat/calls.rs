//! `calls`: addcall, extstatus, attr, attrAppend, attrClear.

use super::reply::Reply;
use super::{Asked, refuse, shown, unknown_op};
use crate::error::ApiError;
use crate::{attempts, calls};
use domain::journal::OutputChange;
use domain::{AttemptId, Dialable, Timestamp};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use store::import::parse_native;
use store::{NewContact, TokenScope, now};

const OPS: &str = "addcall, extstatus, attr, attrAppend, attrClear";

pub(super) async fn serve(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    let change = |make: fn(String, String) -> OutputChange| {
        let name = asked.needs("attr")?.to_owned();
        Ok::<_, ApiError>(make(name, asked.parameters.get("val").unwrap_or_default().to_owned()))
    };
    match asked.op() {
        "addcall" => add_call(asked).await,
        "extstatus" => {
            asked.may(TokenScope::Operate)?;
            let (id, status) = (asked.wombat_id("wombatid")?, asked.needs("status")?);
            attempts::set_status(asked.app, asked.caller, id, status).await?;
            Ok(Reply::Text("Event CALLSTATUS queued".into()))
        }
        "attr" => output(asked, change(|name, value| OutputChange::Set { name, value })?, "ATTRIBUTE").await,
        "attrAppend" => {
            output(asked, change(|name, value| OutputChange::Append { name, value })?, "ATTRIBUTEAPPEND").await
        }
        "attrClear" => output(asked, OutputChange::Clear, "ATTRIBUTECLEAR").await,
        other => Err(unknown_op(other, OPS)),
    }
}

async fn add_call(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    asked.may(TokenScope::Operate)?;
    let campaign = asked.campaign().await?;
    let number = Dialable::parse(asked.needs("number")?, asked.app.store.country())?;
    // The text of the attributes is that of a record behind a number.
    let attributes = asked.parameters.get("attrs").unwrap_or_default();
    let attributes = parse_native(&format!("0,{attributes}"), None)?.attributes;
    let due_at = due_at(asked.parameters.get("schedule").unwrap_or_default(), now(), &campaign.zone)?;
    let contact = NewContact { number, attributes };
    let call = calls::add(asked.app, asked.caller, campaign.id, &contact, due_at).await?;
    let text = format!("call {} added to campaign {:?}, not before {}", call.contact, campaign.name, call.due_at);
    Ok(Reply::Text(text))
}

async fn output(asked: &Asked<'_>, change: OutputChange, event: &str) -> Result<Reply, ApiError> {
    asked.may(TokenScope::Operate)?;
    attempts::set_output(asked.app, asked.caller, asked.wombat_id("wombatid")?, change).await?;
    Ok(Reply::Text(format!("Event {event} queued")))
}

/// `schedule`: seconds from now, or `YYYY-MM-DD.HH:MM:SS` in the campaign's zone; nothing is now.
fn due_at(text: &str, now: Timestamp, zone: &str) -> Result<Timestamp, ApiError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(now);
    }
    let wrong =
        || refuse(format!("schedule {:?} is neither a number of seconds nor a time YYYY-MM-DD.HH:MM:SS", shown(text)));
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds: i64 = text.parse().map_err(|_| wrong())?;
        return Ok(now.plus_seconds(seconds.min(calls::MAX_AHEAD_S + 1)));
    }
    local_time(text, zone).ok_or_else(wrong)
}

/// `YYYY-MM-DD.HH:MM:SS` on the clock of a zone.
pub(super) fn local_time(text: &str, zone: &str) -> Option<Timestamp> {
    let local = DateTime::strptime("%Y-%m-%d.%H:%M:%S", text)
        .or_else(|_| DateTime::strptime("%Y-%m-%d %H:%M:%S", text))
        .ok()?;
    let zone = TimeZone::get(zone).ok()?;
    Some(Timestamp::from_jiff(local.to_zoned(zone).ok()?.timestamp()))
}

impl Asked<'_> {
    /// The id of a call, as `WOMBAT_HOPPER_ID` has it.
    pub(super) fn wombat_id(&self, name: &str) -> Result<AttemptId, ApiError> {
        let text = self.needs(name)?;
        let id = text.parse().ok().filter(|id| *id > 0);
        id.map(AttemptId).ok_or_else(|| refuse(format!("{name} {:?} is no id of a call", shown(text))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_seconds_or_a_time_of_the_campaigns_clock() {
        let now = Timestamp(1_774_000_000_000_000);
        let due = |text| due_at(text, now, "Europe/Rome").map_err(|error| error.sentence());
        assert_eq!(due("").unwrap(), now);
        assert_eq!(due("15").unwrap(), now.plus_seconds(15));
        assert_eq!(due(" 2026-07-01.10:00:00 ").unwrap().to_string(), "2026-07-01T08:00:00Z");
        assert_eq!(due("2026-12-01 10:00:00").unwrap().to_string(), "2026-12-01T09:00:00Z");
        for wrong in ["-5", "1.5", "tomorrow", "2026-13-01.10:00:00", "2026-07-01.25:00:00", "2026-07-01", "+5"] {
            assert!(due(wrong).unwrap_err().contains("schedule"), "{wrong}");
        }
    }
}
