//! What travels with a call: attributes and variables as they are, caller id, account code.

use crate::world::{World, brief};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::ami::{Ami, Message};

on_ami_too! {
    attributes_arrive_as_channel_variables_exactly_as_they_are;
    the_caller_id_template_reaches_the_carrier_and_the_account_code_the_channel;
    agents_and_callees_see_what_is_meant_for_each;
    line_breaks_never_become_a_header_a_variable_or_an_action;
}

/// One call to its end on a busy machine.
const ONE_CALL: Duration = Duration::from_secs(50);

/// Undoes `%41`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%' && tail.len() >= 2 {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Dials one contact to the extension `attributes` and returns what the dialplan says it received.
fn reported(world: &World, contact: Value, changes: Value) -> Message {
    reported_as(world, "verbatim", contact, changes)
}

/// As [`reported`], by a list, a campaign and an end point of this name.
fn reported_as(world: &World, name: &str, contact: Value, changes: Value) -> Message {
    let mut ami = Ami::connect(&world.pair.pbx.ami()).unwrap();
    let list = world.list(name, &[]);
    world.add_contacts(list, vec![contact]);
    let end_point = world.create(
        "end-points",
        json!({"pbx": world.pbx, "name": name, "context": "carillon-demo", "extension": "attributes", "max_channels": 1}),
    );
    let changes = crate::world::merged(json!({"end_points": [end_point]}), changes);
    let run = world.start_run(world.campaign(name, &[list], changes));
    let report = ami.wait_for(ONE_CALL, |event| event.get("UserEvent") == "ATTRIBUTES").unwrap();
    let attempts = world.complete(run, ONE_CALL);
    assert_eq!(attempts[0]["state"], "TERMINATED", "{}", brief(&attempts));
    assert_eq!(attempts[0]["channel"], report.get("Uniqueid"));
    report
}

#[test]
fn attributes_arrive_as_channel_variables_exactly_as_they_are() {
    let world = World::start();
    let hostile = [
        ("NAME", "O'Brien, \"Ann\"; the ${SHELL(id)} $[1 + 1] one"),
        ("SURNAME", "a=b&c|d\\e <f> {g} ^h~ %41 ${EXTEN} ;# !@"),
        ("NOTE", "è ß 漢字 🙂,,Action: Originate"),
    ];
    let attributes: Value = hostile.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let contact = json!({"number": "15551000001", "attributes": attributes});
    let report = reported(&world, contact, json!({}));
    for (name, value) in hostile {
        assert_eq!(decoded(report.get(name)), value, "{name}");
    }
    assert!(!world.pair.pbx.log().contains("uid="), "something was executed:\n{}", world.pair.pbx.log());
}

#[test]
fn a_contacts_attribute_wins_over_the_campaigns_variable_of_the_same_name() {
    let world = World::start();
    let contact = json!({"number": "15551000001", "attributes": {"NAME": "Ann"}});
    let changes = json!({"variables": {"NAME": "everybody", "SURNAME": "of ${NAME}, all"}});
    let report = reported(&world, contact, changes);
    assert_eq!(report.get("NAME"), "Ann");
    assert_eq!(decoded(report.get("SURNAME")), "of ${NAME}, all");
}

#[test]
fn the_caller_id_template_reaches_the_carrier_and_the_account_code_the_channel() {
    let world = World::start();
    let mut carrier = Ami::connect(&world.pair.carrier.ami()).unwrap();
    let mut pbx = Ami::connect(&world.pair.pbx.ami()).unwrap();
    let list = world.list("people", &[]);
    let attributes = json!({"NAME": "WHITE \"W\" <666>", "CLI": "0912345"});
    world.add_contacts(list, vec![json!({"number": "15551000001", "attributes": attributes})]);
    let changes = json!({"dial_clid": "C1 ${NAME} <${CLI}>", "dial_account": "acc-${campaign}-${retry}"});
    let run = world.start_run(world.campaign("clid", &[list], changes));
    let seen = carrier.wait_for(ONE_CALL, |event| event.get("Event") == "Newchannel").unwrap();
    assert_eq!(seen.get("CallerIDNum"), "0912345", "{seen:?}");
    assert!(seen.get("CallerIDName").starts_with("C1 WHITE"), "{seen:?}");
    let attempts = world.complete(run, ONE_CALL);
    let channel = attempts[0]["channel"].as_str().unwrap();
    let hangup = |event: &Message| event.get("Event") == "Hangup" && event.get("Uniqueid") == channel;
    let ended = pbx.wait_for(ONE_CALL, hangup).unwrap();
    assert_eq!(ended.get("AccountCode"), "acc-clid-0", "{ended:?}");
}

#[test]
fn agents_and_callees_see_what_is_meant_for_each() {
    let world = World::start();
    let mut carrier = Ami::connect(&world.pair.carrier.ami()).unwrap();
    let mut seen = |name: &str, templates: Value| {
        let contact = json!({"number": "15551000001", "attributes": {"NAME": "WHITE, \"W\"", "CLI": "0912345"}});
        let at_the_end_point = reported_as(&world, name, contact, templates);
        let event = carrier.wait_for(ONE_CALL, |event| event.get("Event") == "Newchannel").unwrap();
        let of = |event: &Message, name: &str, number: &str| [decoded(event.get(name)), decoded(event.get(number))];
        [of(&event, "CallerIDName", "CallerIDNum"), of(&at_the_end_point, "CALLERNAME", "CALLERNUM")]
    };
    let clid = "Spring <${CLI}>";
    let pair = |name: &str, number: &str| [name.to_owned(), number.to_owned()];
    let both = seen("both", json!({"dial_clid": clid}));
    assert_eq!(both, [pair("Spring", "0912345"), pair("Spring", "0912345")]);
    let agent = seen("agent", json!({"dial_clid": clid, "agent_clid": "C1 ${NAME} <${num}>"}));
    assert_eq!(agent, [pair("Spring", "0912345"), pair("C1 WHITE, \"W\"", "15551000001")]);
    let presented = seen("presented", json!({"dial_clid": clid, "dial_presentation": "0800123"}));
    assert_eq!(presented[0][1], "0800123");
    assert_eq!(presented[1], pair("Spring", "0912345"));
    let built_in = seen(
        "built in",
        json!({"dial_presentation": "<0800${retry}>", "agent_clid": "${list} ${campaign} ${hopperId}"}),
    );
    assert_eq!(built_in[0][1], "08000");
    assert!(built_in[1][0].starts_with("built in built in ") && built_in[1][1].is_empty(), "{built_in:?}");
}

#[test]
fn line_breaks_never_become_a_header_a_variable_or_an_action() {
    let world = World::start();
    let contact = json!({
        "number": "15551000001",
        "attributes": {"NAME": "Ann\r\nVariable: EVIL=1\r\n\r\nAction: Command", "NOTE": "two\nlines\tand a tab"},
    });
    let report = reported(&world, contact, json!({}));
    assert_eq!(decoded(report.get("NAME")), "Ann Variable: EVIL=1 Action: Command");
    assert_eq!(decoded(report.get("NOTE")), "two lines and a tab");
}
