//! The host's clock.

use super::finding::Finding;
use domain::Timestamp;

/// An event of the database this far in the future means that the clock went back, in seconds.
const FUTURE_SECONDS: i64 = 2;
const SYNCHRONISE: &str = "run an NTP client: systemctl enable --now systemd-timesyncd (or chrony)";

/// What the kernel says about its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kernel {
    synchronised: bool,
    /// The largest error it can have, microseconds.
    error_us: i64,
}

/// Whether somebody keeps the clock right.
pub(super) fn synchronised() -> Finding {
    judge(kernel())
}

fn judge(kernel: Option<Kernel>) -> Finding {
    match kernel {
        None => Finding::unknown("clock", "the kernel does not tell whether its clock is synchronised", SYNCHRONISE),
        Some(Kernel { synchronised: true, error_us }) => {
            Finding::ok("clock", format!("synchronised, wrong by {} ms at most", error_us / 1_000))
        }
        Some(_) => Finding::warning(
            "clock",
            "not synchronised: calling hours and retries follow a clock that nobody corrects",
            SYNCHRONISE,
        ),
    }
}

/// The database remembers when it was last written: a clock before that went back.
pub(super) fn against(newest: Option<Timestamp>, now: Timestamp) -> Finding {
    let check = "clock.history";
    let ahead_s = newest.map_or(0, |newest| (newest.0 - now.0) / 1_000_000);
    if ahead_s > FUTURE_SECONDS {
        let found = format!("the newest event of the database lies {ahead_s} s in the future: the clock went back");
        return Finding::failed(check, found, "set the clock, then look at what was dialled since: carillon report");
    }
    match newest {
        Some(newest) => Finding::ok(check, format!("the newest event of the database is of {newest}")),
        None => Finding::ok(check, "the database holds no event yet"),
    }
}

fn kernel() -> Option<Kernel> {
    #[expect(unsafe_code, reason = "a system call that nothing else wraps: it reads with modes = 0")]
    // SAFETY: a timex of zeros is valid and asks for nothing to be changed; the kernel fills it in.
    let (state, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex)
    };
    (state >= 0).then_some(Kernel { synchronised: timex.status & libc::STA_UNSYNC == 0, error_us: timex.maxerror })
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn a_clock_is_synchronised_or_not_or_nobody_knows() {
        let kernel = |synchronised| Some(Kernel { synchronised, error_us: 12_345 });
        assert_eq!(judge(kernel(true)), Finding::ok("clock", "synchronised, wrong by 12 ms at most"));
        assert_eq!(judge(kernel(false)).state, State::Warning);
        assert_eq!(judge(None).state, State::Unknown);
    }

    #[test]
    fn events_of_the_future_fail() {
        let now = Timestamp(1_000_000_000);
        assert_eq!(against(None, now).state, State::Ok);
        assert_eq!(against(Some(Timestamp(now.0 + 2_000_000)), now).state, State::Ok);
        let finding = against(Some(Timestamp(now.0 + 3_600_000_000)), now);
        assert_eq!(finding.state, State::Failed);
        assert!(finding.found.contains("3600 s in the future"), "{finding:?}");
    }
}
