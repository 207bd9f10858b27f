//! Real Asterisks: every behaviour of the carrier simulator, and every end point of our PBX, once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use testkit::ami::{Ami, Message};
use testkit::sipp::Callee;
use testkit::{Instance, Pair, PortBlock, Template};

/// What the manager interface told about one call.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
struct Story {
    ringing: bool,
    progress: bool,
    up: bool,
    key: String,
    /// `cause/tech cause` of the hang-up, empty while the call lives.
    end: String,
    /// Whole seconds from the first event to the hang-up.
    seconds: u64,
}

/// Dials all numbers at once and follows each call to its end, or for 8 s beyond the ring time-out.
fn dial(pair: &Pair, extension: &str, ring: Duration, numbers: &[&str]) -> BTreeMap<String, Story> {
    let mut ami = Ami::connect(&pair.pbx.ami()).expect("the PBX is up");
    let started = Instant::now();
    for number in numbers {
        ami.originate(number, &format!("PJSIP/{number}@carrier"), extension, ring).expect("originate is queued");
    }
    let mut stories: BTreeMap<String, Story> =
        numbers.iter().map(|number| ((*number).to_owned(), Story::default())).collect();
    let end = started + ring + Duration::from_secs(8);
    while stories.values().any(|story| story.end.is_empty()) {
        let left = end.saturating_duration_since(Instant::now());
        let Ok(event) = ami.wait_for(left, |_| true) else { break };
        let id = [event.get("Uniqueid"), event.get("DestUniqueid")].into_iter().find(|id| !id.is_empty());
        let Some(story) = id.and_then(|id| stories.get_mut(id)) else { continue };
        match (event.get("Event"), event.get("DialStatus"), event.get("ChannelStateDesc")) {
            ("DialState", "RINGING", _) => story.ringing = true,
            ("DialState", "PROGRESS", _) => story.progress = true,
            ("Newstate", _, "Up") => story.up = true,
            ("DTMFEnd", ..) => story.key = event.get("Digit").to_owned(),
            ("Hangup", ..) => {
                story.end = format!("{}/{}", event.get("Cause"), event.get("TechCause"));
                story.seconds = started.elapsed().as_secs();
            }
            _ => {}
        }
    }
    stories
}

#[test]
fn every_behaviour_of_the_carrier_is_what_its_number_says() {
    let pair = Pair::start().unwrap();
    // ringing, progress, up, cause/tech cause, seconds at least, at most. No end: the call still lives after 16 s.
    let table = [
        ("+15551001000", true, false, true, "", 0, 0),
        ("15551101001", true, false, true, "0/", 12, 14),
        ("15551201002", true, false, true, "", 0, 0),
        ("15551300003", false, false, true, "", 0, 0),
        ("15551401004", false, false, true, "", 0, 0),
        ("15552001000", true, false, true, "", 0, 0),
        ("15552100001", false, false, true, "", 0, 0),
        ("15552201002", true, false, true, "", 0, 0),
        ("15553000000", true, false, false, "19/480", 8, 8),
        ("15553102001", true, false, false, "19/480", 2, 3),
        ("15553200002", false, false, false, "19/480", 8, 8),
        ("15553300003", false, true, false, "19/480", 8, 9),
        ("15554000000", false, false, false, "17/486", 0, 1),
        ("15554101001", true, false, false, "17/486", 1, 2),
        ("15554200002", false, false, false, "34/503", 0, 1),
        ("15554300003", false, false, false, "1/404", 0, 1),
        ("15554400004", false, true, false, "1/404", 3, 6),
        ("15554500005", false, true, false, "34/503", 1, 2),
        ("15554600006", false, false, false, "21/403", 0, 1),
        ("15554700007", false, true, false, "19/480", 8, 9),
        ("15554800008", false, false, false, "21/603", 0, 1),
        ("15554984009", false, false, false, "28/484", 0, 1),
        ("15554910010", false, false, false, "22/410", 0, 1),
        ("15555001000", true, false, true, "", 0, 0),
        ("15555102001", true, false, true, "0/", 3, 4),
        ("15555201002", true, false, true, "", 0, 0),
        ("15555301003", false, true, true, "", 0, 0),
        ("15555400004", false, true, false, "19/480", 3, 6),
        ("15559900000", false, false, false, "1/404", 0, 1),
        ("4930123456", false, false, false, "1/404", 0, 1),
    ];
    let numbers: Vec<&str> = table.iter().map(|row| row.0).collect();
    let stories = dial(&pair, "hold", Duration::from_secs(8), &numbers);
    let mut wrong = Vec::new();
    for (number, ringing, progress, up, end, least, most) in table {
        let story = &stories[number];
        let same = (story.ringing, story.progress, story.up, story.end.as_str()) == (ringing, progress, up, end);
        if !same || !(least..=most).contains(&story.seconds) {
            wrong.push(format!("{number}: {story:?}"));
        }
        if number.starts_with("155552") && story.key != "1" {
            wrong.push(format!("{number}: no key 1, {story:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), pair.carrier.log());
    for instance in [&pair.pbx, &pair.carrier] {
        let complaints: Vec<_> =
            instance.log().lines().filter(|line| line.contains("ERROR")).map(str::to_owned).collect();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}

#[test]
fn a_person_of_the_crowd_gets_one_of_the_listed_fates() {
    let pair = Pair::start().unwrap();
    let numbers: Vec<String> = (0..20).map(|n| format!("1555600{n:02}00")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    // Longer than anybody of the crowd rings who answers in the end.
    let stories = dial(&pair, "bye", Duration::from_secs(14), &numbers);
    let ends: Vec<&str> = stories.values().map(|story| story.end.as_str()).collect();
    let known = ["16/", "19/480", "17/486", "1/404", "34/503"];
    assert!(ends.iter().all(|end| known.contains(end)), "{stories:#?}");
    assert!(ends.iter().any(|end| *end != ends[0]), "all the same: {stories:#?}");
}

#[test]
fn the_end_points_speak_report_and_hang_up() {
    let pair = Pair::start().unwrap();
    let mut ami = Ami::connect(&pair.pbx.ami()).unwrap();
    let hello = "PJSIP/15551000001@carrier";
    let presses_one = "PJSIP/15555200001@carrier";
    ami.originate("m", hello, "message", Duration::from_secs(5)).unwrap();
    ami.originate("s", hello, "status", Duration::from_secs(5)).unwrap();
    ami.originate("d", presses_one, "dtmf", Duration::from_secs(5)).unwrap();
    let odd = "O'Brien ${EXTEN} $[1 + 1] ;é";
    ami.action(
        "Originate",
        &[
            ("Channel", hello),
            ("ChannelId", "a"),
            ("Context", "carillon-demo"),
            ("Exten", "attributes"),
            ("Priority", "1"),
            ("Async", "true"),
            ("Variable", "NAME=Ada"),
            ("Variable", &format!("NOTE={odd}")),
        ],
    )
    .unwrap();

    let mut reports = BTreeMap::new();
    let mut ended = BTreeMap::new();
    let started = Instant::now();
    while ended.len() < 4 {
        let event = ami.wait_for(Duration::from_secs(20), |_| true).unwrap();
        let id = event.get("Uniqueid").to_owned();
        match event.get("Event") {
            "UserEvent" => drop(reports.insert(id, event)),
            "Hangup" => drop(ended.insert(id, (event.get("Cause").to_owned(), started.elapsed()))),
            _ => {}
        }
    }
    assert_eq!(reports["s"].get("V"), "1");
    assert_eq!(reports["s"].get("UserEvent"), "CALLSTATUS");
    assert_eq!(reports["d"].get("V"), "1");
    assert_eq!(reports["a"].get("NAME"), "Ada");
    let note = reports["a"].get("NOTE");
    assert_eq!(note, "O'Brien%20%24%7BEXTEN%7D%20%24%5B1%20%2B%201%5D%20%3B%C3%A9");
    assert!(ended.values().all(|(cause, _)| cause == "16"), "{ended:?}");
    assert!(ended["m"].1 > Duration::from_secs(1), "the message was not played: {ended:?}");
}

#[test]
fn the_dead_trunk_shows_no_progress_and_the_bulk_callee_answers_and_hangs_up() {
    let pair = Pair::start().unwrap();
    let mut callee = Callee::start(&pair.ports, Duration::from_millis(500)).unwrap();
    let mut ami = Ami::connect(&pair.pbx.ami()).unwrap();
    let ring = Duration::from_secs(3);
    let hangup =
        |id: &'static str| move |event: &Message| event.get("Event") == "Hangup" && event.get("Uniqueid") == id;

    ami.originate("callee-leaves", "PJSIP/1@sipp", "hold", ring).unwrap();
    let up = |event: &Message| event.get("Event") == "Newstate" && event.get("ChannelStateDesc") == "Up";
    ami.wait_for(ring, up).unwrap();
    let answered = Instant::now();
    ami.wait_for(ring, hangup("callee-leaves")).unwrap();
    assert!((300..900).contains(&answered.elapsed().as_millis()), "{:?}", answered.elapsed());

    ami.originate("we-leave", "PJSIP/2@sipp", "bye", ring).unwrap();
    assert_eq!(ami.wait_for(ring, hangup("we-leave")).unwrap().get("Cause"), "16");

    ami.originate("nowhere", "PJSIP/3@dead", "hold", ring).unwrap();
    let mut rang = false;
    let end = ami.wait_for(ring * 2, |event| {
        rang |= event.get("Event") == "DialState";
        hangup("nowhere")(event)
    });
    assert_eq!(end.unwrap().get("TechCause"), "480");
    assert!(!rang);
    callee.stop();
}

#[test]
fn an_instance_survives_kill_freeze_and_restart_and_leaves_nothing_behind() {
    let ports = PortBlock::lease().unwrap();
    let mut pbx = Instance::start(Template::Pbx, &ports).unwrap();
    let version = pbx.cli("core show version").unwrap();
    assert!(version.contains("Asterisk 22."), "{version:?}");
    assert!(pbx.cli("pjsip show endpoints").unwrap().contains("carrier"));
    let first = pbx.pid().unwrap();

    pbx.kill9();
    assert_eq!(pbx.pid(), None);
    assert!(pbx.cli("core show version").is_err());
    pbx.boot().unwrap();
    assert_ne!(pbx.pid().unwrap(), first);
    pbx.restart().unwrap();
    let login = pbx.ami();
    Ami::connect(&login).unwrap();

    pbx.pause();
    let last = pbx.pid().unwrap();
    let folder = pbx.folder().to_owned();
    drop(pbx);
    assert!(!folder.exists());
    assert!(!std::path::Path::new(&format!("/proc/{last}")).exists());
}

#[test]
fn a_carrier_with_reason_headers_tells_the_cause_of_its_hang_up() {
    let ports = PortBlock::lease().unwrap();
    let pbx = Instance::start(Template::Pbx, &ports).unwrap();
    let carrier = Instance::start_with(Template::Carrier, &ports, &[("REASON_MODULE", "load")]).unwrap();
    let pair = Pair { pbx, carrier, ports };
    let number = "15555100000";
    let stories = dial(&pair, "hold", Duration::from_secs(5), &[number]);
    assert!(stories[number].up && stories[number].end.starts_with("16/"), "{stories:?}");
}

#[test]
fn a_wrong_manager_password_is_refused() {
    let pbx = Instance::start(Template::Pbx, &PortBlock::lease().unwrap()).unwrap();
    let wrong = testkit::Login { password: "wrong".into(), ..pbx.ami() };
    let error = Ami::connect(&wrong).err().expect("must fail").to_string();
    assert!(error.contains("Authentication failed"), "{error}");
}
