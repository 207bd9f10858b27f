//! Whose call a PBX's own call record (CDR) is about: what tells, after a restore, who was called since the backup.

use crate::{AttemptId, ContactId, EndPointId, RunId, TrunkId};
use std::fmt;
use std::str::FromStr;

/// Begins every mark; the digit is the version of the format.
const BEGINS: &str = "carillon1:";

/// Travels in the user field of the call record. Ids only: no number and no name.
///
/// As text: `carillon1:<attempt>,<contact>,<run>,<retry>,<trunk>,<end point>`, and behind a comma the place of the number
/// when it is not the contact's own; at most 100 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordMark {
    /// The attempt.
    pub attempt: AttemptId,
    /// Who was called.
    pub contact: ContactId,
    /// In which run.
    pub run: RunId,
    /// 0-based retry counter.
    pub retry: u32,
    /// Through which trunk.
    pub trunk: TrunkId,
    /// To which end point.
    pub end_point: EndPointId,
    /// Which number of the contact; 0: its own.
    pub number_no: u32,
}

impl fmt::Display for RecordMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attempt, contact, run, retry, trunk, end_point, number_no } = self;
        write!(f, "{BEGINS}{attempt},{contact},{run},{retry},{trunk},{end_point}")?;
        if *number_no > 0 { write!(f, ",{number_no}") } else { Ok(()) }
    }
}

/// The text is no mark of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMark;

impl FromStr for RecordMark {
    type Err = NoMark;

    fn from_str(text: &str) -> Result<Self, NoMark> {
        let ids = text.trim().strip_prefix(BEGINS).ok_or(NoMark)?.split(',').map(str::parse);
        let ids: Vec<i64> = ids.collect::<Result<_, _>>().map_err(|_| NoMark)?;
        let (attempt, contact, run, retry, trunk, end_point, number_no) = match ids[..] {
            [attempt, contact, run, retry, trunk, end_point] => (attempt, contact, run, retry, trunk, end_point, 0),
            [attempt, contact, run, retry, trunk, end_point, no] => {
                (attempt, contact, run, retry, trunk, end_point, no)
            }
            _ => return Err(NoMark),
        };
        if ids.iter().any(|id| *id < 0) {
            return Err(NoMark);
        }
        Ok(Self {
            attempt: AttemptId(attempt),
            contact: ContactId(contact),
            run: RunId(run),
            retry: retry.try_into().map_err(|_| NoMark)?,
            trunk: TrunkId(trunk),
            end_point: EndPointId(end_point),
            number_no: number_no.try_into().map_err(|_| NoMark)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_nothing_else_is_one() {
        let mark = RecordMark {
            attempt: AttemptId(7),
            contact: ContactId(9),
            run: RunId(1),
            retry: 2,
            trunk: TrunkId(3),
            end_point: EndPointId(4),
            number_no: 0,
        };
        assert_eq!(mark.to_string(), "carillon1:7,9,1,2,3,4");
        assert_eq!(mark.to_string().parse(), Ok(mark));
        let second = RecordMark { number_no: 2, ..mark };
        assert_eq!(second.to_string(), "carillon1:7,9,1,2,3,4,2");
        assert_eq!(second.to_string().parse(), Ok(second));
        for other in [
            "",
            "carillon1:",
            "carillon1:7,9,1,2,3",
            "carillon1:7,9,1,2,3,4,5,6",
            "carillon2:7,9,1,2,3,4",
            "x",
            "carillon1:7,9,1,-2,3,4",
            "carillon1:7,9,1,2,3,4x",
        ] {
            assert_eq!(other.parse::<RecordMark>(), Err(NoMark), "{other}");
        }
    }
}
