//! Where what was fetched once is kept.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// A folder below `CARILLON_CACHE`, else `$XDG_CACHE_HOME/carillon`, else `~/.cache/carillon`. It may not exist yet.
pub fn folder(name: &str) -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("CARILLON_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("carillon")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/carillon")))
        .context("no cache folder: set CARILLON_CACHE or HOME")?;
    Ok(cache.join(name))
}
