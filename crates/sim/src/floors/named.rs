//! Floors with a name: what `bench pacing` shows.

use super::{Floor, Rates, Staffing};
use dialer::pacing::fact::Terms;

/// The rules of the United States on two days of eight hours, with analysis.
pub(super) fn base(name: &str, agents: u32) -> Floor {
    let (days, shift_s) = (2, 28_800.0);
    let terms = Terms {
        cap: 0.03,
        lost_to_analysis: 0.0,
        agents_max: agents,
        period_s: f64::from(days) * shift_s,
        deadline_s: 2.0,
        ring_timeout_s: 25.0,
        min_ring_s: 15.0,
        analysis: true,
        lines_max: 0,
        launches_per_s: 0,
    };
    Floor {
        name: name.to_owned(),
        days,
        shift_s,
        terms,
        rates: Rates { person: 0.25, machine: 0.25, failed: 0.1, ..Rates::default() },
        talk: (120.0, 0.9),
        heavy: 0.0,
        wrap_up: (20.0, 0.6),
        rings: (9.0, 0.55),
        staffing: Staffing::All,
        pauses: (3_600.0, 300.0),
        mistakes: (0.02, 0.04),
    }
}

impl Floor {
    fn rates(mut self, person: f64, machine: f64, failed: f64) -> Self {
        self.rates = Rates { person, machine, failed, ..self.rates };
        self
    }

    fn wave(mut self, amplitude: f64, cycles: f64) -> Self {
        self.rates.wave = (amplitude, cycles);
        self
    }

    fn talk(mut self, mean_s: f64, variation: f64) -> Self {
        self.talk = (mean_s, variation);
        self
    }

    fn one_day(mut self) -> Self {
        self.days = 1;
        self.terms.period_s = self.shift_s;
        self
    }

    fn without_analysis(mut self) -> Self {
        self.terms.analysis = false;
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// All of them, the smallest first.
pub fn named() -> Vec<Floor> {
    vec![
        base("3", 3).rates(0.30, 0.25, 0.1),
        base("3 no amd", 3).rates(0.22, 0.15, 0.1).talk(150.0, 1.0).without_analysis(),
        base("5 low", 5).rates(0.10, 0.35, 0.1).wave(0.03, 3.0).talk(90.0, 0.9),
        base("8 drift", 8).rates(0.15, 0.25, 0.1).talk(120.0, 0.8).with(|floor| floor.rates.drift = (0.25, 0.05)),
        base("10", 10).rates(0.25, 0.2, 0.1).without_analysis(),
        base("15 heavy", 15).rates(0.30, 0.25, 0.1).talk(60.0, 1.5).with(|floor| floor.heavy = 0.5),
        base("25 churn", 25).with(|floor| floor.staffing = Staffing::Comes(0.75, 600.0)),
        base("30 fp", 30).rates(0.2, 0.3, 0.1).wave(0.1, 2.0).talk(100.0, 0.9).with(|floor| {
            floor.terms.lost_to_analysis = 0.01;
            floor.mistakes = (0.01, 0.04);
        }),
        base("50", 50).wave(0.05, 4.0),
        base("50 outage", 50).rates(0.3, 0.2, 0.1).with(|floor| floor.rates.outages = vec![(0.3, 0.35), (0.7, 0.72)]),
        base("80 bursts", 80).rates(0.2, 0.2, 0.1).talk(90.0, 0.9).with(|floor| {
            floor.rates.bursts = Some((2_100.0, 300.0, 0.5));
        }),
        base("120 shifts", 120).rates(0.18, 0.3, 0.12).with(|floor| {
            floor.staffing = Staffing::Shifts;
            floor.terms.launches_per_s = 10;
        }),
        base("200", 200).rates(0.22, 0.15, 0.1).wave(0.06, 2.0).without_analysis().with(|floor| {
            floor.terms.lines_max = 600;
        }),
        base("300 low", 300).rates(0.08, 0.3, 0.15).wave(0.03, 3.0).talk(100.0, 0.9),
        base("1000", 1_000).wave(0.08, 3.0).one_day(),
    ]
}
