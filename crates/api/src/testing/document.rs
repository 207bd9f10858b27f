//! Compares values with the OpenAPI document: the part of JSON Schema that the document uses, stricter in one thing:
//! a field that the document does not name is an error.

use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(crate) struct Document(Value);

impl Document {
    pub(crate) fn new() -> Self {
        Self(serde_json::to_value(crate::openapi()).unwrap())
    }

    /// `(path template, method, operation)` of every operation.
    pub(crate) fn operations(&self) -> Vec<(String, String, &Value)> {
        let paths = self.0["paths"].as_object().unwrap();
        let each = |(path, item): (&String, &'_ Value)| {
            let methods: Vec<String> = item.as_object().unwrap().keys().cloned().collect();
            methods.into_iter().map(|method| (path.clone(), method)).collect::<Vec<_>>()
        };
        let keys: Vec<_> = paths.iter().flat_map(each).collect();
        keys.into_iter()
            .map(|(path, method)| (path.clone(), method.clone(), &self.0["paths"][&path][&method]))
            .collect()
    }

    /// Whether `value` is the component `name`.
    pub(crate) fn check_component(&self, name: &str, value: &Value) -> Result<(), String> {
        self.check(&json!({"$ref": format!("#/components/schemas/{name}")}), value, name)
    }

    /// Whether `value` is what the operation answers with `status`.
    pub(crate) fn check_answer(&self, method: &str, path: &str, status: u16, value: &Value) -> Result<(), String> {
        let operation = self
            .operations()
            .into_iter()
            .find(|(template, m, _)| m.eq_ignore_ascii_case(method) && matches(template, path))
            .map(|(_, _, operation)| operation);
        let Some(operation) = operation else {
            return self.check_component("ErrorBody", value);
        };
        let responses = &operation["responses"];
        let response = responses.get(status.to_string()).unwrap_or(&responses["default"]);
        if status < 400 && responses.get(status.to_string()).is_none() {
            return Err("the document does not know this status".into());
        }
        self.check(&response["content"]["application/json"]["schema"], value, "body")
    }

    /// Names of the fields of the component `name`.
    pub(crate) fn properties(&self, name: &str) -> BTreeSet<String> {
        let schema = &self.0["components"]["schemas"][name];
        schema["properties"].as_object().unwrap_or_else(|| panic!("no {name}")).keys().cloned().collect()
    }

    fn check(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let pointer = reference.trim_start_matches('#');
            let target = self.0.pointer(pointer).ok_or_else(|| format!("{reference} is not in the document"))?;
            return self.check(target, value, at);
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(choices) = schema[key].as_array() {
                let problems: Vec<_> = choices.iter().map(|choice| self.check(choice, value, at)).collect();
                return match problems.iter().any(Result::is_ok) {
                    true => Ok(()),
                    false => Err(format!("{at} fits no choice: {problems:?}")),
                };
            }
        }
        if let Some(parts) = schema["allOf"].as_array() {
            return self.check(&self.together(parts)?, value, at);
        }
        if let Some(words) = schema["enum"].as_array()
            && !words.contains(value)
        {
            return Err(format!("{at}: {value} is none of {words:?}"));
        }
        self.check_type(schema, value, at)?;
        if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
            for (index, value) in values.iter().enumerate() {
                self.check(items, value, &format!("{at}[{index}]"))?;
            }
        }
        self.check_fields(schema, value, at)
    }

    fn check_type(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let fits = |kind: &Value| match kind.as_str() {
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            Some("null") => value.is_null(),
            _ => false,
        };
        let fine = match &schema["type"] {
            Value::Null => true,
            Value::Array(kinds) => kinds.iter().any(fits),
            kind => fits(kind),
        };
        if !fine {
            return Err(format!("{at}: {value} is no {}", schema["type"]));
        }
        if let (Some(minimum), Some(number)) = (schema["minimum"].as_f64(), value.as_f64())
            && number < minimum
        {
            return Err(format!("{at}: {number} is less than {minimum}"));
        }
        Ok(())
    }

    fn check_fields(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let Some(fields) = value.as_object() else { return Ok(()) };
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap();
            if !fields.contains_key(name) {
                return Err(format!("{at} has no {name}"));
            }
        }
        for (name, value) in fields {
            let at = format!("{at}.{name}");
            match (schema["properties"].get(name), &schema["additionalProperties"]) {
                (Some(property), _) => self.check(property, value, &at)?,
                (None, rest @ Value::Object(_)) => self.check(rest, value, &at)?,
                (None, _) if schema["type"].is_null() && schema["properties"].is_null() => {}
                (None, _) => return Err(format!("{at} is not in the document")),
            }
        }
        Ok(())
    }
}

impl Document {
    /// One object with what all parts have: none of them knows the fields of the others.
    fn together(&self, parts: &[Value]) -> Result<Value, String> {
        let (mut properties, mut required) = (serde_json::Map::new(), Vec::new());
        for part in parts {
            let reference = part["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
            let part = match reference {
                Some(pointer) => self.0.pointer(pointer).ok_or_else(|| format!("{pointer} is not in the document"))?,
                None => part,
            };
            properties
                .extend(part["properties"].as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())));
            required.extend(part["required"].as_array().into_iter().flatten().cloned());
        }
        Ok(serde_json::json!({ "type": "object", "properties": properties, "required": required }))
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(&path).all(|(part, given)| part == given || part.starts_with('{'))
}
