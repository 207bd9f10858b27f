//! How likely something ends at each age, learnt from what ended and from what is still going on.

/// Ages at which the rate may change, seconds: fine where conversations with machines end, coarse in the long tail.
const EDGES: [f64; 26] = [
    0.0,
    2.0,
    4.0,
    6.0,
    8.0,
    10.0,
    15.0,
    20.0,
    30.0,
    40.0,
    60.0,
    80.0,
    100.0,
    130.0,
    160.0,
    200.0,
    250.0,
    300.0,
    400.0,
    500.0,
    700.0,
    1_000.0,
    1_500.0,
    2_500.0,
    4_000.0,
    f64::INFINITY,
];
/// Spans between them.
pub(super) const SPANS: usize = EDGES.len() - 1;
/// Ends that the mean over all ages counts for in each span: a span that saw little goes by the others.
const SHRINK: f64 = 3.0;
/// Ends that the first guess counts for.
const GUESS: f64 = 2.0;

/// The span that an age falls into.
pub(super) fn span(age: f64) -> usize {
    EDGES[1..].iter().position(|edge| age < *edge).unwrap_or(SPANS - 1)
}

/// An age that stands for a span.
pub(super) fn middle(span: usize) -> f64 {
    if span + 1 < SPANS { f64::midpoint(EDGES[span], EDGES[span + 1]) } else { EDGES[span] * 1.2 }
}

/// Ends and time spent by age. Without the time of what is still going on a new floor would know short ones only.
#[derive(Debug, Clone)]
pub(super) struct Ageing {
    ends: [f64; SPANS],
    spent: [f64; SPANS],
    guess_s: f64,
}

/// Ends per second by age.
#[derive(Debug, Clone)]
pub(super) struct Rates([f64; SPANS]);

impl Ageing {
    /// Nothing seen yet; `guess_s` is how long it is believed to last on average until then.
    pub(super) fn new(guess_s: f64) -> Self {
        Self { ends: [0.0; SPANS], spent: [0.0; SPANS], guess_s }
    }

    /// One lasted so long and ended.
    pub(super) fn ended(&mut self, age: f64) {
        self.lasted(age);
        self.ends[span(age)] += 1.0;
    }

    fn lasted(&mut self, age: f64) {
        for (spent, edges) in self.spent.iter_mut().zip(EDGES.windows(2)) {
            *spent += (age.min(edges[1]) - edges[0]).max(0.0);
            if age < edges[1] {
                break;
            }
        }
    }

    /// The rates, with what is going on now.
    pub(super) fn rates(&self, going_on: impl Iterator<Item = f64>) -> Rates {
        let mut all = self.clone();
        going_on.for_each(|age| all.lasted(age));
        let ends: f64 = all.ends.iter().sum();
        let spent: f64 = all.spent.iter().sum();
        let mean = (ends + GUESS) / (spent + GUESS * self.guess_s);
        Rates(std::array::from_fn(|span| (all.ends[span] + SHRINK) / (all.spent[span] + SHRINK / mean)))
    }
}

impl Rates {
    /// Probability that what is `age` seconds old ends within `seconds`.
    pub(super) fn within(&self, age: f64, seconds: f64) -> f64 {
        let (mut at, end) = (age, age + seconds);
        let mut hazard = 0.0;
        let mut span = span(age);
        while at < end {
            let until = end.min(EDGES[span + 1]);
            hazard += self.0[span] * (until - at);
            at = until;
            span = (span + 1).min(SPANS - 1);
        }
        1.0 - (-hazard).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_counts_as_much_as_what_ended() {
        let mut talks = Ageing::new(240.0);
        (0..20).for_each(|_| talks.ended(9.0));
        let short_only = talks.rates(std::iter::empty()).within(0.0, 10.0);
        let with_long = talks.rates(std::iter::repeat_n(300.0, 80)).within(0.0, 10.0);
        assert!(short_only > 0.4, "{short_only}");
        assert!(with_long < 0.1, "{with_long}");
    }

    #[test]
    fn a_long_tail_makes_old_ones_last() {
        let mut talks = Ageing::new(60.0);
        for at in 1..200_u32 {
            talks.ended(f64::from(at % 10) + 2.0);
            talks.ended(f64::from(at) * 10.0);
        }
        let rates = talks.rates(std::iter::empty());
        assert!(rates.within(0.0, 10.0) > 4.0 * rates.within(400.0, 10.0));
    }

    #[test]
    fn every_age_has_its_span() {
        assert_eq!([span(0.0), span(1.9), span(2.0), span(1e7)], [0, 0, 1, SPANS - 1]);
        assert!((0..SPANS).all(|at| span(middle(at)) == at));
    }
}
