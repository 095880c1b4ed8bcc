//! How fast this machine multiplies the matrices that a model consists of.
//!
//! A model's speed is read as a share of this ceiling, measured by the same program
//! in the same run: a share does not change when a machine is shared or slow.

use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};

use crate::{Error, Model, Trainee};

/// Matrix products of one model and what they cost alone.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Ceiling {
    /// One entry per distinct product.
    pub products: Vec<Product>,
    /// `Σ FLOP / Σ seconds` over the model's own products, GFLOP/s.
    pub gflops: f64,
}

/// One shape of product, `[rows, in] × [in, out]`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Product {
    /// Rows of the left matrix.
    pub rows: i64,
    /// Columns of the left matrix.
    pub into: i64,
    /// Columns of the right matrix.
    pub out: i64,
    /// How often one pass of `rows` tokens computes it.
    pub times: u64,
    /// The mean rate over a second, GFLOP/s.
    pub gflops: f64,
}

/// Floating-point operations of the matrix products of `tokens` tokens of which
/// `asked` pass the head: `2·in·out` each, attention left out.
pub fn matmul_flop(model: &Model, tokens: u64, asked: u64) -> f64 {
    let (body, head) = model.products();
    let flop = |&(into, out): &(i64, i64)| 2.0 * into as f64 * out as f64;
    body.iter().map(flop).sum::<f64>() * tokens as f64 + flop(&head) * asked as f64
}

/// Floating-point operations of training on `tokens` tokens of which `asked` pass the head.
///
/// Each product of the base counts twice, forwards and for the gradient of its input;
/// those of its update of rank `r`, `2·r·(in + out)` each, count three times, because their
/// own gradient is formed as well.
pub fn training_flop(trainee: &Trainee, tokens: u64, asked: u64) -> f64 {
    let rank = trainee.plan().rank as f64;
    let flop = |&(into, out): &(i64, i64)| {
        let (into, out) = (into as f64, out as f64);
        4.0 * into * out + 6.0 * rank * (into + out)
    };
    let body: f64 = trainee.products().iter().map(flop).sum();
    let (vocab, width) = trainee.size();
    body * tokens as f64 + 4.0 * (vocab * width) as f64 * asked as f64
}

/// Measures the products of `model`, the head seeing `asked_share` of all rows.
///
/// # Errors
///
/// Where libtorch refuses an operation.
pub fn ceiling(model: &Model, asked_share: f64) -> Result<Ceiling, Error> {
    let (device, kind, batch) = model.placement();
    let (body, head) = model.products();
    measure(body, head, batch, asked_share, device, kind)
}

/// Measures the products of a step of training on `tokens` tokens, `asked_share` of which
/// pass the head.
///
/// # Errors
///
/// Where libtorch refuses an operation.
pub fn training_ceiling(
    trainee: &Trainee,
    tokens: usize,
    asked_share: f64,
) -> Result<Ceiling, Error> {
    let (device, kind) = trainee.placement();
    let (vocab, width) = trainee.size();
    measure(trainee.products(), (width, vocab), tokens, asked_share, device, kind)
}

fn measure(
    body: Vec<(i64, i64)>,
    head: (i64, i64),
    rows: usize,
    asked_share: f64,
    device: Device,
    kind: Kind,
) -> Result<Ceiling, Error> {
    let rows = rows as i64;
    let mut products: Vec<Product> = Vec::new();
    for (into, out) in body {
        match products.iter_mut().find(|p| (p.into, p.out) == (into, out)) {
            Some(known) => known.times += 1,
            None => products.push(Product { rows, into, out, times: 1, gflops: 0.0 }),
        }
    }
    let asked = ((rows as f64 * asked_share) as i64).max(1);
    products.push(Product { rows: asked, into: head.0, out: head.1, times: 1, gflops: 0.0 });
    let (mut flop, mut seconds) = (0.0, 0.0);
    for product in &mut products {
        product.gflops = rate(product.rows, product.into, product.out, device, kind)?;
        let total =
            2e-9 * (product.rows * product.into * product.out) as f64 * product.times as f64;
        flop += total;
        seconds += total / product.gflops;
    }
    Ok(Ceiling { products, gflops: flop / seconds })
}

/// GFLOP/s of a square product, the figure that processors are compared by.
///
/// # Errors
///
/// Where libtorch refuses an operation.
pub fn square(size: i64, model: &Model) -> Result<f64, Error> {
    let (device, kind, _) = model.placement();
    rate(size, size, size, device, kind)
}

fn rate(rows: i64, into: i64, out: i64, device: Device, kind: Kind) -> Result<f64, Error> {
    // Values do not matter to the time, as long as they are ordinary numbers.
    let ramp = |rows: i64, columns: i64| {
        Tensor::f_arange(rows * columns, (Kind::Float, device))?
            .f_remainder(7.0)?
            .f_sub_scalar(3.0)?
            .f_view([rows, columns])?
            .f_to_kind(kind)
    };
    let (a, b) = (ramp(rows, into)?, ramp(out, into)?);
    let once = || -> Result<Duration, Error> {
        let start = Instant::now();
        let product = a.f_linear::<Tensor>(&b, None)?;
        // Reading one number back waits for a device that computes on its own.
        let _ = product.f_narrow(0, 0, 1)?.f_narrow(1, 0, 1)?.f_to_device(Device::Cpu)?;
        Ok(start.elapsed())
    };
    once()?;
    // A mean and not the best try: what it is compared with takes seconds, over which
    // a shared machine is never at its best.
    let (mut total, mut tries) = (Duration::ZERO, 0);
    while tries < 5 || total < Duration::from_secs(1) {
        total += once()?;
        tries += 1;
    }
    Ok(2e-9 * (rows * into * out) as f64 * f64::from(tries) / total.as_secs_f64())
}
