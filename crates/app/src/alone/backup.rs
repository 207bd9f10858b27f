//! `carillon backup`: everything into one file, also while a server works on the database.

use super::open;
use crate::config::Source;
use crate::failure::Failure;
use crate::output::{facts, say};
use crate::verbs::progress::Progress;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// What goes where.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The file to make; its folder must exist
    file: PathBuf,
    /// Overwrite a file that exists
    #[arg(long)]
    force: bool,
    /// Put the key into it: whoever has the file can then read the PBX passwords
    #[arg(long)]
    with_key: bool,
}

/// Makes it.
pub(crate) async fn run(options: &Options, source: &Source, json: bool) -> Result<(), Failure> {
    let (config, _) = source.load()?;
    let settings = open::settings(&config);
    let how = store::backup::Options { replace: options.force, with_key: options.with_key };
    let mut progress = None;
    let mut told = |(done, total): (u64, u64)| {
        progress.get_or_insert_with(|| Progress::new("copying", total)).show(done, "");
    };
    let made = store::backup::backup(&settings, &options.file, how, &mut told).await;
    if let Some(progress) = progress {
        progress.finish();
    }
    let made = made.map_err(|error| open::failure(&error))?;
    let key = made.facts.key_id.as_deref().unwrap_or("unknown");
    if json {
        say(json!({
            "file": made.path, "bytes": made.bytes, "sha256": made.sha256, "took_ms": made.took.as_millis() as u64,
            "taken_at": made.facts.taken_at, "version": made.facts.version, "installation": made.facts.installation,
            "key": key, "with_key": made.facts.with_key,
        }));
        return Ok(());
    }
    let key = if made.facts.with_key {
        format!("{key} (inside: keep this file where nobody else reads it)")
    } else {
        format!("{key} (not inside: keep a copy of {} elsewhere)", config.key_file.display())
    };
    say(facts([
        ("backup", made.path.display().to_string()),
        ("taken at", made.facts.taken_at.to_string()),
        ("size bytes", made.bytes.to_string()),
        ("sha256", made.sha256),
        ("key", key),
        ("took ms", made.took.as_millis().to_string()),
    ]));
    say("read and found sound; restore it with: carillon restore FILE");
    Ok(())
}
