//! What changed between two looks at the live figures.

use domain::Timestamp;
use node::live::{
    Dialling, Live, LiveCall, LiveEndPoint, LiveHold, LivePbx, LiveRun, LiveStorage, LiveTotals, LiveTrunk,
};
use serde::Serialize;
use std::collections::HashMap;

/// What a screen applies to the figures that it has: who is in `set` takes the place of the one with the same key or is
/// new, who is in `gone` leaves. The key of a call is `attempt`, of everything else `id`.
#[derive(Debug, Serialize)]
pub(super) struct Delta<'a> {
    at: Timestamp,
    dialling: Dialling,
    hold: &'a Option<LiveHold>,
    storage: &'a Option<LiveStorage>,
    totals: LiveTotals,
    #[serde(skip_serializing_if = "Changed::is_empty")]
    pbxs: Changed<'a, LivePbx>,
    #[serde(skip_serializing_if = "Changed::is_empty")]
    trunks: Changed<'a, LiveTrunk>,
    #[serde(skip_serializing_if = "Changed::is_empty")]
    end_points: Changed<'a, LiveEndPoint>,
    #[serde(skip_serializing_if = "Changed::is_empty")]
    runs: Changed<'a, LiveRun>,
    #[serde(skip_serializing_if = "Changed::is_empty")]
    calls: Changed<'a, LiveCall>,
}

/// Members of one part that are new, other than they were, or no more there.
#[derive(Debug, Serialize)]
struct Changed<'a, T> {
    set: Vec<&'a T>,
    gone: Vec<i64>,
}

impl<'a, T: PartialEq> Changed<'a, T> {
    fn between(old: &[T], new: &'a [T], key: impl Fn(&T) -> i64) -> Self {
        let mut had: HashMap<i64, &T> = old.iter().map(|member| (key(member), member)).collect();
        let set = new.iter().filter(|member| had.remove(&key(member)) != Some(*member)).collect();
        let mut gone: Vec<i64> = had.into_keys().collect();
        gone.sort_unstable();
        Self { set, gone }
    }

    fn is_empty(&self) -> bool {
        self.set.is_empty() && self.gone.is_empty()
    }
}

impl<'a> Delta<'a> {
    /// What makes `new` of `old`, but for the order of the members.
    pub(super) fn between(old: &Live, new: &'a Live) -> Self {
        Self {
            at: new.at,
            dialling: new.dialling,
            hold: &new.hold,
            storage: &new.storage,
            totals: new.totals,
            pbxs: Changed::between(&old.pbxs, &new.pbxs, |pbx| pbx.id.0),
            trunks: Changed::between(&old.trunks, &new.trunks, |trunk| trunk.id.0),
            end_points: Changed::between(&old.end_points, &new.end_points, |end_point| end_point.id.0),
            runs: Changed::between(&old.runs, &new.runs, |run| run.id.0),
            calls: Changed::between(&old.calls, &new.calls, |call| call.attempt.0),
        }
    }

    /// Nothing but the time is other than it was.
    pub(super) fn is_empty(&self, old: &Live) -> bool {
        let parts = [
            self.pbxs.is_empty(),
            self.trunks.is_empty(),
            self.end_points.is_empty(),
            self.runs.is_empty(),
            self.calls.is_empty(),
            self.dialling == old.dialling,
            *self.hold == old.hold,
            *self.storage == old.storage,
            self.totals == old.totals,
        ];
        parts.into_iter().all(|same| same)
    }
}

/// Gives the runs of `new` the paces of `old` until their next second: they change with every look, and a screen need not
/// hear of them ten times a second.
pub(super) fn calm(old: &Live, new: &mut Live) {
    for run in &mut new.runs {
        let Some(before) = old.runs.iter().find(|before| before.id == run.id) else { continue };
        if before.running_s == run.running_s {
            run.attempts_per_hour = before.attempts_per_hour;
            run.completions_per_hour = before.completions_per_hour;
            run.eta_s = before.eta_s;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tests::sample;
    use domain::AttemptId;
    use serde_json::{Value, json};

    /// As a screen does it.
    fn apply(live: &mut Value, delta: &Value) {
        for (part, change) in delta.as_object().unwrap() {
            let Some(set) = change["set"].as_array() else {
                live[part] = change.clone();
                continue;
            };
            let key = if part == "calls" { "attempt" } else { "id" };
            let leaves = |member: &Value| {
                change["gone"].as_array().unwrap().contains(&member[key]) || set.iter().any(|s| s[key] == member[key])
            };
            let members = live[part].as_array_mut().unwrap();
            members.retain(|member| !leaves(member));
            members.extend(set.iter().cloned());
            members.sort_by_key(|member| member[key].as_i64());
        }
    }

    fn call(live: &Live, attempt: i64) -> LiveCall {
        LiveCall { attempt: AttemptId(attempt), ..live.calls[0].clone() }
    }

    #[test]
    fn a_screen_that_applies_it_shows_what_is() {
        let mut old = sample();
        old.calls = (1..6).map(|attempt| call(&old, attempt)).collect();
        let mut new = old.clone();
        new.at = Timestamp(new.at.0 + 1);
        new.hold = None;
        new.calls.retain(|call| ![2, 5].contains(&call.attempt.0));
        new.calls[1].connected_at = None;
        new.calls.push(call(&old, 9));
        new.trunks[0].in_use = 7;
        new.end_points.clear();
        new.totals.open_calls = 4;
        let delta = serde_json::to_value(Delta::between(&old, &new)).unwrap();
        let mut shown = serde_json::to_value(&old).unwrap();
        apply(&mut shown, &delta);
        assert_eq!(shown, serde_json::to_value(&new).unwrap());
        assert_eq!(delta["calls"]["gone"], json!([2, 5]));
        assert_eq!(delta["calls"]["set"].as_array().unwrap().len(), 2);
        assert!(delta.get("runs").is_none() && delta.get("pbxs").is_none(), "{delta}");
    }

    #[test]
    fn nothing_is_said_when_only_time_passed() {
        let old = sample();
        let mut new = old.clone();
        new.at = Timestamp(new.at.0 + 100_000);
        new.runs[0].attempts_per_hour *= 0.99;
        new.runs[0].eta_s = Some(7);
        calm(&old, &mut new);
        assert!(Delta::between(&old, &new).is_empty(&old));
        new.runs[0].running_s += 1;
        assert!(!Delta::between(&old, &new).is_empty(&old));
    }
}
