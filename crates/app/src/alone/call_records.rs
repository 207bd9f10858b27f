//! Asterisk's call records as its module `cdr_csv` writes them: no header, 16 to 18 columns.

use crate::failure::Failure;
use domain::{LegId, RecordMark, Timestamp};
use std::fs::File;
use std::path::{Path, PathBuf};
use store::restore::CallSince;

/// Records read, at most: a larger file is a year of somebody else's.
const RECORDS_MAX: usize = 20_000_000;
/// Columns of interest, counted from 0; the last two are there with `loguniqueid` and `loguserfield`.
const START: usize = 9;
const DURATION: usize = 12;
const BILLSEC: usize = 13;
const DISPOSITION: usize = 14;
const UNIQUEID: usize = 16;
const USERFIELD: usize = 17;

/// A file of records; only what can be a call of ours is kept.
#[derive(Debug)]
pub(super) struct Records {
    path: PathBuf,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    channel: String,
    mark: Option<RecordMark>,
    started_at: Option<Timestamp>,
    duration_s: u32,
    talk_s: Option<u32>,
}

impl Records {
    /// Reads a file. Refused when it is none that `cdr_csv` wrote with unique ids.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| Failure::file("read", path, error))?;
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
        let mut rows = Vec::new();
        let mut has_ids = false;
        // Names in a caller id may be in any encoding.
        let mut record = csv::ByteRecord::new();
        for line in 1..=RECORDS_MAX {
            match reader.read_byte_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {}
                Err(error) => return Err(no_records(path, &format!("line {line}: {error}"))),
            }
            let text = |column: usize| record.get(column).map(String::from_utf8_lossy).unwrap_or_default();
            let number = |column: usize| text(column).parse::<u32>().ok();
            let (Some(duration_s), Some(billsec)) = (number(DURATION), number(BILLSEC)) else {
                return Err(no_records(path, &format!("line {line} is no call record")));
            };
            has_ids |= record.len() > UNIQUEID;
            let channel = text(UNIQUEID);
            if !channel.starts_with("c-") {
                continue;
            }
            rows.push(Row {
                mark: text(USERFIELD).parse().ok(),
                channel: channel.into_owned(),
                started_at: at(&text(START)),
                duration_s,
                talk_s: (text(DISPOSITION) == "ANSWERED").then_some(billsec),
            });
        }
        if !has_ids {
            return Err(no_records(path, "its records have no unique id"));
        }
        Ok(Self { path: path.to_owned(), rows })
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The calls of an installation, and how many of its records do not say whose call it was.
    pub(super) fn calls_of(&self, installation: &str) -> (Vec<CallSince>, u64) {
        let prefix = format!("c-{installation}-");
        let mut calls = Vec::new();
        let mut unmarked = 0;
        for row in self.rows.iter().filter(|row| row.channel.starts_with(&prefix)) {
            let leg = row.channel.rsplit('-').next().and_then(|leg| leg.parse().ok());
            match (row.mark, leg) {
                (Some(mark), Some(leg)) => calls.push(CallSince {
                    mark,
                    leg: LegId(leg),
                    started_at: row.started_at,
                    duration_s: row.duration_s,
                    talk_s: row.talk_s,
                }),
                _ => unmarked += 1,
            }
        }
        (calls, unmarked)
    }
}

/// `2026-11-21 12:01:43`, taken as UTC: the records do not say their zone.
fn at(text: &str) -> Option<Timestamp> {
    let civil: jiff::civil::DateTime = text.replacen(' ', "T", 1).parse().ok()?;
    Some(Timestamp::from_jiff(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()))
}

fn no_records(path: &Path, why: &str) -> Failure {
    Failure::refused(format!("{}: {why}", path.display()))
        .remedy("name Asterisk's Master.csv, written with loguniqueid = yes and loguserfield = yes in cdr.conf")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Records, Failure> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Records::read(file.path())
    }

    #[test]
    fn our_calls_are_found_among_others() {
        let row = |id: &str, user: &str, disposition: &str| {
            format!(
                "\"\",\"\",\"bye\",\"demo\",\"\"\"A\"\" <1>\",\"PJSIP/x-1\",\"\",\"Hangup\",\"16\",\"2026-11-21 12:01:43\",\
                 \"2026-11-21 12:01:45\",\"2026-11-21 12:01:50\",7,5,\"{disposition}\",\"DOCUMENTATION\",\"{id}\",\"{user}\"\n"
            )
        };
        let text = [
            row("c-abc123-4-0000000009", "carillon1:7,8,1,2,3,4", "ANSWERED"),
            row("c-abc123-4-0000000010", "carillon1:8,9,1,0,3,4", "BUSY"),
            row("c-abc123-4-0000000011", "changed by a dialplan", "ANSWERED"),
            row("c-other1-4-0000000012", "carillon1:9,9,1,0,3,4", "BUSY"),
            row("1700000000.12", "", "ANSWERED"),
        ];
        let (calls, unmarked) = read(&text.concat()).unwrap().calls_of("abc123");
        assert_eq!((calls.len(), unmarked), (2, 1));
        assert_eq!((calls[0].leg, calls[0].duration_s, calls[0].talk_s), (LegId(9), 7, Some(5)));
        assert_eq!(calls[0].started_at.unwrap().to_string(), "2026-11-21T12:01:43Z");
        assert_eq!((calls[1].mark.contact.0, calls[1].talk_s), (9, None));
    }

    #[test]
    fn what_is_no_call_record_is_refused_by_line() {
        for (text, why) in [
            ("number,name\n1,2\n", "line 1 is no call record"),
            ("", "no unique id"),
            (&format!("{}1,1,\"ANSWERED\",\"DOCUMENTATION\"\n", "x,".repeat(12)), "no unique id"),
        ] {
            let failure = read(text).unwrap_err();
            assert!(failure.message.ends_with(why) || failure.message.contains(why), "{failure}");
            assert!(failure.remedy.contains("loguserfield"), "{failure}");
        }
    }
}
