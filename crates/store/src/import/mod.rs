//! From a list file as people have it to contacts, row by row, with a verdict for each.
//!
//! [`sniff()`] says what a file is, [`Reader`] turns its bytes into rows with verdicts in bounded memory, and a job
//! ([`Store::run_import`](crate::Store::run_import)) moves them into a list, 1,000 rows per transaction together with
//! the offset in the file, so that a killed import goes on behind its last commit, under the same id.
//!
//! On disk, in `imports/` beside the database: `<id>.raw`, the upload, until the job is done or cancelled;
//! `<id>.verdicts.csv`, one line per row, until it is cancelled or its list is deleted.

mod cancel;
mod direct;
mod encoding;
mod insert;
mod job;
mod labels;
mod native;
mod preview;
mod reader;
mod records;
mod run;
mod sniff;
mod upload;
mod verdicts;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use direct::AddedMany;
pub use encoding::Encoding;
pub use job::{ImportJob, ImportOptions, ImportState, MAX_JOBS, VerdictFile};
pub use labels::Label;
pub use native::parse as parse_native;
pub use preview::{PREVIEW_ROWS, Preview, PreviewRow, preview};
pub use reader::{Candidate, Position, Reader, Row, Verdict};
pub use records::MAX_RECORD_BYTES;
pub(crate) use records::{Dialect, Records};
pub use run::{CHUNK_ROWS, GROUP_ROWS};
pub(crate) use sniff::cells;
pub use sniff::{Choices, Columns, Format, Guess, HEAD_BYTES, Layout, sniff, sniff_all};
pub(crate) use upload::verdict_path;
pub use upload::{MAX_UPLOAD_BYTES, Upload};

/// Every statement of the imports, for the test that prepares them.
#[cfg(test)]
pub(crate) fn statements() -> Vec<(&'static str, &'static str)> {
    [job::STATEMENTS, run::STATEMENTS, cancel::STATEMENTS, &insert::statements()].concat()
}
