//! The grammar of the command line: singular noun, then verb.

use crate::alone::{backup, config, db, openapi, pacing_stdio, restore};
use crate::client::Target;
use crate::config::Source;
use crate::verbs::{
    action, alert, attempt, audit, campaign, class, contact, dialling, end_point, event, forget, ledger, list, live,
    log, opening_hours, pbx, report, reservation, run, simulate, suppression, switch_from, token, trunk, user, webhook,
    why,
};
use clap::{Parser, Subcommand};

/// Carillon, an outbound dialler and contact centre on Asterisk
///
/// `init`, `serve`, `config`, `doctor`, `openapi`, `pacing-stdio`, `db`, `backup` and `restore` work alone;
/// everything else asks a running server.
/// Things may be named by id or by name. Exit codes: 0 done, 1 refused, 2 wrong usage or configuration,
/// 3 the server cannot be reached.
#[derive(Debug, Parser)]
#[command(name = "carillon", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Print JSON instead of tables
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the data folder, the database, the key and the first token
    Init,
    /// Run the server
    Serve,
    /// The server's settings
    #[command(subcommand)]
    Config(config::Verb),
    /// Examine the installation and its PBXs, and say what to do
    Doctor,
    /// Print the OpenAPI document of the API, or the schema of its events
    Openapi(openapi::Options),
    /// Pace a simulated campaign with the dialler's own pacing, over a line protocol on stdin and stdout
    PacingStdio(pacing_stdio::Options),
    /// Copy everything into one file, also while the server works
    Backup(backup::Options),
    /// Put a backup in the place of the database, or read call records after that
    Restore(restore::Options),
    /// The database, without a server
    #[command(subcommand)]
    Db(db::Verb),
    /// Asterisk servers
    #[command(subcommand)]
    Pbx(pbx::Verb),
    /// Ways out of a PBX
    #[command(subcommand)]
    Trunk(trunk::Verb),
    /// Where answered calls go
    #[command(subcommand, alias = "end-point")]
    Endpoint(end_point::Verb),
    /// Lists of contacts
    #[command(subcommand)]
    List(list::Verb),
    /// One contact of a list
    #[command(subcommand)]
    Contact(contact::Verb),
    /// What to dial and how
    #[command(subcommand)]
    Campaign(campaign::Verb),
    /// Sets of rules that say when campaigns may dial
    #[command(subcommand)]
    OpeningHours(opening_hours::Verb),
    /// Executions of campaigns
    #[command(subcommand)]
    Run(run::Verb),
    /// What the dialler is doing now
    Live(live::Options),
    /// Single tries at single numbers
    #[command(subcommand)]
    Attempt(attempt::Verb),
    /// Agents who are shown whom they would call, and say whether he is called
    #[command(subcommand)]
    Reservation(reservation::Verb),
    /// What outcome rules asked for after calls
    #[command(subcommand, visible_alias = "actions")]
    Action(action::Verb),
    /// The event log: everything that happened, in order
    #[command(subcommand, visible_alias = "events")]
    Event(event::Verb),
    /// Programs that are told of events over HTTP
    #[command(subcommand)]
    Webhook(webhook::Verb),
    /// The books of abandoned calls, and whether they are whole
    #[command(subcommand)]
    Ledger(ledger::Verb),
    /// What became of runs
    Report(report::Options),
    /// What happened to the installation: starts, links, agents, runs, alerts, sign-ins
    #[command(subcommand)]
    Log(log::Verb),
    /// What is wrong, and whether letters about it arrive
    #[command(subcommand)]
    Alert(alert::Verb),
    /// Why nothing is dialled for a campaign, or whether a number may be called and why
    Why(why::Options),
    /// Play a campaign ahead: when it is done, how busy agents are, how many calls are abandoned
    Simulate(simulate::Options),
    /// Erase a person: number, name and attributes, everywhere
    Forget(forget::Options),
    /// Place no further call until dialling is resumed; calls in progress go on
    StopDialling(dialling::StopOptions),
    /// Lift the hold that stop-dialling set
    ResumeDialling(dialling::ResumeOptions),
    /// Whether calls may be placed
    #[command(subcommand)]
    Dialling(dialling::Verb),
    /// Numbers that must not be called
    #[command(subcommand)]
    Suppression(suppression::Verb),
    /// Access to the API
    #[command(subcommand)]
    Token(token::Verb),
    /// Who changed what of the configuration
    #[command(subcommand)]
    Audit(audit::Verb),
    /// People who sign in with a browser
    #[command(subcommand)]
    User(user::Verb),
    /// Make here what another dialler is configured with
    #[command(subcommand)]
    SwitchFrom(switch_from::Verb),
    /// What users may do and see
    #[command(subcommand)]
    Class(class::Verb),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_explains_itself() {
        fn walk(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} has no description", command.get_name());
            command.get_subcommands().for_each(walk);
        }
        walk(&Cli::command());
    }
}
