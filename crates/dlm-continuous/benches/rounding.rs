//! What it costs to find the nearest of 49,152 embeddings for 128 positions, against the
//! matrix product within and against the best that the same library does on this machine.
//!
//! All are on all threads. The bare product is that of the rounding, `[128, 576]` by
//! `[576, 49152]`, cut into the same blocks, and as one call of the library a thread. The peak
//! is the best rate of all products in the run: these two and large square ones.
//!
//! After criterion's own figures a table compares them. For it they take turns, and the
//! fastest turn of each counts: a machine that is busy is busy for all.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::Criterion;
use dlm_continuous::rounding::{Embeddings, Head, NearestEmbedding};
use dlm_core::{DenseLatent, Shape};
use dlm_rng::Key;
use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use rayon::prelude::*;

const POSITIONS: usize = 128;
const DIM: usize = 576;
const VOCAB: usize = 49_152;
const BLOCK: usize = 256;
const SQUARES: [usize; 2] = [1024, 2048];
const TURNS: usize = 12;

/// Its name, its floating-point operations, and what is timed.
type Way<'a> = (String, f64, Box<dyn FnMut() + 'a>);

fn main() {
    let mut stream = Key::new(1).stream();
    let mut normals =
        |count: usize| -> Vec<f32> { (0..count).map(|_| stream.normal() as f32).collect() };
    let (table, values) = (normals(VOCAB * DIM), normals(POSITIONS * DIM));
    let embeddings = Embeddings::new(VOCAB, DIM, table.clone()).expect("a vocabulary");
    let nearest = NearestEmbedding::new(embeddings);
    let head = Head::tied(nearest.embeddings().clone(), None).expect("a head");
    let shape = Shape { batch: 1, length: POSITIONS, dim: DIM };
    let x = DenseLatent::new(shape, values.clone()).expect("a latent");
    let mut scores = vec![0.0; POSITIONS * VOCAB];
    let mut squares = SQUARES.map(|size| {
        let square = size * size;
        (size, normals(square), normals(square), vec![0.0; square])
    });

    let product = 2.0 * (POSITIONS * DIM * VOCAB) as f64;
    let mut ways: Vec<Way<'_>> = vec![
        (
            "nearest embedding".into(),
            product,
            Box::new(|| {
                black_box(nearest.nearest(&x).expect("finite"));
            }),
        ),
        (
            "head".into(),
            product,
            Box::new(|| {
                black_box(head.most_probable(&x).expect("finite"));
            }),
        ),
        ("product in blocks".into(), product, Box::new(|| blocks(&values, &table))),
        ("product".into(), product, Box::new(|| whole(&values, &table, DIM, &mut scores))),
    ];
    for (size, a, b, out) in &mut squares {
        let size = *size;
        let flop = 2.0 * (size as f64).powi(3);
        let square = move || whole(a, b, size, out);
        ways.push((format!("square product, {size}"), flop, Box::new(square)));
    }

    let mut criterion = Criterion::default()
        .sample_size(10)
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    for (name, _, way) in &mut ways {
        criterion.bench_function(name, |bencher| bencher.iter(&mut *way));
    }

    let mut best = vec![Duration::MAX; ways.len()];
    for _ in 0..TURNS {
        for ((_, _, way), best) in ways.iter_mut().zip(&mut best) {
            let start = Instant::now();
            way();
            *best = start.elapsed().min(*best);
        }
    }
    let rate = |flop: f64, time: &Duration| flop / time.as_secs_f64() * 1e-9;
    let peak = (ways.iter().zip(&best).skip(2))
        .map(|((_, flop, _), time)| rate(*flop, time))
        .fold(0.0, f64::max);
    println!("\n{POSITIONS} positions x {DIM} against {VOCAB} embeddings, f32, fastest of {TURNS}");
    println!(
        "{} threads; the peak is the best rate of a product below",
        rayon::current_num_threads()
    );
    println!("\n| | ms | GFLOP/s | share of peak |\n|---|---|---|---|");
    for ((name, flop, _), time) in ways.iter().zip(&best) {
        let (ms, rate) = (time.as_secs_f64() * 1e3, rate(*flop, time));
        println!("| {name} | {ms:.1} | {rate:.1} | {:.0} % |", 100.0 * rate / peak);
    }
}

/// The product of the rounding, as the rounding cuts it.
fn blocks(x: &[f32], table: &[f32]) {
    table.par_chunks(BLOCK * DIM).for_each_init(Vec::new, |scores, block| {
        scores.resize(POSITIONS * BLOCK, 0.0);
        product(x, block, DIM, scores);
        black_box(scores);
    });
}

/// The whole product, an equal share of the columns a thread.
fn whole(x: &[f32], w: &[f32], dim: usize, out: &mut [f32]) {
    let (n, share) = (x.len() / dim, (w.len() / dim).div_ceil(rayon::current_num_threads()));
    let shares = w.par_chunks(share * dim).zip(out.par_chunks_mut(share * n));
    shares.for_each(|(w, out)| product(x, w, dim, out));
    black_box(out);
}

/// `out = X·Wᵀ`, row-major.
fn product(x: &[f32], w: &[f32], dim: usize, out: &mut [f32]) {
    let (n, m) = (x.len() / dim, w.len() / dim);
    let x = MatRef::from_row_major_slice(x, n, dim);
    let w = MatRef::from_row_major_slice(w, m, dim);
    let out = MatMut::from_column_major_slice_mut(out, m, n);
    matmul(out, Accum::Replace, w, x.transpose(), 1.0, Par::Seq);
}
