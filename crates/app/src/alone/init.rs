//! `carillon init`: everything that must exist before the first `serve`.

use super::open;
use crate::config::{Config, Source};
use crate::failure::Failure;
use crate::output::{note, say};
use serde_json::json;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use store::{Scope, TokenScope};

/// Name of the first token.
const FIRST_TOKEN: &str = "admin";

/// Makes data folder, database, key and the first token; refuses to touch what exists.
pub(crate) async fn run(source: &Source, json: bool) -> Result<(), Failure> {
    let (config, origin) = source.load()?;
    origin.warnings.iter().for_each(|warning| note(format!("warning: {warning}")));
    let token_file = config.token_file();
    let database = (config.server.is_none()).then_some(&config.database);
    for path in database.into_iter().chain([&token_file]) {
        if path.exists() {
            return Err(Failure::refused(format!("{} exists already and is left as it is", path.display()))
                .remedy("start it with: carillon serve, or choose another folder with --data FOLDER"));
        }
    }
    DirBuilder::new().recursive(true).mode(0o700).create(&config.data).map_err(|error| {
        Failure::refused(format!("cannot make the folder {}: {error}", config.data.display()))
            .remedy("choose another with --data FOLDER")
    })?;
    let store = open::store(&config).await?;
    let scopes = vec![TokenScope::Read, TokenScope::Operate, TokenScope::Admin];
    let (_, token) =
        store.create_token(&Scope::installation(), FIRST_TOKEN, scopes).await.map_err(|error| open::failure(&error))?;
    write_secret(&token_file, &token).map_err(|error| {
        Failure::refused(format!("cannot write {}: {error}", token_file.display()))
            .remedy(format!("remove {} and try again", config.data.display()))
    })?;
    store.close().await;
    if json {
        say(json!({
            "data": config.data, "database": config.database_name(), "key_file": config.key_file,
            "token_file": token_file, "token_name": FIRST_TOKEN,
        }));
    } else {
        say(next_steps(&config));
    }
    Ok(())
}

/// A new file that only its owner may read.
fn write_secret(path: &Path, secret: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{secret}")?;
    file.sync_all()
}

fn next_steps(config: &Config) -> String {
    // What is not found by itself must be named again.
    let folder = if config.data == Path::new("carillon-data") {
        String::new()
    } else {
        format!(" --data {}", config.data.display())
    };
    format!(
        "made the data folder {}\n  database  {}\n  key       {} (keep a copy apart from the database)\n  \
         token     {} (name {FIRST_TOKEN}; scopes read, operate, admin)\n\nnext:\n  \
         carillon serve{folder}\n  carillon user create YOUR-LOGIN --class Administrator{folder}   (to sign in with a browser)\n  carillon live{folder}\n  \
         carillon pbx harbour   (for campaigns with agents: what the dialplan of their PBX needs)",
        config.data.display(),
        config.database_name(),
        config.key_file.display(),
        config.token_file().display(),
    )
}
