//! Holds what is written against what its kind declares.

use super::{Field, KINDS, Type};
use serde_json::Value;

/// What is wrong with an event's data, by path. Stricter than the schema: a field that no kind declares is refused, and
/// so is a word that is not listed, because the writer must say what it writes.
pub fn check(name: &str, entity: &str, data: &Value) -> Result<(), String> {
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
        return Err(format!("{name} is no kind of event: declare it in store::events::kinds"));
    };
    if kind.entity != entity {
        return Err(format!("{name} is about {}, not {entity}", kind.entity));
    }
    check_object(kind.fields, data, name)
}

fn check_object(fields: &[Field], value: &Value, at: &str) -> Result<(), String> {
    let object = value.as_object().ok_or_else(|| format!("{at}: {value} is no object"))?;
    if let Some(unknown) = object.keys().find(|key| fields.iter().all(|field| field.name != key.as_str())) {
        return Err(format!("{at}.{unknown} is not declared in store::events::kinds"));
    }
    for field in fields {
        let at = format!("{at}.{}", field.name);
        let value = object.get(field.name).ok_or_else(|| format!("{at} is missing"))?;
        if !(field.nullable && value.is_null()) {
            check_value(&field.ty, value, &at)?;
        }
    }
    Ok(())
}

fn check_value(ty: &Type, value: &Value, at: &str) -> Result<(), String> {
    let all = |fits: fn(&Value) -> bool| value.as_array().is_some_and(|items| items.iter().all(fits));
    let fits = match ty {
        Type::Int => value.is_i64() || value.is_u64(),
        Type::Text => value.is_string(),
        Type::Instant => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
        Type::Flag => value.is_boolean(),
        Type::Words(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        Type::Ints => all(Value::is_i64),
        Type::Texts => all(Value::is_string),
        Type::Objects(fields) => {
            let items = value.as_array().ok_or_else(|| format!("{at}: {value} is no list"))?;
            return items.iter().try_for_each(|item| check_object(fields, item, at));
        }
        Type::Object(fields) => return check_object(fields, value, at),
        Type::Any => true,
    };
    if fits { Ok(()) } else { Err(format!("{at}: {value} is not {ty:?}")) }
}
