//! A record as programs send it: numbers as texts, texts as numbers, nulls and empty texts for what is not there.

use super::super::{refuse, shown};
use crate::error::ApiError;
use serde_json::{Map, Value};

/// Records of one request, at most.
const MAX_RECORDS: usize = 1_000;

/// The fields of one record.
#[derive(Debug, Clone, Default)]
pub(super) struct Record(Map<String, Value>);

impl Record {
    /// The records of `data`: one object, several in a list, or none.
    pub(super) fn all(data: &str) -> Result<Vec<Self>, ApiError> {
        if data.trim().is_empty() {
            return Ok(vec![Self::default()]);
        }
        let value: Value = serde_json::from_str(data).map_err(|error| refuse(format!("data is no JSON: {error}")))?;
        let one = |value: Value| match value {
            Value::Object(fields) => Ok(Self(fields)),
            Value::Null => Ok(Self::default()),
            _ => Err(refuse("data must be one record, or a list of records")),
        };
        match value {
            Value::Array(values) if values.len() > MAX_RECORDS => {
                Err(refuse(format!("more than {MAX_RECORDS} records")))
            }
            Value::Array(values) => values.into_iter().map(one).collect(),
            value => Ok(vec![one(value)?]),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a field; null is none.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text; numbers and truths are texts, too.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(truth)) => Ok(Some(truth.to_string())),
            Some(_) => Err(refuse(format!("{name} must be a text"))),
        }
    }

    /// A whole number; an empty text is none.
    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        // 10.0 is how some languages write 10.
        let whole = text.strip_suffix(".0").unwrap_or(text);
        whole.parse().map(Some).map_err(|_| refuse(format!("{name} {:?} is no whole number", shown(text))))
    }

    /// A yes or no; 1, 0 and their texts, too.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match text.trim().to_ascii_lowercase().as_str() {
            "" => Ok(None),
            "1" | "true" | "yes" => Ok(Some(true)),
            "0" | "false" | "no" => Ok(Some(false)),
            other => Err(refuse(format!("{name} {:?} is neither true nor false", shown(other)))),
        }
    }

    /// An id; null, empty, 0 and -1 are none.
    pub(super) fn id(&self, name: &str) -> Result<Option<i64>, ApiError> {
        Ok(self.int(name)?.filter(|id| *id > 0))
    }

    /// The id inside another record: `{"astId": {"id": 3}}`, or 3 itself.
    pub(super) fn reference(&self, name: &str, inner: &str) -> Result<Option<i64>, ApiError> {
        match self.get(name) {
            Some(Value::Object(fields)) => Self(fields.clone()).id(inner),
            _ => self.id(name),
        }
    }

    /// Refuses a value that would be swallowed: the field must not be there, be empty, or be one of these.
    pub(super) fn only(&self, name: &str, values: &[&str]) -> Result<(), ApiError> {
        let Some(text) = self.text(name)? else { return Ok(()) };
        let text = text.trim();
        let is_known = text.is_empty()
            || values.iter().any(|value| {
                let numbers = text.parse::<f64>().ok().zip(value.parse::<f64>().ok());
                text.eq_ignore_ascii_case(value) || numbers.is_some_and(|(a, b)| a == b)
            });
        if is_known {
            return Ok(());
        }
        let but = if values.is_empty() { "leave it empty".to_owned() } else { format!("send {}", values.join(" or ")) };
        Err(refuse(format!("{name} {:?} is not supported yet: {but}", shown(text))))
    }
}
