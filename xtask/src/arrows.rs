//! The arrows of the design: which crate may use which, and what the pure ones never reach.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::workspace;

/// Package, and the packages of ours that it may use. The binary may use all but `testkit` and `xtask`.
const ARROWS: [(&str, &[&str]); 13] = [
    ("domain", &[]),
    ("dialer", &["domain"]),
    ("sim", &["dialer", "domain"]),
    ("asterisk", &[]),
    ("ami", &["asterisk"]),
    ("ari", &["asterisk"]),
    ("store", &["domain"]),
    ("node", &["ami", "ari", "asterisk", "dialer", "domain", "sim", "store"]),
    ("notify", &["domain", "node", "store"]),
    ("api", &["domain", "node", "notify", "store"]),
    ("carillon", &["ami", "api", "ari", "dialer", "domain", "node", "notify", "sim", "store"]),
    ("testkit", &[]),
    ("xtask", &["testkit"]),
];
/// For tests only: any package may have it as a dev-dependency.
const TEST_ONLY: &str = "testkit";
/// These take time, chance and the world as values.
const PURE: [&str; 3] = ["domain", "dialer", "sim"];
/// What no pure package reaches, however indirectly.
const IMPURE_PACKAGES: [&str; 5] = ["tokio", "sqlx", "reqwest", "rand", "getrandom"];
/// What no source of a pure package names.
const IMPURE_WORDS: [&str; 10] = [
    "Instant::now",
    "time::Instant",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "rand::",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
];

/// Every violation, one line each. `metadata` is cargo's.
pub(crate) fn complaints(metadata: &Value) -> Result<Vec<String>> {
    let members = workspace::members(metadata);
    let ours: BTreeSet<&str> = members.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut complaints = Vec::new();
    for package in &members {
        let name = package["name"].as_str().context("a package has a name")?;
        let Some((_, allowed)) = ARROWS.iter().find(|(package, _)| *package == name) else {
            complaints.push(format!("{name}: a new package needs its arrows in xtask/src/arrows.rs"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let target = dependency["name"].as_str().unwrap_or_default();
            let dev = dependency["kind"] == "dev";
            if ours.contains(target) && !allowed.contains(&target) && !(dev && target == TEST_ONLY) {
                complaints.push(format!("{name} must not use {target}: see the arrows in docs/ARCHITECTURE.md"));
            }
        }
        if PURE.contains(&name) {
            let manifest = package["manifest_path"].as_str().context("a package has a manifest")?;
            let folder = Path::new(manifest).parent().context("a manifest is in a folder")?.join("src");
            impure_sources(&folder, &mut complaints)?;
        }
    }
    impure_reach(metadata, &members, &mut complaints);
    Ok(complaints)
}

/// Follows normal and build dependencies from each pure package.
fn impure_reach(metadata: &Value, members: &[&Value], complaints: &mut Vec<String>) {
    let nodes = metadata["resolve"]["nodes"].as_array().into_iter().flatten();
    let graph: BTreeMap<&str, &Value> = nodes.filter_map(|node| Some((node["id"].as_str()?, node))).collect();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let names: BTreeMap<&str, &str> =
        packages.filter_map(|package| Some((package["id"].as_str()?, package["name"].as_str()?))).collect();
    for package in members {
        let (Some(name), Some(id)) = (package["name"].as_str(), package["id"].as_str()) else { continue };
        if !PURE.contains(&name) {
            continue;
        }
        let mut seen = BTreeSet::from([id]);
        let mut open = vec![(id, name.to_owned())];
        while let Some((id, path)) = open.pop() {
            for edge in graph.get(id).and_then(|node| node["deps"].as_array()).into_iter().flatten() {
                let used = edge["dep_kinds"].as_array().is_some_and(|kinds| kinds.iter().any(|k| k["kind"] != "dev"));
                let Some(next) = edge["pkg"].as_str().filter(|next| used && seen.insert(next)) else { continue };
                let next_name = names.get(next).copied().unwrap_or(next);
                let path = format!("{path} -> {next_name}");
                if IMPURE_PACKAGES.contains(&next_name) {
                    complaints.push(format!("{name} is pure but reaches {next_name}: {path}"));
                }
                open.push((next, path));
            }
        }
    }
}

fn impure_sources(folder: &Path, complaints: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            impure_sources(&path, complaints)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)?;
            let shown = path.strip_prefix(workspace::root()).unwrap_or(&path).display();
            for (number, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for word in IMPURE_WORDS.iter().filter(|word| code.contains(**word)) {
                    complaints.push(format!("{shown}:{}: a pure crate names {word}", number + 1));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arrows_of_this_workspace_point_the_right_way() {
        assert_eq!(complaints(&workspace::metadata().unwrap()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_that_turns_round_is_found() {
        let mut metadata = workspace::metadata().unwrap();
        let packages = metadata["packages"].as_array_mut().unwrap();
        let domain = packages.iter_mut().find(|package| package["name"] == "domain").unwrap();
        domain["dependencies"].as_array_mut().unwrap().push(serde_json::json!({"name": "store", "kind": null}));
        let found = complaints(&metadata).unwrap();
        assert!(found.iter().any(|complaint| complaint.starts_with("domain must not use store")), "{found:?}");
    }

    #[test]
    fn a_pure_crate_that_reaches_a_runtime_is_found() {
        let mut metadata = workspace::metadata().unwrap();
        let id = |name: &str| {
            let packages = metadata["packages"].as_array().unwrap();
            packages.iter().find(|package| package["name"] == name).unwrap()["id"].clone()
        };
        let (dialer, tokio) = (id("dialer"), id("tokio"));
        let nodes = metadata["resolve"]["nodes"].as_array_mut().unwrap();
        let node = nodes.iter_mut().find(|node| node["id"] == dialer).unwrap();
        let edge = serde_json::json!({"pkg": tokio, "dep_kinds": [{"kind": null}]});
        node["deps"].as_array_mut().unwrap().push(edge);
        let found = complaints(&metadata).unwrap();
        assert!(found.contains(&"dialer is pure but reaches tokio: dialer -> tokio".to_owned()), "{found:?}");
        assert!(found.iter().any(|complaint| complaint.starts_with("sim is pure but reaches tokio")), "{found:?}");
    }
}
