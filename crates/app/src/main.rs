//! The program `carillon`: the server, and the command line that asks it.

mod alone;
mod cli;
mod client;
mod config;
mod failure;
mod nearest;
mod output;
mod span;
mod verbs;

use clap::Parser;
use cli::{Cli, Command};
use client::Session;
use failure::Failure;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match dispatch(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::note(&failure);
            ExitCode::from(failure.exit)
        }
    }
}

async fn dispatch(cli: Cli) -> Result<(), Failure> {
    let Cli { source, json, target, command } = cli;
    let session = || Session::open(&target, &source, json);
    match command {
        Command::Init => alone::init::run(&source, json).await,
        Command::Serve => alone::serve::run(&source).await,
        Command::Config(verb) => alone::config::run(&verb, &source, json),
        Command::Doctor => alone::doctor::run(&source, json).await,
        Command::Openapi(options) => alone::openapi::run(&options),
        Command::PacingStdio(options) => alone::pacing_stdio::run(&options),
        Command::Backup(options) => alone::backup::run(&options, &source, json).await,
        Command::Restore(options) => alone::restore::run(&options, &source, json).await,
        Command::Db(verb) => alone::db::run(&verb, &source, json).await,
        Command::Pbx(verb) => verbs::pbx::run(verb, &session()?).await,
        Command::Trunk(verb) => verbs::trunk::run(verb, &session()?).await,
        Command::OpeningHours(verb) => verbs::opening_hours::run(verb, &session()?).await,
        Command::Endpoint(verb) => verbs::end_point::run(verb, &session()?).await,
        Command::List(verb) => verbs::list::run(verb, &session()?).await,
        Command::Campaign(verb) => verbs::campaign::run(verb, &session()?).await,
        Command::Run(verb) => verbs::run::run(verb, &session()?).await,
        Command::Live(options) => verbs::live::run(&options, &session()?).await,
        Command::Contact(verb) => verbs::contact::run(verb, &session()?).await,
        Command::Attempt(verb) => verbs::attempt::run(verb, &session()?).await,
        Command::Reservation(verb) => verbs::reservation::run(verb, &session()?).await,
        Command::Ledger(verb) => verbs::ledger::run(verb, &session()?).await,
        Command::Action(verb) => verbs::action::run(verb, &session()?).await,
        Command::Event(verb) => verbs::event::run(verb, &session()?).await,
        Command::Webhook(verb) => verbs::webhook::run(verb, &session()?).await,
        Command::SwitchFrom(verb) => verbs::switch_from::run(verb, &session()?).await,
        Command::Report(options) => verbs::report::run(options, &session()?).await,
        Command::Alert(verb) => verbs::alert::run(verb, &session()?).await,
        Command::Simulate(options) => verbs::simulate::run(options, &session()?).await,
        Command::Why(options) => verbs::why::run(options, &session()?).await,
        Command::Forget(options) => verbs::forget::run(options, &session()?).await,
        Command::StopDialling(options) => verbs::dialling::stop(options, &session()?).await,
        Command::ResumeDialling(options) => verbs::dialling::resume(options, &session()?).await,
        Command::Dialling(verb) => verbs::dialling::run(verb, &session()?).await,
        Command::Suppression(verb) => verbs::suppression::run(verb, &session()?).await,
        Command::Token(verb) => verbs::token::run(verb, &session()?).await,
        Command::Log(verb) => verbs::log::run(verb, &session()?).await,
        Command::Audit(verb) => verbs::audit::run(verb, &session()?).await,
        Command::User(verb) => verbs::user::run(verb, &session()?).await,
        Command::Class(verb) => verbs::class::run(verb, &session()?).await,
    }
}
