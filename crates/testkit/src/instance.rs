//! One private Asterisk.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::asterisk::{self, Tree};
use crate::process::{self, Process};
use crate::{PortBlock, Scratch, Template, console};

/// Longest wait for "fully booted"; usual is half a second.
const BOOT_DEADLINE: Duration = Duration::from_secs(30);
/// Open files at most: a call needs about four.
const FILES_MAX: u64 = 16_384;
/// A unix socket's path may have 107 bytes.
const SOCKET_BYTES_MAX: usize = 107;
const USER: &str = "carillon";

/// How to log in at an interface of an [`Instance`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Always a loopback address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User name.
    pub user: String,
    /// Made anew for every instance.
    pub password: String,
}

/// A running Asterisk with its own folder and ports. Dropping it stops it and removes the folder.
pub struct Instance {
    template: Template,
    tree: Tree,
    scratch: Scratch,
    process: Option<Process>,
    values: BTreeMap<String, String>,
    ari_port: Option<u16>,
    ami_port: u16,
}

impl Instance {
    /// Starts one and waits until it is fully booted. A failure shows the end of its console log.
    pub fn start(template: Template, ports: &PortBlock) -> Result<Self> {
        Self::start_with(template, ports, &[])
    }

    /// As [`Instance::start`] with other values for place-holders of the templates, for example
    /// `("REASON_MODULE", "load")` for a carrier that sends `Reason:` headers.
    pub fn start_with(template: Template, ports: &PortBlock, overrides: &[(&str, &str)]) -> Result<Self> {
        let tree = asterisk::find()?;
        let scratch = Scratch::new(template.name())?;
        let (sip, ami_port, rtp, ari_port, transmit_silence, reason_module) = match template {
            Template::Pbx => (ports.pbx_sip, ports.pbx_ami, ports.pbx_rtp, Some(ports.ari), "no", "load"),
            Template::Carrier => (ports.carrier_sip, ports.carrier_ami, ports.carrier_rtp, None, "yes", "noload"),
        };
        let values = [
            ("NAME", template.name().to_owned()),
            ("DIR", scratch.path().display().to_string()),
            ("DATA", tree.data().display().to_string()),
            ("MODULES", tree.modules().display().to_string()),
            ("SBIN", tree.sbin().display().to_string()),
            ("MAX_FILES", FILES_MAX.min(open_files_limit()).to_string()),
            ("TRANSMIT_SILENCE", transmit_silence.to_owned()),
            ("REASON_MODULE", reason_module.to_owned()),
            ("QUEUE_MODULE", if ari_port.is_some() { "load" } else { "noload" }.to_owned()),
            ("CDR", "no".to_owned()),
            ("CDR_MODULE", "noload".to_owned()),
            ("SIP_PORT", sip.to_string()),
            ("AMI_PORT", ami_port.to_string()),
            ("ARI_PORT", ports.ari.to_string()),
            ("RTP_FIRST", rtp.0.to_string()),
            ("RTP_LAST", rtp.1.to_string()),
            ("CARRIER_PORT", ports.carrier_sip.to_string()),
            ("SIPP_PORT", ports.sipp.to_string()),
            ("DEAD_PORT", ports.dead.to_string()),
            ("USER", USER.to_owned()),
            ("PASSWORD", random_password()?),
        ];
        let mut values: BTreeMap<String, String> = values.map(|(key, value)| (key.to_owned(), value)).into();
        values.extend(overrides.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let mut instance = Self { template, tree, scratch, process: None, values, ari_port, ami_port };
        instance.make_folders()?;
        instance.boot()?;
        Ok(instance)
    }

    /// Runs a console command, for example `core show channels`, and returns what it printed.
    pub fn cli(&self, line: &str) -> Result<String> {
        console::command(&self.socket(), line)
    }

    /// The login for ARI; the carrier has none and panics.
    pub fn ari(&self) -> Login {
        self.login(self.ari_port.expect("only the PBX has ARI"))
    }

    /// The login for the manager interface.
    pub fn ami(&self) -> Login {
        self.login(self.ami_port)
    }

    /// The login of the manager user with just the rights that a dialler needs; only the PBX has it.
    pub fn manager(&self) -> Login {
        let login = self.login(self.ami_port);
        Login { user: format!("{USER}-dialler"), ..login }
    }

    /// The version, as Asterisk prints it, for example `Asterisk 22.10.1`.
    pub fn version(&self) -> &str {
        &self.tree.version
    }

    /// The process id; `None` when stopped.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Its folder: `etc`, `log`, `run`, `spool`, `varlib`.
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// The log at level notice and above, and what the dialplan did: `log/full`.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder().join("log/full")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Freezes it (SIGSTOP): connections stay open and nothing answers, as when a machine hangs.
    pub fn pause(&mut self) {
        self.signal(libc::SIGSTOP);
    }

    /// Lets a frozen one go on (SIGCONT).
    pub fn resume(&mut self) {
        self.signal(libc::SIGCONT);
    }

    /// Kills it as `kill -9` does. [`Instance::boot`] brings it back on the same ports.
    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Stops it: `core stop now`, then TERM, then KILL.
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        process.signal(libc::SIGCONT);
        // It may close the console before it has answered: the wait below tells whether it heard.
        let answer = console::command(&self.socket(), "core stop now");
        let heard = answer.is_ok_and(|answer| !answer.contains("No such command"));
        if !heard || process.wait(process::STOP_GRACE).is_err() {
            process.terminate();
        }
    }

    /// Stops it and boots it again, with the same configuration and ports.
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        self.boot()
    }

    /// Starts a stopped or killed one again and waits until it is fully booted.
    pub fn boot(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "{} runs already", self.template.name());
        for stale in ["run/asterisk.ctl", "run/asterisk.pid"] {
            // Left behind by a killed one; usually not there.
            let _ = fs::remove_file(self.folder().join(stale));
        }
        let mut command = self.tree.command();
        command.args(["-f", "-C"]).arg(self.folder().join("etc/asterisk.conf"));
        command.current_dir(self.folder()).env("TMPDIR", self.folder().join("spool"));
        let mut process = Process::start(self.template.name(), command, &self.folder().join("log/console"))?;
        let socket = self.socket();
        let booted = process::until(BOOT_DEADLINE, || {
            if let Some(status) = process.exited() {
                anyhow::bail!("{} ended while booting ({status})", self.template.name());
            }
            // There is no socket yet, or the command waits inside Asterisk until it has booted.
            let says =
                |line: &str, what: &str| console::command(&socket, line).is_ok_and(|answer| answer.contains(what));
            // The core registers its own commands a moment after it calls itself booted.
            let booted = says("core waitfullybooted", "fully booted") && says("core show version", "Asterisk ");
            Ok(booted.then_some(()))
        });
        let booted = booted.and_then(|booted| booted.context("not fully booted in time"));
        booted.with_context(|| {
            format!("{} did not boot: {}\n{}", self.template.name(), self.folder().display(), process.log_tail())
        })?;
        self.process = Some(process);
        Ok(())
    }

    fn make_folders(&self) -> Result<()> {
        let folder = self.folder();
        for below in ["etc", "run", "log/cdr-csv", "varlib/keys", "spool/recording", "spool/monitor", "spool/outgoing"]
        {
            fs::create_dir_all(folder.join(below))?;
        }
        let socket = self.socket();
        let short = socket.as_os_str().len() <= SOCKET_BYTES_MAX;
        ensure!(short, "{} is too long for a unix socket: set TMPDIR to a shorter path", socket.display());
        self.template.render(&folder.join("etc"), &self.values)
    }

    fn socket(&self) -> PathBuf {
        self.folder().join("run/asterisk.ctl")
    }

    fn login(&self, port: u16) -> Login {
        let password = self.values["PASSWORD"].clone();
        Login { host: "127.0.0.1".to_owned(), port, user: USER.to_owned(), password }
    }

    fn signal(&mut self, signal: i32) {
        if let Some(process) = &mut self.process {
            process.signal(signal);
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.stop();
    }
}

/// How many files a process of ours may open at most.
fn open_files_limit() -> u64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let hard =
        limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().nth(1)?.parse().ok());
    hard.unwrap_or(FILES_MAX)
}

fn random_password() -> Result<String> {
    let mut bytes = [0u8; 12];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
