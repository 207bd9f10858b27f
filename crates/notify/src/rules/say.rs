//! What a rule says of a call: addresses, bodies and letters with their place-holders replaced.

use crate::form;
use domain::template::fill;
use domain::{Attributes, Invalid, OutcomeRule, VarMode, Verb};
use form_urlencoded::byte_serialize;
use node::Letter;
use std::borrow::Cow;
use store::actions::{Call, attributes};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
/// Begins the first line of a letter's text.
const SUBJECT: &str = "Subject:";

/// What one action says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Saying {
    /// Of the program, or the receivers.
    pub(super) address: String,
    text: String,
    content_type: &'static str,
    /// Of a letter whose text has none.
    subject: String,
}

impl Saying {
    /// Refused, by name: attributes that do not go together.
    pub(super) fn of(rule: &OutcomeRule, call: &Call<'_>) -> Result<Self, Invalid> {
        let all = attributes(rule, call)?;
        let plain = |text: &str| fill(text, |name| call.value(name, &all).into());
        let as_is =
            |text: &str, encode: fn(&str) -> Cow<'static, str>| fill(text, |name| encode(&call.value(name, &all)));
        let state = match call.attempt.ext_state.as_str() {
            "" => call.attempt.state.clone(),
            ext => format!("{}:{ext}", call.attempt.state),
        };
        let subject = format!("[Carillon] {}: {state}", call.attempt.campaign_name);
        let (content_type, text) = match (rule.verb, rule.text.trim_start().chars().next()) {
            (Verb::HttpPost, None) => (FORM, usual_form(rule, call)?),
            (Verb::HttpPost, Some('{' | '[')) => (JSON, as_is(&rule.text, in_json)),
            (Verb::HttpPost, Some(_)) => (FORM, as_is(&rule.text, in_address)),
            _ => ("", plain(&rule.text)),
        };
        let address = if rule.verb == Verb::Email {
            // A value with a comma would write to more people.
            fill(&rule.destination, |name| call.value(name, &all).replace([',', ';', '\r', '\n'], " ").into())
        } else {
            as_is(&rule.destination, in_address)
        };
        Ok(Self { address, text, content_type, subject })
    }

    pub(super) fn body(&self) -> (&'static str, String) {
        (self.content_type, self.text.clone())
    }

    pub(super) fn letter(&self) -> Letter {
        match self
            .text
            .split_once('\n')
            .or(Some((&self.text, "")))
            .and_then(|(first, rest)| Some((first.trim().strip_prefix(SUBJECT)?, rest)))
        {
            Some((subject, rest)) => Letter::new(subject, rest.trim_start_matches(['\r', '\n']).to_owned()),
            None => Letter::new(&self.subject, self.text.clone()),
        }
    }
}

/// The form that WombatDialer posts, with the attributes that the rule chooses; the rule's own count as input.
fn usual_form(rule: &OutcomeRule, call: &Call<'_>) -> Result<String, Invalid> {
    let nothing = Attributes::default();
    let only_inputs = VarMode::Input == rule.var_mode || VarMode::All == rule.var_mode;
    let own = OutcomeRule { var_mode: if only_inputs { VarMode::Input } else { VarMode::None }, ..rule.clone() };
    let inputs = attributes(&own, call)?;
    let outputs = if matches!(rule.var_mode, VarMode::All | VarMode::Output) { call.outputs } else { &nothing };
    Ok(form::of(&Call { inputs: &inputs, outputs, ..*call }))
}

/// Encoded for an address or a form.
fn in_address(value: &str) -> Cow<'static, str> {
    // Where a + is no space: in the path. One in the value has become %2B.
    byte_serialize(value.as_bytes()).collect::<String>().replace('+', "%20").into()
}

/// The inside of a JSON text.
fn in_json(value: &str) -> Cow<'static, str> {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned().into()
}
