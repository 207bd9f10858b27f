//! `/api/opening-hours`: named sets of rules that say when campaigns may dial.

use crate::App;
use crate::auth::{Admin, Read};
use crate::error::ApiError;
use crate::extract::{Id, Json, Patch, Query};
use crate::locks::{LockInput, Shown, shown};
use crate::page::{NamedQuery, Page};
use crate::words;
use axum::extract::State;
use axum::http::StatusCode;
use domain::opening::Schedule;
use domain::{Invalid, OpeningHoursId, OpeningMode, OpeningRuleId, Timestamp};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use store::Kind;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Spans of one day that are shown, at most: a set whose rules change more often is a mistake.
const MAX_SPANS: usize = 200;
/// Days of a week.
const WEEK: i32 = 7;

/// A set of opening hours.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OpeningHours {
    /// Its id.
    pub id: i64,
    /// Unique.
    #[schema(example = "shop")]
    pub name: String,
    /// For people.
    pub comment: String,
    /// What holds when no rule matches.
    #[schema(value_type = words::OpeningMode)]
    pub default_mode: OpeningMode,
    /// IANA zone in which its rules are read; empty: that of the campaign.
    pub zone: String,
    /// Its rules in order: the first that matches decides.
    pub rules: Vec<OpeningRule>,
    /// Who holds it sees this; empty: everybody.
    #[schema(example = "SALES")]
    pub security_key: String,
    /// Left out of choices; nothing else changes.
    pub hidden: bool,
    /// The user who made it, by id, and always sees it; `null`: nobody who signs in.
    pub created_by: Option<i64>,
}

shown!(OpeningHours, OpeningHours, hidden);

impl From<domain::OpeningHours> for OpeningHours {
    fn from(set: domain::OpeningHours) -> Self {
        let id = set.id.0;
        let OpeningHoursInput { name, comment, default_mode, zone, rules, .. } = set.into();
        let (security_key, hidden, created_by) = (String::new(), false, None);
        Self { id, name, comment, default_mode, zone, rules, security_key, hidden, created_by }
    }
}

/// A set as it is made or replaced.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpeningHoursInput {
    /// Unique, 1..=200 characters.
    #[schema(example = "shop")]
    pub name: String,
    /// For people, at most 500 characters.
    #[serde(default)]
    pub comment: String,
    /// What holds when no rule matches.
    #[serde(default)]
    #[schema(value_type = words::OpeningMode, required = false)]
    pub default_mode: OpeningMode,
    /// IANA zone in which its rules are read; empty: that of the campaign.
    #[serde(default)]
    #[schema(example = "Europe/Madrid")]
    pub zone: String,
    /// Its rules in order, at most 100: the first that matches decides.
    #[serde(default)]
    pub rules: Vec<OpeningRule>,
    /// Who holds it sees this; empty: everybody. Without it a changed one keeps what it has.
    #[serde(default)]
    #[schema(example = "SALES")]
    pub security_key: Option<String>,
    /// Left out of choices. Without it a changed one stays as it is.
    #[serde(default)]
    pub hidden: Option<bool>,
}

/// What holds at some times of some days.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpeningRule {
    /// Its id; not given for a new rule.
    #[serde(default)]
    pub id: i64,
    /// What holds while it matches.
    #[schema(value_type = words::OpeningMode)]
    pub mode: OpeningMode,
    /// Digits 1 (Sunday) to 7 (Saturday); empty: any day.
    #[serde(default)]
    #[schema(example = "23456")]
    pub days: String,
    /// First day, `2026-12-24` or every year `12-24`; empty: any date.
    #[serde(default)]
    #[schema(example = "12-24")]
    pub date_from: String,
    /// Last day, inclusive, written in the same way; empty: the first day only.
    #[serde(default)]
    #[schema(example = "12-26")]
    pub date_to: String,
    /// First second, `HHMMSS`.
    #[serde(default = "midnight")]
    #[schema(default = "000000")]
    pub time_start: String,
    /// Last second, inclusive, `HHMMSS`; before `time_start` means overnight: it belongs to the day on which it begins.
    #[serde(default = "end_of_day")]
    #[schema(default = "235959")]
    pub time_end: String,
    /// For people, at most 200 characters.
    #[serde(default)]
    pub comment: String,
}

fn midnight() -> String {
    "000000".into()
}

fn end_of_day() -> String {
    "235959".into()
}

impl OpeningHoursInput {
    fn checked(self, id: i64) -> Result<domain::OpeningHours, ApiError> {
        let rule = |rule: OpeningRule| domain::OpeningRule {
            id: OpeningRuleId(rule.id),
            mode: rule.mode,
            days: rule.days,
            date_from: rule.date_from,
            date_to: rule.date_to,
            time_start: rule.time_start,
            time_end: rule.time_end,
            comment: rule.comment,
        };
        let Self { name, comment, default_mode, zone, rules, .. } = self;
        let rules = rules.into_iter().map(rule).collect();
        let set = domain::OpeningHours { id: OpeningHoursId(id), name, comment, default_mode, zone, rules };
        set.check()?;
        Ok(set)
    }

    fn lock(&self) -> LockInput {
        LockInput { security_key: self.security_key.clone(), hidden: self.hidden }
    }
}

impl From<domain::OpeningHours> for OpeningHoursInput {
    fn from(set: domain::OpeningHours) -> Self {
        let rule = |rule: domain::OpeningRule| OpeningRule {
            id: rule.id.0,
            mode: rule.mode,
            days: rule.days,
            date_from: rule.date_from,
            date_to: rule.date_to,
            time_start: rule.time_start,
            time_end: rule.time_end,
            comment: rule.comment,
        };
        let domain::OpeningHours { id: _, name, comment, default_mode, zone, rules } = set;
        let rules = rules.into_iter().map(rule).collect();
        Self { name, comment, default_mode, zone, rules, security_key: None, hidden: None }
    }
}

/// Some fields of an [`OpeningHoursInput`].
type OpeningHoursPatch = Patch<OpeningHoursInput>;

/// Which week.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WeekQuery {
    /// Its first day; today when not given.
    #[param(example = "2026-12-21")]
    from: Option<String>,
    /// IANA zone, for a set that has none of its own; the installation's when not given.
    #[param(example = "Europe/Madrid")]
    zone: Option<String>,
}

/// Seven days of a set.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OpeningWeek {
    /// The zone in which they are shown.
    #[schema(example = "Europe/Madrid")]
    pub zone: String,
    /// Whether it is open now.
    pub open_now: bool,
    /// What decides now, for people.
    #[schema(example = "rule 1: closed 12-25 to 12-26")]
    pub why_now: String,
    /// In order.
    pub days: Vec<OpeningDay>,
}

/// When a set is open on one day.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OpeningDay {
    /// Which day.
    #[schema(example = "2026-12-21")]
    pub date: String,
    /// Its length: 86400 but where the clock is turned.
    pub length_s: i64,
    /// In order and apart; none: closed all day.
    pub open: Vec<OpeningSpan>,
}

/// From one instant to another.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OpeningSpan {
    /// When it opens.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// When it closes.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// Seconds of the day at which it opens.
    pub from_s: i64,
    /// Seconds of the day at which it closes.
    pub to_s: i64,
    /// What the clock shows when it opens.
    #[schema(example = "09:00:00")]
    pub opens: String,
    /// What the clock shows when it closes; `24:00:00` at the end of the day.
    #[schema(example = "18:00:00")]
    pub closes: String,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_opening_hours, create_opening_hours))
        .routes(routes!(get_opening_hours, replace_opening_hours, patch_opening_hours, delete_opening_hours))
        .routes(routes!(get_opening_week))
}

/// Every set of opening hours.
#[utoipa::path(get, path = "/api/opening-hours", tag = "configuration", params(NamedQuery),
    security(("token" = ["read"])), responses((status = 200, description = "a page of sets", body = Page<OpeningHours>)))]
async fn list_opening_hours(
    Read(caller): Read,
    State(app): State<App>,
    Query(query): Query<NamedQuery>,
) -> Result<axum::Json<Page<OpeningHours>>, ApiError> {
    let all = app.store.all_opening_hours(&caller.scope).await?.into_values();
    let all = OpeningHours::all_locked(&app, &caller.scope, all).await?;
    Ok(axum::Json(Page::cut(all, &query, |set| set.id, |set| &set.name)?))
}

/// Adds a set of opening hours.
#[utoipa::path(post, path = "/api/opening-hours", tag = "configuration", request_body = OpeningHoursInput,
    security(("token" = ["admin"])), responses((status = 201, description = "it exists now", body = OpeningHours)))]
pub(crate) async fn create_opening_hours(
    Admin(caller): Admin,
    State(app): State<App>,
    Json(input): Json<OpeningHoursInput>,
) -> Result<(StatusCode, axum::Json<OpeningHours>), ApiError> {
    let lock = input.lock().made_by(&caller);
    let set = app.store.create_opening_hours(&caller.scope, (&input.checked(0)?, &lock)).await?;
    app.configuration_changed().await;
    Ok((StatusCode::CREATED, axum::Json(OpeningHours::from(set).with(lock))))
}

/// One set of opening hours.
#[utoipa::path(get, path = "/api/opening-hours/{id}", tag = "configuration", params(("id" = i64, Path)),
    security(("token" = ["read"])), responses((status = 200, description = "the set", body = OpeningHours)))]
async fn get_opening_hours(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
) -> Result<axum::Json<OpeningHours>, ApiError> {
    let set = OpeningHours::from(app.store.opening_hours(&caller.scope, OpeningHoursId(id)).await?);
    Ok(axum::Json(set.locked(&app, &caller.scope).await?))
}

/// Replaces a set with its rules. Runs go by it from the answer on.
#[utoipa::path(put, path = "/api/opening-hours/{id}", tag = "configuration", params(("id" = i64, Path)),
    request_body = OpeningHoursInput, security(("token" = ["admin"])),
    responses((status = 200, description = "the set as it is now", body = OpeningHours)))]
async fn replace_opening_hours(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    Json(input): Json<OpeningHoursInput>,
) -> Result<axum::Json<OpeningHours>, ApiError> {
    update(&app, &caller.scope, id, input).await
}

/// Changes the given fields of a set; its rules are replaced as a whole. Runs go by it from the answer on.
#[utoipa::path(patch, path = "/api/opening-hours/{id}", tag = "configuration", params(("id" = i64, Path)),
    request_body = OpeningHoursPatch, security(("token" = ["admin"])),
    responses((status = 200, description = "the set as it is now", body = OpeningHours)))]
pub(crate) async fn patch_opening_hours(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
    patch: OpeningHoursPatch,
) -> Result<axum::Json<OpeningHours>, ApiError> {
    let existing = app.store.opening_hours(&caller.scope, OpeningHoursId(id)).await?.into();
    update(&app, &caller.scope, id, patch.apply(&existing)?).await
}

async fn update(
    app: &App,
    scope: &store::Scope,
    id: i64,
    input: OpeningHoursInput,
) -> Result<axum::Json<OpeningHours>, ApiError> {
    let lock = input.lock().over(app, scope, Kind::OpeningHours, id).await?;
    let set = app.store.update_opening_hours(scope, (&input.checked(id)?, &lock)).await?;
    app.configuration_changed().await;
    Ok(axum::Json(OpeningHours::from(set).with(lock)))
}

/// Deletes a set that no campaign names and no open run goes by.
#[utoipa::path(delete, path = "/api/opening-hours/{id}", tag = "configuration", params(("id" = i64, Path)),
    security(("token" = ["admin"])), responses((status = 204, description = "it is gone")))]
pub(crate) async fn delete_opening_hours(
    Admin(caller): Admin,
    State(app): State<App>,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    app.store.delete_opening_hours(&caller.scope, OpeningHoursId(id)).await?;
    app.configuration_changed().await;
    Ok(StatusCode::NO_CONTENT)
}

/// When a set is open in the seven days from a day on, as the dialler has it: holidays and turned clocks included.
#[utoipa::path(get, path = "/api/opening-hours/{id}/week", tag = "configuration", params(("id" = i64, Path), WeekQuery),
    security(("token" = ["read"])), responses((status = 200, description = "the week", body = OpeningWeek)))]
async fn get_opening_week(
    Read(caller): Read,
    State(app): State<App>,
    Id(id): Id,
    Query(query): Query<WeekQuery>,
) -> Result<axum::Json<OpeningWeek>, ApiError> {
    let set = app.store.opening_hours(&caller.scope, OpeningHoursId(id)).await?;
    let name = match (set.zone.as_str(), query.zone) {
        ("", Some(zone)) => zone,
        ("", None) => app.zone.clone(),
        (own, _) => own.to_owned(),
    };
    let zone = TimeZone::get(&name)
        .map_err(|_| Invalid::new("zone", format!("{name:?} is no IANA time zone, e.g. Europe/Madrid")))?;
    let now = store::now();
    let first = match query.from {
        None => now.to_jiff().to_zoned(zone.clone()).date(),
        Some(text) => {
            text.parse::<Date>().map_err(|_| Invalid::new("from", format!("{text:?} is no day, e.g. 2026-12-21")))?
        }
    };
    let schedule = Schedule::of(&set, &zone)?;
    let days = (0..WEEK).filter_map(|day| first.checked_add(day.days()).ok());
    let days = days.filter_map(|date| day(&schedule, &zone, date)).collect();
    let why_now = schedule.why(now);
    Ok(axum::Json(OpeningWeek { zone: name, open_now: schedule.is_open(now), why_now, days }))
}

/// One day; `None` where no instant has that date.
fn day(schedule: &Schedule, zone: &TimeZone, date: Date) -> Option<OpeningDay> {
    let midnight = |date: Date| Some(Timestamp::from_jiff(date.to_zoned(zone.clone()).ok()?.timestamp()));
    let (begins, ends) = (midnight(date)?, midnight(date.tomorrow().ok()?)?);
    let shown = |at: Timestamp| match at {
        at if at == ends => "24:00:00".to_owned(),
        at => at.to_jiff().to_zoned(zone.clone()).strftime("%H:%M:%S").to_string(),
    };
    let open = schedule.open_between(begins, ends).take(MAX_SPANS).map(|(from, to)| OpeningSpan {
        from,
        to,
        from_s: from.ms_since(begins) / 1_000,
        to_s: to.ms_since(begins) / 1_000,
        opens: shown(from),
        closes: shown(to),
    });
    Some(OpeningDay { date: date.to_string(), length_s: ends.ms_since(begins) / 1_000, open: open.collect() })
}

#[cfg(test)]
mod tests {
    use crate::testing::Server;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn a_set_is_made_changed_shown_as_a_week_and_deleted_when_nothing_goes_by_it() {
        let server = Server::start().await;
        let rules = json!([{"mode": "CLOSED", "date_from": "12-25", "date_to": "12-26", "comment": "Christmas"},
            {"mode": "OPEN", "days": "23456", "time_start": "090000", "time_end": "175959"}]);
        let set = json!({"name": "shop", "default_mode": "CLOSED", "rules": rules, "security_key": "SALES"});
        let made = server.post("/api/opening-hours", set).await.expect(201);
        assert_eq!((&made["rules"][0]["time_end"], &made["security_key"]), (&json!("235959"), &json!("SALES")));
        let path = format!("/api/opening-hours/{}", made["id"]);
        assert_eq!(server.get(&path).await.expect(200), made);
        assert_eq!(server.get("/api/opening-hours?name=shop").await.expect(200)["items"], json!([made]));

        let week = server.get(&format!("{path}/week?from=2026-12-21&zone=Europe/Madrid")).await.expect(200);
        let opens = |day: usize| week["days"][day]["open"].as_array().unwrap().len();
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(opens), [1, 1, 1, 1, 0, 0, 0]);
        let monday = &week["days"][0]["open"][0];
        assert_eq!([&monday["opens"], &monday["closes"]], ["09:00:00", "18:00:00"]);
        assert_eq!([&monday["from_s"], &monday["to_s"]], [32_400, 64_800]);
        assert_eq!(server.get(&format!("{path}/week?from=soon")).await.refused(422).1, "from");
        assert_eq!(server.get(&format!("{path}/week?zone=Mars")).await.refused(422).1, "zone");
        let turned = server.get(&format!("{path}/week?from=2026-10-25&zone=Europe/Madrid")).await.expect(200);
        assert_eq!(turned["days"][0]["length_s"], 90_000);

        let patched = server.call("PATCH", &path, json!({"default_mode": "OPEN"})).await.expect(200);
        assert_eq!((&patched["rules"], &patched["security_key"]), (&made["rules"], &json!("SALES")));
        let all_day = server.get(&format!("{path}/week?from=2026-12-27")).await.expect(200);
        let sunday = &all_day["days"][0]["open"];
        assert_eq!((&sunday[0]["opens"], &sunday[0]["closes"]), (&json!("00:00:00"), &json!("24:00:00")));

        let campaign = server.post("/api/campaigns", json!({"name": "spring", "opening_hours": [made["id"]]})).await;
        let campaign = format!("/api/campaigns/{}", campaign.expect(201)["id"]);
        assert_eq!(server.get(&campaign).await.expect(200)["opening_hours"], json!([made["id"]]));
        assert_eq!(server.call("DELETE", &path, Value::Null).await.refused(409).0, "in_use");
        server.call("PATCH", &campaign, json!({"opening_hours": []})).await.expect(200);
        server.call("DELETE", &path, Value::Null).await.expect(204);
        server.get(&path).await.refused(404);
        // What was deleted comes back with its rules.
        let changes = server.get(&format!("/api/audit?entity=opening_hours&id={}", made["id"])).await.expect(200);
        let back =
            server.post(&format!("/api/audit/{}/undo", changes["items"][0]["id"]), Value::Null).await.expect(200);
        let back = server.get(&format!("/api/opening-hours/{}", back["entity_id"])).await.expect(200);
        assert_eq!((&back["name"], &back["rules"][0]["comment"]), (&json!("shop"), &json!("Christmas")));
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_set_is_named() {
        let server = Server::start().await;
        for (fields, field) in [
            (json!({"name": ""}), "name"),
            (json!({"default_mode": "AJAR"}), "default_mode"),
            (json!({"zone": "Mars"}), "zone"),
            (json!({"rules": [{"mode": "OPEN", "days": "8"}]}), "rules[0].days"),
            (json!({"rules": [{"mode": "OPEN", "date_from": "25.12."}]}), "rules[0].date_from"),
            (json!({"rules": [{"mode": "OPEN", "time_end": "24:00"}]}), "rules[0].time_end"),
            (json!({"rules": [{"mode": "OPEN", "until": "9"}]}), "rules[0].until"),
        ] {
            let mut set = json!({"name": "shop"});
            set.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            assert_eq!(server.post("/api/opening-hours", set).await.refused(422), ("invalid".into(), field.into()));
        }
        let missing = server.post("/api/campaigns", json!({"name": "spring", "opening_hours": [77]})).await;
        assert_eq!(missing.refused(422).1, "opening_hours");
    }
}
