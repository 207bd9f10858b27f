//! From a world that fails to the smallest one that still does.

use crate::fault::FaultSet;
use crate::report::{Failure, Options};

/// Hours are halved so often, at most.
const HALVINGS: u32 = 6;

/// Switches the kinds of faults off one after the other, then shortens the time in which things go wrong, as long as
/// the world still breaks the same rule. Returns the smallest one that does, with its trail.
pub fn shrink(failure: &Failure) -> Failure {
    let seed = failure.seed;
    let fails = |options: Options| {
        crate::run(seed, &Options { trail: 0, ..options }).is_err_and(|found| found.check == failure.check)
    };
    let mut options = failure.options;
    let mut faults = options.faults_of(seed);
    for fault in faults.iter() {
        let fewer = faults.without(fault);
        if fails(Options { faults: Some(fewer), ..options }) {
            faults = fewer;
        }
    }
    if faults != FaultSet::drawn(seed) {
        options.faults = Some(faults);
    }
    let mut enough = options.hours;
    let mut too_few = 0.0;
    for _ in 0..HALVINGS {
        let hours = f64::midpoint(enough, too_few);
        if fails(Options { hours, ..options }) {
            enough = hours;
        } else {
            too_few = hours;
        }
    }
    options.hours = enough;
    match crate::run(seed, &options) {
        Err(smallest) => *smallest,
        Ok(_) => failure.clone(),
    }
}
