//! Packages of the Python package index, by name, with Debian's own client.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::step;

/// Fetches the wheel of `package` (a name, or `name==version`) and unpacks it into the folder. Returns the wheel's name.
pub(crate) fn unpack(package: &str, folder: &Path) -> Result<String> {
    let python = |arguments: &[&str]| {
        let mut command = Command::new("python3");
        command.args(arguments).current_dir(folder);
        step::run(command)
    };
    python(&["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", package, "-d", "."])?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    let wheel = names.into_iter().find(|name| name.ends_with(".whl")).context("pip brought no wheel")?;
    python(&["-m", "zipfile", "-e", &wheel, "."])?;
    std::fs::remove_file(folder.join(&wheel))?;
    Ok(wheel)
}
