//! The verbs that need no server: init, config, openapi, db, and what serve refuses.

use crate::common::{Home, finish, mode};
use serde_json::Value;

#[test]
fn the_example_is_accepted_by_check() {
    let home = Home::new();
    let example = home.run(&["config", "example"]).ok();
    home.file("carillon.toml", example);
    let text = home.run(&["config", "check"]).ok();
    assert!(text.contains("127.0.0.1:8080") && text.contains("the settings are right"), "{text}");
}

#[test]
fn a_misspelt_key_is_refused_with_file_key_and_remedy() {
    let home = Home::new();
    home.file("carillon.toml", "lissten = \"127.0.0.1:9000\"\n");
    for arguments in [&["config", "check"][..], &["serve"], &["init"], &["pbx", "list"]] {
        let (error, remedy) = home.run(arguments).refused(2);
        assert_eq!(error, "carillon.toml: unknown key \"lissten\" (did you mean \"listen\"?)", "{arguments:?}");
        assert!(remedy.contains("carillon config example"), "{remedy}");
    }
    assert!(!home.path("carillon-data").exists());
}

#[test]
fn a_named_file_and_the_environment_are_read_and_shown_with_their_origin() {
    let home = Home::new();
    let file = home.file("other.toml", "zone = \"Europe/Rome\"\n[log]\nformat = \"json\"\n");
    let mut command = home.command(&["config", "check", "--json", "--config", &file]);
    command.env("CARILLON_LOG_FORMAT", "text").env("CARILLON_LOG_FORMATT", "x");
    let ran = finish(command);
    assert!(ran.err.contains("CARILLON_LOG_FORMATT is no setting"), "{}", ran.err);
    let checked: Value = serde_json::from_str(&ran.ok()).unwrap();
    assert_eq!(checked["settings"]["zone"], "Europe/Rome");
    assert_eq!(checked["settings"]["log.format"], "text");
    assert_eq!(checked["from"]["log.format"], "CARILLON_LOG_FORMAT");
    assert_eq!(checked["from"]["zone"], file.as_str());
}

#[test]
fn init_makes_everything_once_and_keeps_secrets_private() {
    let home = Home::new();
    let text = home.run(&["init"]).ok();
    assert!(text.contains("carillon serve"), "{text}");
    for (name, bits) in [("carillon-data/token", 0o600), ("carillon-data/key", 0o600), ("carillon-data", 0o700)] {
        assert_eq!(mode(&home.path(name)), bits, "{name}");
    }
    let token = std::fs::read_to_string(home.path("carillon-data/token")).unwrap();
    assert!(token.starts_with("cct_") && token.trim().len() > 60 && !text.contains(token.trim()));
    let database = std::fs::read(home.path("carillon-data/carillon.db")).unwrap();
    assert!(!database.windows(token.trim().len()).any(|bytes| bytes == token.trim().as_bytes()), "the hash only");

    let (error, remedy) = home.run(&["init"]).refused(1);
    assert!(error.contains("carillon.db exists already"), "{error}");
    assert!(remedy.contains("carillon serve"), "{remedy}");
    assert_eq!(std::fs::read_to_string(home.path("carillon-data/token")).unwrap(), token);
}

#[test]
fn init_takes_another_folder_and_tells_programs_where_things_are() {
    let home = Home::new();
    let made: Value = serde_json::from_str(&home.run(&["init", "--data", "elsewhere", "--json"]).ok()).unwrap();
    assert_eq!(made["token_file"], "elsewhere/token");
    assert!(home.path("elsewhere/carillon.db").exists());
    assert!(!home.path("carillon-data").exists());
}

#[test]
fn serve_without_init_says_what_to_do_and_makes_nothing() {
    let home = Home::new();
    home.file("carillon.toml", "listen = \"127.0.0.1:0\"\n");
    let (error, remedy) = home.run(&["serve"]).refused(1);
    assert!(error.contains("there is no database"), "{error}");
    assert!(remedy.contains("carillon init"), "{remedy}");
    assert!(!home.path("carillon-data").exists());
}

#[test]
fn an_address_open_to_the_network_needs_tls_or_a_proxy() {
    let home = Home::new();
    home.file("carillon.toml", "listen = \"0.0.0.0:8080\"\n");
    for arguments in [&["serve"][..], &["config", "check"]] {
        let (error, remedy) = home.run(arguments).refused(2);
        assert!(error.contains("0.0.0.0:8080 is reachable from outside"), "{error}");
        assert!(remedy.contains("tls.certificate") && remedy.contains("trusted_proxies"), "{remedy}");
    }
    home.file("carillon.toml", "listen = \"0.0.0.0:8080\"\ntrusted_proxies = [\"10.0.0.1\"]\n");
    home.run(&["config", "check"]).ok();
}

#[test]
fn a_certificate_that_is_missing_is_named() {
    let home = Home::new();
    home.file("carillon.toml", "listen = \"127.0.0.1:0\"\n[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n");
    let (error, _) = home.run(&["serve"]).refused(2);
    assert!(error.starts_with("tls: c.pem with k.pem: "), "{error}");
}

#[test]
fn the_openapi_document_needs_no_server() {
    let document: Value = serde_json::from_str(&Home::new().run(&["openapi"]).ok()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    assert!(document["paths"]["/api/campaigns/{id}/start"]["post"].is_object());
}

#[test]
fn db_status_counts_what_the_database_holds_and_makes_none() {
    let home = Home::new();
    let (error, _) = home.run(&["db", "status"]).refused(1);
    assert!(error.contains("there is no database"), "{error}");
    home.run(&["init"]).ok();
    let status: Value = serde_json::from_str(&home.run(&["db", "status", "--json"]).ok()).unwrap();
    assert_eq!(status["state"], "sound, no server uses it");
    assert_eq!(status["contacts"], 0);
    assert_eq!(status["dialling"], "allowed");
}

#[test]
fn another_key_file_is_named() {
    let home = Home::new();
    home.run(&["init"]).ok();
    std::fs::remove_file(home.path("carillon-data/key")).unwrap();
    home.file("carillon.toml", "listen = \"127.0.0.1:0\"\n");
    let (error, remedy) = home.run(&["serve"]).refused(1);
    assert!(error.contains("key file") && error.contains("carillon-data/key"), "{error}");
    assert!(remedy.contains("restore the key file"), "{remedy}");
}

#[test]
fn a_wrong_verb_is_a_usage_error() {
    let ran = Home::new().run(&["campaign", "strat", "x"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("start"), "{}", ran.err);
}
