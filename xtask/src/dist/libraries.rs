//! What the program needs of the machine it will run on.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use testkit::process;

use super::DEADLINE;

/// Beginnings of the names of glibc's own libraries, of the loader, and of the compiler's run time, which every Linux has.
const EVERYWHERE: [&str; 8] =
    ["linux-vdso", "ld-linux", "libc.so", "libm.so", "libdl.so", "libpthread.so", "librt.so", "libgcc_s.so"];

/// Refuses a program that is linked to anything else.
pub(super) fn check(binary: &Path) -> Result<()> {
    let mut command = Command::new("ldd");
    command.arg(binary);
    let output = process::run(command, DEADLINE)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let others = foreign(&text);
    ensure!(others.is_empty(), "{} needs {}, which not every machine has", binary.display(), others.join(", "));
    Ok(())
}

/// Names in `ldd`'s output that are not on the list.
fn foreign(ldd: &str) -> Vec<&str> {
    let names = ldd.lines().filter_map(|line| line.split_whitespace().next());
    let names = names.map(|path| path.rsplit('/').next().unwrap_or(path));
    names.filter(|name| !EVERYWHERE.iter().any(|known| name.starts_with(known))).collect()
}

/// The newest version that a symbol of the program asks for.
pub(super) fn oldest_glibc(binary: &Path) -> Result<String> {
    let bytes = fs::read(binary).with_context(|| format!("cannot read {}", binary.display()))?;
    newest_version(&bytes).with_context(|| format!("{} names no version of glibc", binary.display()))
}

fn newest_version(bytes: &[u8]) -> Option<String> {
    const MARK: &[u8] = b"GLIBC_2.";
    let marks = bytes.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    let minors = marks.filter_map(|(at, _)| {
        let digits = bytes[at + MARK.len()..].iter().take(3).take_while(|byte| byte.is_ascii_digit());
        digits.map(|digit| *digit as char).collect::<String>().parse::<u32>().ok()
    });
    minors.max().map(|minor| format!("2.{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_not_every_machine_has_is_named() {
        let ldd = "\tlinux-vdso.so.1 (0x1)\n\tlibgcc_s.so.1 => /lib/libgcc_s.so.1 (0x2)\n\
            \tlibssl.so.3 => /lib/libssl.so.3 (0x3)\n\t/lib64/ld-linux-x86-64.so.2 (0x4)\n";
        assert_eq!(foreign(ldd), ["libssl.so.3"]);
    }

    #[test]
    fn the_newest_symbol_decides() {
        assert_eq!(newest_version(b"..GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.9\0").as_deref(), Some("2.34"));
        assert_eq!(newest_version(b"musl"), None);
    }
}
