//! Takes the web app into a release: another web app is another binary. In the development profile the files are read from
//! the folder, and building the app anew compiles nothing.

use std::fs;
use std::path::Path;

const BUILT: &str = "../../web/dist";

fn main() {
    // A folder that is not there when the crate is compiled would never be looked into again. Where it cannot be made, the
    // binary has no app and says so.
    let _ = fs::create_dir_all(BUILT);
    // Says "look again" where the folder was not there the last time.
    println!("cargo::rerun-if-env-changed=CARILLON_WEB");
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let watched = if is_release && Path::new(BUILT).join("index.html").exists() { BUILT } else { "build.rs" };
    println!("cargo::rerun-if-changed={watched}");
}
