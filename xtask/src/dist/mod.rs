//! `cargo xtask dist`: what is handed out, a tarball and a Debian package, the same bytes from the same commit.

mod deb;
mod libraries;
mod tarball;

#[cfg(test)]
mod tests;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testkit::process;

use crate::step::{self, Steps, cargo};
use crate::{demo, web, workspace};

const PROFILE: &str = "ship";
/// For any program that is asked something.
const DEADLINE: Duration = Duration::from_secs(120);

/// What goes into a release.
pub(crate) struct Release {
    /// The program.
    binary: PathBuf,
    /// As in Cargo.toml.
    version: String,
    /// The processor, as Rust calls it.
    architecture: &'static str,
    /// Instant of the commit, seconds since 1970: the time of every file.
    epoch: u64,
    /// The oldest C library that the program runs with, e.g. `2.34`.
    glibc: String,
    /// Large files are packed less: for tests.
    hasty: bool,
}

/// `cargo xtask dist`: builds and packs; both files and what is known about them are printed.
pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new();
    steps.step("web app", web::build)?;
    let binary = steps.step("build", || demo::build_in(PROFILE))?;
    let release = Release::of(&binary, false)?;
    let folder = workspace::target_folder(&workspace::metadata()?)?.join("dist");
    let tarball = steps.step("tarball", || release.tarball(&folder))?;
    let package = steps.step("package", || release.package(&folder))?;
    let security = steps.step("unit", || check_unit(&folder))?;
    steps.summary("dist");
    let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    eprintln!("   program: {} bytes, needs glibc {} or newer", size(&binary), release.glibc);
    eprintln!("   {security}");
    for path in [tarball, package] {
        eprintln!("   {} {} bytes", path.display(), size(&path));
    }
    Ok(())
}

impl Release {
    /// Looks at the program; refused when it needs a library that not every Linux with glibc has.
    pub(crate) fn of(binary: &Path, hasty: bool) -> Result<Self> {
        libraries::check(binary)?;
        Ok(Self {
            binary: binary.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            architecture: std::env::consts::ARCH,
            epoch: epoch()?,
            glibc: libraries::oldest_glibc(binary)?,
            hasty,
        })
    }

    /// Writes `carillon-<version>-<architecture>-linux.tar.gz` into `folder`.
    pub(crate) fn tarball(&self, folder: &Path) -> Result<PathBuf> {
        tarball::write(self, folder)
    }

    /// Writes `carillon_<version>_<architecture>.deb` into `folder`.
    pub(crate) fn package(&self, folder: &Path) -> Result<PathBuf> {
        deb::write(self, folder)
    }
}

/// `SOURCE_DATE_EPOCH`, else the instant of the commit.
fn epoch() -> Result<u64> {
    if let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") {
        return text.parse().with_context(|| format!("SOURCE_DATE_EPOCH: {text:?} is no number of seconds"));
    }
    let mut command = Command::new("git");
    command.args(["log", "-1", "--format=%ct"]).current_dir(workspace::root());
    let output = process::run(command, DEADLINE)?;
    String::from_utf8_lossy(&output.stdout).trim().parse().context("git tells no instant of the last commit")
}

/// Checks the unit as systemd reads it, and returns its word on how exposed the service is.
pub(crate) fn check_unit(scratch: &Path) -> Result<String> {
    // The program of the unit need not be installed here.
    let unit = fs::read_to_string(packaging("carillon.service"))?.replace("/usr/bin/carillon", "/bin/true");
    let path = scratch.join("carillon.service");
    fs::create_dir_all(scratch)?;
    fs::write(&path, unit)?;
    let analyze = |arguments: &[&str]| {
        let mut command = Command::new("systemd-analyze");
        command.args(arguments).arg(&path).env("SYSTEMD_LOG_LEVEL", "warning");
        process::run(command, DEADLINE)
    };
    let verified = analyze(&["verify", "--man=no", "--recursive-errors=no"])?;
    let words = String::from_utf8_lossy(&verified.stderr).trim().to_owned();
    // What it says about other units of this machine is not ours.
    let ours: Vec<&str> = words.lines().filter(|line| line.contains("carillon.service")).collect();
    ensure!(ours.is_empty(), "systemd-analyze verify: {}", ours.join("\n"));
    let scored = analyze(&["security", "--offline=yes", "--no-pager"])?;
    let scored = String::from_utf8_lossy(&scored.stdout).into_owned();
    fs::remove_file(&path)?;
    let overall = scored.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_default();
    let overall = overall.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    // "Overall exposure level for carillon.service: 1.1 OK 🙂"
    let level = overall.split(": ").nth(1).and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    let level = level.with_context(|| format!("systemd-analyze security gives no level:\n{scored}"))?;
    ensure!(level < 2.0, "the unit is less hardened than it was: {overall}");
    Ok(overall.to_owned())
}

fn packaging(name: &str) -> PathBuf {
    workspace::root().join("packaging").join(name)
}

/// Puts a file there with these permission bits, its folders made.
fn put(content: &[u8], to: &Path, mode: u32) -> Result<()> {
    let folder = to.parent().context("a file is in a folder")?;
    fs::create_dir_all(folder)?;
    fs::write(to, content).with_context(|| format!("cannot write {}", to.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode))?;
    Ok(())
}

/// Licence, manual and the list of what others wrote.
fn documents(folder: &Path) -> Result<()> {
    let root = workspace::root();
    for name in ["README.md", "LICENSE"] {
        put(&fs::read(root.join(name))?, &folder.join(name), 0o644)?;
    }
    put(&fs::read(root.join("docs/GLOSSARY.md"))?, &folder.join("GLOSSARY.md"), 0o644)?;
    for entry in fs::read_dir(root.join("docs/manual"))? {
        let path = entry?.path();
        let name = path.file_name().context("a page has a name")?;
        put(&fs::read(&path)?, &folder.join("manual").join(name), 0o644)?;
    }
    put(others()?.as_bytes(), &folder.join("THIRD-PARTY"), 0o644)
}

/// Name, version and licence of every package that is in the program.
fn others() -> Result<String> {
    let tree = ["tree", "--package", "carillon", "--edges", "normal", "--prefix", "none", "--no-dedupe"];
    let mut command = cargo(&tree);
    command.args(["--format", "{p}\t{l}"]);
    let output = process::run(command, DEADLINE)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // Ours are shown with their folder.
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.contains(" (/")).collect();
    lines.sort_unstable();
    lines.dedup();
    ensure!(lines.len() > 50, "cargo tree lists no packages:\n{text}");
    Ok(format!("Carillon contains these packages of others, under these licences:\n\n{}\n", lines.join("\n")))
}

/// Gives every file the instant of the commit, and packs.
fn packed(mut command: Command, epoch: u64) -> Result<()> {
    command.env("SOURCE_DATE_EPOCH", epoch.to_string()).env("LC_ALL", "C");
    step::run(command)
}
