//! Rules about the text of the tree that no compiler checks.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::workspace;

/// A Rust file may have this many lines.
const LINES_MAX: usize = 600;
/// Files that are long because their subject is.
const LONG_FILES: [&str; 0] = [];
/// Beginnings of paths that exist on one machine only.
const PRIVATE_PATHS: [&str; 4] =
    [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];
/// Addresses of mirrors and registries: the machine's own configuration knows them.
const MIRRORS: [&str; 2] = [concat!("//deb.", "debian.org"), concat!("//snapshot.", "debian.org")];
/// The only source of packages in the lock file.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// Notes of unfinished work; allowed with the number of an issue, as in `(#12)`.
const NOTES: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Every violation in the files that git knows or would add, one line each.
pub(crate) fn complaints() -> Result<Vec<String>> {
    let root = workspace::root();
    let mut listing = Command::new("git");
    listing.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let listing = listing.output()?;
    ensure!(listing.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listing.stderr));
    let names = String::from_utf8(listing.stdout)?;
    let mut complaints = Vec::new();
    for name in names.split('\0').filter(|name| !name.is_empty()) {
        // A file deleted but not yet committed is listed too; what is no text has no lines to judge.
        if let Ok(text) = fs::read_to_string(root.join(name)) {
            complaints.extend(judge(name, &text));
        }
    }
    Ok(complaints)
}

fn judge(name: &str, text: &str) -> Vec<String> {
    if name == "Cargo.lock" {
        let foreign = text.lines().filter(|line| line.starts_with("source = ") && !line.contains(REGISTRY));
        return foreign.map(|line| format!("{name}: {line}: not from crates.io")).collect();
    }
    let mut complaints = Vec::new();
    let rust = Path::new(name).extension().is_some_and(|extension| extension == "rs");
    let lines = text.lines().count();
    if rust && lines > LINES_MAX && !LONG_FILES.contains(&name) {
        complaints.push(format!("{name}: {lines} lines, {LINES_MAX} are allowed: split it by subject"));
    }
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        if let Some(path) = PRIVATE_PATHS.iter().find(|path| names_path(line, path)) {
            complaints.push(format!("{name}:{number}: a path of one machine ({path}...)"));
        }
        if MIRRORS.iter().any(|mirror| line.contains(mirror)) {
            complaints.push(format!("{name}:{number}: the address of a mirror"));
        }
        if let Some(note) = NOTES.iter().find(|note| line.contains(*note) && !line.contains("(#")) {
            complaints.push(format!("{name}:{number}: {note} without the number of an issue"));
        }
    }
    complaints
}

/// Whether `line` holds `path` as the beginning of an absolute path, not as a part of a longer one.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "/._-~}@*".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        assert_eq!(complaints().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn each_rule_finds_its_violation_and_spares_the_innocent() {
        let [home, ..] = PRIVATE_PATHS;
        assert_eq!(judge("a.md", &format!("see {home}ada/x")).len(), 1);
        assert_eq!(judge("a.md", &format!("see https://example.org{home}ada, ~{home}x")).len(), 0);
        assert_eq!(judge("a.sh", &format!("URL=http:{}/debian", MIRRORS[0])).len(), 1);
        assert_eq!(judge("a.rs", &"\n".repeat(LINES_MAX + 1)).len(), 1);
        assert_eq!(judge("a.csv", &"\n".repeat(LINES_MAX + 1)).len(), 0);
        assert_eq!(judge("a.rs", &format!("// {}: later", NOTES[0])).len(), 1);
        assert_eq!(judge("a.rs", &format!("// {}(#7): later", NOTES[0])).len(), 0);
        assert_eq!(judge("Cargo.lock", "source = \"registry+https://mirror.example/index\"").len(), 1);
    }
}
