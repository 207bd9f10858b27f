//! `carillon openapi`: the document of the API, for generators and people.

use crate::failure::Failure;
use crate::output::say;

/// Prints it.
pub(crate) fn run() -> Result<(), Failure> {
    say(api::openapi_json().trim_end());
    Ok(())
}
