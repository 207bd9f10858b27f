//! The action that makes a channel.

use asterisk::{Application, NotSent, Originate};

use crate::action::{Action, LINE_BYTES_MAX};

/// Longest channel and caller id that Asterisk does not cut.
pub const FIELD_BYTES_MAX: usize = 255;
/// Most variables that Asterisk reads from one header.
const VARIABLES_PER_HEADER_MAX: usize = 60;

/// Refuses, beyond [`Originate::check`], what Asterisk would cut here: long fields, and variables that are longer than
/// about 1000 bytes or have a line end.
pub(crate) fn action(originate: &Originate) -> Result<Action, NotSent> {
    originate.check()?;
    for (field, text) in originate.fields() {
        if text.len() > FIELD_BYTES_MAX {
            let why = format!("the {field} has {} bytes, at most {FIELD_BYTES_MAX} are possible", text.len());
            return Err(NotSent::Invalid(why));
        }
    }
    let mut action = Action::new("Originate")
        .with("Channel", &originate.device)
        .with("ChannelId", &originate.channel_id)
        .with("Timeout", originate.ring_ms_max.to_string())
        .with("Async", "true");
    // `Bridge` looks for a channel whose id begins with what it is given: the other half of a `Local` channel, whose id
    // Asterisk makes of ours, would be taken as well.
    let local = originate.device.get(..6).is_some_and(|technology| technology.eq_ignore_ascii_case("local/"));
    if originate.application.is_some() && local {
        action = action.with("OtherChannelId", format!("far-{}", originate.channel_id));
    }
    action = match &originate.application {
        Some(Application { name, arguments }) => action.with("Application", *name).with("Data", arguments),
        None => action
            .with("Context", &originate.context)
            .with("Exten", &originate.extension)
            .with("Priority", originate.priority.to_string()),
    };
    if let Some(caller_id) = originate.caller_id_of_both() {
        action = action.with("CallerID", caller_id);
    }
    if let Some(account_code) = &originate.account_code {
        action = action.with("Account", account_code);
    }
    for line in variable_lines(originate)? {
        action = action.with("Variable", line);
    }
    Ok(action)
}

/// As few header lines as hold them, so that many variables fit into one action.
fn variable_lines(originate: &Originate) -> Result<Vec<String>, NotSent> {
    let longest = LINE_BYTES_MAX - "Variable: ".len();
    let mut lines: Vec<(String, usize)> = Vec::new();
    for (name, value) in originate.variables() {
        if value.contains(['\r', '\n']) {
            return Err(NotSent::Invalid(format!("the value of variable {name} holds a line end")));
        }
        let one = format!("{}={}", escaped(name), escaped(value));
        if one.len() > longest {
            return Err(NotSent::Invalid(format!(
                "variable {name} takes {} bytes, at most {longest} are possible over the manager interface",
                one.len()
            )));
        }
        match lines.last_mut() {
            Some((line, count)) if line.len() + 1 + one.len() <= longest && *count < VARIABLES_PER_HEADER_MAX => {
                line.push(',');
                line.push_str(&one);
                *count += 1;
            }
            _ => lines.push((one, 1)),
        }
    }
    Ok(lines.into_iter().map(|(line, _)| line).collect())
}

/// What Asterisk would read as a separator, a quote or a bracket, as data.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if "\\,\"()[]".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use asterisk::USER_FIELD_FUNCTION;
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;
    use crate::Decoder;

    fn call() -> Originate {
        Originate {
            channel_id: "c-1".into(),
            device: "PJSIP/1555100000@carrier".into(),
            context: "demo".into(),
            extension: "message".into(),
            priority: 1,
            caller_id: None,
            enters_as: None,
            ring_ms_max: 30_000,
            variables: BTreeMap::new(),
            account_code: None,
            user_field: None,
            application: None,
        }
    }

    #[test]
    fn what_would_be_cut_is_refused_by_name_only() {
        assert!(action(&call()).is_ok());
        let refused = |change: fn(&mut Originate)| {
            let mut call = call();
            change(&mut call);
            action(&call).unwrap_err().to_string()
        };
        assert!(refused(|c| c.device = format!("PJSIP/{}@x", "1".repeat(250))).contains("255"));
        for value in ["secret\0", "secret\r\nAction: Command", "secret\n"] {
            let call = Originate { variables: [("V".to_owned(), value.to_owned())].into(), ..call() };
            let why = action(&call).unwrap_err().to_string();
            assert!(why.contains('V') && !why.contains("secret"), "{why}");
        }
        let long = refused(|c| c.variables = [("NOTE".to_owned(), ",".repeat(600))].into());
        assert!(long.contains("NOTE") && long.contains("1205 bytes"), "{long}");
    }

    #[test]
    fn an_application_takes_the_place_of_the_dialplan() {
        let bridge = Application { name: "Bridge", arguments: "c-9".into() };
        let call = Originate { application: Some(bridge), context: String::new(), extension: String::new(), ..call() };
        let text = action(&call).unwrap().encode("1-1").unwrap();
        assert!(text.contains("Application: Bridge\r\nData: c-9\r\n"), "{text}");
        assert!(!text.contains("Context") && !text.contains("OtherChannelId"), "{text}");
        let local = Originate { device: "Local/10@agents/n".into(), ..call };
        let text = action(&local).unwrap().encode("1-1").unwrap();
        assert!(text.contains("OtherChannelId: far-c-1\r\n"), "{text}");
    }

    /// As Asterisk 22 reads the value of a `Variable` header (`__ast_app_separate_args` in its main/app.c).
    fn as_asterisk_reads(line: &str) -> Vec<(String, String)> {
        let (mut parts, mut part) = (Vec::new(), String::new());
        let (mut round, mut square, mut quoted) = (0, 0, false);
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            match character {
                '(' => round += 1,
                ')' => round -= i32::from(round > 0),
                '[' => square += 1,
                ']' => square -= i32::from(square > 0),
                '"' => quoted = !quoted,
                '\\' => {}
                _ => {}
            }
            match character {
                '"' => {}
                '\\' => part.extend(characters.next()),
                ',' if round == 0 && square == 0 && !quoted => parts.push(std::mem::take(&mut part)),
                other => part.push(other),
            }
        }
        parts.push(part);
        let pair = |part: String| part.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        parts.into_iter().filter_map(pair).collect()
    }

    proptest! {
        #[test]
        fn variables_are_read_as_they_were_given_and_make_one_message(
            variables in btree_map("[A-Z][A-Z0-9_]{0,8}", "([ -~]|[,()\\[\\]\"\\\\=;&|$é]){0,60}", 0..70),
            user_field in proptest::option::of("[ -~]{0,40}"),
        ) {
            let call = Originate { variables: variables.clone(), user_field: user_field.clone(), ..call() };
            let text = action(&call).unwrap().encode("1-1").unwrap();
            let mut out = Vec::new();
            Decoder::default().feed(text.as_bytes(), &mut out);
            prop_assert_eq!(out.len(), 1);
            let message = out.remove(0).unwrap();
            let lines = message.headers().filter(|(name, _)| *name == "Variable").map(|(_, line)| line);
            let read: BTreeMap<_, _> = lines.flat_map(as_asterisk_reads).collect();
            let mut given = variables;
            given.extend(user_field.map(|text| (USER_FIELD_FUNCTION.to_owned(), text)));
            prop_assert_eq!(read, given);
        }
    }
}
