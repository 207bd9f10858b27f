//! The server's own address, its log, and whether it runs.

use super::super::listen;
use super::finding::Finding;
use crate::config::{Config, LogTarget};
use crate::failure::chain;
use axum_server::tls_rustls::RustlsConfig;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

/// For each answer of the server.
const DEADLINE: Duration = Duration::from_secs(5);

/// The address, and the certificate where there is one.
pub(super) async fn listen(config: &Config) -> Vec<Finding> {
    let mut findings = vec![match listen::check(config) {
        Ok(()) => Finding::ok("listen", config.listen),
        Err(failure) => Finding::failed("listen", failure.message, failure.remedy),
    }];
    if let Some(tls) = &config.tls {
        let shown = tls.certificate.display();
        findings.push(match RustlsConfig::from_pem_chain_file(&tls.certificate, &tls.key).await {
            Err(error) => Finding::failed(
                "tls",
                format!("{shown} with {}: {}", tls.key.display(), chain(&error)),
                "tls.certificate and tls.key must be PEM files of one certificate and its key",
            ),
            Ok(_) if mode(&tls.key) & 0o007 != 0 => Finding::warning(
                "tls",
                format!("{} can be read by everybody on this machine", tls.key.display()),
                format!("chmod 640 {} and give it the group of the server", tls.key.display()),
            ),
            Ok(_) => Finding::ok("tls", format!("{shown} and its key fit")),
        });
    }
    findings
}

/// Permission bits, 0 when it cannot be told.
fn mode(path: &Path) -> u32 {
    fs::metadata(path).map_or(0, |file| file.permissions().mode() & 0o777)
}

/// Whether the log has somewhere to go.
pub(super) fn log(config: &Config) -> Finding {
    match config.log.target {
        LogTarget::Stderr => Finding::ok("log", "stderr"),
        LogTarget::Journald => journal(super::super::logs::SOCKET.as_ref()),
        LogTarget::File => {
            let path = &config.log.file;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let look_at = if path.exists() { path.as_path() } else { folder };
            match rustix::fs::access(look_at, rustix::fs::Access::WRITE_OK) {
                Ok(()) => Finding::ok(
                    "log",
                    format!("{}, {} files of {} MB", path.display(), config.log.files, config.log.file_size_mb),
                ),
                Err(error) => Finding::failed(
                    "log",
                    format!("{} cannot be written: {error}", look_at.display()),
                    "make the folder and give it to the user that serves, or set log.target",
                ),
            }
        }
    }
}

fn journal(socket: &Path) -> Finding {
    match UnixDatagram::unbound().and_then(|ours| ours.connect(socket)) {
        Ok(()) => Finding::ok("log", "the journal: journalctl -t carillon"),
        Err(error) => Finding::failed(
            "log",
            format!("the journal {} does not answer: {error}", socket.display()),
            "is this systemd's machine? otherwise set log.target to \"stderr\" or \"file\"",
        ),
    }
}

/// The server of this installation: does it run, and can it do its work?
pub(super) async fn running(config: &Config) -> Finding {
    let holder = holder(&config.database);
    let client = reqwest::Client::builder().timeout(DEADLINE).no_proxy();
    // Its certificate may be of an authority that only its clients know; nothing secret is sent.
    let client = client.tls_danger_accept_invalid_certs(true).build();
    let answer = match client {
        Ok(client) => client.get(format!("{}/readyz", config.local_url())).send().await,
        Err(error) => Err(error),
    };
    let answer = match answer {
        Ok(answer) => answer.json::<Value>().await.map_err(|error| chain(&error)),
        Err(error) => Err(chain(&error)),
    };
    judge(holder, answer, &config.local_url())
}

fn judge(holder: Option<u32>, answer: Result<Value, String>, url: &str) -> Finding {
    match (holder, answer) {
        (_, Ok(answer)) if answer["ready"].is_boolean() => {
            let reasons: Vec<&str> =
                answer["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let reasons = reasons.join("; ");
            match (answer["ready"] == true, reasons.as_str()) {
                (true, "") => Finding::ok("server", format!("ready at {url}")),
                (true, _) => Finding::warning("server", format!("ready, but: {reasons}"), "carillon live shows more"),
                (false, _) => Finding::failed(
                    "server",
                    format!("cannot dial: {reasons}"),
                    "carillon live shows more; so does its log",
                ),
            }
        }
        (_, Ok(_)) => Finding::failed(
            "server",
            format!("something else answers at {url}"),
            "stop it, or choose another address with listen",
        ),
        (Some(process), Err(why)) => Finding::failed(
            "server",
            format!("process {process} holds the database and does not answer at {url}: {why}"),
            "is it still starting, or of another carillon.toml? its log says; otherwise restart it",
        ),
        (None, Err(_)) => Finding::ok("server", "not running; what follows is about what it will find"),
    }
}

/// The process that holds the lock of a database file, looked up without touching the lock.
fn holder(database: &Path) -> Option<u32> {
    let mut lock = database.as_os_str().to_owned();
    lock.push(".lock");
    let inode = fs::metadata(lock).ok()?.ino();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    holder_of(inode, &locks)
}

/// `1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF`
fn holder_of(inode: u64, locks: &str) -> Option<u32> {
    let ending = format!(":{inode}");
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", process, place, ..] = words.as_slice() else { return None };
        if place.ends_with(&ending) { process.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_server_is_ready_or_says_why_not() {
        let judged = |holder, answer| judge(holder, answer, "http://x").state;
        assert_eq!(judged(Some(1), Ok(json!({"ready": true, "reasons": []}))), State::Ok);
        assert_eq!(judged(Some(1), Ok(json!({"ready": true, "reasons": ["pbx office is down"]}))), State::Warning);
        assert_eq!(judged(Some(1), Ok(json!({"ready": false, "reasons": ["the disk is full"]}))), State::Failed);
        assert_eq!(judged(None, Ok(json!({"it": "works"}))), State::Failed);
        assert_eq!(judged(Some(1), Err("refused".into())), State::Failed);
        assert_eq!(judged(None, Err("refused".into())), State::Ok);
    }

    #[test]
    fn the_holder_of_a_lock_is_found_without_taking_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("carillon.db");
        assert_eq!(holder(&database), None);
        let lock = fs::File::create(folder.path().join("carillon.db.lock")).unwrap();
        assert_eq!(holder(&database), None);
        lock.lock().unwrap();
        assert_eq!(holder(&database), Some(std::process::id()));
        assert_eq!(holder_of(5678, "1: POSIX  ADVISORY  WRITE 9 fd:01:5678 0 EOF\n"), None);
        assert_eq!(holder_of(5678, "7: FLOCK  ADVISORY  WRITE 12 fd:01:5678 0 EOF\n"), Some(12));
    }

    #[test]
    fn a_journal_that_is_not_there_fails() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(journal(&folder.path().join("socket")).state, State::Failed);
    }
}
