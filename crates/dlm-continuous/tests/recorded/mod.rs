//! Recorded schedules of published code.

use safetensors::{Dtype, SafeTensors};

/// A recorded tensor, flat, and whether it is in single precision.
pub(crate) fn recorded(file: &str, name: &str) -> (Vec<f64>, bool) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/schedules");
    let bytes = std::fs::read(format!("{folder}/{file}")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = tensors.tensor(name).unwrap();
    match tensor.dtype() {
        Dtype::F32 => {
            let numbers = tensor.data().chunks_exact(4);
            let number = |b: &[u8]| f64::from(f32::from_le_bytes(b.try_into().unwrap()));
            (numbers.map(number).collect(), true)
        }
        Dtype::F64 => {
            let numbers = tensor.data().chunks_exact(8);
            (numbers.map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(), false)
        }
        other => panic!("{name} holds {other:?}"),
    }
}
