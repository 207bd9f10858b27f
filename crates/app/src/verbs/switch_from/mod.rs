//! `carillon switch-from`: everything that another dialler is configured with, made once more here.

mod copy;
mod report;
mod source;

use crate::client::Session;
use crate::failure::Failure;
use crate::verbs::pbx::read_password;
use clap::{Args, Subcommand};
use copy::Copier;
use source::Source;
use std::path::PathBuf;

/// The variable that may hold the password.
const PASSWORD_VARIABLE: &str = "WOMBAT_PASSWORD";

/// From which.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Servers, trunks, end points, lists, opening hours and campaigns of a running WombatDialer
    ///
    /// It is only read, over its JSON configuration API. What exists here under the same name is left as it is, so the
    /// command can be given again after a mistake was mended. Nothing is started.
    Wombat(Options),
}

/// Which WombatDialer, and what of it.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Its address with its context, e.g. http://10.1.2.3:8080/wombat
    address: String,
    /// A user of it who may edit the configuration
    #[arg(long, value_name = "LOGIN", default_value = "demoadmin")]
    user: String,
    /// File with the user's password; the variable WOMBAT_PASSWORD works too
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Make nothing: say what would be made
    #[arg(long)]
    dry_run: bool,
    /// Make the lists, and leave them empty
    #[arg(long)]
    without_contacts: bool,
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    let Verb::Wombat(options) = verb;
    let password = match &options.password_file {
        Some(path) => read_password(path)?,
        None => std::env::var(PASSWORD_VARIABLE).map_err(|_| {
            Failure::config("no password is given")
                .remedy(format!("name a file with it: --password-file FILE, or set {PASSWORD_VARIABLE}"))
        })?,
    };
    let source = Source::new(&options.address, &options.user, &password)?;
    let report = Copier::new(source, session, options.dry_run, !options.without_contacts).await?.run().await?;
    report.print(session.json);
    report.verdict()
}
