//! `carillon user`: people who sign in with a browser.

use super::{changed, list_all, object};
use crate::client::{Noun, Session};
use crate::failure::Failure;
use crate::output::{cell, facts, local, note, say};
use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

/// A longer text is no password, bytes.
const MAX_PASSWORD_BYTES: u64 = 4 * 1024;
/// What the API takes of a user, the password aside.
const FIELDS: &[&str] = &["login", "name", "email", "enabled", "class", "keys", "comment"];

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a user
    Create {
        /// What the user types to sign in
        login: String,
        /// The class that gives role and keys
        #[arg(long, value_name = "CLASS")]
        class: String,
        #[command(flatten)]
        about: About,
        #[command(flatten)]
        password: Password,
    },
    /// Every user
    List,
    /// One user
    Show {
        /// Login or id
        user: String,
    },
    /// Change a user; what is not given stays
    Set {
        /// Login or id
        user: String,
        /// The class that gives role and keys
        #[arg(long, value_name = "CLASS")]
        class: Option<String>,
        #[command(flatten)]
        about: About,
    },
    /// Set a new password; the user is signed out everywhere
    SetPassword {
        /// Login or id
        user: String,
        #[command(flatten)]
        password: Password,
    },
    /// Let a user who is locked out try again at once
    Unlock {
        /// Login or id
        user: String,
    },
    /// Sign a user out everywhere
    SignOut {
        /// Login or id
        user: String,
    },
    /// Let a user sign in no more; a session ends at once
    Disable {
        /// Login or id
        user: String,
    },
    /// Let a disabled user sign in again
    Enable {
        /// Login or id
        user: String,
    },
    /// Delete a user; what the user did stays under the login
    Remove {
        /// Login or id
        user: String,
    },
}

/// Who it is, and further keys.
#[derive(Debug, Args)]
pub(crate) struct About {
    /// The person's name
    #[arg(long)]
    name: Option<String>,
    /// E-mail address
    #[arg(long)]
    email: Option<String>,
    /// The user's own keys, between spaces; -KEY takes away one that the class grants
    #[arg(long, allow_hyphen_values = true)]
    keys: Option<String>,
    /// For people
    #[arg(long)]
    comment: Option<String>,
}

/// Where the password comes from; without either it is asked for.
#[derive(Debug, Args)]
pub(crate) struct Password {
    /// File with the password, at least 12 characters; without it you are asked
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    password_file: Option<PathBuf>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
}

/// Does it.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Create { login, class, about, password } => {
            let class = session.client.id(Noun::Class, &class).await?;
            let mut body = about.body(Some(class));
            body["login"] = Value::from(login);
            body["password"] = Value::from(password.read()?);
            let answer = session.client.post(Noun::User.path(), Some(&body)).await?;
            session.print(&answer, |row| format!("user {} made, id {}", cell(row, "login"), cell(row, "id")));
            Ok(())
        }
        Verb::List => {
            let columns = [
                ("id", "id"),
                ("login", "login"),
                ("name", "name"),
                ("class", "class"),
                ("keys", "keys"),
                ("enabled", "enabled"),
                ("locked until", "locked_until"),
                ("last signed in", "last_signed_in_at"),
            ];
            list_all(session, Noun::User, false, &columns).await
        }
        Verb::Show { user } => show(session, &user).await,
        Verb::Set { user, class, about } => {
            let class = match class {
                Some(class) => Some(session.client.id(Noun::Class, &class).await?),
                None => None,
            };
            replace(session, &user, about.body(class), "changed").await
        }
        Verb::SetPassword { user, password } => {
            let body = object([("password", Some(Value::from(password.read()?)))]);
            replace(session, &user, body, "has the new password, and is signed out").await
        }
        Verb::Enable { user } => replace(session, &user, object([("enabled", Some(true.into()))]), "may sign in").await,
        Verb::Disable { user } => {
            replace(session, &user, object([("enabled", Some(false.into()))]), "may not sign in, and is signed out")
                .await
        }
        Verb::Unlock { user } => {
            let path = session.client.path(Noun::User, &user).await?;
            let answer = session.client.post(&format!("{path}/unlock"), None).await?;
            session.print(&answer, |row| format!("user {} may try again", cell(row, "login")));
            Ok(())
        }
        Verb::SignOut { user } => {
            let path = session.client.path(Noun::User, &user).await?;
            let answer = session.client.post(&format!("{path}/sign-out"), None).await?;
            session.done(&answer, format_args!("user {user} is signed out everywhere"));
            Ok(())
        }
        Verb::Remove { user } => {
            let row = session.client.named(Noun::User, &user).await?;
            session.client.delete(&format!("{}/{}", Noun::User.path(), cell(&row, "id"))).await?;
            if !session.json {
                say(format!("user {} removed", cell(&row, "login")));
            }
            Ok(())
        }
    }
}

async fn show(session: &Session, user: &str) -> Result<(), Failure> {
    let answer = session.client.get(&session.client.path(Noun::User, user).await?).await?;
    let class = match session.json {
        true => String::new(),
        false => {
            let path = format!("{}/{}", Noun::Class.path(), cell(&answer.value, "class"));
            cell(&session.client.get(&path).await?.value, "name")
        }
    };
    session.print(&answer, |row| {
        facts([
            ("id", cell(row, "id")),
            ("login", cell(row, "login")),
            ("name", cell(row, "name")),
            ("e-mail", cell(row, "email")),
            ("class", class),
            ("keys", cell(row, "keys")),
            ("enabled", cell(row, "enabled")),
            ("locked until", local(row, "locked_until")),
            ("last signed in", local(row, "last_signed_in_at")),
            ("made", local(row, "created_at")),
            ("comment", cell(row, "comment")),
        ])
    });
    Ok(())
}

/// The API replaces a user as a whole.
async fn replace(session: &Session, user: &str, body: Value, what: &str) -> Result<(), Failure> {
    let body = changed(body)?;
    let existing = session.client.named(Noun::User, user).await?;
    let mut whole = Map::new();
    for field in FIELDS.iter().chain(&["password"]) {
        if let Some(value) = body.get(field).or_else(|| existing.get(field)) {
            whole.insert((*field).to_owned(), value.clone());
        }
    }
    let path = format!("{}/{}", Noun::User.path(), cell(&existing, "id"));
    let answer = session.client.put(&path, &Value::Object(whole)).await?;
    session.print(&answer, |row| format!("user {} {what}", cell(row, "login")));
    Ok(())
}

impl About {
    fn body(self, class: Option<i64>) -> Value {
        object([
            ("class", class.map(Value::from)),
            ("name", self.name.map(Value::from)),
            ("email", self.email.map(Value::from)),
            ("keys", self.keys.map(Value::from)),
            ("comment", self.comment.map(Value::from)),
        ])
    }
}

impl Password {
    /// Never from the command line, which others on the machine can see.
    fn read(&self) -> Result<String, Failure> {
        if let Some(path) = &self.password_file {
            let file = File::open(path).map_err(|error| Failure::file("read the password from", path, error))?;
            return first_line(file, path);
        }
        let stdin = std::io::stdin();
        if self.password_stdin || !stdin.is_terminal() {
            return first_line(stdin, Path::new("standard input"));
        }
        let ask = |what: &str| {
            note(what);
            let read = console::Term::stderr().read_secure_line();
            read.map_err(|error| Failure::file("read the password from", Path::new("the terminal"), error))
        };
        let password = ask("password (at least 12 characters; it is not shown):")?;
        if ask("the same again:")? != password {
            return Err(Failure::refused("the passwords differ").remedy("try again"));
        }
        Ok(password)
    }
}

fn first_line(from: impl Read, path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = from.take(MAX_PASSWORD_BYTES).read_to_string(&mut text);
    read.map_err(|error| Failure::file("read the password from", path, error))?;
    let password = text.lines().next().unwrap_or_default();
    if password.is_empty() {
        return Err(Failure::refused("there is no password")
            .remedy("write it on the first line of a file: --password-file FILE"));
    }
    Ok(password.to_owned())
}
