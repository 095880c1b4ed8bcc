//! Rounding against exhaustive searches in f64, planted ties and a published recording.

use std::{fs, path::Path, sync::Arc};

use dlm_continuous::rounding::{
    Embeddings, Head, MbrError, NearestEmbedding, RoundingError, TopP, bleu, mbr, token_f1,
};
use dlm_core::{DenseLatent, Real, Rounded, Rounding, Shape, TokenId};
use dlm_rng::Key;
use safetensors::{SafeTensors, tensor::TensorView};

fn normals(seed: u64, count: usize, scale: f64) -> Vec<f64> {
    let mut stream = Key::new(seed).stream();
    (0..count).map(|_| scale * stream.normal()).collect()
}

fn singles(seed: u64, count: usize, scale: f64) -> Vec<f32> {
    normals(seed, count, scale).into_iter().map(|x| x as f32).collect()
}

fn embeddings(vocab: usize, dim: usize) -> Arc<Embeddings> {
    Arc::new(Embeddings::new(vocab, dim, singles(1, vocab * dim, 1.0)).unwrap())
}

fn latent<F: Real>(shape: [usize; 3], values: &[f64]) -> DenseLatent<F> {
    let shape = Shape { batch: shape[0], length: shape[1], dim: shape[2] };
    DenseLatent::new(shape, values.iter().map(|&x| F::nearest(x)).collect()).unwrap()
}

/// Two best of all tokens by `worth`, greatest first, of equals the lowest.
fn two_best(vocab: usize, worth: impl Fn(usize) -> f64) -> [(usize, f64); 2] {
    let mut all: Vec<_> = (0..vocab).map(|v| (v, worth(v))).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    [all[0], all[1]]
}

fn square<F: Real>(x: &[F], e: &[f32]) -> f64 {
    x.iter().zip(e).map(|(&x, &e)| (x.into() - f64::from(e)).powi(2)).sum()
}

fn exhaustive<F: Real>(x: &DenseLatent<F>, table: &Embeddings) -> Vec<Rounded> {
    let rows: Vec<&[f32]> = table.rows().collect();
    let nearest = |x: &[F]| {
        let [(token, first), (_, second)] = two_best(rows.len(), |v| -square(x, rows[v]));
        let (first, second) = ((-first).sqrt(), (-second).sqrt());
        let margin = (second - first) as f32;
        Rounded { token: token as TokenId, distance: Some(first as f32), margin }
    };
    x.rows().map(nearest).collect()
}

#[test]
fn the_nearest_embedding_is_that_of_an_exhaustive_search_in_f64() {
    // Vocabularies and positions below, at and beyond the size of a block.
    for (vocab, dim, positions, scale) in
        [(2, 1, 5, 1.0), (7, 3, 1, 1e-3), (1024, 8, 128, 1.0), (2051, 33, 131, 30.0)]
    {
        let table = embeddings(vocab, dim);
        let nearest = NearestEmbedding::new(table.clone());
        let values = normals(2, positions * dim, scale);
        let single: DenseLatent<f32> = latent([1, positions, dim], &values);
        assert_eq!(nearest.nearest(&single).unwrap(), exhaustive(&single, &table));
        let double: DenseLatent = latent([1, positions, dim], &values);
        assert_eq!(nearest.nearest(&double).unwrap(), exhaustive(&double, &table));
    }
}

#[test]
fn of_equally_near_tokens_the_lowest_wins_and_the_margin_is_zero() {
    let (vocab, dim) = (3000, 16);
    let mut values = singles(3, vocab * dim, 1.0);
    // Copies within a block, across blocks and at the very end, later ones of earlier.
    let copies = [(5, 6), (9, 1500), (40, 2999), (1100, 1101), (9, 2500)];
    for (from, to) in copies {
        values.copy_within(from * dim..(from + 1) * dim, to * dim);
    }
    let table = Embeddings::new(vocab, dim, values).unwrap();
    let nearest = NearestEmbedding::new(table.clone());
    for (lower, higher) in copies {
        let there = table.row(higher as TokenId).unwrap();
        for off in [0.0, 1e-3, 0.3] {
            let x: Vec<f64> = there.iter().map(|&e| f64::from(e) + off).collect();
            let rounded = nearest.nearest(&latent::<f32>([1, 1, dim], &x)).unwrap()[0];
            assert_eq!((rounded.token, rounded.margin), (lower as TokenId, 0.0));
        }
    }
}

#[test]
fn what_single_precision_cannot_tell_apart_is_decided_in_double() {
    // All embeddings lie so far out that their products in f32 are off by more than they
    // differ, and the nearest is nearer by a ten-millionth of the distance.
    let (vocab, dim) = (2000, 64);
    let mut values = vec![100.0; vocab * dim];
    for (v, row) in values.chunks_exact_mut(dim).enumerate() {
        row[v % dim] += 1.0 + ((v * 7919) % vocab) as f32 * 1e-5;
    }
    let table = Embeddings::new(vocab, dim, values).unwrap();
    let nearest = NearestEmbedding::new(table.clone());
    let x: Vec<f64> = normals(4, 20 * dim, 1e-3).iter().map(|x| 100.0 + x).collect();
    let single: DenseLatent<f32> = latent([4, 5, dim], &x);
    let rounded = nearest.nearest(&single).unwrap();
    assert_eq!(rounded, exhaustive(&single, &table));
    assert!(rounded.iter().any(|rounded| 0.0 < rounded.margin && rounded.margin < 1e-4));

    let close = [0.5f32, 1.0, 0.0, f32::from_bits(0.5f32.to_bits() - 1)];
    let table = Embeddings::new(4, 1, close.to_vec()).unwrap();
    // The middle between 0.5 and its neighbour lies half a unit in the last place below.
    let (middle, nudge) = ((f64::from(close[0]) + f64::from(close[3])) / 2.0, 1e-14);
    let nearest = NearestEmbedding::new(table);
    let x: DenseLatent = latent([1, 3, 1], &[middle, middle - nudge, middle + nudge]);
    let tokens: Vec<_> = nearest.nearest(&x).unwrap().iter().map(|r| r.token).collect();
    assert_eq!(tokens, [0, 3, 0]);
}

#[test]
fn numbers_that_single_precision_cannot_hold_are_rounded_all_the_same() {
    let table = Embeddings::new(3, 2, vec![3e38, 0.0, -3e38, 1e-40, 0.0, 2e-40]).unwrap();
    let nearest = NearestEmbedding::new(table.clone());
    let x: DenseLatent = latent([1, 4, 2], &[1e100, 0.0, -2e38, 5.0, 1e38, 0.0, 0.0, 2e-40]);
    let rounded = nearest.nearest(&x).unwrap();
    assert_eq!(rounded, exhaustive(&x, &table));
    let tokens: Vec<_> = rounded.iter().map(|r| r.token).collect();
    assert_eq!(tokens[1..], [1, 2, 2]);
}

#[test]
fn a_vocabulary_of_one_leaves_no_doubt() {
    let table = Arc::new(Embeddings::new(1, 2, vec![3.0, 4.0]).unwrap());
    let x: DenseLatent = latent([1, 1, 2], &[0.0, 0.0]);
    let expected = Rounded { token: 0, distance: Some(5.0), margin: f32::INFINITY };
    assert_eq!(NearestEmbedding::new(table.clone()).round(&x).unwrap(), [expected]);
    assert_eq!(Head::tied(table, None).unwrap().round(&x).unwrap(), [expected]);
}

#[test]
fn a_sequence_is_rounded_the_same_in_any_batch_and_on_any_number_of_threads() {
    let (vocab, dim, length) = (1500, 24, 37);
    let table = embeddings(vocab, dim);
    let nearest = NearestEmbedding::new(table.clone());
    let head = Head::tied(table.clone(), Some(singles(6, vocab, 1.0))).unwrap();
    let nucleus = TopP::by_distance(table, 2.0, 0.9).unwrap();
    let values = normals(5, 5 * length * dim, 1.0);
    let batch: DenseLatent<f32> = latent([5, length, dim], &values);
    let all = |x: &DenseLatent<f32>| {
        let projected = nucleus.project(x).unwrap().values().to_vec();
        (nearest.nearest(x).unwrap(), head.most_probable(x).unwrap(), projected)
    };
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let three_threads = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let together = one_thread.install(|| all(&batch));
    assert_eq!(three_threads.install(|| all(&batch)), together);
    for sequence in [4, 0, 2] {
        let here = sequence * length..(sequence + 1) * length;
        let numbers = here.start * dim..here.end * dim;
        let alone = all(&latent([1, length, dim], &values[numbers.clone()]));
        assert_eq!(alone.0, together.0[here.clone()]);
        assert_eq!(alone.1, together.1[here]);
        assert_eq!(alone.2, together.2[numbers]);
    }
}

#[test]
fn a_head_gives_the_most_probable_token_and_the_margin_of_probabilities() {
    let (vocab, dim) = (1300, 12);
    let (table, bias) = (embeddings(vocab, dim), singles(8, vocab, 2.0));
    let head = Head::new(table.clone(), Some(bias.clone())).unwrap();
    // Scales from a flat distribution to a certain one, and to logits beyond exp's range.
    for scale in [1e-3, 1.0, 10.0, 1e4] {
        let x: DenseLatent = latent([2, 5, dim], &normals(7, 10 * dim, scale));
        for (x, rounded) in x.rows().zip(head.round(&x).unwrap()) {
            let logits: Vec<f64> = (table.rows().zip(&bias))
                .map(|(w, &b)| {
                    let product: f64 = x.iter().zip(w).map(|(x, &w)| x * f64::from(w)).sum();
                    product + f64::from(b)
                })
                .collect();
            let [(token, first), (_, second)] = two_best(vocab, |v| logits[v]);
            let total: f64 = logits.iter().map(|logit| (logit - first).exp()).sum();
            let margin = (1.0 - (second - first).exp()) / total;
            assert_eq!((rounded.token, rounded.distance), (token as TokenId, None));
            let off = (f64::from(rounded.margin) - margin).abs();
            // As precise as logits are in f32.
            let tolerance = 1e-6 * (1.0 + first.abs()) * margin;
            assert!(off <= tolerance, "{off:e} of {margin:e} at scale {scale}");
        }
    }
}

#[test]
fn a_head_knows_distances_where_it_knows_embeddings() {
    let weights = Embeddings::new(3, 2, vec![1.0, 0.0, 0.0, 1.0, -1.0, -1.0]).unwrap();
    let table = Embeddings::new(3, 2, vec![5.0, 0.0, 3.0, 6.0, 0.0, 0.0]).unwrap();
    let x: DenseLatent = latent([1, 1, 2], &[0.0, 2.0]);
    let head = Head::new(weights, None).unwrap();
    assert!(head.embed(&[1], &x).unwrap_err().to_string().contains("failed"));
    let head = head.with_embeddings(table).unwrap();
    let rounded = head.round(&x).unwrap()[0];
    assert_eq!((rounded.token, rounded.distance), (1, Some(5.0)));
    assert_eq!(head.embed(&[1], &x).unwrap().values(), [3.0, 6.0]);
    // Copies have the same logit, and the lower token wins.
    let twice = Embeddings::new(3, 1, vec![0.5, 2.0, 2.0]).unwrap();
    let x: DenseLatent = latent([1, 1, 1], &[1.0]);
    let rounded = Head::tied(twice, None).unwrap().round(&x).unwrap()[0];
    assert_eq!((rounded.token, rounded.margin), (1, 0.0));
}

#[test]
fn a_projection_is_the_mean_of_the_nucleus() {
    // Logits ln(1, 2, 4, 1) for x = 1.
    let ln2 = std::f32::consts::LN_2;
    let weights = Embeddings::new(4, 1, vec![0.0, ln2, 2.0 * ln2, 0.0]).unwrap();
    let table = Embeddings::new(4, 1, vec![10.0, 20.0, 40.0, 80.0]).unwrap();
    let head = Head::new(weights, None).unwrap().with_embeddings(table).unwrap();
    let x: DenseLatent = latent([1, 1, 1], &[1.0]);
    // The cumulative probabilities are 4/8, 6/8, 7/8 (of the equal ones the lower), 1.
    for (mass, mean) in [
        (0.01, 40.0),
        (0.49, 40.0),
        (0.6, 200.0 / 6.0),
        (0.8, 210.0 / 7.0),
        (0.9, 290.0 / 8.0),
        (1.0, 290.0 / 8.0),
    ] {
        let projected = TopP::by_head(&head, mass).unwrap().project(&x).unwrap();
        assert!((projected.values()[0] - mean).abs() < 1e-5, "{mass}: {projected:?}");
    }
    let drawn = |mass, u| TopP::by_head(&head, mass).unwrap().draw(&x, &[u]).unwrap()[0];
    for (u, token, distance) in [
        (0.0, 2, 39.0),
        (0.57, 2, 39.0),
        (0.58, 1, 19.0),
        (0.85, 1, 19.0),
        (0.86, 0, 9.0),
        (0.999, 0, 9.0),
    ] {
        let rounded = drawn(0.8, u);
        assert_eq!((rounded.token, rounded.distance), (token, Some(distance)));
        // 4/7 − 2/7 of the nucleus.
        assert!((rounded.margin - 2.0 / 7.0).abs() < 1e-6, "{rounded:?}");
    }
    assert_eq!(drawn(0.4, 0.9), Rounded { token: 2, distance: Some(39.0), margin: 1.0 });
    let only = Embeddings::new(1, 1, vec![3.0]).unwrap();
    let only = TopP::by_distance(only, 1.0, 0.5).unwrap().draw(&x, &[0.5]).unwrap()[0];
    assert_eq!(only, Rounded { token: 0, distance: Some(2.0), margin: f32::INFINITY });
}

#[test]
fn a_projection_by_distance_lies_between_clamping_and_the_posterior_mean() {
    let (vocab, dim, sigma) = (700, 6, 0.4);
    let table = embeddings(vocab, dim);
    let x: DenseLatent = latent([2, 20, dim], &normals(9, 40 * dim, 1.0));
    let nearest = NearestEmbedding::new(table.clone());
    let tokens: Vec<_> = nearest.round(&x).unwrap().iter().map(|r| r.token).collect();
    let clamped = nearest.embed(&tokens, &x).unwrap();
    let project = |mass| TopP::by_distance(table.clone(), sigma, mass).unwrap().project(&x);
    assert_eq!(project(1e-9).unwrap(), clamped);
    let rows: Vec<&[f32]> = table.rows().collect();
    let all = project(1.0).unwrap();
    for (x, mean) in x.rows().zip(all.rows()) {
        let weights: Vec<f64> =
            rows.iter().map(|e| (-square(x, e) / (2.0 * sigma * sigma)).exp()).collect();
        let total: f64 = weights.iter().sum();
        for (i, mean) in mean.iter().enumerate() {
            let sum: f64 = weights.iter().zip(&rows).map(|(w, e)| w * f64::from(e[i])).sum();
            assert!((mean - sum / total).abs() < 1e-12);
        }
    }
}

#[test]
fn tokens_are_those_that_diffusion_lm_rounds_to() {
    let (model, recorded) = (fixture("model"), fixture("rounding"));
    let (model, recorded) =
        (SafeTensors::deserialize(&model).unwrap(), SafeTensors::deserialize(&recorded).unwrap());
    let table = Embeddings::new(40, 8, floats(&model.tensor("E").unwrap())).unwrap();
    let shape = Shape { batch: 2, length: 5, dim: 8 };
    let read = |name| DenseLatent::new(shape, floats(&recorded.tensor(name).unwrap())).unwrap();
    let tokens: Vec<TokenId> = (recorded.tensor("tokens").unwrap().data().chunks_exact(8))
        .map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()) as TokenId)
        .collect();
    let nearest = NearestEmbedding::new(table);
    let (x, rounded): (_, DenseLatent<f32>) = (read("x"), read("rounded"));
    let ours: Vec<_> = nearest.round(&x).unwrap().iter().map(|r| r.token).collect();
    assert_eq!(ours, tokens);
    assert_eq!(nearest.embed(&ours, &x).unwrap(), rounded);
}

#[test]
fn what_cannot_be_rounded_is_refused_by_name() {
    let message = |error: RoundingError| error.to_string();
    let new = |vocab, dim, values| message(Embeddings::new(vocab, dim, values).unwrap_err());
    assert!(new(0, 3, vec![]).starts_with("embeddings: 0 rows of dimension 3"));
    assert!(new(3, 0, vec![]).starts_with("embeddings: 3 rows of dimension 0"));
    assert!(new(2, 2, vec![0.0; 3]).starts_with("embeddings: 3 numbers, not 4: give"));
    assert!(new(2, 2, vec![0.0, 0.0, 0.0, f32::NAN]).starts_with("embeddings: token 1 has"));
    let table = embeddings(5, 2);
    let bias = |bias| message(Head::new(table.clone(), Some(bias)).unwrap_err());
    assert!(bias(vec![0.0; 4]).starts_with("bias: 4 numbers, not 5: give"));
    assert!(bias(vec![0.0, 0.0, f32::INFINITY, 0.0, 0.0]).starts_with("bias: token 2 has"));

    let nearest = NearestEmbedding::new(table.clone());
    let wide: DenseLatent = latent([1, 1, 3], &[0.0; 3]);
    assert_eq!(nearest.nearest(&wide), Err(RoundingError::Dimension { given: 3, expected: 2 }));
    let values = [0.0, 1.0, 2.0, 3.0, 4.0, f64::NAN, f64::INFINITY, 0.0];
    let broken: DenseLatent = latent([2, 2, 2], &values);
    let state = Err(RoundingError::State { position: 2 });
    assert_eq!(nearest.nearest(&broken), state);
    assert_eq!(Head::tied(table.clone(), None).unwrap().most_probable(&broken), state);
    assert!(TopP::by_distance(table.clone(), 1.0, 0.5).unwrap().project(&broken).is_err());

    let like: DenseLatent = latent([1, 2, 2], &[0.0; 4]);
    let embed = |tokens| message(table.embed(tokens, &like).unwrap_err());
    assert!(embed(&[1]).starts_with("1 tokens for 2 positions"));
    assert!(embed(&[1, 5]).starts_with("token 5 at position 1 is not below"));
    assert!(table.embed(&[4, TokenId::MAX], &like).is_err());

    let top_p = |sigma, mass| message(TopP::by_distance(table.clone(), sigma, mass).unwrap_err());
    assert!(top_p(1.0, 0.0).starts_with("mass = 0 is outside (0, 1]"));
    assert!(top_p(1.0, f64::NAN).starts_with("mass = NaN"));
    assert!(top_p(0.0, 0.5).starts_with("sigma = 0 is outside"));
    assert!(top_p(f64::INFINITY, 0.5).starts_with("sigma = inf"));
    let all = TopP::by_distance(table.clone(), 1.0, 1.0).unwrap();
    assert!(all.draw(&like, &[0.5]).is_err());
    assert!(message(all.draw(&like, &[0.5, 1.0]).unwrap_err()).starts_with("uniforms = 1"));
    let head = Head::new(table, None).unwrap();
    assert_eq!(TopP::by_head(&head, 0.5).unwrap_err(), RoundingError::NoEmbeddings);
}

#[test]
fn nothing_is_rounded_to_nothing() {
    let table = embeddings(5, 2);
    for shape in [[0, 3, 2], [3, 0, 2]] {
        let empty: DenseLatent = latent(shape, &[]);
        assert_eq!(NearestEmbedding::new(table.clone()).round(&empty).unwrap(), []);
        assert_eq!(Head::tied(table.clone(), None).unwrap().round(&empty).unwrap(), []);
        let projected = TopP::by_distance(table.clone(), 1.0, 0.5).unwrap().project(&empty);
        assert_eq!(projected.unwrap(), empty);
    }
}

#[test]
fn bleu_is_the_product_of_its_precisions() {
    let reference = [1, 2, 3, 4, 5, 6];
    assert_eq!(bleu(&reference, &reference), 1.0);
    assert_eq!(bleu(&[7, 8], &reference), 0.0);
    assert_eq!((bleu(&[], &[]), bleu(&[], &[1]), bleu(&[1], &[])), (1.0, 0.0, 0.0));
    // 3 of 4 tokens, 2 of 3 pairs, 1 of 2 triples, no quadruple; two tokens too short.
    let precisions = (3.0 / 4.0) * (3.0 / 4.0) * (2.0 / 3.0) * (1.0 / 2.0);
    let expected = (1.0f64 - 6.0 / 4.0).exp() * f64::powf(precisions, 0.25);
    assert!((bleu(&[1, 2, 3, 9], &reference) - expected).abs() < 1e-15);
    // A repeated token counts as often as the reference has it: 1 of 3, pairs 0 of 2.
    let expected = f64::powf(1.0 / 3.0 * (1.0 / 3.0) * (1.0 / 2.0), 0.25);
    assert!((bleu(&[1, 1, 1], &[1, 2, 3]) - expected).abs() < 1e-15);
    assert_eq!(token_f1(&[1, 1, 2], &[2, 1]), 0.8);
    assert_eq!((token_f1(&[], &[]), token_f1(&[1], &[2])), (1.0, 0.0));
}

#[test]
fn the_sample_that_agrees_most_is_selected() {
    let samples = [vec![9, 9], vec![1, 2, 3], vec![1, 2, 4], vec![1, 2, 3, 4], vec![]];
    let selected = mbr(&samples, token_f1).unwrap();
    for (i, expected) in selected.expected.iter().enumerate() {
        let mean: f64 = samples.iter().map(|other| token_f1(&samples[i], other)).sum();
        assert_eq!(*expected, mean / 5.0);
    }
    assert_eq!(selected.index, 3);
    // In any order the same sample is selected; of equals the first.
    let mut turned = samples.clone();
    turned.rotate_left(2);
    assert_eq!(
        mbr(&turned, bleu).map(|s| turned[s.index].clone()),
        mbr(&samples, bleu).map(|s| samples[s.index].clone())
    );
    assert_eq!(mbr(&[[1], [2], [2], [1]], token_f1).unwrap().index, 0);
    assert_eq!(mbr(&[[7]], bleu).unwrap().expected, [1.0]);
    assert_eq!(mbr::<Vec<TokenId>>(&[], bleu), Err(MbrError::NoSamples));
    let bad = mbr(&[[1], [2]], |a, b| if a < b { f64::NAN } else { 0.0 });
    assert_eq!(bad, Err(MbrError::Utility { sample: 0, reference: 1 }));
}

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/diffusion_lm");
    fs::read(folder.join(format!("{name}.safetensors"))).unwrap()
}

fn floats(tensor: &TensorView<'_>) -> Vec<f32> {
    let bytes = tensor.data().chunks_exact(4);
    bytes.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}
