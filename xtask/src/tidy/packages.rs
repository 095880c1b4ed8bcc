//! The workspace's packages and what they depend on, from `cargo metadata`.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::workspace::Workspace;

/// What `cargo metadata` says, as far as it matters here.
#[derive(Deserialize)]
pub(super) struct Packages {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    workspace_root: String,
    resolve: Resolve,
}

/// A package.
#[derive(Deserialize)]
pub(super) struct Package {
    id: String,
    pub(super) name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// None is a normal dependency; the others are "dev" and "build".
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<DepKind>,
}

#[derive(Deserialize)]
struct DepKind {
    kind: Option<String>,
}

impl Packages {
    /// Asks cargo.
    pub(super) fn load(workspace: &Workspace) -> Result<Self> {
        let output = workspace
            .cargo()
            .args(["metadata", "--format-version=1"])
            .output()
            .context("cannot start cargo")?;
        ensure!(
            output.status.success(),
            "`cargo metadata` fails: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        serde_json::from_slice(&output.stdout).context("cannot read what `cargo metadata` says")
    }

    /// The packages of the workspace.
    pub(super) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// Path of a package's manifest, relative to the root.
    pub(super) fn manifest<'a>(&self, package: &'a Package) -> &'a str {
        let path = package.manifest_path.as_str();
        path.strip_prefix(&self.workspace_root).map_or(path, |path| path.trim_start_matches('/'))
    }

    /// Whether `name` is a package of the workspace.
    pub(super) fn is_member(&self, name: &str) -> bool {
        self.members().any(|package| package.name == name)
    }

    /// Names of everything that is built for the package `name` itself: its
    /// normal and build dependencies, and theirs.
    pub(super) fn closure(&self, name: &str) -> BTreeSet<&str> {
        let names: HashMap<&str, &str> =
            self.packages.iter().map(|package| (&*package.id, &*package.name)).collect();
        let nodes: HashMap<&str, &Node> =
            self.resolve.nodes.iter().map(|node| (&*node.id, node)).collect();
        let start = self.members().find(|package| package.name == name);
        let mut open: Vec<&str> = start.map(|package| &*package.id).into_iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            let edges = nodes.get(id).into_iter().flat_map(|node| &node.deps);
            let built = edges
                .filter(|edge| edge.dep_kinds.iter().any(|kind| !is_dev(kind.kind.as_deref())));
            for edge in built {
                if seen.insert(&*edge.pkg) {
                    open.push(&edge.pkg);
                }
            }
        }
        seen.into_iter().filter_map(|id| names.get(id).copied()).collect()
    }
}

impl Package {
    /// Names of direct dependencies, of tests alone or of the package itself.
    pub(super) fn dependencies(&self, of_tests: bool) -> impl Iterator<Item = &str> {
        self.dependencies
            .iter()
            .filter(move |dependency| is_dev(dependency.kind.as_deref()) == of_tests)
            .map(|dependency| dependency.name.as_str())
    }

    /// Whether it is a library and no program: others import it.
    pub(super) fn is_importable(&self) -> bool {
        let has =
            |kind: &str| self.targets.iter().any(|found| found.kind.iter().any(|k| k == kind));
        has("lib") && !has("bin")
    }
}

fn is_dev(kind: Option<&str>) -> bool {
    kind == Some("dev")
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// Packages of the workspace by name, the kinds of their targets, and their
    /// dependencies as `name` or `dev name`. What is not a package here is one
    /// from outside, without dependencies.
    pub(crate) fn packages(members: &[(&str, &[&str], &[&str])]) -> Packages {
        let split = |dependency: &&str| match dependency.split_once(' ') {
            Some((kind, name)) => (Some(kind.to_string()), name.to_string()),
            None => (None, dependency.to_string()),
        };
        let outside =
            members.iter().flat_map(|(_, _, dependencies)| dependencies.iter().map(split));
        let outside: BTreeSet<String> = outside
            .map(|(_, name)| name)
            .filter(|name| members.iter().all(|(member, ..)| member != name))
            .collect();
        let mut all: Vec<serde_json::Value> = outside
            .iter()
            .map(|name| json!({"id": name, "name": name, "manifest_path": "", "dependencies": [], "targets": []}))
            .collect();
        let mut nodes = Vec::new();
        for (name, kinds, dependencies) in members {
            let dependencies: Vec<_> = dependencies.iter().map(split).collect();
            let listed: Vec<_> = dependencies
                .iter()
                .map(|(kind, name)| json!({"name": name, "kind": kind}))
                .collect();
            let edges: Vec<_> = dependencies
                .iter()
                .map(|(kind, name)| json!({"pkg": name, "dep_kinds": [{"kind": kind}]}))
                .collect();
            let targets: Vec<_> = kinds.iter().map(|kind| json!({"kind": [kind]})).collect();
            all.push(json!({"id": name, "name": name, "manifest_path": format!("/w/crates/{name}/Cargo.toml"), "dependencies": listed, "targets": targets}));
            nodes.push(json!({"id": name, "deps": edges}));
        }
        let members: Vec<_> = members.iter().map(|(name, ..)| name).collect();
        let all = json!({"packages": all, "workspace_members": members, "workspace_root": "/w", "resolve": {"nodes": nodes}});
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn a_closure_follows_what_is_built() {
        let packages = packages(&[
            ("a", &["bin"], &["b", "dev d", "build e"]),
            ("b", &["lib"], &["c"]),
            ("d", &["lib"], &["f"]),
        ]);
        assert_eq!(packages.closure("a").into_iter().collect::<String>(), "bce");
        assert!(packages.is_member("b") && !packages.is_member("c"));
    }
}
