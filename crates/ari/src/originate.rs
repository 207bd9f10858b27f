//! The request that makes a channel.

use std::collections::BTreeMap;

use asterisk::{NotSent, Originate};
use serde_json::{Value, json};

use crate::request::{Method, Request};

/// Where Asterisk keeps a channel's account code. Our own constant: no name that comes from outside may be a function.
const ACCOUNT_FUNCTION: &str = "CHANNEL(accountcode)";

/// Refuses, beyond [`Originate::check`], what this interface has no word for.
pub(crate) fn check(originate: &Originate) -> Result<(), NotSent> {
    match &originate.application {
        None => originate.check(),
        Some(_) => Err(NotSent::Invalid("the REST interface enters the dialplan, never an application".to_owned())),
    }
}

/// For an originate that was checked.
pub(crate) fn request(originate: &Originate) -> Request {
    let mut body = json!({
        "channelId": originate.channel_id,
        "endpoint": originate.device,
        "context": originate.context,
        "extension": originate.extension,
        "priority": originate.priority,
        // Whole seconds.
        "timeout": originate.ring_ms_max.div_ceil(1_000),
    });
    let fields = body.as_object_mut().expect("made as an object above");
    if let Some(caller_id) = originate.caller_id_of_both() {
        fields.insert("callerId".to_owned(), Value::from(caller_id));
    }
    // The originate has no field of its own for these: they are set like variables.
    let account = originate.account_code.iter().map(|code| (ACCOUNT_FUNCTION, code.as_str()));
    let variables: BTreeMap<&str, &str> = originate.variables().chain(account).collect();
    if !variables.is_empty() {
        fields.insert("variables".to_owned(), json!(variables));
    }
    Request::with_body(Method::Post, "channels", body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use asterisk::is_own_function;
    use proptest::collection::{btree_map, vec};
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn call() -> Originate {
        Originate {
            channel_id: "c-1".into(),
            device: "PJSIP/1555100000@carrier".into(),
            context: "demo".into(),
            extension: "message".into(),
            priority: 1,
            caller_id: None,
            enters_as: None,
            ring_ms_max: 30_001,
            variables: BTreeMap::new(),
            account_code: None,
            user_field: None,
            application: None,
        }
    }

    #[test]
    fn odd_values_are_data() {
        let odd = "a,b \"q\" ${EXTEN} $[1+1] ;x\\n\r\n2nd: y & = | ü";
        let call = Originate { variables: [("ODD".into(), odd.into())].into(), ..call() };
        assert_eq!(call.check(), Ok(()));
        assert_eq!(request(&call).body.unwrap()["variables"]["ODD"], odd);
    }

    #[test]
    fn fields_that_are_not_given_are_not_sent() {
        let body = request(&call()).body.unwrap();
        assert_eq!(body["timeout"], 31, "whole seconds, and not less than was asked for");
        for field in ["callerId", "variables", "app"] {
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
            enters_as in option::of(hostile()),
            account_code in option::of(hostile()),
            variables in btree_map(hostile(), hostile(), 0..4),
        ) {
            let [channel_id, device, context, extension, user_field] = <[String; 5]>::try_from(texts).unwrap();
            let call = Originate {
                channel_id, device, context, extension, priority: 1, caller_id, enters_as, ring_ms_max: 30_000, variables,
                account_code, user_field: Some(user_field), application: None,
            };
            if call.check().is_err() {
                return Ok(());
            }
            let request = request(&call);
            prop_assert_eq!((request.method, request.uri.as_str()), (Method::Post, "channels"));
            let line = request.body.unwrap().to_string();
            prop_assert!(!line.contains(['\r', '\n', '\0']), "one line: {line:?}");
            let body: Value = serde_json::from_str(&line).unwrap();
            for (field, text) in [
                ("channelId", Some(&call.channel_id)), ("endpoint", Some(&call.device)), ("context", Some(&call.context)),
                ("extension", Some(&call.extension)), ("callerId", call.caller_id.as_ref().filter(|_| call.enters_as.is_none())),
            ] {
                prop_assert_eq!(body.get(field).and_then(Value::as_str), text.map(String::as_str));
                prop_assert!(text.is_none_or(|text| !text.contains(char::is_control)), "{field}: a second line");
            }
            for (name, value) in body["variables"].as_object().into_iter().flatten() {
                let ours = name == ACCOUNT_FUNCTION || is_own_function(name);
                prop_assert!(ours || !name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_'), "{name}");
                prop_assert!(ours || call.variables.get(name).map(String::as_str) == value.as_str(), "{name}");
            }
        }
    }
}
