//! The model that a command works with, and what the user is shown while it loads.

use std::path::{Path, PathBuf};

use clap::Args;
use dlm_runtime::{
    DeviceChoice, Download, DtypeChoice, Hub, LoadOptions, Model, Parametrisation, Source,
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::Error;

/// Flags that say which model, and how it computes.
#[derive(Clone, Debug, Args)]
pub struct ModelArguments {
    /// Folder of a checkpoint, or hub id such as GSAI-ML/LLaDA-8B-Instruct.
    #[arg(long, value_name = "DIR|HUB_ID")]
    pub model: String,
    /// Folder of a LoRA adapter in PEFT's layout, merged into the model.
    #[arg(long, value_name = "DIR")]
    pub adapter: Option<PathBuf>,
    /// How MDLM's output is read: subs, d3pm or sedd; as config.json says if absent.
    #[arg(long, value_name = "READING")]
    pub parametrisation: Option<Parametrisation>,
    /// How the model computes.
    #[command(flatten)]
    pub compute: ComputeArguments,
}

/// Flags that say where and in what numbers a model computes.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct ComputeArguments {
    /// Where to compute: auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: DeviceChoice,
    /// In what numbers: auto (f32 on cpu, bf16 on cuda), f32 or bf16.
    #[arg(long, default_value = "auto", value_name = "DTYPE")]
    pub dtype: DtypeChoice,
    /// Threads of one operation; one per core if absent.
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Most tokens of one forward pass; suits the device if absent.
    #[arg(long, value_name = "N")]
    pub batch_tokens: Option<usize>,
}

impl ModelArguments {
    /// Resolves, downloads where needed, and loads the model.
    ///
    /// # Errors
    ///
    /// Where the checkpoint cannot be had or does not fit together.
    pub fn load(&self) -> Result<Model, Error> {
        dlm_runtime::set_threads(self.compute.threads);
        let source = find(&self.model, self.adapter.as_deref())?;
        let options = LoadOptions {
            device: self.compute.device,
            dtype: self.compute.dtype,
            batch_tokens: self.compute.batch_tokens,
            parametrisation: self.parametrisation,
        };
        Ok(Model::load(source, options)?)
    }
}

/// Resolves a checkpoint and downloads it where needed, under the user's eyes.
pub(crate) fn find(model: &str, adapter: Option<&Path>) -> Result<Source, Error> {
    let bar = ProgressBar::hidden();
    bar.set_style(style("{prefix} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}"));
    let mut observe = |download: &Download<'_>| {
        if bar.is_hidden() {
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
        bar.set_prefix(download.file.to_string());
        bar.set_length(download.total);
        bar.set_position(download.done);
    };
    let source = Source::find(model, adapter, &mut Hub::from_env(&mut observe))?;
    bar.finish_and_clear();
    Ok(source)
}

/// A template that is known to be well formed.
pub(crate) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
