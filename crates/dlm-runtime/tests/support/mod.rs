//! What the tests of this crate share: fixtures, loading, and looking at messages.

use std::path::{Path, PathBuf};

use dlm_runtime::{DeviceChoice, Download, DtypeChoice, Error, Hub, LoadOptions, Model, Source};

/// Loads the checkpoint in `folder` on the processor in f32.
pub(crate) fn load(folder: &Path, adapter: Option<&Path>) -> Result<Model, Error> {
    let mut quiet = |_: &Download<'_>| ();
    // Nothing listens there: a folder never asks the hub.
    let cache = folder.join("no-cache");
    let mut hub = Hub::at("http://127.0.0.1:9", cache, None, &mut quiet);
    let source = Source::find(&folder.to_string_lossy(), adapter, &mut hub)?;
    let (device, dtype) = (DeviceChoice::Cpu, DtypeChoice::F32);
    Model::load(source, LoadOptions { device, dtype, ..LoadOptions::default() })
}

/// A path among the fixtures.
pub(crate) fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

/// Asserts that a message holds every one of `parts`.
#[track_caller]
pub(crate) fn says(error: &impl std::fmt::Display, parts: &[&str]) {
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}
