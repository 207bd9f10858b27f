//! Takes the web app into a release: another web app is another binary. In the development profile the files are read from
//! the folder, and building the app anew compiles nothing.

use std::path::Path;

const BUILT: &str = "../../web/dist";

fn main() {
    // Says "look again" where the folder was not there the last time.
    println!("cargo::rerun-if-env-changed=CARILLON_WEB");
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let watched = if is_release && Path::new(BUILT).exists() { BUILT } else { "build.rs" };
    println!("cargo::rerun-if-changed={watched}");
}
