//! What is wrong is told once when it begins and once when it is over: on the stream, to the command line, by e-mail.

use crate::world::World;
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;
use testkit::MailServer;

/// An Asterisk that starts on a busy machine.
const A_BOOT: Duration = Duration::from_secs(60);

fn alerts(world: &World) -> Vec<Value> {
    world.get("/api/alerts?limit=1000")["items"].as_array().unwrap().clone()
}

fn of_kind(world: &World, kind: &str) -> Vec<Value> {
    alerts(world).into_iter().filter(|alert| alert["kind"] == kind).collect()
}

#[test]
fn a_pbx_that_dies_raises_one_alert_and_its_return_ends_it_also_by_mail() {
    let mail = MailServer::start().unwrap();
    let mut world = World::with_environment(vec![
        ("CARILLON_MAIL_SERVER", format!("127.0.0.1:{}", mail.port).into()),
        ("CARILLON_MAIL_SECURITY", "none".into()),
        ("CARILLON_MAIL_FROM", "Carillon <carillon@example.com>".into()),
        ("CARILLON_MAIL_TO", "ops@example.com, boss@example.com".into()),
    ]);
    assert!(world.run(&["alert", "list"]).ok().contains("nothing is wrong"));
    assert!(world.run(&["alert", "test"]).ok().contains("has taken the letter"));
    assert!(mail.letters()[0].contains("a test letter"), "{:?}", mail.letters());

    // The mail server is away when it begins: the letter comes later, and once.
    mail.refuse(true);
    world.pair.pbx.kill9();
    world.wait("the alert", A_BOOT, || match of_kind(&world, "pbx_lost").as_slice() {
        [alert] if alert["ended_at"].is_null() => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert!(world.run(&["alert", "list"]).ok().contains("nothing new is dialled on it"));
    world.wait("a letter that was refused", A_BOOT, || if mail.refused() > 0 { Ok(()) } else { Err("none".into()) });
    mail.refuse(false);
    world.wait("the letter", A_BOOT, || match mail.letters().as_slice() {
        [_, letter] if letter.contains("alert: pbx lost office") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    // A crash between a letter and the note that it was sent sends it again; the note is written within a second or two.
    thread::sleep(Duration::from_secs(3));
    // A restart in the middle tells nobody anything a second time.
    world.crash();
    world.serve_again();
    world.pair.pbx.boot().unwrap();
    let ended = world.wait("the end", A_BOOT, || match of_kind(&world, "pbx_lost").as_slice() {
        [alert] if !alert["ended_at"].is_null() => Ok(alert.clone()),
        other => Err(format!("{other:?}")),
    });
    world.wait("the last letter", A_BOOT, || match mail.letters().as_slice() {
        [_, _, letter] if letter.contains("over: pbx lost office") => Ok(()),
        other => Err(format!("{other:?}")),
    });

    // Holding dialling is another one.
    world.run(&["stop-dialling", "--why", "fire drill"]).ok();
    world.wait("the hold", A_BOOT, || match of_kind(&world, "dialling_held").as_slice() {
        [alert] if alert["why"].as_str().unwrap().contains("fire drill") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    world.run(&["resume-dialling"]).ok();
    world.wait("its end", A_BOOT, || match of_kind(&world, "dialling_held").as_slice() {
        [alert] if !alert["ended_at"].is_null() => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(of_kind(&world, "pbx_lost"), [ended], "once");
    assert_eq!(alerts(&world).len(), 2, "{:?}", alerts(&world));
    let shown = world.run_json(&["alert", "list", "--all"]);
    assert_eq!(shown["items"].as_array().unwrap().len(), 2);
    assert_eq!(shown["items"][0]["kind"], json!("dialling_held"));
}
