//! What the declared kinds take and refuse.

use super::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn the_schemas_copy_in_docs_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/events.json");
    let copy = std::fs::read_to_string(&path).unwrap_or_default();
    let is_current = copy == schema_json();
    assert!(is_current, "docs/events.json is old: `cargo run -p carillon -- openapi --events > docs/events.json`");
}

#[test]
fn what_no_kind_declares_is_refused_by_path() {
    let leg = json!({ "leg": 1 });
    assert_eq!(check("leg.created", "attempt", &leg), Ok(()));
    let refused = |kind, entity, data: Value| check(kind, entity, &data).unwrap_err();
    assert!(refused("leg.danced", "attempt", leg.clone()).contains("leg.danced is no kind"));
    assert!(refused("leg.created", "run", leg).contains("about attempt"));
    assert!(refused("leg.created", "attempt", json!({})).contains("leg.created.leg is missing"));
    assert!(refused("leg.created", "attempt", json!({ "leg": 1, "n": 2 })).contains("leg.created.n is not declared"));
    let by = json!({ "leg": 1, "by": "nobody" });
    assert!(refused("leg.hang_up_requested", "attempt", by).contains("leg.hang_up_requested.by"));
    let held = json!({ "taken_at": "yesterday", "lift_at": "2026-01-01T00:00:00Z" });
    assert!(refused("restore.done", "dialling", held).contains("restore.done.taken_at"));
}

#[test]
fn kinds_are_dotted_and_named_once() {
    let mut seen = BTreeSet::new();
    for kind in KINDS {
        assert!(seen.insert(kind.name), "{} is there twice", kind.name);
        assert!(kind.name.split('.').count() == 2 && kind.about.ends_with('.'), "{}", kind.name);
    }
}
