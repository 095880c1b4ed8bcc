//! A libtorch that the user brings: checked, never touched.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// What tch binds; any patch release of it has the same functions.
const VERSION: &str = "2.11";

/// Where the user says libtorch is.
#[derive(Debug, PartialEq)]
pub(crate) enum External {
    /// `LIBTORCH` names a folder.
    Folder(PathBuf),
    /// `LIBTORCH_USE_PYTORCH` chooses Python's PyTorch.
    Python,
}

impl External {
    /// The user's choice, if there is one. `ours` is the folder that this
    /// project provisions: cargo itself exports it as `LIBTORCH`.
    pub(crate) fn chosen(var: &dyn Fn(&str) -> Option<OsString>, ours: &Path) -> Option<Self> {
        if var("LIBTORCH_USE_PYTORCH").is_some() {
            return Some(Self::Python);
        }
        let folder = PathBuf::from(var("LIBTORCH")?);
        (folder != ours).then_some(Self::Folder(folder))
    }

    /// Checks that it is there and of the right version; says what it is.
    pub(crate) fn validate(&self) -> Result<String> {
        match self {
            Self::Folder(folder) => validate_folder(folder),
            Self::Python => validate_python(if std::env::var_os("VIRTUAL_ENV").is_some() {
                "python"
            } else {
                "python3"
            }),
        }
    }
}

fn validate_folder(folder: &Path) -> Result<String> {
    let shown = folder.display();
    ensure!(
        folder.is_absolute(),
        "LIBTORCH is {shown}, a relative path; it is read from many folders, so name it in full"
    );
    ensure!(
        folder.join("lib/libtorch_cpu.so").is_file(),
        "LIBTORCH is {shown}, but there is no lib/libtorch_cpu.so in it; name the folder that \
         holds lib and include, or unset LIBTORCH to have libtorch set up"
    );
    let version = folder_version(folder).with_context(|| {
        format!(
            "LIBTORCH is {shown}, but neither build-version nor version.py in it tells a version; \
             write the version into {shown}/build-version if it is {VERSION}"
        )
    })?;
    require(&version, &format!("LIBTORCH is {shown}, libtorch {version}"))?;
    Ok(format!("libtorch {version} in {shown}"))
}

/// From `build-version` (libtorch's archives) or `version.py` (Python's PyTorch).
fn folder_version(folder: &Path) -> Option<String> {
    if let Ok(text) = fs::read_to_string(folder.join("build-version")) {
        return Some(text.trim().to_string());
    }
    let text = fs::read_to_string(folder.join("version.py")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("__version__ ="))?;
    Some(line.trim().trim_matches(['\'', '"']).to_string())
}

fn validate_python(interpreter: &str) -> Result<String> {
    let remedy =
        "install torch 2.11.0 there, or unset LIBTORCH_USE_PYTORCH to have libtorch set up";
    let output = Command::new(interpreter)
        .args(["-c", "import torch; print(torch.__version__)"])
        .output()
        .with_context(|| {
            format!("LIBTORCH_USE_PYTORCH is set, but `{interpreter}` cannot be started; {remedy}")
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "LIBTORCH_USE_PYTORCH is set, but `{interpreter}` cannot import torch ({}); {remedy}",
            said.trim().lines().last().unwrap_or("it said nothing")
        );
    }
    let version = String::from_utf8_lossy(&output.stdout).trim().to_string();
    require(
        &version,
        &format!("LIBTORCH_USE_PYTORCH is set; `{interpreter}` has torch {version}"),
    )?;
    Ok(format!("torch {version} of `{interpreter}`"))
}

fn require(version: &str, found: &str) -> Result<()> {
    let fits = version
        .strip_prefix(VERSION)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with('+'));
    ensure!(fits, "{found}, but this project is bound to libtorch {VERSION}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)]) -> Option<External> {
        let var = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        };
        External::chosen(&var, Path::new("/project/.libtorch/torch"))
    }

    #[test]
    fn a_users_choice_is_told_from_cargos() {
        assert_eq!(chosen(&[]), None);
        assert_eq!(chosen(&[("LIBTORCH", "/project/.libtorch/torch")]), None);
        assert_eq!(
            chosen(&[("LIBTORCH", "/opt/libtorch")]),
            Some(External::Folder("/opt/libtorch".into()))
        );
        // The bindings' build script prefers Python's as well.
        let both = [("LIBTORCH", "/opt/libtorch"), ("LIBTORCH_USE_PYTORCH", "1")];
        assert_eq!(chosen(&both), Some(External::Python));
    }

    #[test]
    fn a_folder_is_checked_for_library_and_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let said = || match validate_folder(path) {
            Ok(found) => found,
            Err(error) => format!("{error:#}"),
        };
        assert!(said().contains("no lib/libtorch_cpu.so"), "{}", said());
        fs::create_dir(path.join("lib")).unwrap();
        fs::write(path.join("lib/libtorch_cpu.so"), "").unwrap();
        assert!(said().contains("tells a version"), "{}", said());
        fs::write(path.join("version.py"), "x = 1\n__version__ = '2.11.0+cu130'\n").unwrap();
        assert!(said().starts_with("libtorch 2.11.0+cu130 in "), "{}", said());
        for wrong in ["2.10.0", "2.110.0", "2.1"] {
            fs::write(path.join("build-version"), wrong).unwrap();
            assert!(said().contains(&format!("libtorch {wrong}, but")), "{}", said());
        }
        fs::write(path.join("build-version"), "2.11.0\n").unwrap();
        assert!(said().starts_with("libtorch 2.11.0 in "), "{}", said());
        assert!(validate_folder(Path::new("libtorch")).is_err(), "relative");
    }

    #[test]
    fn a_python_that_is_not_there_is_named() {
        let error = validate_python("no-such-python").unwrap_err().to_string();
        assert!(error.contains("no-such-python") && error.contains("LIBTORCH_USE_PYTORCH"));
    }
}
