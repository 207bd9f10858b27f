//! Making a channel: what is asked of Asterisk, and what must never reach it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::request::{Method, NotSent, Request};

/// Longest variable name.
const VARIABLE_NAME_MAX: usize = 64;

/// Where Asterisk keeps a channel's account code. Our own constant: no name that comes from outside may be a function.
const ACCOUNT_FUNCTION: &str = "CHANNEL(accountcode)";

/// Where Asterisk keeps the user field of a channel's call record. Also a constant of ours.
const USER_FIELD_FUNCTION: &str = "CDR(userfield)";

/// One outgoing call, into the dialplan when it is answered.
///
/// Variables arrive in the dialplan as given: quotes, commas, `${..}`, line ends and backslashes are data and are not
/// evaluated (seen on Asterisk 22.10). What a dialplan does with them afterwards is its own affair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Originate {
    /// Our id for the channel, unique on the PBX: a second use is refused with 409.
    pub channel_id: String,
    /// For example `PJSIP/15550001111@trunk`.
    pub endpoint: String,
    /// Dialplan context the answered call enters.
    pub context: String,
    /// Its extension. Asterisk does not check that it exists: an answered call without one is dropped at once.
    pub extension: String,
    /// Its priority, usually 1.
    pub priority: u32,
    /// `number` or `"name" <number>`.
    pub caller_id: Option<String>,
    /// Asterisk gives up ringing after this; `None` = never. A safety net: it runs up to 5 % slow with early media,
    /// so the caller's own timer should be shorter.
    pub ring_seconds_max: Option<u32>,
    /// Channel variables by name; names match `[A-Za-z_][A-Za-z0-9_]*`, up to 64 characters.
    pub variables: BTreeMap<String, String>,
    /// Account code of the channel, for the CDR.
    pub account_code: Option<String>,
    /// User field of the call's record (CDR), where the PBX keeps records; elsewhere it has no effect.
    pub user_field: Option<String>,
    /// Codec names, best first; empty = what the end point allows.
    pub formats: Vec<String>,
}

impl Originate {
    /// Refuses what Asterisk would take and evaluate: control characters outside variable values (a line end in a
    /// caller id is a second SIP header), names that are functions (`SHELL(..)`), NUL anywhere.
    pub fn check(&self) -> Result<(), NotSent> {
        for (field, text) in [
            ("channel id", &self.channel_id),
            ("endpoint", &self.endpoint),
            ("context", &self.context),
            ("extension", &self.extension),
        ] {
            if text.is_empty() {
                return Err(NotSent::Invalid(format!("the {field} is empty")));
            }
            no_controls(field, text)?;
        }
        if self.priority == 0 {
            return Err(NotSent::Invalid("the priority is 0, the first is 1".to_owned()));
        }
        if let Some(caller_id) = &self.caller_id {
            no_controls("caller id", caller_id)?;
        }
        if let Some(account_code) = &self.account_code {
            no_controls("account code", account_code)?;
        }
        if let Some(user_field) = &self.user_field {
            no_controls("user field", user_field)?;
        }
        for format in &self.formats {
            if format.is_empty() || !format.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(NotSent::Invalid("a format is not a codec name".to_owned()));
            }
        }
        for (name, value) in &self.variables {
            check_variable(name, value)?;
        }
        Ok(())
    }

    pub(crate) fn request(&self) -> Request {
        let mut body = json!({
            "channelId": self.channel_id,
            "endpoint": self.endpoint,
            "context": self.context,
            "extension": self.extension,
            "priority": self.priority,
            "timeout": self.ring_seconds_max.map_or(-1, i64::from),
        });
        let fields = body.as_object_mut().expect("made as an object above");
        if let Some(caller_id) = &self.caller_id {
            fields.insert("callerId".to_owned(), Value::from(caller_id.as_str()));
        }
        // The originate has no field of its own for these: they are set like variables.
        let account = self.account_code.iter().map(|code| (ACCOUNT_FUNCTION, code.as_str()));
        let user_field = self.user_field.iter().map(|text| (USER_FIELD_FUNCTION, text.as_str()));
        let plain = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let variables: BTreeMap<&str, &str> = plain.chain(account).chain(user_field).collect();
        if !variables.is_empty() {
            fields.insert("variables".to_owned(), json!(variables));
        }
        if !self.formats.is_empty() {
            fields.insert("formats".to_owned(), Value::from(self.formats.join(",")));
        }
        Request::with_body(Method::Post, "channels", body)
    }
}

/// A plain variable name and a value without NUL (which Asterisk's JSON reader does not take).
pub(crate) fn check_variable(name: &str, value: &str) -> Result<(), NotSent> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.len() <= VARIABLE_NAME_MAX;
    if !plain {
        return Err(NotSent::Invalid(format!(
            "variable name {:?} is not a letter or underscore followed by letters, digits or underscores",
            name.chars().take(VARIABLE_NAME_MAX).collect::<String>()
        )));
    }
    if value.contains('\0') {
        return Err(NotSent::Invalid(format!("the value of variable {name} holds a NUL character")));
    }
    Ok(())
}

fn no_controls(field: &str, text: &str) -> Result<(), NotSent> {
    if text.chars().any(char::is_control) {
        return Err(NotSent::Invalid(format!("the {field} holds a control character")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_map, vec};
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn call() -> Originate {
        Originate {
            channel_id: "c-1".into(),
            endpoint: "PJSIP/1555100000@carrier".into(),
            context: "demo".into(),
            extension: "message".into(),
            priority: 1,
            caller_id: None,
            ring_seconds_max: None,
            variables: BTreeMap::new(),
            account_code: None,
            user_field: None,
            formats: Vec::new(),
        }
    }

    #[test]
    fn what_would_be_evaluated_is_refused_by_name_only() {
        assert_eq!(call().check(), Ok(()));
        let refused = |change: fn(&mut Originate)| {
            let mut call = call();
            change(&mut call);
            call.check().unwrap_err().to_string()
        };
        assert!(refused(|c| c.caller_id = Some("x\r\nX-Second: 1".into())).contains("caller id"));
        assert!(refused(|c| c.endpoint = "PJSIP/1\n2".into()).contains("endpoint"));
        assert!(refused(|c| c.channel_id.clear()).contains("channel id"));
        assert!(refused(|c| c.formats = vec!["alaw,opus".into()]).contains("format"));
        assert!(refused(|c| c.priority = 0).contains("priority"));
        for name in ["SHELL(id)", "", "1A", "A B", "É", "A,B", "A=B"] {
            assert!(check_variable(name, "").is_err(), "{name}");
        }
        let message = check_variable("V", "secret\0value").unwrap_err().to_string();
        assert!(message.contains('V') && !message.contains("secret"), "{message}");
    }

    #[test]
    fn odd_values_are_data() {
        let odd = "a,b \"q\" ${EXTEN} $[1+1] ;x\\n\r\n2nd: y & = | ü";
        let call = Originate { variables: [("ODD".into(), odd.into())].into(), ..call() };
        assert_eq!(call.check(), Ok(()));
        assert_eq!(call.request().body.unwrap()["variables"]["ODD"], odd);
    }

    #[test]
    fn fields_that_are_not_given_are_not_sent() {
        let body = call().request().body.unwrap();
        assert_eq!(body["timeout"], -1);
        for field in ["callerId", "variables", "formats", "app"] {
            assert!(body.get(field).is_none(), "{field}");
        }
    }

    /// Pieces that would end a line, begin a header, an action, a function or an expression, in any order.
    fn hostile() -> impl Strategy<Value = String> {
        let pieces = [
            "\r\n",
            "\n",
            "\r",
            "\0",
            "Action: Command",
            "Variable: EVIL=1",
            "${SHELL(id)}",
            "$[1+1]",
            "CALLERID(num)",
            ",",
            "|",
            ";",
            "&",
            "\"",
            "\\",
            "<",
            ">",
            "@",
            "(",
            ")",
            "=",
            "\u{2028}",
            "\u{202e}",
            "\u{85}",
            "a",
            "7",
            "é",
            "_",
        ];
        let piece = prop_oneof![8 => select(pieces.to_vec()).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
        vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        /// Whatever a list, a campaign or an operator holds: it is refused, or it arrives as itself, in one request.
        #[test]
        fn every_field_is_refused_or_arrives_as_data(
            texts in vec(hostile(), 5),
            caller_id in option::of(hostile()),
            account_code in option::of(hostile()),
            variables in btree_map(hostile(), hostile(), 0..4),
            formats in vec(hostile(), 0..2),
        ) {
            let [channel_id, endpoint, context, extension, user_field] = <[String; 5]>::try_from(texts).unwrap();
            let call = Originate {
                channel_id, endpoint, context, extension, priority: 1, caller_id, ring_seconds_max: None, variables,
                account_code, user_field: Some(user_field), formats,
            };
            if call.check().is_err() {
                return Ok(());
            }
            let request = call.request();
            prop_assert_eq!((request.method, request.uri.as_str()), (Method::Post, "channels"));
            let line = request.body.unwrap().to_string();
            prop_assert!(!line.contains(['\r', '\n', '\0']), "one line: {line:?}");
            let body: Value = serde_json::from_str(&line).unwrap();
            for (field, text) in [
                ("channelId", Some(&call.channel_id)), ("endpoint", Some(&call.endpoint)), ("context", Some(&call.context)),
                ("extension", Some(&call.extension)), ("callerId", call.caller_id.as_ref()),
            ] {
                prop_assert_eq!(body.get(field).and_then(Value::as_str), text.map(String::as_str));
                prop_assert!(text.is_none_or(|text| !text.contains(char::is_control)), "{field}: a second line");
            }
            for (name, value) in body["variables"].as_object().into_iter().flatten() {
                let ours = [ACCOUNT_FUNCTION, USER_FIELD_FUNCTION].contains(&name.as_str());
                prop_assert!(ours || !name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_'), "{name}");
                prop_assert!(ours || call.variables.get(name).map(String::as_str) == value.as_str(), "{name}");
            }
        }
    }
}
