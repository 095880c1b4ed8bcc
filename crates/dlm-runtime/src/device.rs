//! Where and in what numbers to compute.

use std::{path::Path, str::FromStr};

use tch::{Cuda, Device, Kind};

use crate::{Error, processor};

/// A device as a user asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first CUDA device where there is one, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The CUDA device of that index.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || format!("{text:?} is no device: use auto, cpu, cuda or cuda:N");
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => {
                let index = text.strip_prefix("cuda:").ok_or_else(problem)?;
                index.parse().map(Self::Cuda).map_err(|_| problem())
            }
        }
    }
}

impl DeviceChoice {
    pub(crate) fn resolve(self) -> Result<Device, Error> {
        processor::initialise();
        let cuda = |index: usize, problem: &str| Error::Device {
            device: format!("cuda:{index}"),
            problem: problem.to_string(),
        };
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto if cuda_count() == 0 => Ok(Device::Cpu),
            Self::Auto => Ok(Device::Cuda(0)),
            Self::Cuda(index) if !Path::new("/dev/nvidiactl").exists() => {
                Err(cuda(index, "this machine shows no NVIDIA driver; use --device cpu"))
            }
            Self::Cuda(index) => match cuda_count() {
                0 => Err(cuda(
                    index,
                    "libtorch was set up without CUDA; run `cargo xtask setup --cuda`",
                )),
                count if index < count => Ok(Device::Cuda(index)),
                count => Err(cuda(index, &format!("there are only {count}; the first is cuda:0"))),
            },
        }
    }
}

/// How many CUDA devices libtorch can use.
fn cuda_count() -> usize {
    // Asking libtorch before its CUDA part is loaded would settle on "none".
    if !Path::new("/dev/nvidiactl").exists() || !processor::load_cuda() {
        return 0;
    }
    Cuda::device_count().max(0) as usize
}

/// Numbers as a user asks for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DtypeChoice {
    /// f32 on the processor, bf16 on CUDA.
    #[default]
    Auto,
    /// 32-bit floats.
    F32,
    /// 16-bit floats with the range of f32.
    Bf16,
}

impl FromStr for DtypeChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            "f16" => Err("f16 overflows in deep networks and is a hundred times slower than f32 \
                          on a processor: use bf16"
                .to_string()),
            _ => Err(format!("{text:?} is no dtype: use auto, f32 or bf16")),
        }
    }
}

impl DtypeChoice {
    pub(crate) fn resolve(self, device: Device) -> Kind {
        match (self, device) {
            (Self::F32, _) | (Self::Auto, Device::Cpu) => Kind::Float,
            _ => Kind::BFloat16,
        }
    }
}

/// `cpu` or `cuda:n`.
pub(crate) fn device_name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_string(),
    }
}

/// `f32` or `bf16`.
pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::BFloat16 => "bf16",
        Kind::Half => "f16",
        _ => "f32",
    }
}
