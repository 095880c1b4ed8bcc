//! Llama as it is published and as an adapter makes it a masked model, against
//! transformers and PEFT.

use dlm_core::Ask;

use crate::{
    checkpoint::{Checkpoint, arrays, fixture, named, open, sequences},
    questions::{Question, dense, distributions, predict},
};

const ADAPTED: &str = "llama-tiny+llama-tiny-adapter";

/// What f32 leaves of a logarithm after a few blocks summed in another order.
const LOGARITHM: f32 = 1e-3;

/// Two sequences of unlike length and the reference's `ln p(· | tokens up to i)`,
/// `[sequence][i][token]`.
fn causal(name: &str) -> (Vec<Vec<u32>>, Vec<Vec<Vec<f64>>>) {
    let path = fixture(&format!("golden/{name}/logits_rightpad.safetensors"));
    let (tokens, logits) = (sequences(&path), &arrays(&path)["logits"]);
    let (length, vocab) = (logits.shape[1], logits.shape[2]);
    let log_softmax = |row: usize| {
        let p = dense(&[logits.row(row).to_vec()], vocab).probabilities(0);
        p.into_iter().map(f64::ln).collect()
    };
    let rows = tokens.iter().enumerate();
    let rows = rows.map(|(s, t)| (0..t.len()).map(|i| log_softmax(s * length + i)).collect());
    let rows = rows.collect();
    (tokens, rows)
}

#[test]
fn targets_give_the_next_token_log_probabilities() {
    for name in ["llama-tiny", "llama-tiny-biased"] {
        let (sequences, expected) = causal(name);
        assert_ne!(sequences[0].len(), sequences[1].len());
        let questions: Vec<Question> = sequences
            .iter()
            .map(|tokens| {
                let question = Question { tokens: tokens.clone(), ..Question::default() };
                question.at(1..tokens.len()).knowing(|i| Some(tokens[i]))
            })
            .collect();
        let answers = predict(&mut named(name, None), &questions, &Ask::default()).candidates;
        for ((tokens, expected), answers) in sequences.iter().zip(&expected).zip(&answers) {
            for (i, answer) in (1..tokens.len()).zip(answers) {
                let ours = answer.target.unwrap().log_probability;
                let theirs = expected[i - 1][tokens[i] as usize] as f32;
                let at = format!("{name}, token {i}");
                assert!((ours - theirs).abs() < LOGARITHM, "{at}: {ours}, reference {theirs}");
                let better = |slack: f64| {
                    let least = f64::from(theirs) + slack;
                    expected[i - 1].iter().filter(|&&other| least < other).count() as u32
                };
                let ranks = better(f64::from(LOGARITHM))..=better(-f64::from(LOGARITHM));
                assert!(ranks.contains(&answer.target.unwrap().rank), "{at}: {ranks:?}");
            }
        }
    }
}

#[test]
fn a_shifted_model_reads_every_position_from_the_row_before_and_the_first_in_place() {
    for name in ["llama-tiny", "llama-tiny-biased"] {
        let (sequences, expected) = causal(name);
        let questions: Vec<Question> = sequences
            .iter()
            .map(|tokens| Question { tokens: tokens.clone(), ..Question::default() })
            .map(|question| {
                let all = 0..question.tokens.len();
                question.at(all)
            })
            .collect();
        let mut model = named(name, None);
        assert!(model.description().shifted && model.description().causal);
        for (s, rows) in distributions(&mut model, &questions).iter().enumerate() {
            for (i, row) in rows.iter().enumerate() {
                let theirs = &expected[s][i.saturating_sub(1)];
                let pairs = row.iter().zip(theirs);
                let differences = pairs.map(|(&ours, &theirs)| (ours - theirs as f32).abs());
                let largest = differences.fold(0.0, f32::max);
                assert!(largest < LOGARITHM, "{name}, sequence {s}, position {i}: {largest}");
            }
        }
    }
}

#[test]
fn what_follows_is_unseen_without_the_adapter_and_seen_with_it() {
    let early = |name: &str, last: u32| {
        let tokens = vec![40, 51, 62, 73, 84, last];
        let question = Question { tokens, positions: vec![0, 2, 5], ..Question::default() };
        distributions(&mut named(name, None), &[question]).remove(0)
    };
    let change = |name: &str, place: usize| {
        let (a, b) = (early(name, 95), early(name, 200));
        // Token 16 is ruled out under the adapter, where its logarithm is no number.
        let pairs = a[place].iter().zip(&b[place]).filter(|(a, _)| a.is_finite());
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    for place in 0..3 {
        assert_eq!(change("llama-tiny", place), 0.0);
        assert!(0.01 < change(ADAPTED, place));
    }
}

#[test]
fn the_adapted_model_answers_as_peft_and_transformers_do() {
    let mut model = named(ADAPTED, None);
    let mask = model.mask().unwrap();
    assert_eq!((mask, model.end_of_sequence()), (16, Some(2)));
    assert!(model.description().shifted && !model.description().causal);
    for case in ["probe", "infill"] {
        let path = fixture(&format!("golden/llama-tiny-adapted/{case}.safetensors"));
        let tokens = sequences(&path).remove(0);
        let masked: Vec<usize> = (0..tokens.len()).filter(|&i| tokens[i] == mask).collect();
        assert!(5 < masked.len(), "{case}");
        let question = Question { tokens, ..Question::default() };
        let question = question.clone().at(0..question.tokens.len());
        let expected = &arrays(&path)["log_probabilities"];
        let ours = distributions(&mut model, std::slice::from_ref(&question)).remove(0);
        for (position, row) in ours.iter().enumerate() {
            let pairs = row.iter().zip(expected.row(position));
            // Two infinities are equal and have no difference.
            let unequal = pairs.filter(|(ours, theirs)| ours != theirs);
            let largest = unequal.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(largest < LOGARITHM, "{case}, position {position}: off by {largest}");
        }

        let ask = Ask { top_k: 3, ..Ask::default() };
        let answers = predict(&mut model, &[question.at(masked)], &ask).candidates.remove(0);
        for answer in answers {
            let row = expected.row(answer.position);
            let mut order: Vec<usize> = (0..row.len()).collect();
            order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
            for rank in 0..3 {
                let lead = row[order[rank]].exp() - row[order[rank + 1]].exp();
                let before = if rank == 0 { 1.0 } else { row[order[rank - 1]].exp() };
                if 4e-4 < lead.min(before - row[order[rank]].exp()) {
                    assert_eq!(answer.top[rank].token as usize, order[rank], "{case}");
                }
            }
        }
    }
}

#[test]
fn the_mask_of_an_adapter_is_never_predicted() {
    // A base whose head likes nothing better than the token that will be the mask.
    let mut base = Checkpoint::model("llama-tiny");
    let embedding = base.tensor("model.embed_tokens.weight");
    for column in 0..64 {
        let sum: f32 = (100..140).map(|row| embedding.row(row)[column]).sum();
        embedding.row_mut(16)[column] = 4.0 * sum;
    }
    let folder = base.write();
    let adapter = fixture("models/llama-tiny-adapter");
    let question = Question::new(320, 16, 30, 40, 3);
    let whole = question.clone().at(0..70);

    let mut plain = open(folder.path(), None, None);
    let answers = predict(&mut plain, std::slice::from_ref(&whole), &Ask::default());
    let wanted = answers.candidates[0].iter().filter(|candidate| candidate.token == 16).count();
    assert!(10 < wanted, "only {wanted} predictions would be the mask");

    let mut adapted = open(folder.path(), Some(&adapter), None);
    let whole = whole.knowing(|_| Some(16));
    for (temperature, uniform) in
        [(0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (50.0, 0.05), (1e6, 0.051), (1.0, 1f64.next_down())]
    {
        let whole = Question { uniforms: vec![uniform; 70], ..whole.clone() };
        let ask = Ask { temperature, top_k: 320, ..Ask::default() };
        for candidate in predict(&mut adapted, &[whole], &ask).candidates.remove(0) {
            let at = format!("position {}, T = {temperature}, u = {uniform}", candidate.position);
            assert_ne!(candidate.token, 16, "{at}");
            assert_eq!(candidate.top[319].token, 16, "{at}: the last of all");
            assert_eq!(candidate.top[319].log_probability.exp(), 0.0, "{at}");
            assert_eq!(candidate.target.unwrap().rank, 319, "{at}");
            assert_eq!(candidate.target.unwrap().log_probability.exp(), 0.0, "{at}");
            assert!(candidate.entropy.is_finite() && candidate.margin.is_finite(), "{at}");
        }
    }
}
