//! WombatDialer's own list text: `number,NAME:value,NAME:value`, one record a line.

use super::reader::{Candidate, with_attribute};
use domain::attributes::check_name;
use domain::{Attributes, Dialable, Invalid};

/// Reads one record. The value begins behind the first `:` and may hold more of them; a comma always ends it, as the
/// format has no quoting: a piece without `NAME:` is therefore refused and never taken for part of anything.
pub fn parse(record: &str, country: Option<&str>) -> Result<Candidate, Invalid> {
    let mut pieces = record.split(',');
    let number = Dialable::parse(pieces.next().unwrap_or_default(), country)?;
    let mut attributes = Attributes::default();
    let mut warnings = Vec::new();
    for piece in pieces.filter(|piece| !piece.trim().is_empty()) {
        let Some((name, value)) = piece.split_once(':') else {
            let shown: String = piece.trim().chars().take(40).collect();
            return Err(Invalid::new(
                "attributes",
                format!("{shown:?} is not NAME:value (a value cannot hold a comma in this format: use CSV)"),
            ));
        };
        with_attribute(&mut attributes, &mut warnings, name.trim(), value.trim())?;
    }
    Ok(Candidate { number, attributes, warnings })
}

/// Whether a line can only be a native record (`Some(true)`: it has attributes), could be one (`Some(false)`: a number
/// alone) or is none.
pub(crate) fn looks_native(line: &str) -> Option<bool> {
    let mut pieces = line.split(',');
    Dialable::parse(pieces.next()?, None).ok()?;
    let mut attributes = false;
    for piece in pieces.filter(|piece| !piece.trim().is_empty()) {
        check_name(piece.split_once(':')?.0.trim()).ok()?;
        attributes = true;
    }
    Some(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_with_and_without_attributes_are_read() {
        let contact = parse("5551234, A:1,B:HELLO WORLD , URL:http://x/?a=b:c,", None).unwrap();
        let pairs: Vec<_> = contact.attributes.iter().collect();
        assert_eq!(pairs, [("A", "1"), ("B", "HELLO WORLD"), ("URL", "http://x/?a=b:c")]);
        assert!(parse("+39 06 6982", None).unwrap().attributes.is_empty());
    }

    #[test]
    fn dialplan_syntax_in_a_value_stays_a_value() {
        let contact = parse("5551234,A:${SHELL(rm -rf)};x|y", None).unwrap();
        assert_eq!(contact.attributes.get("A"), Some("${SHELL(rm -rf)};x|y"));
    }

    #[test]
    fn what_is_no_record_is_refused_by_field() {
        for (text, field) in [
            ("", "number"),
            ("NUM,A:1", "number"),
            ("555,Smith", "attributes"),
            ("555,NAME:Smith, John", "attributes"),
            ("555,CALLERID(num):1", "attribute"),
            ("555,EXTEN:1", "attribute"),
            ("555,A:1,A:2", "A"),
            ("555,A:x\u{0}y", "A"),
        ] {
            assert_eq!(parse(text, None).unwrap_err().field, field, "{text:?}");
        }
    }
}
