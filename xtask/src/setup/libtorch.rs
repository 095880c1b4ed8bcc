//! libtorch, laid out as the wheels have it, so that its libraries find each
//! other by their own relative run paths:
//!
//! ```text
//! .libtorch/torch/include/**  torch/lib/*.so  torch/build-version
//! .libtorch/nvidia/cu13/lib/*.so.13           nvidia/cudnn/lib/…
//! ```

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::pins::{CUDA_CUPTI, CUDA_LIBRARIES, CUDA_RUNTIME, Pin, TORCH};
use super::staging::Staging;
use super::stamp::Stamp;
use super::wheel;

/// Changed whenever the layout is, so that folders of an older one are remade.
const LAYOUT: &str = "layout 1";

/// Which machines a libtorch serves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Flavour {
    /// Half a gigabyte, without GPU code.
    Cpu,
    /// CPU and NVIDIA GPUs, several gigabytes. The layout follows the run paths
    /// in `libtorch_cuda.so`; it was not run on a GPU.
    Cuda,
}

/// A wheel and which of its files are unpacked.
type Source = (Pin, fn(&str) -> bool);

impl Flavour {
    fn sources(self) -> Vec<Source> {
        match self {
            Self::Cpu => vec![
                (TORCH, is_cpu_half),
                (CUDA_RUNTIME, is_shared_library),
                (CUDA_CUPTI, |name| name.ends_with("/libcupti.so.13")),
            ],
            Self::Cuda => {
                let first: [Source; 3] = [
                    (TORCH, is_torch),
                    (CUDA_RUNTIME, is_shared_library),
                    (CUDA_CUPTI, is_shared_library),
                ];
                let rest = CUDA_LIBRARIES.iter().map(|pin| (*pin, is_shared_library as _));
                first.into_iter().chain(rest).collect()
            }
        }
    }

    fn made_from(self) -> Vec<String> {
        let hashes = self.sources().into_iter().map(|(pin, _)| pin.sha256.to_string());
        [LAYOUT.to_string(), format!("{self:?}")].into_iter().chain(hashes).collect()
    }

    /// Whether `folder` holds this flavour, whole.
    pub(crate) fn is_in(self, folder: &Path) -> bool {
        Stamp::holds(&folder.join("stamp.json"), folder, &self.made_from())
    }
}

/// Makes `folder` hold `flavour`; `fetch` returns the wheel of a pin. Returns
/// the wheels used.
///
/// # Errors
/// If a wheel cannot be had or unpacked. `folder` is then as it was.
pub(crate) fn install(
    folder: &Path,
    flavour: Flavour,
    fetch: &dyn Fn(&Pin) -> Result<PathBuf>,
) -> Result<Vec<PathBuf>> {
    ensure!(
        cfg!(all(target_os = "linux", target_arch = "x86_64")),
        "libtorch is set up for Linux on x86-64 only; set LIBTORCH to the folder of libtorch 2.11.0"
    );
    let staging = Staging::beside(folder)?;
    let mut wheels = Vec::new();
    for (pin, wanted) in flavour.sources() {
        let wheel = fetch(&pin)?;
        wheel::unpack(&wheel, &pin, wanted, staging.path())?;
        wheels.push(wheel);
    }
    let write = |name: &str, text: &str| {
        let path = staging.path().join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    // The wheel's own libtorch.so is an empty library that names libtorch_cuda.so,
    // so linking against it would demand CUDA. A linker script does not.
    write("torch/lib/libtorch.so", "INPUT ( libtorch_cpu.so libc10.so )\n")?;
    // The bindings check the version only where this file is.
    write("torch/build-version", TORCH.version())?;
    Stamp::of(staging.path(), flavour.made_from())?.save(&staging.path().join("stamp.json"))?;
    staging.commit()?;
    Ok(wheels)
}

fn is_cpu_half(name: &str) -> bool {
    let libraries = ["torch/lib/libtorch_cpu.so", "torch/lib/libc10.so", "torch/lib/libgomp.so.1"];
    name.starts_with("torch/include/") || libraries.contains(&name)
}

fn is_torch(name: &str) -> bool {
    // Python's own half has no use here.
    let left_out = ["torch/lib/libtorch.so", "torch/lib/libtorch_python.so"];
    name.starts_with("torch/include/")
        || (name.starts_with("torch/lib/") && is_shared_library(name) && !left_out.contains(&name))
}

fn is_shared_library(name: &str) -> bool {
    let file = Path::new(name).file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.contains("/lib/") && (file.ends_with(".so") || file.contains(".so."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flavour_takes_the_files_it_needs() {
        let taken = |flavour: Flavour, wheel: Pin, name: &str| {
            let mut sources = flavour.sources().into_iter();
            sources.any(|(pin, wanted)| pin.file == wheel.file && wanted(name))
        };
        let nvshmem = CUDA_LIBRARIES[11];
        let cases = [
            (TORCH, "torch/include/ATen/ATen.h", true, true),
            (TORCH, "torch/lib/libtorch_cpu.so", true, true),
            (TORCH, "torch/lib/libgomp.so.1", true, true),
            (TORCH, "torch/lib/libtorch_cuda.so", false, true),
            (TORCH, "torch/lib/libtorch.so", false, false),
            (TORCH, "torch/lib/libtorch_python.so", false, false),
            (TORCH, "torch/__init__.py", false, false),
            (CUDA_RUNTIME, "nvidia/cu13/lib/libcudart.so.13", true, true),
            (CUDA_RUNTIME, "nvidia/cu13/include/cuda.h", false, false),
            (CUDA_CUPTI, "nvidia/cu13/lib/libcupti.so.13", true, true),
            (CUDA_CUPTI, "nvidia/cu13/lib/libnvperf_host.so", false, true),
            (nvshmem, "nvidia/nvshmem/lib/libnvshmem_host.so.3", false, true),
            (nvshmem, "nvidia/nvshmem/lib/libnvshmem_device.a", false, false),
        ];
        for (wheel, name, cpu, cuda) in cases {
            let found = [Flavour::Cpu, Flavour::Cuda].map(|flavour| taken(flavour, wheel, name));
            assert_eq!(found, [cpu, cuda], "{name}");
        }
    }

    #[test]
    fn flavours_are_told_apart_by_their_stamps() {
        assert_ne!(Flavour::Cpu.made_from(), Flavour::Cuda.made_from());
    }

    #[test]
    fn a_failed_fetch_leaves_the_old_folder_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join(".libtorch");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("old"), "").unwrap();
        let error = install(&folder, Flavour::Cpu, &|_| anyhow::bail!("no network")).unwrap_err();
        assert_eq!(error.to_string(), "no network");
        assert!(folder.join("old").exists());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "no partial folder");
        assert!(!Flavour::Cpu.is_in(&folder));
    }
}
