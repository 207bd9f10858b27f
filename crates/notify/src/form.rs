//! An ended attempt as the form that WombatDialer posts, for programs that were written for it.

use domain::Attributes;
use form_urlencoded::Serializer;
use store::actions::Call;

/// `num`, `reschedule` (seconds until the retry; 0: none), `I_` and each input attribute, `extstate`, `state`, `O_` and each
/// output attribute, `retry`.
pub(crate) fn of(call: &Call<'_>) -> String {
    let attempt = call.attempt;
    let mut form = Serializer::new(String::new());
    form.append_pair("num", call.number).append_pair("reschedule", &attempt.retry_in_s().to_string());
    attributes(&mut form, "I_", call.inputs);
    form.append_pair("extstate", &attempt.ext_state).append_pair("state", &attempt.state);
    attributes(&mut form, "O_", call.outputs);
    form.append_pair("retry", &attempt.retry.to_string()).finish()
}

/// The form of a test: of nobody, in a state that no attempt has.
pub(crate) fn of_nobody() -> String {
    let fields = [("num", ""), ("reschedule", "0"), ("extstate", ""), ("state", "UNKNOWN"), ("retry", "0")];
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn attributes(form: &mut Serializer<'_, String>, prefix: &str, attributes: &Attributes) {
    for (name, value) in attributes.iter() {
        form.append_pair(&format!("{prefix}{name}"), value);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_test_is_an_attempt_of_nobody() {
        assert_eq!(super::of_nobody(), "num=&reschedule=0&extstate=&state=UNKNOWN&retry=0");
    }
}
