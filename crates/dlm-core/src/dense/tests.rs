//! Statistics, shaping and draws of distributions that are known.

use super::DenseLogits;
use super::predict_dense;
use crate::{Affine, Ask, Crossing, Measure, Query, Shaping, TopP, Transition};

fn logits(rows: &[[f32; 3]]) -> DenseLogits {
    DenseLogits::new(rows.iter().flatten().map(|p| p.ln()).collect(), 3).unwrap()
}

#[test]
fn statistics_of_a_known_distribution() {
    let weights = [vec![1.0, 0.0, 1.0], [0.5f32, 0.25, 0.25].iter().map(|u| -u.ln()).collect()];
    let ask = Ask { top_k: 2, expectations: &weights, neighbours: true, ..Ask::default() };
    let targets = [Some(2), None];
    let query = Query { targets: &targets, ..Query::new(&[0; 6], &[4, 5]) };
    let read = logits(&[[0.5, 0.3, 0.2], [0.0, 0.0, 1.0]]).read(&query, &ask).unwrap();

    let first = &read[0];
    assert_eq!((first.position, first.token), (4, 0));
    assert!((first.probability() - 0.5).abs() < 1e-6);
    assert!((first.margin - 0.2).abs() < 1e-6);
    assert!((first.entropy - 1.029_653).abs() < 1e-5);
    assert_eq!(first.top.iter().map(|t| t.token).collect::<Vec<_>>(), [0, 1]);
    assert!((first.expectations[0] - 0.7).abs() < 1e-6);
    assert!((first.expectations[1] - (0.5 * 2f32.ln() + 0.5 * 4f32.ln())).abs() < 1e-6);
    assert_eq!(first.target.unwrap().rank, 2);
    assert!((first.target.unwrap().log_probability - 0.2f32.ln()).abs() < 1e-6);
    // JS((.5,.3,.2), (0,0,1)) = H(.25,.15,.6) − (H(.5,.3,.2) + 0)/2.
    assert!((first.next_divergence.unwrap() - 0.422_812).abs() < 1e-5);
    assert_eq!(read[1].entropy, 0.0);
    assert_eq!(read[1].next_divergence, None);
    assert_eq!(read[1].target, None);
}

#[test]
fn a_uniform_number_inverts_the_cumulative_distribution() {
    let ask = Ask { temperature: 1.0, ..Ask::default() };
    for (u, token) in [(0.0, 0), (0.499, 0), (0.501, 1), (0.799, 1), (0.801, 2), (0.999_999, 2)] {
        let query = Query { uniforms: &[u], ..Query::new(&[0], &[0]) };
        let read = logits(&[[0.5, 0.3, 0.2]]).read(&query, &ask).unwrap();
        assert_eq!(read[0].token, token, "u = {u}");
    }
}

#[test]
fn shaping_keeps_what_it_says() {
    let row = || logits(&[[0.5, 0.3, 0.2]]);
    let nucleus = |mass, crossing| Some(TopP { mass, crossing });
    let banned = [(0, f32::NEG_INFINITY)];
    let biased = [(2, 1.0f32)];
    for (shaping, kept) in [
        (Shaping { top_k: Some(2), ..Shaping::default() }, vec![0.625, 0.375, 0.0]),
        (Shaping { biases: &banned, ..Shaping::default() }, vec![0.0, 0.6, 0.4]),
        // 0.5 < 0.7 ≤ 0.8: the second token crosses.
        (
            Shaping { top_p: nucleus(0.7, Crossing::Kept), ..Shaping::default() },
            vec![0.625, 0.375, 0.0],
        ),
        (
            Shaping { top_p: nucleus(0.7, Crossing::Dropped), ..Shaping::default() },
            vec![1.0, 0.0, 0.0],
        ),
        // The first token stays even where it alone exceeds the mass.
        (
            Shaping { top_p: nucleus(0.1, Crossing::Dropped), ..Shaping::default() },
            vec![1.0, 0.0, 0.0],
        ),
        (
            Shaping { biases: &biased, ..Shaping::default() },
            vec![0.5 / 1.343_656, 0.3 / 1.343_656, 0.543_656 / 1.343_656],
        ),
    ] {
        let p = row().shaped(&shaping).unwrap().probabilities(0);
        let near = p.iter().zip(&kept).all(|(p, kept)| (p - kept).abs() < 1e-6);
        assert!(near, "{shaping:?}: {p:?}");
    }
    let all: Vec<_> = (0..3).map(|v| (v, f32::NEG_INFINITY)).collect();
    assert!(row().shaped(&Shaping { biases: &all, ..Shaping::default() }).is_err());
    let outside = [(3, 1.0)];
    assert!(row().shaped(&Shaping { biases: &outside, ..Shaping::default() }).is_err());
}

#[test]
fn guidance_leads_away_from_the_unconditional() {
    let guided = logits(&[[0.5, 0.3, 0.2]]).guided(&logits(&[[0.2, 0.3, 0.5]]), 1.0).unwrap();
    // p_c²/p_u, normalised.
    let w = [1.25, 0.3, 0.08];
    for (p, w) in guided.probabilities(0).iter().zip(w) {
        assert!((p - w / 1.63).abs() < 1e-6);
    }
}

#[test]
fn a_transition_may_stay_at_a_mask_outside_the_vocabulary() {
    let transition = Transition {
        measure: Measure::Probability,
        jump: Affine { slope: 0.4, ..Affine::default() },
        stay: Affine { constant: 0.6, ..Affine::default() },
    };
    // The cumulative weights are 0.2, 0.32, 0.4 and, for the mask, 1.
    for (u, token) in [(0.1, 0), (0.3, 1), (0.39, 2), (0.41, 3), (0.99, 3)] {
        let query = Query { uniforms: &[u], transitions: &[transition], ..Query::new(&[3], &[0]) };
        let read = logits(&[[0.5, 0.3, 0.2]]).read(&query, &Ask::default()).unwrap();
        assert_eq!(read[0].token, token, "u = {u}");
    }
}

#[test]
fn a_shadow_hides_its_own_token_and_a_memory_tells_how_far_it_moved() {
    // The model says 0 where it sees a mask (3), and otherwise what it sees.
    let rows = |tokens: &[u32], positions: &[usize], _| {
        let row = |&i: &usize| match tokens[i] {
            3 => [0.5, 0.3, 0.2f32].map(f32::ln),
            v => std::array::from_fn(|w| if w == v as usize { 9.0 } else { 0.0 }),
        };
        super::DenseLogits::new(positions.iter().flat_map(row).collect(), 3)
    };
    let ask = Ask { remember: true, ..Ask::default() };
    let query = Query { shadows: &[1], ..Query::new(&[3, 2], &[0, 1]) };
    let mut first = predict_dense(&[query], &ask, 3, rows).unwrap();
    let [open, seen, hidden] = &first.candidates[0][..] else { panic!("three answers") };
    assert_eq!((open.token, seen.token, hidden.token), (0, 2, 0));
    assert!((hidden.target.unwrap().log_probability - 0.2f32.ln()).abs() < 1e-6);
    assert_eq!(open.divergence, None);

    let memory = first.memories.remove(0);
    let again = Query { earlier: Some(&memory), ..Query::new(&[0, 2], &[0]) };
    let second = predict_dense(&[again], &ask, 3, rows).unwrap();
    let p = super::softmax(&[9.0, 0.0, 0.0], 1.0);
    let kl: f64 = p.iter().zip([0.5, 0.3, 0.2]).map(|(p, q)| p * (p / q).ln()).sum();
    assert!((f64::from(second.candidates[0][0].divergence.unwrap()) - kl).abs() < 1e-6);
}

#[test]
fn nan_and_misshapen_logits_are_refused() {
    assert!(DenseLogits::new(vec![0.0, f32::NAN], 2).is_err());
    assert!(DenseLogits::new(vec![0.0; 3], 2).is_err());
    let targets = [Some(3)];
    let outside = Query { targets: &targets, ..Query::new(&[0], &[0]) };
    assert!(logits(&[[0.5, 0.3, 0.2]]).read(&outside, &Ask::default()).is_err());
    let ask = Ask { top_k: 4, ..Ask::default() };
    assert!(logits(&[[0.5, 0.3, 0.2]]).read(&Query::new(&[0], &[0]), &ask).is_err());
}
