//! Holds the tree to the architecture's invariants: each violation is a line
//! that names the file and the remedy.

mod arrows;
mod inventory;
mod manifests;
mod packages;
mod sources;
mod tree;

use anyhow::Result;

use crate::registry::EXPERIMENTS;
use crate::workspace::Workspace;
use packages::Packages;
use tree::Tree;

/// Every violation in the workspace; none if it is tidy.
pub(crate) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let packages = Packages::load(workspace)?;
    let tree = Tree::load(workspace)?;
    let ids: Vec<&str> = EXPERIMENTS.iter().map(|experiment| experiment.id).collect();
    let mut found = Vec::new();
    found.extend(arrows::bindings(&packages));
    found.extend(arrows::arrows(&packages));
    found.extend(arrows::light(&packages));
    found.extend(manifests::check(&tree));
    found.extend(sources::check(&tree));
    found.extend(inventory::specs(&tree, &ids));
    found.extend(inventory::documents(&tree, &packages));
    found.extend(inventory::examples(&tree, &packages));
    Ok(found)
}
