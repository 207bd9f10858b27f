//! Child processes that cannot outlive us, with their output in a file.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

/// How often a condition without an event of its own (a file, an exit status) is looked at.
pub const POLL: Duration = Duration::from_millis(10);
/// How long a process may take to end after a polite request before it is killed.
pub const STOP_GRACE: Duration = Duration::from_secs(8);
/// Lines of a log that an error message shows.
const LOG_TAIL_LINES: usize = 30;

/// A running child. Its standard output and error go to one file. Dropping it kills it.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with both output streams appended to the file `log` and nothing on its standard input.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log).with_context(|| format!("{}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = spawn(command).with_context(|| format!("{name}: cannot start {program}"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// The operating system's process id. It stays reserved until this value is dropped.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything the process has written so far.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The exit status, if the process has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours can be waited for")
    }

    /// Waits for the end of the process, at most for `deadline`.
    pub fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        until(deadline, || Ok(self.exited()))?.ok_or_else(|| anyhow!("{} still runs after {deadline:?}", self.name))
    }

    /// Waits until a line of the log contains `needle` and returns that line. Fails at once if the process ends.
    pub fn wait_for_line(&mut self, needle: &str, deadline: Duration) -> Result<String> {
        let found = until(deadline, || {
            let ended = self.exited();
            if let Some(line) = self.log().lines().find(|line| line.contains(needle)) {
                return Ok(Some(line.to_owned()));
            }
            match ended {
                Some(status) => bail!("{} ended ({status}) before it wrote {needle:?}\n{}", self.name, self.log_tail()),
                None => Ok(None),
            }
        })?;
        found.ok_or_else(|| anyhow!("{} did not write {needle:?} in {deadline:?}\n{}", self.name, self.log_tail()))
    }

    /// Waits until `GET url` (plain `http://`) answers 200. Fails at once if the process ends.
    pub fn wait_for_http(&mut self, url: &str, deadline: Duration) -> Result<()> {
        let client = crate::http::Client::new(url, None)?.timeout(Duration::from_secs(1));
        let ready = until(deadline, || {
            if let Some(status) = self.exited() {
                bail!("{} ended ({status}) before {url} answered\n{}", self.name, self.log_tail());
            }
            Ok(matches!(client.get(""), Ok((200, _))).then_some(()))
        })?;
        ready.ok_or_else(|| anyhow!("{url} did not answer 200 in {deadline:?}\n{}", self.log_tail()))
    }

    /// Sends a signal, for example `libc::SIGSTOP`. Does nothing if the process has ended.
    pub fn signal(&mut self, signal: i32) {
        if self.exited().is_none() {
            send_signal(self.child.id(), signal);
        }
    }

    /// Asks the process to end (TERM) and kills it after [`STOP_GRACE`].
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(libc::SIGTERM);
        self.wait(STOP_GRACE).unwrap_or_else(|_| self.kill())
    }

    /// Kills the process as `kill -9` does and waits for its end.
    pub fn kill(&mut self) -> ExitStatus {
        // An error means that it has ended already: the wait below finds out.
        let _ = self.child.kill();
        self.child.wait().expect("a child of ours can be waited for")
    }

    /// The last lines of the log, for error messages.
    pub fn log_tail(&self) -> String {
        tail(&self.log())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a command to its end, at most for `deadline`, and returns what it wrote. A failure shows the end of it.
pub fn run(mut command: Command, deadline: Duration) -> Result<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = spawn(command).with_context(|| format!("cannot start {program}"))?;
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = receiver.recv_timeout(deadline) else {
        send_signal(pid, libc::SIGKILL);
        bail!("{program} took longer than {deadline:?}");
    };
    let output = output?;
    if !output.status.success() {
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("{program} failed ({})\n{}", output.status, tail(&text));
    }
    Ok(output)
}

/// Starts a command that the kernel kills when this process ends, however it ends.
///
/// The kernel ties that promise to the *thread* that started the child, so one thread, which lives as long as the
/// process, starts them all.
pub fn spawn(mut command: Command) -> io::Result<Child> {
    type Request = (Command, Sender<io::Result<Child>>);
    static SPAWNER: LazyLock<Mutex<Sender<Request>>> = LazyLock::new(|| {
        let (sender, receiver) = mpsc::channel::<Request>();
        let work = move || {
            for (mut command, reply) in receiver {
                // The receiver waits for this very message.
                let _ = reply.send(command.spawn());
            }
        };
        thread::Builder::new().name("spawner".into()).spawn(work).expect("a thread can be started");
        Mutex::new(sender)
    });

    let parent = std::process::id();
    let die_with_parent = move || {
        #[expect(unsafe_code, reason = "two system calls that std does not wrap; both are async-signal-safe")]
        // SAFETY: prctl with PR_SET_PDEATHSIG and getppid take and touch no memory of ours.
        let orphaned = unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong);
            libc::getppid() as u32 != parent
        };
        if orphaned { Err(io::Error::from(io::ErrorKind::BrokenPipe)) } else { Ok(()) }
    };
    #[expect(unsafe_code, reason = "the only way to make a system call in the child before it becomes the program")]
    // SAFETY: the closure allocates nothing and takes no lock, so it is sound between fork and exec.
    unsafe {
        command.pre_exec(die_with_parent);
    }
    let (reply, answer) = mpsc::channel();
    SPAWNER.lock().expect("no holder panics").send((command, reply)).expect("the spawner never ends");
    answer.recv().expect("the spawner answers every request")
}

/// Asks `probe` every [`POLL`] until it returns a value, an error, or `deadline` has passed (`None`).
pub fn until<T>(deadline: Duration, mut probe: impl FnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = probe()? {
            return Ok(Some(value));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

/// Memory of a process, bytes: `VmRSS` now, `VmHWM` at most so far.
pub fn memory(pid: u32, what: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the process is gone")?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB"));
    Ok(kilobytes.with_context(|| format!("no {what}"))?.trim().parse::<u64>()? * 1_024)
}

/// The full path of a program on `PATH` or in the folders for administrators.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let administrators = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(administrators).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn send_signal(pid: u32, signal: i32) {
    #[expect(unsafe_code, reason = "std can only send KILL")]
    // SAFETY: kill takes two integers. The child was not waited for yet, so the id is still its own.
    unsafe {
        libc::kill(pid as libc::pid_t, signal);
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_line_of_the_log_is_found_and_a_dead_process_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Process::start("talker", shell("echo ready; read line"), &folder.path().join("log")).unwrap();
        assert_eq!(process.wait_for_line("rea", Duration::from_secs(5)).unwrap(), "ready");
        let error = process.wait_for_line("never", Duration::from_secs(5)).unwrap_err().to_string();
        assert!(error.contains("ended") && error.contains("ready"), "{error}");
    }

    #[test]
    fn a_stubborn_process_is_stopped_frozen_and_killed_by_pid() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Process::start("sleeper", Command::new("yes"), &folder.path().join("log")).unwrap();
        process.signal(libc::SIGSTOP);
        let stat = || fs::read_to_string(format!("/proc/{}/stat", process.child.id())).unwrap();
        until(Duration::from_secs(5), || Ok(stat().contains(") T ").then_some(()))).unwrap().unwrap();
        process.kill();
        assert!(process.exited().is_some());
    }

    #[test]
    fn a_command_that_hangs_is_cut_off_at_its_deadline() {
        let error = run(shell("exec sleep 60"), Duration::from_millis(100)).unwrap_err().to_string();
        assert!(error.contains("took longer"), "{error}");
    }

    #[test]
    fn children_survive_the_thread_that_asked_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut process = thread::spawn(move || Process::start("heir", shell("echo up; exec sleep 60"), &log).unwrap())
            .join()
            .unwrap();
        process.wait_for_line("up", Duration::from_secs(5)).unwrap();
        assert!(process.exited().is_none());
    }
}
