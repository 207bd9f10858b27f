//! Fetches Asterisk from a newer Debian suite and unpacks it into the cache folder. No root, nothing is installed.
//!
//! The machine's own apt downloads, with private state folders, from the mirror in the machine's apt sources, and
//! checks the signatures with the installed archive keyring. The packages are kept beside the tree, so that it can be
//! rebuilt when the suite has moved on.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::asterisk::Tree;
use crate::process;

/// The first Debian suite with Asterisk 22.
const SUITE: &str = "forky";
const PACKAGES: [&str; 3] = ["asterisk", "asterisk-core-sounds-en-wav", "asterisk-moh-opsound-wav"];
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Longest time for the suite's index.
const UPDATE_DEADLINE: Duration = Duration::from_secs(120);
/// Longest time for the packages, about 110 MB.
const DOWNLOAD_DEADLINE: Duration = Duration::from_secs(900);
/// Packages unpacked at once.
const UNPACKERS: usize = 2;
/// What no telephone needs: it would be half of the tree.
const LEAVE_OUT: [&str; 8] = [
    "./usr/share/doc",
    "./usr/share/man",
    "./usr/share/info",
    "./usr/share/locale",
    "./usr/share/perl*",
    "./usr/lib/*/perl*",
    "./usr/lib/*/gconv",
    "./usr/bin",
];

/// The Debian suite to fetch from: `CARILLON_ASTERISK_SUITE`, else `forky`.
pub(crate) fn suite() -> String {
    env::var("CARILLON_ASTERISK_SUITE").ok().filter(|suite| !suite.is_empty()).unwrap_or_else(|| SUITE.to_owned())
}

/// The tree in the cache folder, if it is complete.
pub(crate) fn fetched() -> Result<Option<Tree>> {
    let root = place()?.join("root");
    // The folder gets this name only when everything is in it.
    if root.is_dir() { Tree::at(&root) } else { Ok(None) }
}

/// Downloads (unless the packages are there) and unpacks. Processes that need it at the same time wait for the first.
pub(crate) fn fetch() -> Result<Tree> {
    let place = place()?;
    fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
    let lock = File::create(place.join("lock"))?;
    lock.lock()?;
    if let Some(tree) = fetched()? {
        return Ok(tree);
    }
    let packages = place.join("packages");
    if !place.join("packages.lock").exists() {
        eprintln!("fetching Asterisk from Debian {} into {} ...", suite(), place.display());
        download(&place, &packages)?;
        fs::write(place.join("packages.lock"), names(&packages)?.join("\n") + "\n")?;
    }
    let partial = place.join("root.partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    unpack(&packages, &partial)?;
    fs::rename(&partial, place.join("root"))?;
    let tree = fetched()?.ok_or_else(|| anyhow!("the packages hold no usr/sbin/asterisk"))?;
    fs::write(place.join("version"), format!("{}\n", tree.version))?;
    eprintln!("fetched {} into {}", tree.version, place.display());
    Ok(tree)
}

/// One folder per suite.
fn place() -> Result<PathBuf> {
    crate::cache::folder(&format!("asterisk-{}", suite()))
}

fn download(place: &Path, packages: &Path) -> Result<()> {
    let apt = place.join("apt");
    if apt.exists() {
        fs::remove_dir_all(&apt)?;
    }
    fs::create_dir_all(apt.join("lists/partial"))?;
    fs::create_dir_all(apt.join("preferences"))?;
    fs::create_dir_all(packages.join("partial"))?;
    fs::write(apt.join("status"), "")?;
    ensure!(Path::new(KEYRING).exists(), "{KEYRING} is missing: install debian-archive-keyring");
    let source = format!("deb [signed-by={KEYRING}] {} {} main\n", mirror()?, suite());
    fs::write(apt.join("sources.list"), source)?;

    let apt_get = |arguments: &[&str], deadline: Duration| -> Result<()> {
        let mut command = Command::new("apt-get");
        let path = |below: &str| apt.join(below).display().to_string();
        for option in [
            format!("Dir::State={}", apt.display()),
            format!("Dir::State::status={}", path("status")),
            format!("Dir::State::lists={}", path("lists")),
            format!("Dir::Cache={}", apt.display()),
            format!("Dir::Cache::archives={}", packages.display()),
            format!("Dir::Etc::sourcelist={}", path("sources.list")),
            "Dir::Etc::sourceparts=/dev/null".into(),
            "Dir::Etc::preferences=/dev/null".into(),
            format!("Dir::Etc::preferencesparts={}", path("preferences")),
            // When root, apt would download as the user `_apt`, who may not enter root's cache folder.
            "APT::Sandbox::User=".into(),
            "APT::Install-Recommends=false".into(),
            "Acquire::Languages=none".into(),
            "Acquire::Retries=3".into(),
            "Acquire::http::Timeout=30".into(),
            "Debug::NoLocking=true".into(),
            "pkgCacheGen::ForceEssential=none".into(),
        ] {
            command.arg("-o").arg(option);
        }
        command.arg("-qq").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        process::run(command, deadline)?;
        Ok(())
    };
    let suite = suite();
    apt_get(&["update"], UPDATE_DEADLINE).with_context(|| {
        format!("cannot read Debian {suite} from this machine's mirror: check the network, or set CARILLON_APT_MIRROR")
    })?;
    let install = [&["install", "-y", "--download-only"], &PACKAGES[..]].concat();
    apt_get(&install, DOWNLOAD_DEADLINE).with_context(|| format!("cannot download Asterisk from Debian {suite}"))?;
    fs::remove_dir_all(&apt)?;
    Ok(())
}

/// The first Debian mirror in the machine's apt sources; `CARILLON_APT_MIRROR` wins over it.
fn mirror() -> Result<String> {
    if let Ok(mirror) = env::var("CARILLON_APT_MIRROR") {
        return Ok(mirror);
    }
    let parts = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = parts.chain([PathBuf::from("/etc/apt/sources.list")]).collect();
    files.sort();
    let texts = files.iter().filter_map(|file| fs::read_to_string(file).ok());
    texts
        .flat_map(|text| addresses(&text))
        .find(|address| is_debian(address))
        .context("no Debian mirror in this machine's apt sources: set CARILLON_APT_MIRROR to one")
}

/// The addresses in a file of apt sources, of either format, in order.
fn addresses(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(rest) = line.strip_prefix("URIs:") {
            found.extend(rest.split_whitespace().map(str::to_owned));
        } else if let Some(rest) = line.strip_prefix("deb ") {
            let rest = rest.trim_start();
            // Options, if there are any, stand in brackets before the address.
            let rest = if rest.starts_with('[') { rest.split_once(']').map_or("", |(_, rest)| rest) } else { rest };
            found.extend(rest.split_whitespace().next().map(str::to_owned));
        }
    }
    found
}

/// Mirrors of the archive proper end in `/debian`; the security archive has only some packages.
fn is_debian(address: &str) -> bool {
    address.trim_end_matches('/').ends_with("/debian")
}

fn names(packages: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(packages)?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = entries.filter(|name| name.ends_with(".deb")).collect();
    names.sort();
    ensure!(names.iter().any(|name| name.starts_with("asterisk_")), "apt downloaded no package asterisk");
    Ok(names)
}

fn unpack(packages: &Path, root: &Path) -> Result<()> {
    fs::create_dir_all(root)?;
    let names = names(packages)?;
    thread::scope(|scope| {
        let share = names.len().div_ceil(UNPACKERS);
        let workers: Vec<_> = names
            .chunks(share)
            .map(|names| scope.spawn(move || names.iter().try_for_each(|name| unpack_one(&packages.join(name), root))))
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("unpacking does not panic"))
    })?;
    // The packages leave this link to an installation script.
    let sounds = root.join("usr/share/asterisk/sounds");
    if !sounds.join("en").exists() {
        std::os::unix::fs::symlink("en_US_f_Allison", sounds.join("en"))?;
    }
    Ok(())
}

fn unpack_one(package: &Path, root: &Path) -> Result<()> {
    let mut reader = Command::new("dpkg-deb");
    reader.arg("--fsys-tarfile").arg(package).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut reader = process::spawn(reader).context("cannot start dpkg-deb")?;
    let mut tar = Command::new("tar");
    tar.arg("-x").arg("-C").arg(root).arg("--no-same-owner");
    tar.args(LEAVE_OUT.map(|pattern| format!("--exclude={pattern}")));
    tar.stdin(reader.stdout.take().expect("its output is a pipe"));
    let unpacked = process::spawn(tar).context("cannot start tar")?.wait()?;
    if !(reader.wait()?.success() && unpacked.success()) {
        bail!("cannot unpack {}: remove it and try again", package.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_read_from_both_formats_and_security_is_skipped() {
        let text = "# http://old.example/debian\nURIs: http://one.example/debian-security http://two.example/debian/\n\
                    deb [arch=amd64 signed-by=/k] http://three.example/debian bookworm main\ndeb http://four.example x";
        let found = addresses(text);
        assert_eq!(found.len(), 4);
        let usable: Vec<_> = found.iter().filter(|address| is_debian(address)).collect();
        assert_eq!(usable, ["http://two.example/debian/", "http://three.example/debian"]);
    }
}
