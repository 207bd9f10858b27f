//! Making a channel: what is asked of Asterisk, and what must never reach it.

use std::collections::BTreeMap;

use crate::action::{Action, LINE_BYTES_MAX, NotSent};

/// Longest variable name.
const VARIABLE_NAME_MAX: usize = 64;
/// Longest channel and caller id that Asterisk does not cut.
pub const FIELD_BYTES_MAX: usize = 255;
/// Most variables that Asterisk reads from one header.
const VARIABLES_PER_HEADER_MAX: usize = 60;

/// Where Asterisk keeps the user field of a channel's call record. Our own constant: no name that comes from outside may
/// be a function.
const USER_FIELD_FUNCTION: &str = "CDR(userfield)";

/// One outgoing call, into the dialplan when it is answered.
///
/// Variables arrive in the dialplan as given: quotes, commas, brackets, `${..}`, equal signs and backslashes are data and
/// are not evaluated (seen on Asterisk 22.10). A line end cannot travel this way and is refused, and so is a variable of
/// more than about 1000 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Originate {
    /// Our id for the channel, unique on the PBX. The second half of a `Local` channel gets it with `;2` behind.
    pub channel_id: String,
    /// For example `PJSIP/15550001111@trunk`.
    pub channel: String,
    /// Dialplan context the answered call enters.
    pub context: String,
    /// Its extension. Asterisk refuses one that does not exist.
    pub extension: String,
    /// Its priority, usually 1.
    pub priority: u32,
    /// `number` or `"name" <number>`.
    pub caller_id: Option<String>,
    /// Asterisk gives up ringing after this many milliseconds. A safety net: it runs up to 5 % slow with early media, so
    /// the caller's own timer should be shorter.
    pub ring_ms_max: u32,
    /// Channel variables by name; names match `[A-Za-z_][A-Za-z0-9_]*`, up to 64 characters.
    pub variables: BTreeMap<String, String>,
    /// Account code of the channel, for the CDR.
    pub account_code: Option<String>,
    /// User field of the call's record (CDR), where the PBX keeps records; elsewhere it has no effect.
    pub user_field: Option<String>,
}

impl Originate {
    /// Refuses what Asterisk would take and evaluate or cut: control characters, names that are functions (`SHELL(..)`),
    /// fields and variables that are too long.
    pub(crate) fn action(&self) -> Result<Action, NotSent> {
        for (field, text) in [
            ("channel id", &self.channel_id),
            ("channel", &self.channel),
            ("context", &self.context),
            ("extension", &self.extension),
        ] {
            if text.is_empty() {
                return Err(NotSent::Invalid(format!("the {field} is empty")));
            }
        }
        let optional = [
            ("caller id", self.caller_id.as_deref()),
            ("account code", self.account_code.as_deref()),
            ("user field", self.user_field.as_deref()),
        ];
        let fields = [
            ("channel id", Some(self.channel_id.as_str())),
            ("channel", Some(&self.channel)),
            ("context", Some(&self.context)),
            ("extension", Some(&self.extension)),
        ];
        for (field, text) in fields.into_iter().chain(optional) {
            let text = text.unwrap_or_default();
            if text.chars().any(char::is_control) {
                return Err(NotSent::Invalid(format!("the {field} holds a control character")));
            }
            if text.len() > FIELD_BYTES_MAX {
                let why = format!("the {field} has {} bytes, at most {FIELD_BYTES_MAX} are possible", text.len());
                return Err(NotSent::Invalid(why));
            }
        }
        if self.priority == 0 {
            return Err(NotSent::Invalid("the priority is 0, the first is 1".to_owned()));
        }
        let mut action = Action::new("Originate")
            .with("Channel", &self.channel)
            .with("ChannelId", &self.channel_id)
            .with("Context", &self.context)
            .with("Exten", &self.extension)
            .with("Priority", self.priority.to_string())
            .with("Timeout", self.ring_ms_max.to_string())
            .with("Async", "true");
        if let Some(caller_id) = &self.caller_id {
            action = action.with("CallerID", caller_id);
        }
        if let Some(account_code) = &self.account_code {
            action = action.with("Account", account_code);
        }
        for line in self.variable_lines()? {
            action = action.with("Variable", line);
        }
        Ok(action)
    }

    /// As few header lines as hold them, so that many variables fit into one action.
    fn variable_lines(&self) -> Result<Vec<String>, NotSent> {
        let longest = LINE_BYTES_MAX - "Variable: ".len();
        let mut lines: Vec<(String, usize)> = Vec::new();
        for (name, value) in &self.variables {
            check_variable(name, value)?;
        }
        let plain = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let user_field = self.user_field.iter().map(|text| (USER_FIELD_FUNCTION, text.as_str()));
        for (name, value) in plain.chain(user_field) {
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

/// A plain variable name and a value on one line.
fn check_variable(name: &str, value: &str) -> Result<(), NotSent> {
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
    if value.contains(['\r', '\n', '\0']) {
        return Err(NotSent::Invalid(format!("the value of variable {name} holds a line end or a NUL character")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;
    use crate::Decoder;

    fn call() -> Originate {
        Originate {
            channel_id: "c-1".into(),
            channel: "PJSIP/1555100000@carrier".into(),
            context: "demo".into(),
            extension: "message".into(),
            priority: 1,
            caller_id: None,
            ring_ms_max: 30_000,
            variables: BTreeMap::new(),
            account_code: None,
            user_field: None,
        }
    }

    #[test]
    fn what_would_be_evaluated_or_cut_is_refused_by_name_only() {
        assert!(call().action().is_ok());
        let refused = |change: fn(&mut Originate)| {
            let mut call = call();
            change(&mut call);
            call.action().unwrap_err().to_string()
        };
        assert!(refused(|c| c.caller_id = Some("x\r\nAction: Command".into())).contains("caller id"));
        assert!(refused(|c| c.channel = "PJSIP/1\n2".into()).contains("channel"));
        assert!(refused(|c| c.channel = format!("PJSIP/{}@x", "1".repeat(250))).contains("255"));
        assert!(refused(|c| c.channel_id.clear()).contains("channel id"));
        assert!(refused(|c| c.priority = 0).contains("priority"));
        for name in ["SHELL(id)", "", "1A", "A B", "É", "A,B", "A=B"] {
            assert!(check_variable(name, "").is_err(), "{name}");
        }
        for value in ["secret\0", "secret\r\nAction: Command", "secret\n"] {
            let why = check_variable("V", value).unwrap_err().to_string();
            assert!(why.contains('V') && !why.contains("secret"), "{why}");
        }
        let long = refused(|c| c.variables = [("NOTE".to_owned(), ",".repeat(600))].into());
        assert!(long.contains("NOTE") && long.contains("1205 bytes"), "{long}");
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
            let text = call.action().unwrap().encode("1-1").unwrap();
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
