//! Statements that are listed, and rows that are read by column name.
//!
//! Every statement of the crate is declared through [`statements!`] with `$1` place-holders; a test prepares each one
//! against the migrated schema, which catches a wrong table, column or place-holder without a build-time database.

use crate::error::Result;
use domain::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Declares statements as private constants and lists them for the test that prepares them.
macro_rules! statements {
    ($($(#[$meta:meta])* $vis:vis $name:ident = $sql:expr;)*) => {
        $($(#[$meta])* $vis const $name: &str = $sql;)*
        #[cfg(test)]
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}

/// Several statements as one text, which SQLite carries out in order in one trip to its thread: the trip costs more than
/// most statements do. The place-holders of each follow those of the one before it. PostgreSQL takes them one by one.
pub(crate) struct Joined {
    /// All of them.
    pub(crate) text: &'static str,
    /// Each of them, with the number of its values.
    pub(crate) parts: Vec<(&'static str, usize)>,
}

/// Leaks its text: call it once per text.
pub(crate) fn joined(statements: &[&'static str]) -> Joined {
    let mut text = String::new();
    let mut before = 0;
    let mut together = Vec::with_capacity(statements.len());
    for statement in statements {
        let mut parts = statement.split('$');
        let mut most = 0;
        text.push_str(if text.is_empty() { "" } else { "; " });
        text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            let number: usize = part[..digits].parse().expect("place-holders are numbers");
            most = most.max(number);
            text.push_str(&format!("${}{}", before + number, &part[digits..]));
        }
        before += most;
        together.push((*statement, most));
    }
    Joined { text: Box::leak(text.into_boxed_str()), parts: together }
}

/// Columns by name, as the types of the domain.
pub(crate) trait Columns {
    fn int(&self, name: &str) -> Result<i64>;
    fn opt_int(&self, name: &str) -> Result<Option<i64>>;
    fn text(&self, name: &str) -> Result<String>;
    fn opt_text(&self, name: &str) -> Result<Option<String>>;
    fn bytes(&self, name: &str) -> Result<Vec<u8>>;
    fn opt_bytes(&self, name: &str) -> Result<Option<Vec<u8>>>;

    /// A number that the schema keeps non-negative and small.
    fn number<T: TryFrom<i64>>(&self, name: &str) -> Result<T> {
        T::try_from(self.int(name)?).map_err(|_| decode(name, "is out of range"))
    }

    fn opt_number<T: TryFrom<i64>>(&self, name: &str) -> Result<Option<T>> {
        let number = self.opt_int(name)?.map(T::try_from).transpose();
        number.map_err(|_| decode(name, "is out of range"))
    }

    fn flag(&self, name: &str) -> Result<bool> {
        Ok(self.int(name)? != 0)
    }

    fn at(&self, name: &str) -> Result<Timestamp> {
        self.int(name).map(Timestamp)
    }

    fn opt_at(&self, name: &str) -> Result<Option<Timestamp>> {
        Ok(self.opt_int(name)?.map(Timestamp))
    }

    /// An enum stored under its serde name.
    fn code<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        from_code(name, self.text(name)?)
    }

    fn opt_code<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        self.opt_text(name)?.map(|text| from_code(name, text)).transpose()
    }

    /// A value stored as JSON.
    fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        serde_json::from_str(&self.text(name)?).map_err(|error| decode(name, &error.to_string()))
    }
}

/// The name under which serde knows an enum's value.
pub(crate) fn code_of<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(code)) => code,
        other => unreachable!("only enums without fields are stored as codes, not {other:?}"),
    }
}

fn from_code<T: DeserializeOwned>(name: &str, text: String) -> Result<T> {
    serde_json::from_value(serde_json::Value::String(text)).map_err(|error| decode(name, &error.to_string()))
}

pub(crate) fn decode(column: &str, problem: &str) -> crate::Error {
    crate::Error::Database(sqlx::Error::ColumnDecode { index: column.to_owned(), source: problem.into() })
}

/// A value as JSON text for a column.
pub(crate) fn json_of<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("maps with text keys and plain values always serialise")
}

/// The wall clock, for whoever is told no time.
pub fn now() -> Timestamp {
    Timestamp::from_jiff(jiff::Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_statements_take_their_values_one_behind_the_other() {
        let one = "UPDATE a SET x = $2 WHERE id = $1 OR y = $2";
        assert_eq!(
            joined(&[one, "DELETE FROM b WHERE id = $1", one]).text,
            "UPDATE a SET x = $2 WHERE id = $1 OR y = $2; DELETE FROM b WHERE id = $3; \
            UPDATE a SET x = $5 WHERE id = $4 OR y = $5"
        );
    }
}
