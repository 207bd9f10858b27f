//! Installs what is missing. Quick when nothing is: the other commands begin with it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use testkit::{asterisk, postgres, process};

use crate::{step, web};

/// A program or file that must be there, and the Debian package that brings it.
const NEEDED: [(&str, &str); 9] = [
    ("chromium", "chromium"),
    ("curl", "curl"),
    ("sipp", "sip-tester"),
    ("apt-get", "apt"),
    ("dpkg-deb", "dpkg"),
    ("systemd-analyze", "systemd"),
    ("tar", "tar"),
    ("xz", "xz-utils"),
    ("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
];

/// The package that brings `initdb`, `postgres` and `psql`.
const DATABASE: &str = "postgresql";

/// The package that brings `pip`.
const PIP: &str = "python3-pip";

/// Of all these, what the tests without Asterisk need.
const WITHOUT_ASTERISK: [&str; 5] = [DATABASE, PIP, "dpkg", "systemd", "tar"];

/// `cargo xtask setup`.
pub(crate) fn run() -> Result<()> {
    let missing = install_missing(missing())?;
    let (asterisk, had) = match asterisk::available()? {
        Some(tree) => (tree, true),
        None => (asterisk::find()?, false),
    };
    let what = match (had, missing.is_empty()) {
        (true, true) => "everything is there".to_owned(),
        (true, false) => format!("installed {}", missing.join(" ")),
        (false, true) => "fetched Asterisk".to_owned(),
        (false, false) => format!("installed {} and fetched Asterisk", missing.join(" ")),
    };
    eprintln!("setup: {what} ({}, in {})", asterisk.version, asterisk.root.display());
    Ok(())
}

/// What the tests without Asterisk need.
pub(crate) fn programs() -> Result<()> {
    let needed = missing().into_iter().filter(|package| WITHOUT_ASTERISK.contains(package));
    install_missing(needed.collect()).map(drop)
}

fn install_missing(missing: Vec<&'static str>) -> Result<Vec<&'static str>> {
    if !missing.is_empty() {
        eprintln!("setup: installing {}", missing.join(" "));
        install(&missing).with_context(|| format!("install {} yourself and try again", missing.join(" ")))?;
    }
    Ok(missing)
}

/// PostgreSQL, for tests on private clusters. Its package is not on the list above: its programs are off the path.
fn database() -> Vec<&'static str> {
    if postgres::is_installed() { Vec::new() } else { vec![DATABASE] }
}

/// What fetches Node where there is none that is new enough.
fn package_client() -> Vec<&'static str> {
    let has_pip =
        || Command::new("python3").args(["-m", "pip", "--version"]).output().is_ok_and(|out| out.status.success());
    if web::has_node() || has_pip() { Vec::new() } else { vec![PIP] }
}

fn missing() -> Vec<&'static str> {
    let there = |what: &str| {
        if what.starts_with('/') { Path::new(what).exists() } else { process::find_program(what).is_some() }
    };
    NEEDED
        .iter()
        .filter(|(what, _)| !there(what))
        .map(|(_, package)| *package)
        .chain(database())
        .chain(package_client())
        .collect()
}

fn install(packages: &[&str]) -> Result<()> {
    let root = Path::new("/proc/self");
    let is_root = std::os::unix::fs::MetadataExt::uid(&root.metadata()?) == 0;
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if is_root { "apt-get" } else { "sudo" });
        if !is_root {
            command.arg("apt-get");
        }
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        step::run(command)
    };
    apt(&["update", "-qq"])?;
    if packages.contains(&DATABASE) {
        no_main_cluster(is_root)?;
    }
    apt(&[&["install", "-y", "-qq", "--no-install-recommends"], packages].concat())
}

/// The package would make and start a cluster of its own, which nobody asked for.
fn no_main_cluster(is_root: bool) -> Result<()> {
    let script = "mkdir -p /etc/postgresql-common; f=/etc/postgresql-common/createcluster.conf; \
        grep -qs '^create_main_cluster' $f || echo 'create_main_cluster = false' >> $f";
    let mut command = Command::new(if is_root { "sh" } else { "sudo" });
    if !is_root {
        command.arg("sh");
    }
    command.args(["-c", script]);
    step::run(command)
}
