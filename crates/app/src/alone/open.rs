//! Opens the database that the configuration names, and says what to do when that fails.

use crate::config::Config;
use crate::failure::Failure;
use store::{Error, Store};

/// Opens the database; it is made when it does not exist.
pub(super) async fn store(config: &Config) -> Result<Store, Failure> {
    Store::open(&settings(config)).await.map_err(|error| failure(&error))
}

/// Opens what exists, beside the server that uses it; nothing can be written.
pub(super) async fn to_read(config: &Config) -> store::Result<Store> {
    Store::open_to_read(&settings(config)).await
}

/// Where the configuration says that database and key are.
pub(super) fn settings(config: &Config) -> store::Settings {
    store::Settings {
        path: config.database.clone(),
        server: config.server.clone(),
        key_file: config.key_file.clone(),
        country: config.country.clone(),
    }
}

/// As [`store`], but refuses to make a database.
pub(super) async fn existing(config: &Config) -> Result<Store, Failure> {
    if let Some(server) = &config.server {
        // Whether the server holds an installation is known once it is opened, and opening it would make one.
        if !config.key_file.exists() {
            let missing = config.key_file.display();
            return Err(Failure::refused(format!("there is no key {missing} for the database {server}"))
                .remedy("make the installation with: carillon init, or copy the key from the host where it was made"));
        }
    } else if !config.database.exists() {
        return Err(Failure::refused(format!("there is no database {}", config.database.display()))
            .remedy("make it with: carillon init, or name its folder with --data FOLDER"));
    }
    store(config).await
}

/// A refusal of the database with its remedy.
pub(super) fn failure(error: &Error) -> Failure {
    let remedy = match error {
        Error::Locked { .. } => "stop the other carillon that serves this data folder first",
        Error::Leased { .. } => {
            "stop the other carillon first; if it is dead, this one may start 5 s after its last sign"
        }
        Error::Fenced { .. } => "this process was away too long; start it again to stand by",
        Error::Unreachable { .. } => "check database and database_password_file, and that the server accepts us",
        Error::Key { .. } => "restore the key file from its copy, or set key_file to where it is",
        Error::DiskFull => "make room on the disk of the data folder",
        Error::Io { .. } | Error::Unusable { .. } => "check the data folder and who may write to it",
        Error::Newer { .. } => {
            "start the version that wrote it; to go back, restore the copy that it made first (FILE.before-vN)"
        }
        Error::Damaged { .. } | Error::Corrupt(_) => {
            "nothing is dialled with it; put the last backup in its place: carillon restore FILE"
        }
        Error::RestoreInterrupted { .. } => "run it again: carillon restore FILE",
        Error::ServersOwn { .. } => "use pg_dump and pg_restore; after the latter: carillon restore --after-pg-restore",
        Error::Missing { .. } => "check the path; make a database with: carillon init",
        Error::Exists { .. } => "choose another name, or overwrite it with --force",
        Error::NoRoom { .. } => "make room there, or choose another disk",
        Error::NoBackup { .. } => "name a file that carillon backup made",
        Error::Invalid(_) => "--help shows what is expected",
        _ => "is the file a database of Carillon? --data names its folder",
    };
    Failure::refused(error).remedy(remedy)
}
