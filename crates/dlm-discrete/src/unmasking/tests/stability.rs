//! When a position counts as settled.

use dlm_core::TokenId;

use super::{
    hand::By,
    settling::{record, sequence},
};
use crate::unmasking::{Commit, Order, Remasking, UnmaskingSampler};

/// A position is stable once its distribution stood still for the window's steps.
#[test]
fn stability_is_counted_from_step_to_step() {
    // Positions 3 and 4 are sure at once; 4 keeps wavering with the number of masks.
    let p = |tokens: &[TokenId], i: usize| {
        let open = tokens.iter().filter(|&&token| token == 2).count();
        match i {
            3 => vec![0.99, 0.01],
            4 if open.is_multiple_of(2) => vec![0.95, 0.05],
            4 => vec![0.05, 0.95],
            _ => vec![0.5 + 0.01 * i as f64, 0.5 - 0.01 * i as f64],
        }
    };
    let positions = |window| {
        let commit = Commit::Stable { above: 0.97, nats: 0.01, window };
        let sampler = UnmaskingSampler::new(Order::Margin, commit);
        let (_, events, _) = record(&sampler, 5, &mut By { vocab: 2, p });
        sequence(&events)
    };
    // Nothing exceeds 0.97 but position 3, by its margin of 0.98; the rest is the even split.
    assert_eq!(positions(0)[0], 3);
    assert_eq!(positions(1)[..2], [3, 4]);
}

/// A move between two small ones starts the count again.
#[test]
fn a_move_starts_the_count_again() {
    // Position 3 moves once, when four are open; the others waver in every step.
    let p = |tokens: &[TokenId], i: usize| {
        let open = tokens.iter().filter(|&&token| token == 2).count();
        match i {
            3 if 4 < open => vec![0.9, 0.1],
            3 => vec![0.7, 0.3],
            _ if open.is_multiple_of(2) => vec![0.99, 0.01],
            _ => vec![0.95, 0.05],
        }
    };
    let commit = Commit::Stable { above: 0.6, nats: 0.01, window: 2 };
    let sampler = UnmaskingSampler::new(Order::TopProbability, commit);
    let (_, events, _) = record(&sampler, 6, &mut By { vocab: 2, p });
    // At the fourth step its count is 1 again, and the surest of the others is taken.
    assert_eq!(sequence(&events)[..5], [0, 1, 2, 4, 3]);
}

/// What was masked again has to stand still anew.
#[test]
fn masking_again_starts_the_count_again() {
    // 0 and 1 are sure but never verified; 4 to 6 are sure once three are open.
    let p = |tokens: &[TokenId], i: usize| {
        let open = tokens.iter().filter(|&&token| token == 2).count();
        let sure = match (i, open) {
            (0 | 1, _) => 0.9,
            (2 | 3, _) => 0.97,
            (_, 3) => 0.61,
            _ => 0.59,
        };
        vec![sure, 1.0 - sure]
    };
    let commit = Commit::Stable { above: 0.6, nats: 0.01, window: 2 };
    let sampler = UnmaskingSampler {
        steps: Some(20),
        remasking: Remasking::Verify { below: 0.93 },
        ..UnmaskingSampler::new(Order::TopProbability, commit)
    };
    let (_, events, _) = record(&sampler, 7, &mut By { vocab: 2, p });
    assert_eq!(events[2], (vec![(0, 0), (1, 0)], vec![]));
    assert_eq!(events[3], (vec![(4, 0), (5, 0), (6, 0)], vec![0, 1]));
    assert_eq!(events[4].0, [(0, 0)], "one by the even split, for none is settled yet");
}
