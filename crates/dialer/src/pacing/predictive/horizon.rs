//! The instants ahead at which demand and supply are compared.

/// Seconds from now: fine where an answer can come soon, coarse where little is known.
pub(super) const AT: [f64; 15] = [0.5, 1.5, 2.5, 3.5, 5.0, 6.5, 8.0, 10.0, 12.0, 14.0, 16.5, 19.0, 22.0, 26.0, 31.0];
/// How many.
pub(super) const POINTS: usize = AT.len();

/// Probability that something has happened by each instant; never falls.
pub(super) type Curve = [f64; POINTS];

/// A curve at any instant.
pub(super) fn at(curve: &Curve, seconds: f64) -> f64 {
    if seconds <= AT[0] {
        return curve[0] * (seconds / AT[0]).max(0.0);
    }
    match AT.iter().position(|at| seconds <= *at) {
        Some(i) => {
            let part = (seconds - AT[i - 1]) / (AT[i] - AT[i - 1]);
            curve[i - 1] + part * (curve[i] - curve[i - 1])
        }
        None => curve[POINTS - 1],
    }
}
