//! Commit rules on small rankings, each from its definition.

use super::hand::{chosen, confidences, ranking};
use crate::{
    Clock, Schedule,
    unmasking::{
        Commit,
        commit::{Progress, Situation, even_split, scheduled},
    },
};

fn threshold(above: f64, decay_to: Option<f64>, keep_pace: bool) -> Commit {
    Commit::Threshold { above, decay_to, keep_pace }
}

#[test]
fn a_threshold_takes_all_above_it_and_at_least_the_first() {
    let ranked = confidences(&[0.95, 0.9, 0.7, 0.5]);
    for (above, wanted) in [
        (0.9, vec![0]),
        (0.899, vec![0, 1]),
        (0.4, vec![0, 1, 2, 3]),
        (0.99, vec![0]),
        (f64::INFINITY, vec![0]),
    ] {
        assert_eq!(chosen(&threshold(above, None, false), &ranked, (0, 4)), wanted, "{above}");
    }
}

/// 0.9, 0.7, 0.5 in three steps; a block of one step keeps its limit.
#[test]
fn a_decaying_threshold_falls_evenly_to_its_end() {
    let ranked = confidences(&[0.95, 0.8, 0.6, 0.4]);
    let commit = threshold(0.9, Some(0.5), false);
    for (step, wanted) in [(0, 1), (1, 2), (2, 3)] {
        assert_eq!(chosen(&commit, &ranked, (step, 3)).len(), wanted, "step {step}");
    }
    assert_eq!(chosen(&commit, &ranked, (0, 1)).len(), 1);
}

/// Nothing but the first is sure, so the even split is taken: ⌈4/2⌉, ⌈4/1⌉, ⌈4/4⌉.
#[test]
fn a_threshold_that_keeps_pace_is_never_slower_than_the_even_split() {
    let ranked = confidences(&[0.95, 0.3, 0.2, 0.1]);
    for (step, steps, wanted) in [(0, 2, 2), (1, 2, 4), (0, 4, 1)] {
        assert_eq!(chosen(&threshold(0.9, None, true), &ranked, (step, steps)).len(), wanted);
    }
    let sure = confidences(&[0.95, 0.94, 0.93, 0.1]);
    assert_eq!(chosen(&threshold(0.9, None, true), &sure, (0, 4)), [0, 1, 2]);
}

/// (n + 1)(1 − c) < f: with f = 1 the limits of the second and third are 2/3 and 3/4.
#[test]
fn a_factor_takes_the_longest_passing_prefix() {
    let commit = Commit::Factor { factor: 1.0 };
    for (values, wanted) in [
        (vec![0.1], 1),
        (vec![0.9, 0.67], 2),
        (vec![0.9, 0.66], 1),
        (vec![0.9, 0.7, 0.76], 3),
        (vec![0.9, 0.7, 0.74], 2),
        // A failure ends it, whatever comes after.
        (vec![0.9, 0.6, 0.99], 1),
    ] {
        let ranked = confidences(&values);
        assert_eq!(chosen(&commit, &ranked, (0, 9)).len(), wanted, "{values:?}");
    }
}

/// Published code takes the last candidate unseen where all before it passed.
#[test]
fn a_factor_that_accepts_the_last_does_so_only_on_request() {
    let ranked = confidences(&[0.9, 0.7, 0.1]);
    let accepts = |factor_accepts_last| {
        let now = Situation {
            progress: Progress { step: 0, steps: 9 },
            count: None,
            stable_for: &|_| 0,
            dependence: &[],
            factor_accepts_last,
        };
        Commit::Factor { factor: 1.0 }.choose(&ranked, &now).len()
    };
    assert_eq!((accepts(false), accepts(true)), (2, 3));
}

/// Entropies 0.1, 0.3, 0.2, 0.5: their sums less their maxima are 0, 0.1, 0.3, 0.6, and
/// their sums 0.1, 0.4, 0.6, 1.1.
#[test]
fn entropy_bounds_what_is_lost_or_what_is_spent() {
    let ranked = ranking(&[(0, 0.9, 0.1), (1, 0.8, 0.3), (2, 0.7, 0.2), (3, 0.6, 0.5)]);
    for (nats, bounded, budget) in [
        (0.0, 1, 1),
        (0.11, 2, 1),
        (0.31, 3, 1),
        (0.41, 3, 2),
        (0.61, 4, 3),
        (2.0, 4, 4),
        (-1.0, 1, 1),
    ] {
        assert_eq!(chosen(&Commit::EntropyBounded { nats }, &ranked, (0, 9)).len(), bounded);
        assert_eq!(chosen(&Commit::EntropyBudget { nats }, &ranked, (0, 9)).len(), budget);
    }
}

/// Sure and settled together; where none is, the even split.
#[test]
fn stable_positions_are_sure_and_have_stood_still() {
    let ranked = confidences(&[0.99, 0.95, 0.92, 0.5]);
    let stable = |still: [usize; 4], steps| {
        let now = Situation {
            progress: Progress { step: 0, steps },
            count: None,
            stable_for: &|position| still[position],
            dependence: &[],
            factor_accepts_last: false,
        };
        Commit::Stable { above: 0.9, nats: 0.01, window: 2 }.choose(&ranked, &now)
    };
    assert_eq!(stable([1, 2, 3, 9], 4), [1, 2]);
    assert_eq!(stable([1, 1, 0, 9], 2), [0, 1]);
    assert_eq!(stable([1, 1, 0, 9], 4), [0]);
}

/// Two runs, at 0–2 and 5–6, and one position by itself at 9.
#[test]
fn runs_take_the_surest_of_each_and_all_that_are_sure() {
    let commit = Commit::Runs { above: 0.9, run_above: 0.4 };
    for (entries, wanted) in [
        (vec![(1, 0.6), (6, 0.5), (0, 0.45), (5, 0.42), (2, 0.1), (9, 0.05)], vec![1, 6]),
        (vec![(1, 0.95), (0, 0.93), (6, 0.3), (2, 0.2), (5, 0.1)], vec![1, 0]),
        (vec![(5, 0.3), (1, 0.2)], vec![5]),
        // Equals: the one that ranks first, which is the leftmost.
        (vec![(0, 0.5), (1, 0.5), (2, 0.5)], vec![0]),
        // What is no number is the least sure of its run.
        (vec![(5, 0.95), (1, 0.6), (0, f64::NAN)], vec![5, 1]),
        (vec![(5, 0.95), (1, 0.6), (0, -f64::NAN)], vec![5, 1]),
    ] {
        let entries: Vec<_> = entries.into_iter().map(|(i, c)| (i, c, 0.0)).collect();
        let ranked = ranking(&entries);
        let positions: Vec<usize> = chosen(&commit, &ranked, (0, 9))
            .iter()
            .map(|&i| ranked[i].candidate.position)
            .collect();
        assert_eq!(positions, wanted, "{entries:?}");
    }
}

/// Greedily from the best: 1 depends on 0, 2 on 1 in one direction only, 3 on nothing.
#[test]
fn an_independent_set_leaves_out_what_depends_on_what_it_holds() {
    let ranked = confidences(&[0.9, 0.8, 0.7, 0.6]);
    let mut dependence = [0.0; 16];
    dependence[1] = 1.0;
    dependence[2 * 4 + 1] = 1.0;
    let chosen = |above: f64, dependence: &[f64]| {
        let now = Situation {
            progress: Progress { step: 0, steps: 9 },
            count: None,
            stable_for: &|_| 0,
            dependence,
            factor_accepts_last: false,
        };
        Commit::Independent { above }.choose(&ranked, &now)
    };
    assert_eq!(chosen(0.5, &dependence), [0, 2, 3]);
    assert_eq!(chosen(1.0, &dependence), [0, 1, 2, 3]);
    assert_eq!(chosen(-1.0, &dependence), [0]);
    assert_eq!(chosen(0.5, &[f64::NAN; 16]), [0], "what is unknown counts as dependence");
}

/// Rules that rank what is no number last never choose it but as the first.
#[test]
fn what_is_no_number_is_not_sure() {
    let ranked = confidences(&[0.95, f64::NAN]);
    for commit in [
        threshold(0.9, None, false),
        threshold(f64::NEG_INFINITY, None, false),
        Commit::Factor { factor: 1.0 },
        Commit::Runs { above: 0.9, run_above: 0.1 },
        Commit::Stable { above: 0.1, nats: 1.0, window: 0 },
    ] {
        assert_eq!(chosen(&commit, &ranked, (0, 9)), [0], "{commit:?}");
    }
    let unknown = ranking(&[(0, 0.9, 0.1), (1, 0.9, f32::NAN), (2, 0.9, 0.0)]);
    for commit in [Commit::EntropyBounded { nats: 9.0 }, Commit::EntropyBudget { nats: 9.0 }] {
        assert_eq!(chosen(&commit, &unknown, (0, 9)), [0], "{commit:?}");
    }
}

/// On clocks of their own the expected numbers of positions add up: with the linear one
/// each of n masks is revealed with probability (t − s)/t.
#[test]
fn a_schedule_commits_the_expected_number() {
    let linear = Clock::Shared(Schedule::Linear);
    let masked: Vec<usize> = (0..12).collect();
    for (step, wanted) in [(0, 3), (1, 4), (2, 6), (3, 12)] {
        let progress = Progress { step, steps: 4 };
        assert_eq!(scheduled(&linear, 0.0, progress, &masked), wanted, "step {step}");
    }
    let each = Clock::PerPosition(vec![Schedule::Linear; 2]);
    assert_eq!(scheduled(&each, 0.0, Progress { step: 0, steps: 4 }, &masked), 3);
    // With more than one token a step to come, none is due yet.
    assert_eq!(scheduled(&linear, 0.0, Progress { step: 0, steps: 13 }, &masked), 0);
}

/// Time stands still once a block's steps are used up, as it is while a block is edited.
#[test]
fn time_never_falls_below_its_end() {
    let times = |step, until| Progress { step, steps: 4 }.times(until);
    assert_eq!(times(0, 0.0), (1.0, 0.75));
    assert_eq!(times(3, 0.0), (0.25, 0.0));
    assert_eq!(times(4, 0.0), (0.0, 0.0));
    assert_eq!(times(9, 0.5), (0.5, 0.5));
    assert_eq!(even_split(5, Progress { step: 9, steps: 4 }), 5);
}
