//! `failure.json`: an attempt that came to nothing, and why.

use std::path::Path;

use anyhow::Result;
use serde::Deserialize;

use super::read_json;

/// Why an experiment could not run.
#[derive(Debug, Deserialize)]
pub(crate) struct Failure {
    pub(crate) claim: String,
    pub(crate) feeds: String,
    pub(crate) reason: String,
    /// The program that tried.
    pub(crate) version: String,
    /// The command of the attempt.
    pub(crate) command: String,
}

impl Failure {
    /// What the last attempt left in `folder`: nothing where it succeeded.
    ///
    /// # Errors
    /// If the file is malformed: names the file and the field.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join("failure.json");
        path.exists().then(|| read_json(&path)).transpose()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A failure of this version.
    pub(crate) const EXAMPLE: &str = concat!(
        r#"{"id": "no-model", "claim": "Masks | are <many>.", "feeds": "Figure 9", "version": ""#,
        env!("CARGO_PKG_VERSION"),
        r#"", "reason": "this experiment asks a masked model: <toy|model> is autoregressive",
        "command": "cargo xtask reproduce no-model --scale smoke --model toy"}"#
    );

    #[test]
    fn a_failure_is_there_or_not_and_a_malformed_one_names_its_field() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Failure::read(folder.path()).unwrap().is_none());
        let write = |text: &str| std::fs::write(folder.path().join("failure.json"), text).unwrap();
        write(EXAMPLE);
        assert_eq!(Failure::read(folder.path()).unwrap().unwrap().feeds, "Figure 9");
        write(&EXAMPLE.replace("\"Figure 9\"", "9"));
        let error = Failure::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("failure.json: field `feeds`"), "{error}");
    }
}
