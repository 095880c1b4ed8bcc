//! How a tensor's elements are stored, and the numbers they stand for.

use half::{bf16, f16};

/// How a tensor's elements are stored (ggml's types; Gerganov, 2022-2024).
///
/// The quantised ones store blocks of 32 elements: a scale `d` and, in
/// [`Q4_1`](Self::Q4_1), a minimum `m`, both in half precision, then one small
/// integer `q` per element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TensorType {
    /// Single precision.
    F32,
    /// Half precision.
    F16,
    /// `x = (q − 8) d` with `q` in 0..16.
    Q4_0,
    /// `x = q d + m` with `q` in 0..16.
    Q4_1,
    /// `x = q d` with `q` in −128..128.
    Q8_0,
    /// The upper half of single precision.
    Bf16,
}

impl TensorType {
    /// The type with this number in ggml; `None` where it is not decoded.
    pub(crate) fn from_code(code: u32) -> Option<Self> {
        Some(match code {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            8 => Self::Q8_0,
            30 => Self::Bf16,
            _ => return None,
        })
    }

    /// Elements in a block; the innermost dimension is a multiple of it.
    #[must_use]
    pub const fn block_elements(self) -> u64 {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 => 1,
            Self::Q4_0 | Self::Q4_1 | Self::Q8_0 => 32,
        }
    }

    /// Bytes in a block.
    #[must_use]
    pub const fn block_bytes(self) -> u64 {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::Q4_0 => 2 + 16,
            Self::Q4_1 => 2 + 2 + 16,
            Self::Q8_0 => 2 + 32,
        }
    }

    /// The numbers that whole blocks stand for, computed in single precision.
    /// A block that is cut short at the end is left out.
    pub(crate) fn dequantize(self, bytes: &[u8]) -> Vec<f32> {
        let blocks = bytes.len() / self.block_bytes() as usize;
        let mut x = Vec::with_capacity(blocks * self.block_elements() as usize);
        match self {
            Self::F32 => {
                x.extend(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)));
            }
            Self::F16 => x.extend(bytes.as_chunks().0.iter().map(half_precision)),
            Self::Bf16 => {
                x.extend(bytes.as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()));
            }
            Self::Q4_0 => {
                for [d0, d1, q @ ..] in bytes.as_chunks::<18>().0 {
                    let d = half_precision(&[*d0, *d1]);
                    x.extend(nibbles(q).map(|q| (q - 8.0) * d));
                }
            }
            Self::Q4_1 => {
                for [d0, d1, m0, m1, q @ ..] in bytes.as_chunks::<20>().0 {
                    let d = half_precision(&[*d0, *d1]);
                    let m = half_precision(&[*m0, *m1]);
                    x.extend(nibbles(q).map(|q| q * d + m));
                }
            }
            Self::Q8_0 => {
                for [d0, d1, q @ ..] in bytes.as_chunks::<34>().0 {
                    let d = half_precision(&[*d0, *d1]);
                    x.extend(q.iter().map(|q| f32::from(q.cast_signed()) * d));
                }
            }
        }
        x
    }
}

fn half_precision(bytes: &[u8; 2]) -> f32 {
    f16::from_le_bytes(*bytes).to_f32()
}

/// A block's 32 integers of four bits: the low halves of its 16 bytes are the
/// first 16 elements, the high halves the last 16.
fn nibbles(bytes: &[u8; 16]) -> impl Iterator<Item = f32> {
    let low = bytes.iter().map(|byte| f32::from(byte & 0x0f));
    let high = bytes.iter().map(|byte| f32::from(byte >> 4));
    low.chain(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half-precision 1.5, −0.25 and 2⁻¹⁴ (the least normal number), as bits.
    const ONE_AND_A_HALF: [u8; 2] = 0x3e00u16.to_le_bytes();
    const MINUS_A_QUARTER: [u8; 2] = 0xb400u16.to_le_bytes();
    const LEAST_NORMAL: [u8; 2] = 0x0400u16.to_le_bytes();

    /// Sixteen bytes whose low halves count 0..16 and high halves 15..=0.
    fn counting() -> [u8; 16] {
        std::array::from_fn(|i| (i as u8) | (15 - i as u8) << 4)
    }

    #[test]
    fn single_precision_is_taken_as_it_is() {
        let numbers = [0.0, -1.0, f32::MIN_POSITIVE, 1.0e38];
        let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(TensorType::F32.dequantize(&bytes), numbers);
    }

    #[test]
    fn half_precision_is_exact() {
        let bytes = [ONE_AND_A_HALF, MINUS_A_QUARTER, LEAST_NORMAL].concat();
        assert_eq!(TensorType::F16.dequantize(&bytes), [1.5, -0.25, 2f32.powi(-14)]);
    }

    #[test]
    fn bf16_is_the_upper_half_of_single_precision() {
        let numbers = [1.0f32, -3.5, 2f32.powi(100)];
        let bytes: Vec<u8> =
            numbers.iter().flat_map(|x| ((x.to_bits() >> 16) as u16).to_le_bytes()).collect();
        assert_eq!(TensorType::Bf16.dequantize(&bytes), numbers);
    }

    #[test]
    fn q4_0_is_centred_on_eight() {
        let block = [&ONE_AND_A_HALF[..], &counting()].concat();
        let x = TensorType::Q4_0.dequantize(&block);
        assert_eq!(x.len(), 32);
        for i in 0..16 {
            assert_eq!(x[i], (i as f32 - 8.0) * 1.5);
            assert_eq!(x[16 + i], (7.0 - i as f32) * 1.5);
        }
    }

    #[test]
    fn q4_1_is_scale_times_quant_plus_minimum() {
        let first = [&ONE_AND_A_HALF[..], &MINUS_A_QUARTER, &counting()].concat();
        let second = [&MINUS_A_QUARTER[..], &ONE_AND_A_HALF, &[0xf0; 16]].concat();
        let x = TensorType::Q4_1.dequantize(&[first, second].concat());
        assert_eq!(x.len(), 64);
        for i in 0..16 {
            assert_eq!(x[i], i as f32 * 1.5 - 0.25);
            assert_eq!(x[16 + i], (15.0 - i as f32) * 1.5 - 0.25);
            assert_eq!(x[32 + i], 1.5);
            assert_eq!(x[48 + i], 15.0 * -0.25 + 1.5);
        }
    }

    #[test]
    fn q8_0_is_signed() {
        let quants: [i8; 32] = std::array::from_fn(|i| [-128, -1, 0, 127][i % 4]);
        let block = [&MINUS_A_QUARTER[..], &quants.map(i8::cast_unsigned)].concat();
        let x = TensorType::Q8_0.dequantize(&block);
        assert_eq!(x.len(), 32);
        for (x, q) in x.iter().zip(quants) {
            assert_eq!(*x, f32::from(q) * -0.25);
        }
    }

    #[test]
    fn a_block_has_the_size_that_its_parts_add_up_to() {
        for code in 0..64 {
            let Some(kind) = TensorType::from_code(code) else { continue };
            let bytes = vec![0; 3 * kind.block_bytes() as usize];
            assert_eq!(kind.dequantize(&bytes).len() as u64, 3 * kind.block_elements());
        }
    }
}
