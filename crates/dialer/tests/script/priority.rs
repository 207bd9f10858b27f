//! Whose turn it is (EN-2, EN-3).

use crate::desk::{Desk, answers};
use crate::script::*;
use domain::RunId;

fn two_runs(first: i32, second: i32) -> Vec<dialer::RunSpec> {
    let mut runs = vec![run_spec(1, 200), run_spec(2, 200)];
    runs[0].settings.priority = first;
    runs[1].settings.priority = second;
    runs
}

/// Calls of each run. The two runs dial one list: numbers are shared, so one waits while the other's call is up.
fn counts(desk: &Desk) -> (usize, usize) {
    let of = |run| desk.dialled.iter().filter(|dialled| dialled.call.run == RunId(run)).count();
    (of(1), of(2))
}

#[test]
fn en_2_the_lower_priority_number_takes_all_it_can() {
    let mut desk = Desk::simple(200, two_runs(10, 1), answers);
    desk.play(60_000);
    // In the first milliseconds only one run has read its contacts.
    let first_late =
        desk.dialled.iter().filter(|dialled| dialled.call.run == RunId(1) && dialled.at_ms > 1_000).count();
    let (_, second) = counts(&desk);
    assert!(first_late == 0 && second >= 50, "{first_late} and {second}");
    desk.play(600_000);
    assert_eq!(counts(&desk), (200, 200));
}

#[test]
fn en_2_the_other_dials_when_the_first_cannot() {
    let mut runs = two_runs(1, 10);
    runs[0].settings.end_points = vec![domain::EndPointId(2)];
    let mut desk = Desk::new(200, &[trunk(1, 10)], &[end_point(1, 10), end_point(2, 3)], runs, answers);
    desk.play(11_000);
    assert_eq!(counts(&desk), (3, 7));
}

#[test]
fn en_3_equal_priorities_share_alike() {
    let mut desk = Desk::simple(200, two_runs(10, 10), answers);
    desk.play(120_000);
    let (first, second) = counts(&desk);
    assert!(first + second >= 100, "{first} and {second}");
    assert!(first.abs_diff(second) * 5 <= first.max(second), "{first} and {second}");
}

#[test]
fn three_equal_runs_share_a_single_line_in_turn() {
    let mut runs = vec![run_spec(1, 30), run_spec(2, 30), run_spec(3, 30)];
    runs.iter_mut().for_each(|run| run.settings.priority = 5);
    let mut desk = Desk::new(30, &[trunk(1, 1)], &[end_point(1, 10)], runs, answers);
    desk.play(130_000);
    let turns: Vec<i64> = desk.dialled.iter().map(|dialled| dialled.call.run.0).take(9).collect();
    let mut sorted = turns[..3].to_vec();
    sorted.sort_unstable();
    assert_eq!(sorted, [1, 2, 3]);
    assert_eq!([&turns[..3], &turns[..3], &turns[..3]].concat(), turns);
}
