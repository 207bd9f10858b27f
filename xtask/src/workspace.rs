//! What cargo knows about the workspace.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The root of the checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// `cargo metadata`, with the dependency graph.
pub(crate) fn metadata() -> Result<Value> {
    let output = crate::step::cargo(&["metadata", "--format-version", "1", "--locked"]).output()?;
    let output = if output.status.success() {
        output
    } else {
        crate::step::cargo(&["metadata", "--format-version", "1"]).output()?
    };
    ensure!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder(metadata: &Value) -> Result<PathBuf> {
    metadata["target_directory"].as_str().map(PathBuf::from).context("cargo metadata names no target folder")
}

/// The packages of this workspace.
pub(crate) fn members(metadata: &Value) -> Vec<&Value> {
    let members: Vec<&Value> = metadata["workspace_members"].as_array().into_iter().flatten().collect();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages.filter(|package| members.contains(&&package["id"])).collect()
}

/// Whether `cargo nextest` is installed.
pub(crate) fn has_nextest() -> bool {
    crate::step::cargo(&["nextest", "--version"]).output().is_ok_and(|output| output.status.success())
}
