//! What the benches of the pure crates share: the time they took, and how they are asked to tell it.

use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Instant;

/// CPU seconds of this thread where Linux tells them, otherwise those of the clock on the wall.
#[allow(dead_code, reason = "a bench that measures waiting looks at the clock itself")]
pub(crate) fn cpu_s() -> f64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let began = BEGAN.get_or_init(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| began.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

/// Whether the one line for machines is wanted; anything but `--json` ends the program with its usage.
pub(crate) fn wants_json(program: &str) -> Result<bool, ExitCode> {
    match std::env::args().nth(1).as_deref() {
        None => Ok(false),
        Some("--json") => Ok(true),
        Some(other) => {
            eprintln!("usage: {program} [--json], not {other:?}");
            Err(ExitCode::from(2))
        }
    }
}
