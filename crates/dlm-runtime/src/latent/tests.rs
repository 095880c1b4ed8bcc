//! What a latent in host memory says, a latent on a device says too.

use std::error::Error as _;

use dlm_core::{DenseLatent, Latent, LatentError, Rounding, Shape, Weights};
use dlm_rng::{Key, Purpose};
use tch::{Kind, Tensor};

use super::{HeadRounding, LatentDtype, TensorLatent, TensorRounding};
use crate::{DeviceChoice, DtypeChoice, Error, LoadOptions, Model, Source};

const SHAPE: Shape = Shape { batch: 3, length: 5, dim: 7 };

fn normals(numbers: usize, seed: u64) -> Vec<f64> {
    let mut stream = Key::new(seed).purpose(Purpose::Test).stream();
    (0..numbers).map(|_| stream.normal()).collect()
}

fn dense(shape: Shape, seed: u64) -> DenseLatent {
    DenseLatent::new(shape, normals(shape.numbers(), seed)).unwrap()
}

fn on_device(latent: &DenseLatent, dtype: LatentDtype) -> TensorLatent {
    TensorLatent::from_dense(latent, DeviceChoice::Auto, dtype).unwrap()
}

/// The largest difference of two latents.
fn distance(x: &TensorLatent, y: &DenseLatent) -> f64 {
    let x: DenseLatent = x.to_dense().unwrap();
    assert_eq!(x.shape(), y.shape());
    x.values().iter().zip(y.values()).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
}

/// The kinds of numbers, and how far a sum of a few numbers of size 1 may be off.
const KINDS: [(LatentDtype, f64); 3] =
    [(LatentDtype::F64, 1e-14), (LatentDtype::F32, 3e-6), (LatentDtype::Bf16, 1e-1)];

#[test]
fn combinations_equal_those_in_host_memory() {
    let entry = |i: usize| [0.3 * i as f64 - 1.0, 0.5, 1.0 / (i + 1) as f64];
    let all = [
        Weights::Shared([0.9, -0.2, 0.4]),
        Weights::PerPosition((0..5).map(entry).collect()),
        Weights::PerPosition((0..15).map(entry).collect()),
    ];
    let terms = [1, 2, 3].map(|seed| dense(SHAPE, seed));
    for (dtype, tolerance) in KINDS {
        let ours = terms.each_ref().map(|term| on_device(term, dtype));
        for weights in &all {
            let expected = DenseLatent::combine(weights, terms.each_ref()).unwrap();
            let sum = TensorLatent::combine(weights, ours.each_ref()).unwrap();
            let off = distance(&sum, &expected);
            assert!(off < tolerance, "{dtype:?}, {weights:?}: off by {off}");
        }
        let chain = ours[0].scaled(0.9).unwrap().plus(&ours[1].scaled(-0.2).unwrap()).unwrap();
        let weights = Weights::Shared([0.9, -0.2]);
        let expected = DenseLatent::combine(&weights, [&terms[0], &terms[1]]).unwrap();
        assert!(distance(&chain, &expected) < tolerance);
    }
}

#[test]
fn what_is_kept_is_kept_bit_by_bit() {
    let shape = Shape { batch: 1, length: 2, dim: 2 };
    let x = DenseLatent::new(shape, vec![-0.0, 1e-300, 3.0, 4.0]).unwrap();
    let y = DenseLatent::new(shape, vec![f64::NAN, f64::INFINITY, 1.0, 2.0]).unwrap();
    let (x, y) = (on_device(&x, LatentDtype::F64), on_device(&y, LatentDtype::F64));
    let weights = Weights::PerPosition(vec![[1.0, 0.0], [0.5, 2.0]]);
    let sum: DenseLatent = TensorLatent::combine(&weights, [&x, &y]).unwrap().to_dense().unwrap();
    assert_eq!(sum.values()[0].to_bits(), (-0.0f64).to_bits());
    assert_eq!(sum.values()[1..], [1e-300, 3.5, 6.0]);
    let sum = TensorLatent::combine(&Weights::Shared([1.0, 0.0]), [&x, &y]).unwrap();
    assert_eq!(sum.to_dense::<f64>().unwrap(), x.to_dense().unwrap());
}

#[test]
fn positions_are_changed_as_in_host_memory() {
    let x = dense(SHAPE, 4);
    let change = |position: usize, row: &mut [f64]| {
        row.iter_mut().for_each(|value| *value = value.sin() + position as f64);
    };
    let expected = x.map_positions(&change).unwrap();
    for (dtype, tolerance) in KINDS {
        let changed = on_device(&x, dtype).map_positions(&change).unwrap();
        assert_eq!(changed.tensor().kind(), on_device(&x, dtype).tensor().kind());
        assert!(distance(&changed, &expected) < tolerance);
    }
}

#[test]
fn a_sequence_has_its_own_product_in_any_batch() {
    for shape in [SHAPE, Shape { batch: 4, length: 64, dim: 96 }] {
        let (x, y) = (dense(shape, 5), dense(shape, 6));
        let expected = x.dot(&y).unwrap();
        for (dtype, tolerance) in KINDS {
            let (x, y) = (on_device(&x, dtype), on_device(&y, dtype));
            let products = x.dot(&y).unwrap();
            for (row, (product, expected)) in products.iter().zip(&expected).enumerate() {
                assert!((product - expected).abs() < 20.0 * tolerance, "{product} {expected}");
                let alone = |x: &TensorLatent| {
                    TensorLatent::new(x.tensor().f_narrow(0, row as i64, 1).unwrap()).unwrap()
                };
                assert_eq!(alone(&x).dot(&alone(&y)).unwrap(), [*product]);
            }
        }
    }
}

#[test]
fn a_latent_without_numbers_is_one() {
    for size in [[0, 3, 2], [2, 0, 2], [2, 3, 0]] {
        let x = TensorLatent::new(Tensor::f_zeros(size, (Kind::Float, tch::Device::Cpu)).unwrap());
        let x = x.unwrap();
        let sum = TensorLatent::combine(&Weights::Shared([1.0, 2.0]), [&x, &x]).unwrap();
        assert_eq!(sum.shape(), x.shape());
        assert_eq!(x.dot(&x).unwrap(), vec![0.0; size[0] as usize]);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let x = on_device(&dense(SHAPE, 1), LatentDtype::F32);
    let y = on_device(&dense(Shape { batch: 5, length: 3, ..SHAPE }, 1), LatentDtype::F32);
    let two = Weights::Shared([1.0, 1.0]);
    let shapes = TensorLatent::combine(&two, [&x, &y]);
    assert!(matches!(shapes, Err(LatentError::Shapes { .. })));
    assert!(matches!(x.dot(&y), Err(LatentError::Shapes { .. })));
    assert!(x.plus(&y).is_err());
    let double = on_device(&dense(SHAPE, 1), LatentDtype::F64);
    let kinds = TensorLatent::combine(&two, [&x, &double]).unwrap_err();
    let kinds = kinds.source().unwrap().to_string();
    assert!(kinds.contains("give all the same numbers"), "{kinds}");
    let four = Weights::PerPosition(vec![[1.0]; 4]);
    assert!(matches!(TensorLatent::combine(&four, [&x]), Err(LatentError::Weights { .. })));
    assert!(matches!(TensorLatent::combine(&Weights::Shared([]), []), Err(LatentError::NoTerms)));
    let flat = TensorLatent::new(Tensor::f_from_slice(&[1.0f32, 2.0]).unwrap()).unwrap_err();
    assert!(flat.to_string().contains("[batch, length, dim]"), "{flat}");
    let whole = Tensor::f_zeros([1, 1, 1], (Kind::Int64, tch::Device::Cpu)).unwrap();
    assert!(TensorLatent::new(whole).is_err());
}

/// Nearest and second nearest by distances in f64, of equals the lowest.
fn brute_force(x: &DenseLatent, table: &[f32], dim: usize) -> Vec<(u32, f64, f64)> {
    let nearest = |x: &[f64]| {
        let square = |e: &[f32]| x.iter().zip(e).map(|(x, &e)| (x - f64::from(e)).powi(2)).sum();
        let squares: Vec<f64> = table.chunks_exact(dim).map(square).collect();
        let mut order: Vec<usize> = (0..squares.len()).collect();
        order.sort_by(|&a, &b| squares[a].total_cmp(&squares[b]));
        let second = order.get(1).map_or(f64::INFINITY, |&token| squares[token]);
        let least = squares[order[0]].sqrt();
        (order[0] as u32, least, second.sqrt() - least)
    };
    x.rows().map(nearest).collect()
}

#[test]
fn the_nearest_embedding_is_that_of_a_search_in_f64() {
    for (vocab, dim, positions) in [(1, 3, 4), (2, 1, 9), (700, 24, 50), (3000, 64, 40)] {
        let mut table: Vec<f32> = normals(vocab * dim, 7).iter().map(|&e| e as f32).collect();
        if 10 < vocab {
            // Equal embeddings in different blocks, and two a last bit apart.
            let first = table[..dim].to_vec();
            table[(vocab - 3) * dim..(vocab - 2) * dim].copy_from_slice(&first);
            let other = table[dim..2 * dim].to_vec();
            table[300 * dim..301 * dim].copy_from_slice(&other);
            table[300 * dim] = f32::from_bits(table[300 * dim].to_bits() + 1);
        }
        let rounding = TensorRounding::from_values(&table, dim, DeviceChoice::Auto).unwrap();
        let shape = Shape { batch: 1, length: positions, dim };
        let mut x = dense(shape, 8);
        if 10 < vocab {
            // Upon embeddings, upon the equal ones, in the middle of two, far away.
            let e = |token: usize, i: usize| f64::from(table[token * dim + i]);
            let rows = x.values_mut().chunks_exact_mut(dim).enumerate();
            for (position, row) in rows {
                for (i, value) in row.iter_mut().enumerate() {
                    match position {
                        0 => *value = e(0, i),
                        1 => *value = e(300, i),
                        2 => *value = 0.5 * (e(5, i) + e(600, i)),
                        3 => *value *= 1e6,
                        4 => *value = 0.0,
                        _ => {}
                    }
                }
            }
        }
        for dtype in [LatentDtype::F64, LatentDtype::F32, LatentDtype::Bf16] {
            let x = on_device(&x, dtype);
            let rounded = rounding.round(&x).unwrap();
            let expected = brute_force(&x.to_dense().unwrap(), &table, dim);
            assert_eq!(rounded.len(), positions);
            for (position, (ours, (token, distance, margin))) in
                rounded.iter().zip(expected).enumerate()
            {
                let place = format!("V = {vocab}, {dtype:?}, position {position}");
                assert_eq!(ours.token, token, "{place}");
                assert_eq!(ours.distance, Some(distance as f32), "{place}");
                assert_eq!(ours.margin, margin as f32, "{place}");
            }
        }
    }
}

#[test]
fn embeddings_round_to_their_tokens() {
    let table: Vec<f32> = normals(40 * 6, 9).iter().map(|&e| e as f32).collect();
    let rounding = TensorRounding::from_values(&table, 6, DeviceChoice::Auto).unwrap();
    let like = on_device(&dense(Shape { batch: 2, length: 3, dim: 6 }, 1), LatentDtype::F64);
    let tokens = [39, 0, 7, 7, 12, 3];
    let embedded = rounding.embed(&tokens, &like).unwrap();
    assert_eq!(embedded.tensor().kind(), Kind::Double);
    let found = rounding.nearest(&embedded).unwrap();
    assert_eq!(found.iter().map(|rounded| rounded.token).collect::<Vec<_>>(), tokens);
    assert!(found.iter().all(|rounded| rounded.distance == Some(0.0)));

    let message = |error: dlm_core::ModelError| error.source().unwrap().to_string();
    let beyond = message(rounding.embed(&[1, 2, 3, 40, 5, 6], &like).unwrap_err());
    assert_eq!(beyond, "token 40 at position 3 is not below the vocabulary of 40");
    assert!(message(rounding.embed(&[1], &like).unwrap_err()).starts_with("1 tokens for 6"));
    let wide = on_device(&dense(SHAPE, 1), LatentDtype::F32);
    assert!(message(rounding.round(&wide).unwrap_err()).contains("dimension 7"));
    let mut broken = dense(like.shape(), 1);
    broken.values_mut()[9] = f64::NAN;
    let broken = rounding.nearest(&on_device(&broken, LatentDtype::F32)).unwrap_err();
    assert!(broken.to_string().contains("not finite at position 1"), "{broken}");
    let bad: [(&[f32], usize); 4] = [(&[], 2), (&[1.0], 2), (&[1.0], 0), (&[f32::NAN, 1.0], 1)];
    for (values, dim) in bad {
        let refused = TensorRounding::from_values(values, dim, DeviceChoice::Auto);
        assert!(matches!(refused, Err(Error::Latent(_))));
    }
}

#[test]
fn a_network_rounds_by_its_embeddings_and_by_its_head() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models/llada-tiny");
    let source = Source { id: folder.into(), revision: None, folder: folder.into(), adapter: None };
    let (device, dtype) = (DeviceChoice::Cpu, DtypeChoice::F32);
    let model = Model::load(source, LoadOptions { device, dtype, ..LoadOptions::default() });
    let model = model.unwrap();
    let shape = Shape { batch: 2, length: 4, dim: model.description().width };
    let like = TensorLatent::from_dense(&dense(shape, 3), device, LatentDtype::F32).unwrap();
    let head = HeadRounding::new(&model);
    let nearest = TensorRounding::of(&model).unwrap();
    let tokens = [5, 6, 7, 8, 9, 10, 11, 12];
    let embedded = head.embed(&tokens, &like).unwrap();
    let found = nearest.round(&embedded).unwrap();
    assert_eq!(found.iter().map(|rounded| rounded.token).collect::<Vec<_>>(), tokens);

    let rows = like.tensor().f_view([8, -1]).unwrap();
    let p = model.network().logits(&rows).unwrap().f_softmax(-1, Kind::Double).unwrap();
    for (position, rounded) in head.round(&like).unwrap().into_iter().enumerate() {
        let mut row = Vec::<f64>::try_from(&p.f_get(position as i64).unwrap()).unwrap();
        let best = row[rounded.token as usize];
        row.sort_by(|a, b| b.total_cmp(a));
        assert_eq!(best, row[0]);
        assert!((f64::from(rounded.margin) - (row[0] - row[1])).abs() < 1e-6);
        assert_eq!(rounded.distance, None);
    }
    assert!(head.best(&on_device(&dense(SHAPE, 1), LatentDtype::F32)).is_err());
    let nothing = like.scaled(f64::NAN).unwrap();
    assert!(head.best(&nothing).unwrap_err().to_string().contains("position 0"));
}
