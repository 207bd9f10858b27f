//! The tarball: one folder with the program, its documents, and the files for a service.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{Release, documents, packaging, packed, put};

pub(super) fn write(release: &Release, folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let name = format!("carillon-{}-{}-linux", release.version, release.architecture);
    let stage = tempfile::tempdir_in(folder)?;
    let root = stage.path().join(&name);
    put(&fs::read(&release.binary)?, &root.join("carillon"), 0o755)?;
    for file in ["carillon.service", "carillon.toml"] {
        put(&fs::read(packaging(file))?, &root.join(file), 0o644)?;
    }
    documents(&root)?;
    let path = folder.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"]);
    // The umask of whoever builds must not show.
    tar.args(["--mode=u=rwX,go=rX"]).arg(format!("--mtime=@{}", release.epoch));
    let level = if release.hasty { "1" } else { "9" };
    tar.args(["-I", &format!("gzip -n -{level}"), "-cf"]).arg(&path).arg("-C").arg(stage.path()).arg(&name);
    packed(tar, release.epoch)?;
    Ok(path)
}
