//! Private PostgreSQL clusters: a folder, a unix socket in it, no network. They die with the process that started them.
//!
//! One cluster serves many tests: `cargo xtask check` and `test` start one and hand it over by [`SHARED`]; a test that
//! runs alone starts its own, which takes about two seconds.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::process::{self, Process, find_program};
use crate::scratch::Scratch;

/// Names the socket's folder of a cluster that somebody else started and stops.
pub const SHARED: &str = "CARILLON_TEST_POSTGRES";
/// The only role, a superuser. Whoever reaches the socket's folder may be it.
pub const ROLE: &str = "carillon";
/// The user that PostgreSQL runs as when we are root, which it refuses.
const USER: &str = "postgres";
/// Part of the socket's name; nobody listens on the port.
const SOCKET_PORT: u16 = 5432;
/// A cluster is made, starts or stops within this, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running cluster. Dropping it stops it and removes its folder.
pub struct Postgres {
    process: Option<Process>,
    folder: Scratch,
    durable: bool,
    /// The port of 127.0.0.1 where it speaks TLS.
    port: Option<u16>,
}

impl Postgres {
    /// Makes a cluster and starts it. It does not wait for the disk: what a crash of the *machine* would lose is lost.
    pub fn start() -> Result<Self> {
        Self::make(false, None)
    }

    /// As [`Postgres::start`], and on a port of 127.0.0.1, where it wants TLS and a password. Its certificate, for
    /// `localhost`, is [`Postgres::certificate`].
    pub fn start_with_tls(port: u16) -> Result<Self> {
        Self::make(false, Some(port))
    }

    /// As [`Postgres::start`], but commits wait for the disk, for tests and benches of exactly that.
    pub fn start_durable() -> Result<Self> {
        Self::make(true, None)
    }

    fn make(durable: bool, port: Option<u16>) -> Result<Self> {
        let folder = match account() {
            None => Scratch::new("pg")?,
            Some((uid, gid)) => Scratch::of("pg", uid, gid)?,
        };
        let mut initdb = command("initdb")?;
        initdb.args([
            "--auth-host=scram-sha-256",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
            "--auth-local=trust",
            "-U",
            ROLE,
            "-D",
        ]);
        initdb.arg(folder.path().join("data"));
        process::run(initdb, PATIENCE)?;
        let mut cluster = Self { process: None, folder, durable, port };
        if port.is_some() {
            cluster.make_certificate()?;
        }
        cluster.boot()?;
        Ok(cluster)
    }

    fn make_certificate(&self) -> Result<()> {
        let mut openssl = command_of(find_program("openssl").context("openssl is not installed")?);
        openssl.args(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost".split(' '),
        );
        openssl.args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]);
        openssl.arg("-keyout").arg(self.folder.path().join("data/server.key"));
        openssl.arg("-out").arg(self.certificate());
        process::run(openssl, PATIENCE)?;
        Ok(())
    }

    /// The certificate of a cluster with TLS, a PEM file.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("data/server.crt")
    }

    /// Starts the server again after [`Postgres::kill9`] or [`Postgres::stop`], on the same data.
    pub fn boot(&mut self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        let process = loop {
            match self.launch() {
                // A session of a killed server has not noticed yet: it goes by itself.
                Err(error) if format!("{error:#}").contains("is still in use") && Instant::now() < end => {
                    thread::sleep(process::POLL);
                }
                launched => break launched?,
            }
        };
        self.process = Some(process);
        Ok(())
    }

    fn launch(&self) -> Result<Process> {
        // A killed server leaves its lock file behind; the next one looks whether its process lives.
        let mut server = command("postgres")?;
        let on_off = if self.durable { "on" } else { "off" };
        server.arg("-D").arg(self.folder.path().join("data"));
        server.arg("-k").arg(self.folder.path());
        let (address, ssl) = if self.port.is_some() { ("127.0.0.1", "on") } else { ("", "off") };
        for setting in [
            &format!("listen_addresses={address}"),
            &format!("port={}", self.port.unwrap_or(SOCKET_PORT)),
            &format!("ssl={ssl}"),
            "dynamic_shared_memory_type=mmap",
            "max_connections=200",
            "max_wal_size=4GB",
            "log_checkpoints=off",
            &format!("fsync={on_off}"),
            &format!("full_page_writes={on_off}"),
        ] {
            server.arg("-c").arg(setting);
        }
        let name = format!("server-{}.log", counter());
        let mut process = Process::start("postgres", server, &self.folder.path().join(name))?;
        process.wait_for_line("ready to accept connections", PATIENCE)?;
        Ok(process)
    }

    /// Kills the server and everything it started, as `kill -9` would. Its sessions end when they notice.
    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Freezes (`libc::SIGSTOP`) or wakes the server's first process; sessions go on, new ones are not answered.
    pub fn signal(&mut self, signal: i32) {
        if let Some(process) = &mut self.process {
            process.signal(signal);
        }
    }

    /// The folder of the socket, for [`Database::on`].
    pub fn socket(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // An immediate stop, unlike a kill, ends the sessions too: nobody writes into the folder that is removed next.
        if let Some(mut process) = self.process.take() {
            process.signal(libc::SIGQUIT);
            let _ = process.wait(PATIENCE);
        }
    }
}

/// An empty database, dropped with this value.
pub struct Database {
    socket: PathBuf,
    name: String,
}

impl Database {
    /// On the cluster of [`SHARED`], or on one that this process starts once and keeps.
    pub fn new() -> Result<Self> {
        Self::on(&shared()?, None)
    }

    /// A copy of the database `template` of the same cluster as [`Database::new`].
    pub fn copy_of(template: &str) -> Result<Self> {
        Self::on(&shared()?, Some(template))
    }

    /// On the cluster whose socket is in this folder.
    pub fn on(socket: &Path, template: Option<&str>) -> Result<Self> {
        let name = format!("t_{}_{}", std::process::id(), counter());
        let from = template.unwrap_or("template0");
        sql(socket, "postgres", &format!("CREATE DATABASE {name} TEMPLATE {from}"))?;
        Ok(Self { socket: socket.to_owned(), name })
    }

    /// Its address: `postgresql://carillon@localhost/<name>?host=<folder>`.
    pub fn url(&self) -> String {
        url(&self.socket, &self.name)
    }

    /// Runs statements in it and returns what they print, one row a line, columns between `|`.
    pub fn sql(&self, statements: &str) -> Result<String> {
        sql(&self.socket, &self.name, statements)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The cluster may be gone already, and takes its databases with it.
        let _ = sql(&self.socket, "postgres", &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// The name of a database that `make` has filled, once per cluster: what [`Database::copy_of`] copies.
/// `make` gets its address. Nobody may be connected to it afterwards.
pub fn template(name: &str, make: impl FnOnce(&str) -> Result<()>) -> Result<String> {
    let socket = shared()?;
    let lock = fs::File::create(socket.join("template.lock")).context("cannot lock the templates")?;
    lock.lock()?;
    let there = sql(&socket, "postgres", &format!("SELECT 1 FROM pg_database WHERE datname = '{name}'"))?;
    if there.trim().is_empty() {
        let half = format!("{name}_half");
        sql(&socket, "postgres", &format!("DROP DATABASE IF EXISTS {half} WITH (FORCE)"))?;
        sql(&socket, "postgres", &format!("CREATE DATABASE {half} TEMPLATE template0"))?;
        make(&url(&socket, &half))?;
        sql(&socket, "postgres", &format!("ALTER DATABASE {half} RENAME TO {name}"))?;
    }
    Ok(name.to_owned())
}

/// Whether the programs of PostgreSQL are installed.
pub fn is_installed() -> bool {
    ["initdb", "postgres", "psql"].iter().all(|name| program(name).is_ok())
}

/// The cluster that this process started for itself. Statics are not dropped, so [`stop_own`] does it.
static OWN: Mutex<Option<Postgres>> = Mutex::new(None);

/// The socket's folder of the cluster that all tests of this process use.
fn shared() -> Result<PathBuf> {
    if let Some(socket) = std::env::var_os(SHARED) {
        return Ok(socket.into());
    }
    let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    if own.is_none() {
        *own = Some(Postgres::start()?);
        #[expect(unsafe_code, reason = "std cannot ask for something to be done at the end of the process")]
        // SAFETY: the handler does not unwind and touches only what outlives `main`.
        unsafe {
            libc::atexit(stop_own);
        }
    }
    Ok(own.as_ref().expect("just made").socket().to_owned())
}

extern "C" fn stop_own() {
    if let Ok(mut own) = OWN.try_lock() {
        drop(own.take());
    }
}

fn url(socket: &Path, database: &str) -> String {
    format!("postgresql://{ROLE}@localhost/{database}?host={}", socket.display())
}

fn sql(socket: &Path, database: &str, statements: &str) -> Result<String> {
    let mut psql = Command::new(program("psql")?);
    psql.args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-U", ROLE, "-d", database, "-c", statements, "-h"]);
    psql.arg(socket);
    Ok(String::from_utf8_lossy(&process::run(psql, PATIENCE)?.stdout).into_owned())
}

/// A program of the server, run as somebody it accepts, ended with us.
fn command(name: &str) -> Result<Command> {
    Ok(command_of(program(name)?))
}

fn command_of(path: PathBuf) -> Command {
    if account().is_none() {
        return Command::new(path);
    }
    // Changing the user takes away the signal that ends it with us, so setpriv is told to set it again.
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={USER}"), &format!("--regid={USER}"), "--clear-groups", "--pdeathsig=KILL"]);
    command.arg(path).current_dir("/");
    command
}

/// User and group of [`USER`], when we are root.
fn account() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").ok()?.uid() != 0 {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    let line = accounts.lines().find(|line| line.starts_with(&format!("{USER}:")))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// On the path, or the newest that Debian keeps off it.
fn program(name: &str) -> Result<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin").join(name)).collect())
        .unwrap_or_default();
    versions.sort();
    match versions.into_iter().rev().find(|path| path.is_file()).or_else(|| find_program(name)) {
        Some(path) => Ok(path),
        None => bail!("{name} of PostgreSQL is not installed: run cargo xtask setup"),
    }
}

fn counter() -> u32 {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    COUNTER.fetch_add(1, Ordering::Relaxed)
}

/// Gives a new folder to another user.
pub(crate) fn give(path: &Path, uid: u32, gid: u32) -> Result<()> {
    chown(path, Some(uid), Some(gid)).with_context(|| format!("cannot give {} away", path.display()))?;
    ensure!(fs::metadata(path)?.uid() == uid, "{} still is not theirs", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_serves_databases_survives_a_kill_and_goes_with_us() {
        let mut cluster = Postgres::start_durable().unwrap();
        let database = Database::on(cluster.socket(), None).unwrap();
        database.sql("CREATE TABLE a (b int); INSERT INTO a VALUES (7)").unwrap();
        cluster.kill9();
        assert!(database.sql("SELECT 1").is_err());
        cluster.boot().unwrap();
        assert_eq!(database.sql("SELECT b FROM a").unwrap().trim(), "7");
        let folder = cluster.socket().to_owned();
        drop(cluster);
        assert!(!folder.exists());
    }

    #[test]
    fn a_template_is_made_once_and_copied() {
        let mut made = 0;
        let mut make = |url: &str| {
            made += 1;
            let name = url.split(['/', '?']).nth(3).unwrap();
            sql(&shared()?, name, "CREATE TABLE copied (a int)").map(drop)
        };
        let name = template("testkit_template", &mut make).unwrap();
        assert_eq!(template("testkit_template", &mut make).unwrap(), name);
        let copy = Database::copy_of(&name).unwrap();
        assert_eq!(copy.sql("SELECT count(*) FROM copied").unwrap().trim(), "0");
        assert!(made <= 1);
        assert!(copy.url().starts_with("postgresql://carillon@localhost/t_"));
    }
}
