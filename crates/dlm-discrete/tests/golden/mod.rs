//! Recorded tensors of published code.

use safetensors::{Dtype, SafeTensors};

/// A file of tensors in the fixtures folder.
pub(crate) struct Golden(Vec<u8>);

#[allow(dead_code, reason = "every test file opens it, none needs all of it")]
impl Golden {
    pub(crate) fn open(name: &str) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
        Self(std::fs::read(format!("{folder}/{name}")).unwrap())
    }

    /// A tensor of floating-point numbers, flat.
    pub(crate) fn floats(&self, name: &str) -> Vec<f64> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let tensor = file.tensor(name).unwrap();
        match tensor.dtype() {
            Dtype::F32 => {
                let numbers = tensor.data().chunks_exact(4);
                numbers.map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect()
            }
            Dtype::F64 => {
                let numbers = tensor.data().chunks_exact(8);
                numbers.map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
            }
            other => panic!("{name} holds {other:?}"),
        }
    }

    /// A tensor of whole numbers, flat.
    pub(crate) fn integers(&self, name: &str) -> Vec<usize> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let tensor = file.tensor(name).unwrap();
        assert_eq!(tensor.dtype(), Dtype::I64, "{name}");
        let numbers = tensor.data().chunks_exact(8);
        numbers.map(|b| i64::from_le_bytes(b.try_into().unwrap()) as usize).collect()
    }
}
