//! One PBX over its manager interface: reached, logged in, with the rights that Carillon needs and no more, its trunks and
//! end points.

use super::finding::Finding;
use super::pbx::{judge_clock, strength, version};
use super::{pbx, trunk};
use ami::{Action, Client, Incoming, Lost, Outcome, Secret, Settings};
use domain::{EndPoint, Pbx, Trunk};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;

/// From the first packet to the log-in; the client's own deadline is shorter.
const LOGIN_DEADLINE: Duration = Duration::from_secs(8);
/// The lines of manager.conf that are needed.
pub(super) const RIGHTS: &str = "read = system,call,user,agent and write = call,originate,reporting";
/// Without these no call can be placed, ended or found.
const NEEDED: [&str; 4] = ["Originate", "Hangup", "Status", "CoreShowChannels"];
/// Who may use one of these owns the PBX, and often its machine.
const DANGEROUS: [&str; 5] = ["Command", "UpdateConfig", "GetConfig", "ModuleLoad", "DBPut"];

/// Every check of it. The first that fails for all others ends them.
pub(super) async fn examine(
    pbx: &Pbx,
    password: &str,
    trunks: impl Iterator<Item = &Trunk>,
    end_points: impl Iterator<Item = &EndPoint>,
) -> Vec<Finding> {
    let settings = Settings::new(pbx.host.clone(), pbx.port, pbx.username.clone(), Secret::new(password));
    let (client, mut told) = match ami::connect(settings) {
        Ok(link) => link,
        Err(why) => return vec![Finding::failed("pbx.login", why, "carillon pbx set --help").about(&pbx.name)],
    };
    let mut findings = Vec::new();
    let (login, entered) = login(pbx, &mut told).await;
    findings.push(login);
    if let Some(running) = entered {
        findings.push(version(&running));
        findings.push(rights(&client.actions().await));
        findings.push(strength(pbx, password));
        findings.push(pbx::exposed(pbx).await);
        findings.push(clock(&client).await);
        for known in trunks {
            findings.push(reachable(&client, known).await.about(format!("{} of {}", known.name, pbx.name)));
        }
        for known in end_points {
            findings.push(extension(&client, known).await.about(format!("{} of {}", known.name, pbx.name)));
        }
    }
    client.link().shutdown();
    let unnamed = findings.into_iter();
    unnamed.map(|finding| if finding.about.is_empty() { finding.about(&pbx.name) } else { finding }).collect()
}

/// With the version of the Asterisk that let us in.
async fn login(pbx: &Pbx, told: &mut Receiver<Incoming>) -> (Finding, Option<String>) {
    let place = format!("{}:{}", pbx.host, pbx.port);
    match enter(told, &place).await {
        Ok(version) => (Finding::ok("pbx.login", format!("{place} lets {} in", pbx.username)), Some(version)),
        Err(finding) => (finding, None),
    }
}

/// Waits for the first connection; the version, or why there is none.
pub(super) async fn enter(told: &mut Receiver<Incoming>, place: &str) -> Result<String, Finding> {
    match tokio::time::timeout(LOGIN_DEADLINE, told.recv()).await {
        Ok(Some(Incoming::Connected { version, .. })) => Ok(version),
        Ok(Some(Incoming::Lost { why, .. })) => Err(judge_login(&why)),
        _ => Err(Finding::failed("pbx.reach", format!("{place} says nothing"), "see Asterisk's log")),
    }
}

/// The client's words name the place and, behind a colon, the remedy.
fn judge_login(why: &Lost) -> Finding {
    let text = why.to_string();
    let check = if matches!(why, Lost::Refused(_)) { "pbx.login" } else { "pbx.reach" };
    let (found, remedy) = match text.rsplit_once(": ") {
        Some((found, remedy)) if remedy.contains("manager.conf") => (found, remedy),
        _ => (text.as_str(), "is this the port of manager.conf, and does Asterisk run? see its log"),
    };
    Finding::failed(check, found, remedy)
}

fn rights(actions: &Outcome<Vec<String>>) -> Finding {
    let Outcome::Done(actions) = actions else {
        return Finding::unknown("pbx.rights", "the PBX does not list what the user may do", "see Asterisk's log");
    };
    let may = |action: &&str| actions.iter().any(|name| name.eq_ignore_ascii_case(action));
    let missing: Vec<&str> = NEEDED.into_iter().filter(|action| !may(action)).collect();
    if !missing.is_empty() {
        let found = format!("may not use {}: calls cannot be placed and followed", missing.join(", "));
        return Finding::failed("pbx.rights", found, format!("set {RIGHTS} in the user's section of manager.conf"));
    }
    let dangerous: Vec<&str> = DANGEROUS.into_iter().filter(may).collect();
    if dangerous.is_empty() {
        return Finding::ok("pbx.rights", "may place, end and list calls, and no more than is needed");
    }
    Finding::warning(
        "pbx.rights",
        format!("may also use {}: whoever has its password owns the PBX", dangerous.join(", ")),
        format!("set {RIGHTS} in the user's section of manager.conf"),
    )
}

async fn clock(client: &Client) -> Finding {
    let asked = Instant::now();
    let answer = client.action(&Action::new("Ping")).await.done();
    let theirs = answer.as_ref().and_then(|answer| instant(answer.get("Timestamp")?));
    judge_clock(theirs, jiff::Timestamp::now(), asked.elapsed())
}

/// `1795298160.864222`.
fn instant(text: &str) -> Option<jiff::Timestamp> {
    let millis = text.trim().parse::<f64>().ok()? * 1_000.0;
    jiff::Timestamp::from_millisecond(millis as i64).ok()
}

/// The value of a dialplan function, which needs no channel.
async fn value(client: &Client, function: String) -> Option<String> {
    let asked = Action::new("Getvar").with("Variable", function);
    Some(client.action(&asked).await.done()?.get("Value")?.to_owned())
}

async fn reachable(client: &Client, known: &Trunk) -> Finding {
    let Some((technology, resource)) = trunk::device(&known.dial_string) else {
        let found = format!("{}: where it leads is decided while dialling", known.dial_string);
        return Finding::unknown("trunk", found, "place a test call");
    };
    let device = format!("{technology}/{resource}");
    let state = value(client, format!("DEVICE_STATE({device})")).await;
    judge_trunk(&device, state.as_deref().unwrap_or_default())
}

fn judge_trunk(device: &str, state: &str) -> Finding {
    match state {
        "INVALID" => Finding::failed(
            "trunk",
            format!("the PBX has no {device}"),
            "correct the dial string (carillon trunk set --dial-string), or pjsip.conf",
        ),
        "UNAVAILABLE" => Finding::failed(
            "trunk",
            format!("{device} is unavailable: the carrier does not answer, or nobody is registered"),
            "asterisk -rx \"pjsip show contacts\" shows why; check address, firewall and registration",
        ),
        "NOT_INUSE" | "INUSE" | "BUSY" | "RINGING" | "RINGINUSE" | "ONHOLD" => {
            Finding::ok("trunk", format!("{device} is there, as far as Asterisk knows"))
        }
        _ => Finding::unknown("trunk", format!("Asterisk knows nothing of {device}"), "place a test call"),
    }
}

async fn extension(client: &Client, known: &EndPoint) -> Finding {
    let (context, extension) = (&known.context, &known.extension);
    match value(client, format!("DIALPLAN_EXISTS({context},{extension},1)")).await.as_deref() {
        Some("1") => Finding::ok("endpoint", format!("{extension} of context {context} exists")),
        Some("0") => Finding::failed(
            "endpoint",
            format!("{extension} of context {context} does not exist: every call to it is refused"),
            format!("add it to extensions.conf: asterisk -rx \"dialplan show {extension}@{context}\""),
        ),
        _ => Finding::unknown(
            "endpoint",
            format!("Asterisk does not tell whether {extension} of context {context} exists"),
            format!("asterisk -rx \"dialplan show {extension}@{context}\""),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn state(actions: &[&str]) -> State {
        rights(&Outcome::Done(actions.iter().map(|name| (*name).to_owned()).collect())).state
    }

    #[test]
    fn rights_may_be_too_few_enough_and_too_many() {
        assert_eq!(state(&["Originate", "Hangup"]), State::Failed);
        let enough = ["Originate", "Hangup", "Status", "CoreShowChannels", "Ping"];
        assert_eq!(state(&enough), State::Ok);
        assert_eq!(state(&[&enough[..], &["Command"]].concat()), State::Warning);
        assert_eq!(rights(&Outcome::Refused { status: None, message: "no".into() }).state, State::Unknown);
    }

    #[test]
    fn the_words_of_the_client_become_what_was_found_and_what_to_do() {
        let refused =
            Lost::Refused("PBX a:1 refuses the log-in: compare user x with its section in manager.conf".into());
        let finding = judge_login(&refused);
        assert_eq!((finding.check, finding.found.as_str()), ("pbx.login", "PBX a:1 refuses the log-in"));
        assert!(finding.remedy.contains("manager.conf"));
        let gone = judge_login(&Lost::Unreachable("PBX a:1: it closed the connection".into()));
        assert_eq!((gone.check, gone.found.as_str()), ("pbx.reach", "PBX a:1: it closed the connection"));
    }

    #[test]
    fn a_trunk_is_there_away_or_unknown() {
        assert_eq!(judge_trunk("PJSIP/x", "NOT_INUSE").state, State::Ok);
        assert_eq!(judge_trunk("PJSIP/x", "UNAVAILABLE").state, State::Failed);
        assert_eq!(judge_trunk("PJSIP/x", "INVALID").state, State::Failed);
        assert_eq!(judge_trunk("PJSIP/x", "UNKNOWN").state, State::Unknown);
        assert_eq!(judge_trunk("PJSIP/x", "").state, State::Unknown);
    }
}
