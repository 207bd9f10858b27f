//! The Debian package: the program, a hardened service with a user of its own, and its settings.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Release, documents, packaging, packed, put};

pub(super) fn write(release: &Release, folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let stage = tempfile::tempdir_in(folder)?;
    let root = stage.path().join("root");
    put(&fs::read(&release.binary)?, &root.join("usr/bin/carillon"), 0o755)?;
    put(&fs::read(packaging("carillon.service"))?, &root.join("lib/systemd/system/carillon.service"), 0o644)?;
    put(&fs::read(packaging("carillon.toml"))?, &root.join("etc/carillon/carillon.toml"), 0o640)?;
    let papers = root.join("usr/share/doc/carillon");
    documents(&papers)?;
    fs::rename(papers.join("LICENSE"), papers.join("copyright"))?;
    for script in ["postinst", "prerm", "postrm"] {
        put(&fs::read(packaging(script))?, &root.join("DEBIAN").join(script), 0o755)?;
    }
    put(b"/etc/carillon/carillon.toml\n", &root.join("DEBIAN/conffiles"), 0o644)?;
    let architecture = architecture(release.architecture)?;
    let size = kilobytes(&root)?;
    put(control(release, architecture, size).as_bytes(), &root.join("DEBIAN/control"), 0o644)?;
    // The umask of whoever builds must not show.
    for folder in folders(&root)? {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    let path = folder.join(format!("carillon_{}_{architecture}.deb", release.version));
    let mut command = Command::new("dpkg-deb");
    command.arg("--root-owner-group");
    if release.hasty {
        command.args(["-Zgzip", "-z1"]);
    }
    command.arg("--build").arg(&root).arg(&path);
    packed(command, release.epoch)?;
    Ok(path)
}

fn control(release: &Release, architecture: &str, kilobytes: u64) -> String {
    format!(
        "Package: carillon\nVersion: {}\nArchitecture: {architecture}\nMaintainer: The Carillon founders <root@localhost>\n\
         Installed-Size: {kilobytes}\nDepends: libc6 (>= {}), libgcc-s1, adduser, tzdata\nRecommends: systemd\n\
         Suggests: asterisk\nSection: comm\nPriority: optional\n\
         Description: outbound dialler and contact centre on Asterisk\n \
         Carillon calls the people on your lists through your Asterisk, hands who answers to your dialplan,\n \
         retries by your rules, and can explain every call it made.\n",
        release.version, release.glibc
    )
}

fn architecture(rust: &str) -> Result<&'static str> {
    let known = [("x86_64", "amd64"), ("aarch64", "arm64"), ("riscv64", "riscv64")];
    let found = known.iter().find(|(name, _)| *name == rust).map(|(_, debian)| *debian);
    found.with_context(|| format!("Debian's name for {rust} is not known here"))
}

/// Every folder below, the first included.
fn folders(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![root.to_owned()];
    let mut next = 0;
    while let Some(folder) = found.get(next).cloned() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                found.push(entry.path());
            }
        }
        next += 1;
    }
    Ok(found)
}

fn kilobytes(root: &Path) -> Result<u64> {
    let mut bytes = 0;
    for folder in folders(root)? {
        for entry in fs::read_dir(folder)? {
            let meta = entry?.metadata()?;
            bytes += if meta.is_file() { meta.len() } else { 0 };
        }
    }
    Ok(bytes.div_ceil(1_024))
}
