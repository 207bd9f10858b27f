//! Small C libraries that are preloaded into a process under test, built with `cc` (which every Rust tool chain needs
//! anyway) the first time they are wanted.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{Scratch, process, scratch};

/// Longest wait for the compiler.
const BUILD_DEADLINE: Duration = Duration::from_secs(60);

/// Variables for the environment of the process under test.
pub type Environment = Vec<(&'static str, OsString)>;

/// The library of this C source, built once per source and user.
pub(crate) fn library(source: &str) -> Result<PathBuf> {
    let folder = scratch::base()?.join("preload");
    fs::create_dir_all(&folder)?;
    // FNV-1a: another source makes another file.
    let name = source
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let library = folder.join(format!("{name:016x}.so"));
    if library.exists() {
        return Ok(library);
    }
    // Several tests may build at once: the last one to rename wins, and all are equal.
    let own = Scratch::new("shim")?;
    let (text, built) = (own.path().join("shim.c"), own.path().join("shim.so"));
    fs::write(&text, source)?;
    let mut command = Command::new(std::env::var_os("CC").unwrap_or_else(|| OsString::from("cc")));
    command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&built).arg(&text).arg("-ldl");
    process::run(command, BUILD_DEADLINE).context("cannot build what is preloaded: is a C compiler installed?")?;
    fs::rename(&built, &library)?;
    Ok(library)
}
