//! Recorded tensors of published code.

use dlm_core::{DenseLatent, NoiseLevel, Shape};
use safetensors::{Dtype, SafeTensors};

/// The shape of every recorded state.
pub(crate) const SHAPE: Shape = Shape { batch: 2, length: 5, dim: 8 };

/// A file of tensors in the fixtures folder.
pub(crate) struct Golden(Vec<u8>);

#[allow(dead_code, reason = "every test file opens it, none needs all of it")]
impl Golden {
    pub(crate) fn open(name: &str) -> Self {
        Self(std::fs::read(path(name)).unwrap())
    }

    /// A file of text beside the others.
    pub(crate) fn text(name: &str) -> String {
        std::fs::read_to_string(path(name)).unwrap()
    }

    /// A tensor of numbers, flat; empty where the file has none of this name.
    pub(crate) fn numbers(&self, name: &str) -> Vec<f64> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let Ok(tensor) = file.tensor(name) else { return Vec::new() };
        let data = tensor.data();
        match tensor.dtype() {
            Dtype::F32 => {
                let number = |b: &[u8; 4]| f64::from(f32::from_le_bytes(*b));
                data.as_chunks().0.iter().map(number).collect()
            }
            Dtype::F64 => data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
            Dtype::I64 => {
                data.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect()
            }
            other => panic!("{name} holds {other:?}"),
        }
    }

    /// A list of states, one for each index of the first dimension.
    pub(crate) fn states(&self, name: &str) -> Vec<DenseLatent> {
        let numbers = self.numbers(name);
        let states = numbers.chunks_exact(SHAPE.numbers());
        states.map(|state| DenseLatent::new(SHAPE, state.to_vec()).unwrap()).collect()
    }
}

fn path(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[allow(dead_code, reason = "only one of the recorded programs tells its levels")]
/// The level of a process that keeps the variance; what a schedule calls `ᾱ` is `α²`.
pub(crate) fn kept(alpha_bar: f64) -> NoiseLevel {
    let t = 1.0 - alpha_bar;
    NoiseLevel { t, alpha: alpha_bar.sqrt(), sigma: (1.0 - alpha_bar).sqrt() }
}

#[allow(dead_code, reason = "only one of the recorded programs tells its levels")]
/// The level of a process whose variance grows.
pub(crate) fn grown(sigma: f64) -> NoiseLevel {
    NoiseLevel { t: sigma / (1.0 + sigma), alpha: 1.0, sigma }
}

/// The largest difference of two states.
pub(crate) fn distance(x: &DenseLatent, y: &DenseLatent) -> f64 {
    x.values().iter().zip(y.values()).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
}

/// The largest size of a number.
pub(crate) fn size(states: &[DenseLatent]) -> f64 {
    states.iter().flat_map(DenseLatent::values).fold(0.0, |most, x| x.abs().max(most))
}

/// `x·Mᵀ + b`, position by position; `M` is `[dim, dim]`.
pub(crate) fn affine(matrix: &[f64], bias: &[f64], row: &mut [f64]) {
    let given = row.to_vec();
    for ((x, matrix), bias) in row.iter_mut().zip(matrix.chunks_exact(given.len())).zip(bias) {
        *x = bias + matrix.iter().zip(&given).map(|(m, x)| m * x).sum::<f64>();
    }
}
