//! The kinds of events as a JSON schema, for whoever reads the log.

use super::{Field, KINDS, Type};
use serde_json::{Map, Value, json};

/// The JSON schema of an event, with that of each kind's data: the text of `docs/events.json`.
pub fn schema_json() -> String {
    let kinds: Vec<Value> = KINDS
        .iter()
        .map(|kind| {
            json!({
                "title": kind.name,
                "description": kind.about,
                "properties": {
                    "kind": { "const": kind.name }, "entity": { "const": kind.entity }, "version": { "const": kind.version },
                    "data": object(kind.fields),
                },
            })
        })
        .collect();
    let whole = |about: &str| json!({ "type": "integer", "description": about });
    let perhaps = |about: &str| json!({ "type": ["integer", "null"], "description": about });
    let text = |about: &str| json!({ "type": "string", "description": about });
    let document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An event of Carillon",
        "description": "Kinds and fields are added over time: ignore what you do not know. No event holds a telephone \
            number, a name or the value of an attribute.",
        "type": "object",
        "properties": {
            "seq": whole("its place in the log; grows, some numbers are never used"),
            "entity": text("what it is about"),
            "entity_id": whole("which of them"),
            "entity_seq": whole("1, 2, 3, ... per entity, without a gap"),
            "kind": text("what happened: dotted, past tense"),
            "version": whole("version of data"),
            "at": { "type": "string", "format": "date-time", "description": "when Carillon saw it" },
            "pbx_at": { "type": ["string", "null"], "description": "when it happened in the PBX's words" },
            "actor": text("who did it: a token's name, carillon, or empty for the dialler"),
            "cause": text("what made it happen, or empty"),
            "campaign": perhaps("the campaign it belongs to"),
            "run": perhaps("the run it belongs to"),
            "contact": perhaps("the contact it is about"),
            "data": { "type": "object", "description": "what else is known, by kind" },
        },
        "required": ["seq", "entity", "entity_id", "entity_seq", "kind", "version", "at", "pbx_at", "actor", "cause",
            "campaign", "run", "contact", "data"],
        "anyOf": kinds,
    });
    let mut text = serde_json::to_string_pretty(&document).expect("the schema is plain data");
    text.push('\n');
    text
}

fn object(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    let required: Vec<&str> = fields.iter().map(|field| field.name).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn property(field: &Field) -> Value {
    let ty = |name: &str| if field.nullable { json!([name, "null"]) } else { json!(name) };
    let mut property = match &field.ty {
        Type::Int => json!({ "type": ty("integer") }),
        Type::Text => json!({ "type": ty("string") }),
        Type::Instant => json!({ "type": ty("string"), "format": "date-time" }),
        Type::Flag => json!({ "type": ty("boolean") }),
        Type::Words(words) => json!({ "type": ty("string"), "examples": words }),
        Type::Ints => json!({ "type": ty("array"), "items": { "type": "integer" } }),
        Type::Texts => json!({ "type": ty("array"), "items": { "type": "string" } }),
        Type::Objects(fields) => json!({ "type": ty("array"), "items": object(fields) }),
        Type::Object(fields) => {
            let mut inner = object(fields);
            inner["type"] = ty("object");
            inner
        }
        Type::Any => json!({}),
    };
    property["description"] = json!(field.about);
    property
}
