//! Making a channel: what is asked of Asterisk, and what must never reach it, whichever way it is asked.

use std::collections::BTreeMap;

use crate::outcome::NotSent;

/// Longest variable name.
const VARIABLE_NAME_MAX: usize = 64;

/// Where Asterisk keeps the user field of a channel's call record. Our own constant: no name that comes from outside may
/// be a function.
pub const USER_FIELD_FUNCTION: &str = "CDR(userfield)";
/// Name and number that the dialplan finds as the caller's.
const ENTERS_FUNCTIONS: [&str; 2] = ["CALLERID(name)", "CALLERID(num)"];
/// Name and number that are sent to the called party; `i`: no update is sent for it.
const SEEN_FUNCTIONS: [&str; 2] = ["CONNECTEDLINE(name,i)", "CONNECTEDLINE(num,i)"];

/// Whether this name is one of the functions that [`Originate::variables`] sets.
pub fn is_own_function(name: &str) -> bool {
    name == USER_FIELD_FUNCTION || ENTERS_FUNCTIONS.contains(&name) || SEEN_FUNCTIONS.contains(&name)
}

/// One outgoing call, into the dialplan when it is answered.
///
/// Variables arrive in the dialplan as given: quotes, commas, brackets, `${..}`, equal signs and backslashes are data and
/// are not evaluated (seen on Asterisk 22.10). What a dialplan does with them afterwards is its own affair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Originate {
    /// Our id for the channel, unique on the PBX. The second half of a `Local` channel gets it with `;2` behind.
    pub channel_id: String,
    /// For example `PJSIP/15550001111@trunk`.
    pub device: String,
    /// Dialplan context the answered call enters.
    pub context: String,
    /// Its extension. The manager interface refuses one that does not exist; the REST interface does not look, and the
    /// answered call is dropped at once.
    pub extension: String,
    /// Its priority, usually 1.
    pub priority: u32,
    /// What the called party sees, `number` or `"name" <number>`; without [`Self::enters_as`] also the caller id with which the
    /// answered channel enters the dialplan.
    pub caller_id: Option<String>,
    /// The caller id with which the answered channel enters the dialplan, when that is not what the called party sees.
    pub enters_as: Option<String>,
    /// Asterisk gives up ringing after this many milliseconds, rounded up to what the interface takes. A safety net: it
    /// runs up to 5 % slow with early media, so the caller's own timer should be shorter.
    pub ring_ms_max: u32,
    /// Channel variables by name; names match `[A-Za-z_][A-Za-z0-9_]*`, up to 64 characters.
    pub variables: BTreeMap<String, String>,
    /// Account code of the channel, for the CDR.
    pub account_code: Option<String>,
    /// User field of the call's record (CDR), where the PBX keeps records; elsewhere it has no effect.
    pub user_field: Option<String>,
    /// What the answered call does instead of entering the dialplan: then context and extension are not looked at. Over the
    /// manager interface only.
    pub application: Option<Application>,
}

/// An application of the dialplan with its arguments. Names and arguments are our own, never texts from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// For example `Bridge`.
    pub name: &'static str,
    /// As in the dialplan: separated by commas.
    pub arguments: String,
}

impl Originate {
    /// The fields that are texts and no variables, by name; what is not given is empty.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("channel id", self.channel_id.as_str()),
            ("device", &self.device),
            ("context", &self.context),
            ("extension", &self.extension),
            ("caller id", self.caller_id.as_deref().unwrap_or_default()),
            ("caller id in the dialplan", self.enters_as.as_deref().unwrap_or_default()),
            ("account code", self.account_code.as_deref().unwrap_or_default()),
            ("user field", self.user_field.as_deref().unwrap_or_default()),
            ("application", self.application.as_ref().map_or("", |application| &application.arguments)),
        ]
        .into_iter()
    }

    /// Refuses what Asterisk would take and evaluate: control characters outside variable values (a line end in a caller
    /// id is a second SIP header), names that are functions (`SHELL(..)`), NUL anywhere.
    pub fn check(&self) -> Result<(), NotSent> {
        const NEEDED: [&str; 4] = ["channel id", "device", "context", "extension"];
        for (field, text) in self.fields() {
            let dialplan = matches!(field, "context" | "extension");
            if text.is_empty() && NEEDED.contains(&field) && !(dialplan && self.application.is_some()) {
                return Err(NotSent::Invalid(format!("the {field} is empty")));
            }
            if text.chars().any(char::is_control) {
                return Err(NotSent::Invalid(format!("the {field} holds a control character")));
            }
        }
        if self.priority == 0 {
            return Err(NotSent::Invalid("the priority is 0, the first is 1".to_owned()));
        }
        self.variables.iter().try_for_each(|(name, value)| check_variable(name, value))
    }

    /// The caller id for the field that interfaces have for it: Asterisk makes it both what the called party sees and what
    /// the dialplan finds.
    pub fn caller_id_of_both(&self) -> Option<&str> {
        self.caller_id.as_deref().filter(|_| self.enters_as.is_none())
    }

    /// Variables, and what is set like one: the user field, and caller ids that differ.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        let plain = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let differing = self.enters_as.iter().flat_map(|enters_as| {
            let seen = self.caller_id.as_deref().into_iter().flat_map(|text| functions(SEEN_FUNCTIONS, text));
            functions(ENTERS_FUNCTIONS, enters_as).into_iter().chain(seen)
        });
        plain.chain(self.user_field.iter().map(|text| (USER_FIELD_FUNCTION, text.as_str()))).chain(differing)
    }
}

/// Name and number of a caller id, each under its function. An empty part is set, too: the PBX's own would stand beside ours.
fn functions<'a>([name, number]: [&'a str; 2], caller_id: &'a str) -> [(&'a str, &'a str); 2] {
    let parts = CallerId::of(caller_id);
    [(name, parts.name), (number, parts.number)]
}

/// A caller id in its parts, as Asterisk splits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CallerId<'a> {
    name: &'a str,
    number: &'a str,
}

impl<'a> CallerId<'a> {
    /// `"name" <number>`, a number alone, or a name alone.
    fn of(text: &'a str) -> Self {
        let text = text.trim();
        if let Some((name, number)) = text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
            let name = name.trim();
            let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
            return Self { name, number: number.trim() };
        }
        match text.bytes().all(|byte| byte.is_ascii_digit() || b"+*#()-. ".contains(&byte)) {
            true => Self { name: "", number: text },
            false => Self { name: text.trim_matches('"'), number: "" },
        }
    }
}

/// A plain variable name, and a value without NUL.
pub fn check_variable(name: &str, value: &str) -> Result<(), NotSent> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_caller_id_has_a_name_and_a_number() {
        for (text, name, number) in [
            ("\"WHITE\" <0912345>", "WHITE", "0912345"),
            ("C1 WHITE <666> <0912345>", "C1 WHITE <666>", "0912345"),
            ("+39 (091) 23-45", "", "+39 (091) 23-45"),
            ("C1 WHITE", "C1 WHITE", ""),
            ("<091>", "", "091"),
        ] {
            assert_eq!(CallerId::of(text), CallerId { name, number }, "{text}");
        }
    }

    #[test]
    fn caller_ids_that_differ_are_set_apart_and_an_equal_one_once() {
        let both = Originate { caller_id: Some("0800".into()), ..call() };
        assert_eq!((both.caller_id_of_both(), both.variables().count()), (Some("0800"), 0));
        let apart = Originate { enters_as: Some("C1 WHITE".into()), ..both };
        assert_eq!(apart.caller_id_of_both(), None);
        let set: Vec<_> = apart.variables().collect();
        let name = [("CALLERID(name)", "C1 WHITE"), ("CALLERID(num)", "")];
        let seen = [("CONNECTEDLINE(name,i)", ""), ("CONNECTEDLINE(num,i)", "0800")];
        assert_eq!(set, [name, seen].concat());
        assert!(set.iter().all(|(name, _)| is_own_function(name)));
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
        assert!(refused(|c| c.device = "PJSIP/1\n2".into()).contains("device"));
        assert!(refused(|c| c.channel_id.clear()).contains("channel id"));
        assert!(refused(|c| c.priority = 0).contains("priority"));
        for name in ["SHELL(id)", "", "1A", "A B", "É", "A,B", "A=B"] {
            assert!(check_variable(name, "").is_err(), "{name}");
        }
        let message = check_variable("V", "secret\0value").unwrap_err().to_string();
        assert!(message.contains('V') && !message.contains("secret"), "{message}");
    }
}
