//! From the first row of a spreadsheet to attribute names.

use domain::attributes::{MAX_NAME_CHARS, check_name};
use serde::Serialize;
use std::collections::HashSet;

/// Labels that mark the column of the number, best first; compared after cleaning, without regard to case.
const NUMBER_LABELS: [&str; 7] = ["NUM", "NUMBER", "PHONE", "TELEPHONE", "TEL", "MOBILE", "CELL"];
/// Words that mark it when they are part of a longer label (`Phone number`, `Mobile phone`), best first.
const NUMBER_WORDS: [&str; 6] = ["PHONE", "TELEPHONE", "MOBILE", "CELL", "TEL", "NUMBER"];

/// A column of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// What the first row says; empty when the file has no label row.
    pub given: String,
    /// The attribute that the column becomes: always a valid name, and unique in the file.
    pub name: String,
    /// Its cells are not taken over, as the person who imports wants it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub left_out: bool,
}

/// Makes valid and unique attribute names of a label row: `First name` becomes `First_name`, `Città` `Citta`,
/// a second `Name` `Name_2`, `Language` (Asterisk's) `Language_`, an empty one `COLUMN_4`.
pub(crate) fn labels<S: AsRef<str>>(row: &[S]) -> Vec<Label> {
    let mut taken = HashSet::new();
    row.iter()
        .enumerate()
        .map(|(index, given)| {
            let given = given.as_ref().trim();
            let wanted = clean(given).unwrap_or_else(|| format!("COLUMN_{}", index + 1));
            let name = unique(wanted, &mut taken);
            let given = given.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect();
            Label { given, name, left_out: false }
        })
        .collect()
}

/// Which column the label row itself names as the number's.
pub(crate) fn number_column(labels: &[Label]) -> Option<usize> {
    let upper: Vec<String> = labels.iter().map(|l| clean(&l.given).unwrap_or_default().to_ascii_uppercase()).collect();
    let exact = NUMBER_LABELS.iter().find_map(|known| upper.iter().position(|label| label == known));
    exact.or_else(|| {
        NUMBER_WORDS.iter().find_map(|word| upper.iter().position(|label| label.split('_').any(|part| part == *word)))
    })
}

/// `None` when nothing of the label can stand in a name.
fn clean(label: &str) -> Option<String> {
    let mut name = String::new();
    for c in label.chars() {
        match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '_' => name.push(c),
            other => match plain(other) {
                Some(letters) => name.push_str(letters),
                None if name.ends_with('_') || name.is_empty() => {}
                None => name.push('_'),
            },
        }
        if name.len() > MAX_NAME_CHARS {
            break;
        }
    }
    // A leading underscore would make Asterisk hand the variable on to other channels.
    let name = name.trim_matches('_');
    if name.is_empty() {
        return None;
    }
    let mut name = if name.starts_with(|c: char| c.is_ascii_digit()) { format!("N_{name}") } else { name.to_owned() };
    name.truncate(MAX_NAME_CHARS);
    if check_name(&name).is_ok() {
        return Some(name);
    }
    // Reserved, as a word or by its first letters.
    name.truncate(MAX_NAME_CHARS - 2);
    let with_tail = format!("{name}_");
    Some(if check_name(&with_tail).is_ok() { with_tail } else { format!("X_{name}") })
}

fn unique(wanted: String, taken: &mut HashSet<String>) -> String {
    if taken.insert(wanted.clone()) {
        return wanted;
    }
    for copy in 2u64.. {
        let tail = format!("_{copy}");
        let kept = wanted.len().min(MAX_NAME_CHARS - tail.len());
        let mut name = format!("{}{tail}", &wanted[..kept]);
        if check_name(&name).is_err() {
            // `CC` is free, `CC_2` belongs to a reserved family.
            name = format!("X_{}{tail}", &wanted[..kept.min(MAX_NAME_CHARS - tail.len() - 2)]);
        }
        if taken.insert(name.clone()) {
            return name;
        }
    }
    unreachable!("a file has fewer columns than there are numbers")
}

/// The plain letters that stand for a Latin letter with a mark.
fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'À'..='Å' | 'Ā' | 'Ă' | 'Ą' => "A",
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'ª' => "a",
        'Æ' => "AE",
        'æ' => "ae",
        'Ç' | 'Ć' | 'Č' => "C",
        'ç' | 'ć' | 'č' => "c",
        'Ď' | 'Đ' | 'Ð' => "D",
        'ď' | 'đ' | 'ð' => "d",
        'È'..='Ë' | 'Ē' | 'Ė' | 'Ę' | 'Ě' => "E",
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => "e",
        'Ğ' => "G",
        'ğ' => "g",
        'Ì'..='Ï' | 'Ī' | 'Į' | 'İ' => "I",
        'ì'..='ï' | 'ī' | 'į' | 'ı' => "i",
        'Ł' => "L",
        'ł' => "l",
        'Ñ' | 'Ń' | 'Ň' => "N",
        'ñ' | 'ń' | 'ň' => "n",
        'Ò'..='Ö' | 'Ø' | 'Ō' | 'Ő' => "O",
        'ò'..='ö' | 'ø' | 'ō' | 'ő' | 'º' => "o",
        'Œ' => "OE",
        'œ' => "oe",
        'Ř' => "R",
        'ř' => "r",
        'Ś' | 'Š' | 'Ş' | 'Ș' => "S",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ß' => "ss",
        'Ť' | 'Ț' => "T",
        'ť' | 'ț' => "t",
        'Ù'..='Ü' | 'Ū' | 'Ů' | 'Ű' => "U",
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => "u",
        'Ý' | 'Ÿ' => "Y",
        'ý' | 'ÿ' => "y",
        'Ź' | 'Ż' | 'Ž' => "Z",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(row: &[&str]) -> Vec<String> {
        labels(row).into_iter().map(|label| label.name).collect()
    }

    #[test]
    fn what_people_write_becomes_names() {
        assert_eq!(
            names(&["First name", " Città ", "Straße/Nr.", "2nd phone", "", "Имя", "a,b\r\nc", "${EXTEN}"]),
            ["First_name", "Citta", "Strasse_Nr", "N_2nd_phone", "COLUMN_5", "COLUMN_6", "a_b_c", "EXTEN_"]
        );
    }

    #[test]
    fn reserved_names_are_changed_not_lost() {
        assert_eq!(
            names(&["Language", "PRIORITY", "WOMBAT_ID", "__X", "CALLERID(num)"]),
            ["Language_", "PRIORITY_", "X_WOMBAT_ID", "X", "CALLERID_num"]
        );
    }

    #[test]
    fn repeated_labels_are_numbered() {
        assert_eq!(names(&["A", "A", "A_2", "A"]), ["A", "A_2", "A_2_2", "A_3"]);
    }

    #[test]
    fn the_number_column_is_found_by_its_label() {
        let column = |row: &[&str]| number_column(&labels(row));
        assert_eq!(column(&["NAME", "Phone", "num"]), Some(2));
        assert_eq!(column(&["NAME", "Tel.", "x"]), Some(1));
        assert_eq!(column(&["Street number", "Mobile phone"]), Some(1));
        assert_eq!(column(&["A", "B"]), None);
    }
}
