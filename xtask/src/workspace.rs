//! Where the workspace lies, and how its tools are called.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

/// The checkout that this program was built from.
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
}

impl Workspace {
    /// The workspace of the running `cargo xtask`.
    ///
    /// Cargo says where the package lies when it runs it. The folder known at
    /// compile time is the second choice: two checkouts that share a target
    /// folder share it.
    pub(crate) fn here() -> Result<Self> {
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package.parent().context("the folder of xtask has no parent")?;
        Ok(Self { root: root.to_path_buf() })
    }

    /// Where libtorch is provisioned: `.cargo/config.toml` points `LIBTORCH` at
    /// its `torch` folder.
    pub(crate) fn libtorch(&self) -> PathBuf {
        self.root.join(".libtorch")
    }

    /// Wheels that were fetched and are not unpacked yet.
    pub(crate) fn downloads(&self) -> PathBuf {
        self.root.join(".downloads")
    }

    /// Models in the Hugging Face layout.
    pub(crate) fn models(&self) -> PathBuf {
        self.root.join(".models")
    }

    /// What adapters learn from.
    pub(crate) fn corpus(&self) -> PathBuf {
        self.root.join(".corpus")
    }

    /// `cargo`, to be run at the root.
    pub(crate) fn cargo(&self) -> Command {
        self.command(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
    }

    /// `program`, to be run at the root.
    pub(crate) fn command(&self, program: impl Into<OsString>) -> Command {
        let mut command = Command::new(program.into());
        command.current_dir(&self.root);
        command
    }
}
