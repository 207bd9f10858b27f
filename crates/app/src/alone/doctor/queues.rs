//! Queues that end points observe: whether somebody lets us in who tells of them, and whether they are there.

use super::ami::enter;
use super::finding::Finding;
use ami::{Outcome, Secret, Settings};
use domain::pacing::HARBOUR;
use domain::{EndPoint, EndPointId, Manager, Pbx};

/// A finding per end point that observes a queue of this PBX, and one for what its agents need who are called first.
/// `password` is that of the manager user; over AMI of its own. `autopaused`: end points of campaigns that pause agents.
pub(super) async fn examine(
    pbx: &Pbx,
    password: &str,
    end_points: impl Iterator<Item = &EndPoint>,
    autopaused: &[EndPointId],
) -> Vec<Finding> {
    let observing: Vec<(&EndPoint, &str)> =
        end_points.filter_map(|one| Some((one, one.queue.as_ref()?.name.as_str()))).collect();
    if observing.is_empty() {
        return Vec::new();
    }
    let own = || Manager { host: pbx.host.clone(), port: pbx.port, username: pbx.username.clone() };
    let Manager { host, port, username } = pbx.manager.clone().unwrap_or_else(own);
    let (place, user) = (format!("{host}:{port}"), username.clone());
    let (client, mut told) = match ami::connect(Settings::new(host, port, username, Secret::new(password))) {
        Ok(link) => link,
        Err(why) => return vec![Finding::failed("queue", why, "carillon pbx set --help").about(&pbx.name)],
    };
    let listed = match enter(&mut told, &place).await {
        Ok(_) => client.queues().await,
        Err(mut finding) => {
            client.link().shutdown();
            finding.check = "queue";
            return vec![finding.about(&pbx.name)];
        }
    };
    let judged = observing
        .iter()
        .map(|(end_point, queue)| judge(queue, &listed).about(format!("{} of {}", end_point.name, pbx.name)));
    let mut findings: Vec<Finding> = judged.collect();
    let first = |(end_point, _): &&(&EndPoint, &str)| end_point.queue.as_ref().is_some_and(|queue| queue.reverse);
    let first: Vec<EndPointId> = observing.iter().filter(first).map(|(end_point, _)| end_point.id).collect();
    if !first.is_empty() {
        let pauses = first.iter().any(|id| autopaused.contains(id));
        findings.push(rights(&user, pauses, &client.actions().await).about(&pbx.name));
    }
    let waits = |(end_point, _): &&(&EndPoint, &str)| end_point.queue.as_ref().is_some_and(|queue| !queue.reverse);
    if observing.iter().any(|one| waits(&one)) {
        let (context, extension) = HARBOUR;
        let there = client.has_extension(context, extension).await;
        findings.push(harbour(&user, &there, &client.actions().await).about(&pbx.name));
    }
    client.link().shutdown();
    findings
}

/// Whether people who find no agent can be brought to a message.
fn harbour(user: &str, there: &Outcome<bool>, actions: &Outcome<Vec<String>>) -> Finding {
    const CHECK: &str = "queue.harbour";
    let (context, extension) = HARBOUR;
    let place = format!("extension {extension} of context {context}");
    let may = |actions: &Vec<String>| actions.iter().any(|name| name.eq_ignore_ascii_case("Redirect"));
    match (there, actions) {
        (Outcome::Done(false), _) => Finding::warning(
            CHECK,
            format!("people who find no agent hear no message: there is no {place}"),
            "carillon pbx harbour prints the lines for extensions.conf",
        ),
        (Outcome::Done(true), Outcome::Done(actions)) if !may(actions) => Finding::failed(
            CHECK,
            format!("{user} may not bring people who find no agent to {place}: Redirect"),
            format!("add call to write = of {user} in manager.conf, then: asterisk -rx \"manager reload\""),
        ),
        (Outcome::Done(true), Outcome::Done(_)) => {
            Finding::ok(CHECK, format!("people who find no agent are brought to {place}"))
        }
        _ => Finding::unknown(CHECK, format!("the PBX does not say whether there is {place}"), "see Asterisk's log"),
    }
}

/// What the manager user has to be allowed, so that agents are called first, and paused.
fn rights(user: &str, pauses: bool, actions: &Outcome<Vec<String>>) -> Finding {
    const CHECK: &str = "queue.rights";
    let Outcome::Done(actions) = actions else {
        return Finding::unknown(CHECK, "the PBX does not list what the user may do", "see Asterisk's log");
    };
    let may = |action: &str| actions.iter().any(|name| name.eq_ignore_ascii_case(action));
    let remedy = |right: &str| {
        format!("add {right} to write = of {user} in manager.conf, then: asterisk -rx \"manager reload\"")
    };
    match () {
        () if !may("Originate") => {
            Finding::failed(CHECK, format!("{user} may not call agents first: Originate"), remedy("originate"))
        }
        () if pauses && !may("QueuePause") => Finding::warning(
            CHECK,
            format!("{user} may not pause agents: QueuePause; they are called all the same"),
            remedy("agent"),
        ),
        () => Finding::ok(CHECK, format!("{user} may do what calling agents first needs")),
    }
}

fn judge(queue: &str, listed: &Outcome<Vec<ami::Queue>>) -> Finding {
    let Outcome::Done(queues) = listed else {
        return Finding::unknown(
            "queue",
            "the PBX does not list its queues",
            "is app_queue loaded? see Asterisk's log",
        );
    };
    match queues.iter().find(|known| known.name == queue) {
        Some(known) => Finding::ok("queue", format!("queue {queue} is there, with {} agents", known.members.len())),
        None => Finding::failed(
            "queue",
            format!("the PBX has no queue {queue}: nothing is dialled for it"),
            "compare with queues.conf, or: carillon endpoint set --queue",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn who_may_not_call_or_pause_agents_is_told_the_right_that_is_missing() {
        let with = |actions: &[&str], pauses| {
            rights("office", pauses, &Outcome::Done(actions.iter().map(|name| (*name).to_owned()).collect()))
        };
        let cannot_call = with(&["QueuePause"], true);
        assert_eq!(cannot_call.state, State::Failed);
        assert!(cannot_call.remedy.contains("originate") && cannot_call.remedy.contains("office"));
        let cannot_pause = with(&["Originate"], true);
        assert_eq!(cannot_pause.state, State::Warning);
        assert!(cannot_pause.remedy.contains("agent"), "{}", cannot_pause.remedy);
        assert_eq!(with(&["Originate"], false).state, State::Ok, "nobody wants to");
        assert_eq!(with(&["Originate", "QueuePause"], true).state, State::Ok);
        assert_eq!(rights("office", true, &Outcome::Unknown(ami::Unknown::Deadline)).state, State::Unknown);
    }

    #[test]
    fn a_safe_harbour_that_is_missing_or_out_of_reach_is_told_with_the_remedy() {
        let may = |names: &[&str]| Outcome::Done(names.iter().map(|name| (*name).to_owned()).collect());
        let found = |there, actions| harbour("office", &Outcome::Done(there), &actions);
        assert_eq!(found(true, may(&["Redirect"])).state, State::Ok);
        let missing = found(false, may(&["Redirect"]));
        assert_eq!(missing.state, State::Warning);
        assert!(missing.remedy.contains("carillon pbx harbour"), "{}", missing.remedy);
        let barred = found(true, may(&["QueueStatus"]));
        assert_eq!(barred.state, State::Failed);
        assert!(barred.remedy.contains("add call to write"), "{}", barred.remedy);
        let silent = harbour("office", &Outcome::Unknown(ami::Unknown::Deadline), &may(&[]));
        assert_eq!(silent.state, State::Unknown);
    }

    #[test]
    fn a_queue_that_is_not_there_is_named() {
        let known = ami::Queue { name: "999".into(), ..ami::Queue::default() };
        let listed = Outcome::Done(vec![known]);
        assert_eq!(judge("999", &listed).state, State::Ok);
        assert_eq!(judge("998", &listed).state, State::Failed);
        let silent = Outcome::Unknown(ami::Unknown::Deadline);
        assert_eq!(judge("999", &silent).state, State::Unknown);
    }
}
