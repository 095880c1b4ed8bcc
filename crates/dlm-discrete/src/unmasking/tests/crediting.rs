//! Credit against the whole matrix of it.

use dlm_core::{Ask, DenseLogits, Query};
use dlm_rng::{Key, Purpose};

use crate::unmasking::{CreditRule, commit::Credits};

const VOCAB: usize = 7;

/// `C ← β·C + [v = v*]·p^γ` over the whole vocabulary, then the softmax of
/// `l + α·ln(1 + C)`: its most probable token and that token's probability.
fn dense(rule: &CreditRule, credit: &mut [f64], logits: &[f64]) -> (u32, f64) {
    let softmax = |l: &[f64]| {
        let total: f64 = l.iter().map(|l| l.exp()).sum();
        l.iter().map(|l| l.exp() / total).collect::<Vec<f64>>()
    };
    let best = |p: &[f64]| (0..VOCAB).fold(0, |best, v| if p[best] < p[v] { v } else { best });
    let p = softmax(logits);
    credit.iter_mut().for_each(|c| *c *= rule.beta);
    credit[best(&p)] += p[best(&p)].powf(rule.gamma);
    let raised: Vec<f64> =
        logits.iter().zip(credit).map(|(l, c)| l + rule.alpha * c.ln_1p()).collect();
    let p = softmax(&raised);
    (best(&p) as u32, p[best(&p)])
}

#[test]
fn a_short_list_per_position_is_the_whole_matrix() {
    let rules = [
        CreditRule { above: 0.9, alpha: 0.7, beta: 0.8, gamma: 0.2 },
        CreditRule { above: 0.9, alpha: 2.0, beta: 1.0, gamma: 0.0 },
        CreditRule { above: 0.9, alpha: 0.5, beta: 0.0, gamma: 1.0 },
        CreditRule { above: 0.9, alpha: 0.0, beta: 0.5, gamma: 1.0 },
    ];
    let mut stream = Key::new(3).purpose(Purpose::Test).stream();
    let mut overruled = 0;
    for rule in rules {
        let mut credits = Credits::default();
        let mut matrix = vec![vec![0.0; VOCAB]; 2];
        for step in 0..40 {
            for position in [4usize, 9] {
                let logits: Vec<f32> = (0..VOCAB).map(|_| stream.normal() as f32).collect();
                let watched = [credits.watched(position)];
                let asked = [position];
                let query = Query { watched: &watched, ..Query::new(&[0; 10], &asked) };
                let row = DenseLogits::new(logits.clone(), VOCAB).unwrap();
                let ask = Ask { top_k: 1, ..Ask::default() };
                let mut candidate = row.read(&query, &ask).unwrap().remove(0);
                let mode = candidate.token;
                credits.apply(&rule, &mut candidate);

                let logits: Vec<f64> = logits.into_iter().map(f64::from).collect();
                let (token, p) = dense(&rule, &mut matrix[position / 9], &logits);
                assert_eq!(candidate.token, token, "{rule:?}, step {step}");
                assert!((f64::from(candidate.probability()) - p).abs() < 1e-6);
                overruled += usize::from(token != mode);
            }
        }
    }
    assert!(10 < overruled, "credit overruled the mode {overruled} times");
}

/// A token that leads again and again is sooner sure than it would be by itself.
#[test]
fn leading_earns_confidence() {
    let rule = CreditRule { above: 0.9, alpha: 0.7, beta: 0.8, gamma: 0.2 };
    let mut credits = Credits::default();
    let mut last = 0.0;
    for _ in 0..6 {
        let watched = [credits.watched(0)];
        let query = Query { watched: &watched, ..Query::new(&[0], &[0]) };
        let row = DenseLogits::new(vec![0.6f32.ln(), 0.4f32.ln()], 2).unwrap();
        let mut candidate =
            row.read(&query, &Ask { top_k: 1, ..Ask::default() }).unwrap().remove(0);
        credits.apply(&rule, &mut candidate);
        assert!(last < candidate.probability());
        last = candidate.probability();
    }
    assert!(last < 0.9 && 0.75 < last, "{last}");
}

/// Two tokens of equal credit and equal probability: the lower id.
#[test]
fn equal_weights_go_to_the_lower_token() {
    let rule = CreditRule { above: 0.9, alpha: 1.0, beta: 1.0, gamma: 0.0 };
    let mut credits = Credits::default();
    for (p, token) in [([0.1f32, 0.4, 0.5], 2), ([0.2, 0.4, 0.4], 1)] {
        let watched = [credits.watched(0)];
        let query = Query { watched: &watched, ..Query::new(&[0], &[0]) };
        let row = DenseLogits::new(p.map(f32::ln).to_vec(), 3).unwrap();
        let ask = Ask { top_k: 1, ..Ask::default() };
        let mut candidate = row.read(&query, &ask).unwrap().remove(0);
        credits.apply(&rule, &mut candidate);
        assert_eq!(candidate.token, token);
    }
}
