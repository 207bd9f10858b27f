//! `carillon token`: access to the API.

use super::list_all;
use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, note, say};
use clap::{Subcommand, ValueEnum};
use serde_json::json;

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a token; it is shown once
    Create {
        /// Its name: the actor of everything done with it
        name: String,
        /// What it may do; a wider scope includes the narrower ones
        #[arg(long, value_delimiter = ',', required = true)]
        scope: Vec<Scope>,
        /// Keys, between spaces: it sees what has no key or one of these; without this option it sees everything
        #[arg(long)]
        keys: Option<String>,
    },
    /// Every token, without its secret
    List,
    /// End a token at once
    Revoke {
        /// Name or id
        name: String,
    },
}

/// What a token may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Scope {
    /// Look at everything but secrets
    Read,
    /// Also start, stop and feed runs
    Operate,
    /// Also change the configuration and make tokens
    Admin,
}

impl Scope {
    fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Create { name, scope, keys } => {
            let scopes: Vec<&str> = scope.into_iter().map(Scope::word).collect();
            let body = json!({ "name": name, "scopes": scopes, "keys": keys });
            let answer = session.client.post(Noun::Token.path(), Some(&body)).await?;
            if !session.json {
                note(format!("token {name} made; keep it, it is not shown again:"));
            }
            session.print(&answer, |token| cell(token, "token"));
            Ok(())
        }
        Verb::List => {
            let columns = [
                ("id", "id"),
                ("name", "name"),
                ("scopes", "scopes"),
                ("keys", "keys"),
                ("created", "created_at"),
                ("revoked", "revoked_at"),
            ];
            list_all(session, Noun::Token, false, &columns).await
        }
        Verb::Revoke { name } => {
            let row = session.client.named(Noun::Token, &name).await?;
            session.client.delete(&format!("{}/{}", Noun::Token.path(), cell(&row, "id"))).await?;
            if !session.json {
                say(format!("token {} is revoked", cell(&row, "name")));
            }
            Ok(())
        }
    }
}
