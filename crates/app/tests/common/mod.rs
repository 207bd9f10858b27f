//! A folder, a port and a `carillon` of its own per test.

#![allow(dead_code, reason = "every test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "test support: a failure here fails the test")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use testkit::{PortBlock, Process};

/// A server is up or down within this, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Exit code.
    pub(crate) code: i32,
    /// All of its standard output.
    pub(crate) out: String,
    /// All of its standard error.
    pub(crate) err: String,
}

impl Ran {
    /// Its standard output, if it succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// The two lines of a refusal, if it ended with `code`.
    #[track_caller]
    pub(crate) fn refused(self, code: i32) -> (String, String) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        let lines: Vec<&str> = self.err.lines().collect();
        let [.., error, remedy] = lines.as_slice() else { panic!("not two lines: {}", self.err) };
        let error = error.strip_prefix("error: ").unwrap_or_else(|| panic!("no error: {}", self.err));
        (error.to_owned(), remedy.trim().to_owned())
    }
}

/// A working directory.
pub(crate) struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    /// Empty.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and returns its path as an argument.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The program, with nothing of our environment that it listens to.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carillon"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARILLON_")) {
            command.env_remove(name);
        }
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        finish(self.command(arguments))
    }
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A served installation. The working directory's carillon.toml names its address, so client verbs find it.
pub(crate) struct Server {
    /// Its working directory.
    pub(crate) home: Home,
    /// Its address.
    pub(crate) url: String,
    /// The program.
    pub(crate) process: Process,
    _ports: PortBlock,
}

impl Server {
    /// Initialised and ready.
    pub(crate) fn start() -> Self {
        let home = Home::new();
        let ports = PortBlock::lease().unwrap();
        home.file("carillon.toml", format!("listen = \"127.0.0.1:{}\"\n", ports.api));
        home.run(&["init"]).ok();
        let url = format!("http://127.0.0.1:{}", ports.api);
        let process = serve(&home, &url);
        Self { home, url, process, _ports: ports }
    }

    /// Kills it as a power cut would and starts it again.
    pub(crate) fn crash_and_restart(&mut self) {
        self.process.kill();
        self.process = serve(&self.home, &self.url);
    }

    /// A client verb.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.home.run(arguments)
    }

    /// A client verb that succeeds, with `--json`.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let text = self.run(&[arguments, &["--json"]].concat()).ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The first token.
    pub(crate) fn token(&self) -> String {
        std::fs::read_to_string(self.home.path("carillon-data/token")).unwrap().trim().to_owned()
    }

    /// The API without the command line between.
    pub(crate) fn api(&self) -> testkit::http::Client {
        testkit::http::Client::new(&self.url, Some(&self.token())).unwrap()
    }
}

fn serve(home: &Home, url: &str) -> Process {
    let log = home.path("serve.log");
    let mut process = Process::start("carillon", home.command(&["serve"]), &log).unwrap();
    process.wait_for_http(&format!("{url}/healthz"), PATIENCE).unwrap();
    process
}

/// Permission bits of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
