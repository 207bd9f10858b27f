//! Finds an Asterisk 22, or fetches one.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::{fetch, process};

/// The major version that everything here is written for and tested with.
pub const MAJOR: u32 = 22;
/// A sound every usable tree has: the message that the demo plays.
const SOUND: &str = "sounds/en/hello-world";
/// Longest wait for `asterisk -V`.
const VERSION_DEADLINE: Duration = Duration::from_secs(10);

/// An Asterisk that can be started: installed on the machine, or unpacked in a folder.
#[derive(Debug, Clone)]
pub struct Tree {
    /// As Asterisk prints it, for example `Asterisk 22.10.1`.
    pub version: String,
    /// Where it was found.
    pub root: PathBuf,
    /// The dynamic loader and the folder of libraries of an unpacked tree; they must be of one suite with the binary.
    loader: Option<(PathBuf, PathBuf)>,
    modules: PathBuf,
}

impl Tree {
    /// A command that runs the binary; arguments follow.
    pub fn command(&self) -> Command {
        let binary = self.sbin().join("asterisk");
        match &self.loader {
            None => Command::new(binary),
            Some((loader, libraries)) => {
                let mut command = Command::new(loader);
                command.arg("--library-path").arg(libraries).arg(binary);
                command
            }
        }
    }

    pub(crate) fn sbin(&self) -> PathBuf {
        self.root.join("usr/sbin")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("usr/share/asterisk")
    }

    pub(crate) fn modules(&self) -> &Path {
        &self.modules
    }

    /// Looks at a folder that holds `usr/sbin/asterisk`; `None` if it does not.
    pub(crate) fn at(root: &Path) -> Result<Option<Self>> {
        if !root.join("usr/sbin/asterisk").is_file() {
            return Ok(None);
        }
        let mut tree = Self { version: String::new(), root: root.to_owned(), loader: None, modules: PathBuf::new() };
        if root != Path::new("/") {
            tree.loader = Some(find_loader(root)?);
        }
        let libraries = fs::read_dir(root.join("usr/lib"))?.flatten().map(|entry| entry.path());
        let mut places = libraries.chain([root.join("usr/lib"), root.join("usr/lib64")]);
        let modules = places.find_map(|lib| Some(lib.join("asterisk/modules")).filter(|path| path.is_dir()));
        tree.modules = modules.with_context(|| format!("no asterisk/modules below {}/usr/lib", root.display()))?;
        let mut command = tree.command();
        command.arg("-V");
        let output = process::run(command, VERSION_DEADLINE)?;
        tree.version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(Some(tree))
    }

    fn major(&self) -> Option<u32> {
        self.version.trim_start_matches("Asterisk ").split('.').next()?.parse().ok()
    }

    fn has_sounds(&self) -> bool {
        ["wav", "gsm", "alaw", "ulaw", "sln16"].iter().any(|kind| self.data().join(format!("{SOUND}.{kind}")).exists())
    }
}

/// The Asterisk to use: that of `CARILLON_ASTERISK_ROOT`, else an installed 22.x with sounds, else the one in the
/// cache folder, which is filled first if it is empty (needs the network, about 110 MB).
///
/// # Errors
/// Another major version where the choice was explicit, or no Asterisk and no way to fetch one; the text says what to do.
pub fn find() -> Result<Tree> {
    if let Some(tree) = available()? {
        return Ok(tree);
    }
    let tree = fetch::fetch()?;
    ensure!(
        tree.major() == Some(MAJOR),
        "{} has {}, not {MAJOR}.x: set CARILLON_ASTERISK_SUITE to a Debian suite with {MAJOR}.x, \
         or CARILLON_ASTERISK_ROOT to an unpacked one",
        fetch::suite(),
        tree.version
    );
    Ok(tree)
}

/// As [`find`], but never downloads: `None` if there is nothing to use yet.
pub fn available() -> Result<Option<Tree>> {
    if let Some(root) = env::var_os("CARILLON_ASTERISK_ROOT") {
        return chosen(Path::new(&root)).map(Some);
    }
    // An installed one of another version, or a broken one, is nobody's fault: a private one is used instead.
    if let Ok(Some(tree)) = Tree::at(Path::new("/"))
        && tree.major() == Some(MAJOR)
        && tree.has_sounds()
    {
        return Ok(Some(tree));
    }
    Ok(fetch::fetched()?.filter(|tree| tree.major() == Some(MAJOR)))
}

/// The tree that somebody named explicitly: it must do.
fn chosen(root: &Path) -> Result<Tree> {
    let root = fs::canonicalize(root).with_context(|| format!("CARILLON_ASTERISK_ROOT: {}", root.display()))?;
    let Some(tree) = Tree::at(&root)? else {
        bail!("CARILLON_ASTERISK_ROOT: no usr/sbin/asterisk below {}", root.display());
    };
    let major = tree.major() == Some(MAJOR);
    ensure!(major, "CARILLON_ASTERISK_ROOT: {} there, Asterisk {MAJOR}.x is needed: unset it", tree.version);
    Ok(tree)
}

fn find_loader(root: &Path) -> Result<(PathBuf, PathBuf)> {
    for entry in fs::read_dir(root.join("usr/lib"))?.flatten().filter(|entry| entry.path().is_dir()) {
        for file in fs::read_dir(entry.path())?.flatten() {
            let name = file.file_name();
            if name.to_str().is_some_and(|name| name.starts_with("ld-linux") && name.contains(".so")) {
                return Ok((file.path(), entry.path()));
            }
        }
    }
    bail!("no dynamic loader below {}/usr/lib: unpack libc6 there too", root.display())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A tree whose loader, whatever it is asked to run, prints this version.
    fn tree(version: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("usr/sbin")).unwrap();
        fs::create_dir_all(root.path().join("usr/lib/cpu-linux/asterisk/modules")).unwrap();
        fs::write(root.path().join("usr/sbin/asterisk"), "").unwrap();
        let loader = root.path().join("usr/lib/cpu-linux/ld-linux-cpu.so.2");
        fs::write(&loader, format!("#!/bin/sh\necho '{version}'\n")).unwrap();
        fs::set_permissions(&loader, fs::Permissions::from_mode(0o755)).unwrap();
        root
    }

    #[test]
    fn any_22_is_accepted_and_another_major_stops_with_the_remedy() {
        assert_eq!(chosen(tree("Asterisk 22.3.0~dfsg").path()).unwrap().version, "Asterisk 22.3.0~dfsg");
        let error = chosen(tree("Asterisk 20.11.1").path()).unwrap_err().to_string();
        assert_eq!(error, "CARILLON_ASTERISK_ROOT: Asterisk 20.11.1 there, Asterisk 22.x is needed: unset it");
    }

    #[test]
    fn a_folder_without_asterisk_is_named() {
        let empty = tempfile::tempdir().unwrap();
        assert!(chosen(empty.path()).unwrap_err().to_string().contains(empty.path().to_str().unwrap()));
        assert!(chosen(Path::new("/nowhere")).unwrap_err().to_string().contains("/nowhere"));
    }
}
