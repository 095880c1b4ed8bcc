//! The text of every file that belongs to the project.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;

/// Path relative to the root, with `/`, and text of every file that git tracks
/// or would track. Files that are not text are left out.
pub(super) struct Tree {
    pub(super) files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads the tree of the workspace.
    pub(super) fn load(workspace: &Workspace) -> Result<Self> {
        let output = workspace
            .command("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()
            .context("cannot start git, which knows the project's files")?;
        ensure!(
            output.status.success(),
            "git cannot list the project's files: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut files = BTreeMap::new();
        for name in names.split('\0').filter(|name| !name.is_empty()) {
            // A tracked file may be gone from the working tree, or be no text.
            if let Ok(text) = fs::read_to_string(workspace.root.join(name)) {
                files.insert(name.to_string(), text);
            }
        }
        Ok(Self { files })
    }

    /// Files whose names end in `.extension`.
    pub(super) fn with_extension<'a>(
        &'a self,
        extension: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(move |(path, _)| {
                path.rsplit_once('.').is_some_and(|(_, found)| found == extension)
            })
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Tree {
    fn from(files: [(&str, &str); N]) -> Self {
        Self { files: files.map(|(path, text)| (path.to_string(), text.to_string())).into() }
    }
}
