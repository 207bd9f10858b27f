//! `carillon openapi`: the document of the API and the schema of its events, for generators and people.

use crate::failure::Failure;
use crate::output::say;

/// What to print.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The JSON schema of the events instead
    #[arg(long)]
    events: bool,
}

/// Prints it.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let text = if options.events { store::events::kinds::schema_json() } else { api::openapi_json() };
    say(text.trim_end());
    Ok(())
}
