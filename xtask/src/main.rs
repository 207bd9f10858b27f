//! `cargo xtask`: what a developer types, from an empty checkout to a report.
//!
//! Progress goes to standard error, so that standard output carries only what was asked for (`bench --json`).

mod arrows;
mod bench;
mod check;
mod demo;
mod demo_contacts;
mod dist;
mod screenshots;
mod setup;
mod step;
mod test;
mod tidy;
mod web;
mod wheel;
mod workspace;
mod zones;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, checks, measures and shows Carillon")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Installs what is missing (with sudo when not root) and fetches Asterisk; the other commands call it
    Setup,
    /// Format, lints, arrows, tidiness, generated files, and the tests that need no Asterisk
    Check,
    /// Makes the tables of time zones and premium ranges anew from libphonenumber's data (asks the Python package index)
    Zones,
    /// Builds the web app into `web/dist`, from where the binary takes it
    Web,
    /// Every test: unit, simulation, end to end
    Test,
    /// Builds what is handed out: a tarball and a Debian package, into `dist` of the target folder
    Dist,
    /// Runs a measurement and prints a table, or one line of JSON
    Bench {
        /// Which one: `attempts`, `dial`, `engine`, `forecast`, `gate`, `import`, `live`, `pacing`, `registry`, `scroll`, `sim`, `webhooks`
        /// or `why`
        name: String,
        /// One line of JSON on standard output instead of the table
        #[arg(long)]
        json: bool,
        /// For `dial`: over `ari` or `ami`
        #[arg(long, value_parser = ["ari", "ami"])]
        link: Option<String>,
        /// What the measurement takes itself, as in `bench pacing -- --drawn 200`
        #[arg(last = true)]
        options: Vec<String>,
    },
    /// Runs the simulation over many seeds; a failure is made as small as it can be and says how to play it again
    Sim(bench::Sim),
    /// Dials for long and fails when memory, descriptors or the log of the database grow; with `pacing`, when the abandonment
    /// ledger of a predictive campaign differs from what Asterisk logged of its queue
    Soak {
        /// `pacing`: 10 minutes for 8 agents unless the next three say otherwise
        #[arg(value_parser = ["pacing"])]
        what: Option<String>,
        /// For `pacing`: agents in the queue
        #[arg(long, requires = "what")]
        agents: Option<u32>,
        /// For `pacing`: over `ari` or `ami`
        #[arg(long, requires = "what", value_parser = ["ari", "ami"])]
        link: Option<String>,
        /// One line of JSON on standard output at the end of `pacing`
        #[arg(long, requires = "what")]
        json: bool,
        /// Ends after this many attempts
        #[arg(long, default_value_t = 1_000_000)]
        attempts: u64,
        /// Ends after this many minutes, too
        #[arg(long)]
        minutes: Option<u64>,
        /// Attempts a second
        #[arg(long, default_value_t = 100)]
        rate: u64,
    },
    /// Pictures of every page of the web app, in both themes, 1280 and 390 px wide, into `target/screenshots`
    Screenshots {
        /// Only these, names of `web/tests/browser/scenes.ts` with commas between them
        #[arg(long)]
        scenes: Option<String>,
    },
    /// Sets everything up, dials an example campaign over real Asterisks, shows it live, prints the report
    Demo {
        /// Stop everything after the report instead of leaving the server up
        #[arg(long)]
        exit_when_done: bool,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Task::Setup => setup::run(),
        Task::Check => check::run(),
        Task::Zones => zones::run(),
        Task::Web => web::run(),
        Task::Test => test::run(),
        Task::Dist => dist::run(),
        Task::Bench { name, json, link, options } => bench::run(&name, json, link.as_deref(), &options),
        Task::Soak { what: Some(_), minutes, agents, link, json, .. } => {
            bench::soak_pacing(minutes, agents, link.as_deref(), json)
        }
        Task::Soak { attempts, minutes, rate, .. } => bench::soak(attempts, minutes, rate),
        Task::Sim(arguments) => bench::sim(&arguments),
        Task::Screenshots { scenes } => screenshots::run(scenes.as_deref()),
        Task::Demo { exit_when_done } => demo::run(exit_when_done),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
