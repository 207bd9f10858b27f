//! The database, its key, and what it says about dialling; then every PBX that it names.

use super::super::open;
use super::finding::Finding;
use super::{clock, pbx, queues};
use crate::config::Config;
use domain::Timestamp;
use std::time::Duration;
use store::{Error, FileState, Scope, Store};

/// For reading the whole file, about a second per GB.
const READ_DEADLINE: Duration = Duration::from_secs(60);
/// For everything else.
const DEADLINE: Duration = Duration::from_secs(10);

/// Adds what it finds.
pub(super) async fn examine(config: &Config, findings: &mut Vec<Finding>) {
    let opened = tokio::time::timeout(DEADLINE, open::to_read(config)).await;
    let store = match opened {
        Ok(Ok(store)) => store,
        Ok(Err(error)) => return findings.push(refused(&error)),
        Err(_) => {
            let found = format!("does not open within {} s", DEADLINE.as_secs());
            return findings.push(Finding::failed("database", found, "is its disk or its server at work? see its log"));
        }
    };
    let read = tokio::time::timeout(READ_DEADLINE, store.file_state()).await;
    findings.push(judge(config, read));
    findings.push(Finding::ok("key", format!("{} opens what this database has sealed", config.key_file.display())));
    if let Err(error) = contents(&store, findings).await {
        findings.push(refused(&error));
    }
    store.close().await;
}

fn refused(error: &Error) -> Finding {
    let failure = open::failure(error);
    let check = if matches!(error, Error::Key { .. }) { "key" } else { "database" };
    Finding::failed(check, failure.message, failure.remedy)
}

fn judge(config: &Config, read: Result<store::Result<Option<FileState>>, tokio::time::error::Elapsed>) -> Finding {
    let path = config.database.display();
    match read {
        Err(_) => Finding::unknown(
            "database",
            format!("{path} opens; reading all of it takes longer than {} s", READ_DEADLINE.as_secs()),
            "check a copy: carillon backup FILE checks what it writes",
        ),
        Ok(Err(error)) => refused(&error),
        Ok(Ok(None)) => Finding::ok("database", "the server answers"),
        Ok(Ok(Some(FileState { damage: Some(damage), .. }))) => Finding::failed(
            "database",
            format!("{path} is damaged: {damage}"),
            "stop the server, keep the damaged file, and put the last good backup in its place: carillon restore",
        ),
        Ok(Ok(Some(FileState { journal_mode, damage: None }))) if journal_mode != "wal" => Finding::failed(
            "database",
            format!("{path}: journal mode {journal_mode} instead of wal"),
            "start the server once, which sets it; a file system that refuses cannot hold the database",
        ),
        Ok(Ok(Some(_))) => Finding::ok("database", format!("{path}, sound")),
    }
}

async fn contents(store: &Store, findings: &mut Vec<Finding>) -> store::Result<()> {
    let scope = Scope::installation();
    let now = Timestamp::from_jiff(jiff::Timestamp::now());
    findings.push(clock::against(store.newest_event_at().await?, now));
    findings.push(match store.hold(&scope).await? {
        None => Finding::ok("dialling", "allowed"),
        Some(hold) => Finding::warning(
            "dialling",
            format!("held since {} by {}: {}", hold.since, hold.by, hold.why),
            "lift it when its reason is gone: carillon resume-dialling",
        ),
    });
    let (trunks, end_points) = (store.trunks(&scope).await?, store.end_points(&scope).await?);
    let pbxs = store.pbxs(&scope).await?;
    let campaigns = store.campaigns(&scope).await?;
    let autopaused = campaigns.into_iter().filter(|campaign| campaign.autopause);
    let autopaused: Vec<_> = autopaused.flat_map(|campaign| campaign.end_points).collect();
    if pbxs.is_empty() {
        findings.push(Finding::warning("pbx", "none is configured", "carillon pbx add --help"));
    }
    for known in pbxs {
        match store.pbx_password(&scope, known.id).await {
            Ok(password) => {
                let trunks = trunks.iter().filter(|trunk| trunk.pbx == known.id);
                let end_points = end_points.iter().filter(|end_point| end_point.pbx == known.id);
                findings.extend(pbx::examine(&known, &password, trunks, end_points.clone()).await);
                let manager = store.manager_password(&scope, known.id).await?.unwrap_or(password);
                findings.extend(queues::examine(&known, &manager, end_points, &autopaused).await);
            }
            Err(error) => findings.push(refused(&error).about(&known.name)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;
    use crate::config::Source;

    fn config(folder: &std::path::Path) -> Config {
        let (config, _) = Source::default().load().unwrap();
        Config { database: folder.join("carillon.db"), key_file: folder.join("key"), data: folder.to_owned(), ..config }
    }

    async fn state_of(config: &Config, check: &str) -> Option<Finding> {
        let mut findings = Vec::new();
        examine(config, &mut findings).await;
        findings.into_iter().find(|finding| finding.check == check)
    }

    #[tokio::test]
    async fn a_database_is_missing_sound_held_or_without_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        assert_eq!(state_of(&config, "database").await.unwrap().state, State::Failed);
        let store = open::store(&config).await.unwrap();
        assert_eq!(state_of(&config, "database").await.unwrap().state, State::Ok);
        assert_eq!(state_of(&config, "pbx").await.unwrap().state, State::Warning);
        assert_eq!(state_of(&config, "dialling").await.unwrap().state, State::Ok);
        let now = Timestamp::from_jiff(jiff::Timestamp::now());
        store.set_hold(&Scope::installation(), "admin", "a complaint", now).await.unwrap();
        let held = state_of(&config, "dialling").await.unwrap();
        assert_eq!(held.state, State::Warning);
        assert!(held.found.contains("by admin: a complaint"), "{held:?}");
        store.close().await;
        std::fs::remove_file(&config.key_file).unwrap();
        let key = state_of(&config, "key").await.unwrap();
        assert_eq!(key.state, State::Failed);
        assert!(!key.remedy.is_empty());
    }

    #[test]
    fn damage_and_a_wrong_journal_mode_fail() {
        let config = config(std::path::Path::new("/x"));
        let state = |mode: &str, damage: Option<&str>| {
            let state = FileState { journal_mode: mode.into(), damage: damage.map(Into::into) };
            judge(&config, Ok(Ok(Some(state)))).state
        };
        assert_eq!(state("wal", None), State::Ok);
        assert_eq!(state("delete", None), State::Failed);
        assert_eq!(state("wal", Some("row 7 missing from index")), State::Failed);
        assert_eq!(judge(&config, Ok(Err(Error::DiskFull))).state, State::Failed);
    }
}
