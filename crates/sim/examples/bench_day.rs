//! `bench sim`: eight hours of fifty lines with faults of every kind, checked from outside all the way.
//!
//! A table, or with `--json` one line: `day_s`, the CPU time of the day; `wall_s`; `steps`; `calls`; `lines_busy`, calls
//! at once on the average; `faults`, how often something went wrong; `resumed_process_ms` and `resumed_pbx_ms`, the
//! longest time until dialling resumed. CPU time is this thread's where Linux tells it.

#[path = "../../domain/examples/measure/mod.rs"]
mod measure;

use measure::{cpu_s, wants_json};
use sim::{Fault, FaultSet, Options, Scene};
use std::process::ExitCode;
use std::time::Instant;

const LINES: u32 = 50;
const HOURS: f64 = 8.0;
/// Any will do; this one is always the same day.
const SEED: u64 = 1;

#[expect(clippy::print_stdout, reason = "printing the result is the job of this program")]
fn main() -> ExitCode {
    let json = match wants_json("bench_day") {
        Ok(json) => json,
        Err(usage) => return usage,
    };
    let scene = Scene::Day { lines: LINES };
    // A death at every thousandth step would be one a minute: the tests of crash points have those.
    let faults = FaultSet::ALL.without(Fault::ProcessKilledAtStep).without(Fault::PbxCrashesAtStep);
    let options = Options { hours: HOURS, scene, faults: Some(faults), ..Options::default() };
    let (began, cpu_began) = (Instant::now(), cpu_s());
    let summary = match sim::run(SEED, &options) {
        Ok(summary) => summary,
        Err(failure) => {
            println!("{failure}");
            return ExitCode::FAILURE;
        }
    };
    let (day_s, wall_s) = (cpu_s() - cpu_began, began.elapsed().as_secs_f64());
    let lines_busy = summary.line_ms as f64 / (summary.virtual_s as f64 * 1_000.0);
    let faults: u64 = summary.faults.iter().sum();
    let figures = [
        ("day_s", format!("{day_s:.2}")),
        ("wall_s", format!("{wall_s:.2}")),
        ("steps", summary.steps.to_string()),
        ("calls", summary.dialled.to_string()),
        ("lines_busy", format!("{lines_busy:.1}")),
        ("faults", faults.to_string()),
        ("resumed_process_ms", summary.resumed_process_ms.to_string()),
        ("resumed_pbx_ms", summary.resumed_pbx_ms.to_string()),
    ];
    if json {
        println!("{{{}}}", figures.map(|(name, value)| format!("\"{name}\":{value}")).join(","));
    } else {
        println!("{HOURS} hours of {LINES} lines, every kind of fault");
        figures.iter().for_each(|(name, value)| println!("{name:>20} {value}"));
    }
    ExitCode::SUCCESS
}
