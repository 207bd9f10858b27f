//! Asterisk's command line, through its control socket.
//!
//! The same few bytes that `asterisk -rx` exchanges, without starting a process for each command.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Longest wait for more output of one command.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// Longest banner, `host/pid/version`, in bytes.
const BANNER_BYTES_MAX: usize = 512;

/// Runs one command and returns everything it printed.
pub(crate) fn command(socket: &Path, line: &str) -> Result<String> {
    if line.contains('\0') || line.contains('\n') {
        bail!("a console command is one line");
    }
    let mut stream = UnixStream::connect(socket).with_context(|| format!("no Asterisk at {}", socket.display()))?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(SILENCE_MAX))?;
    read_banner(&mut stream)?;
    stream.write_all(format!("cli quit after {line}\0").as_bytes())?;
    let mut output = Vec::new();
    stream.read_to_end(&mut output).with_context(|| format!("no answer to {line:?}"))?;
    // NUL bytes separate chunks, bytes of 0x80 and above mark the level of log lines.
    output.retain(|byte| *byte != 0);
    Ok(String::from_utf8_lossy(&output).trim_end().to_owned())
}

fn read_banner(stream: &mut UnixStream) -> Result<()> {
    let mut byte = [0u8];
    for _ in 0..BANNER_BYTES_MAX {
        stream.read_exact(&mut byte).context("Asterisk closed the console")?;
        if byte[0] == b'\n' {
            return Ok(());
        }
    }
    bail!("Asterisk's console sent no banner")
}
