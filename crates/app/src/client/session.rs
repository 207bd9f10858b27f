//! What a client verb works with: which server, with which token, and how to print.

use super::{Answer, Client};
use crate::config::Source;
use crate::failure::Failure;
use crate::output::say;
use clap::Args;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// A longer file is no token, bytes.
const MAX_TOKEN_BYTES: u64 = 4 * 1024;

/// Where the server is. Every client verb takes these.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Target {
    /// Address of the server; by default the one that carillon.toml tells [http://127.0.0.1:8080]
    #[arg(long, global = true, env = "CARILLON_SERVER", value_name = "URL", help_heading = "Server")]
    server: Option<String>,
    /// Token; others on this machine can see it on the command line, so prefer the file or the variable
    #[arg(long, global = true, env = "CARILLON_TOKEN", hide_env_values = true, help_heading = "Server")]
    token: Option<String>,
    /// File with the token; by default `token` in the data folder
    #[arg(long, global = true, env = "CARILLON_TOKEN_FILE", value_name = "FILE", help_heading = "Server")]
    token_file: Option<PathBuf>,
    /// Certificate authority of a server with its own, PEM
    #[arg(long, global = true, env = "CARILLON_CA_FILE", value_name = "FILE", help_heading = "Server")]
    ca_file: Option<PathBuf>,
}

/// A client with a way to print.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The server.
    pub(crate) client: Client,
    /// Print the server's JSON instead of tables.
    pub(crate) json: bool,
}

impl Session {
    /// Finds server and token.
    pub(crate) fn open(target: &Target, source: &Source, json: bool) -> Result<Self, Failure> {
        // The configuration is asked only for what the command line leaves open.
        let needs_config = target.server.is_none() || (target.token.is_none() && target.token_file.is_none());
        let config = if needs_config { Some(source.load()?.0) } else { None };
        let server = match (&target.server, &config) {
            (Some(server), _) => server.clone(),
            (None, Some(config)) => config.local_url(),
            (None, None) => unreachable!("the configuration is read when no server is named"),
        };
        let token = match (&target.token, &target.token_file, &config) {
            (Some(token), ..) => Some(token.trim().to_owned()),
            (None, Some(file), _) => Some(read_token(file)?),
            (None, None, Some(config)) if config.token_file().exists() => Some(read_token(&config.token_file())?),
            _ => None,
        };
        let roots = match &target.ca_file {
            Some(file) => Some(std::fs::read(file).map_err(|error| Failure::file("read", file, error))?),
            None => None,
        };
        Ok(Self { client: Client::new(&server, token, roots.as_deref())?, json })
    }

    /// The server's JSON with `--json`, otherwise what `shown` makes of it.
    pub(crate) fn print<T: Display>(&self, answer: &Answer, shown: impl FnOnce(&serde_json::Value) -> T) {
        if self.json { say(answer.text.trim_end()) } else { say(shown(&answer.value)) }
    }

    /// As [`Session::print`], for answers without a body worth printing.
    pub(crate) fn done(&self, answer: &Answer, sentence: impl Display) {
        self.print(answer, |_| sentence);
    }
}

fn read_token(file: &Path) -> Result<String, Failure> {
    let shown = file.display();
    let too_large = std::fs::metadata(file).is_ok_and(|meta| meta.len() > MAX_TOKEN_BYTES);
    if too_large {
        return Err(Failure::config(format!("{shown} is no token: larger than {MAX_TOKEN_BYTES} bytes"))
            .remedy("name the file that carillon init wrote: --token-file FILE"));
    }
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::config(format!("token file {shown}: {error}"))
            .remedy("give a token that you may read: --token-file FILE")
    })?;
    Ok(text.trim().to_owned())
}
