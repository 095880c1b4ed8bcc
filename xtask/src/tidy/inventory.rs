//! Things that come in pairs: specs and experiments, crates and their
//! documents and examples.

use super::packages::Packages;
use super::tree::Tree;

/// Documents that must be there.
const DOCUMENTS: &[&str] = &["ARCHITECTURE.md", "CHANGELOG.md", "README.md"];

/// An example that is longer does not show one thing.
const EXAMPLE_LINES: usize = 60;

/// Every spec is in the registry, and every experiment has its spec.
pub(super) fn specs(tree: &Tree, ids: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, _) in tree.with_extension("toml") {
        let stem = path.strip_prefix("specs/").and_then(|name| name.strip_suffix(".toml"));
        if stem.is_some_and(|stem| !ids.contains(&stem)) {
            found.push(format!("{path}: is not in the registry: add it to xtask/src/registry.rs"));
        }
    }
    for id in ids {
        let path = format!("specs/{id}.toml");
        if !tree.files.contains_key(&path) {
            found
                .push(format!("{path}: the registry names this spec, but there is none: write it"));
        }
    }
    found
}

/// The documents are there, and one names every crate.
pub(super) fn documents(tree: &Tree, packages: &Packages) -> Vec<String> {
    let missing = DOCUMENTS.iter().filter(|name| !tree.files.contains_key(**name));
    let mut found: Vec<String> =
        missing.map(|name| format!("{name}: is missing: write it")).collect();
    if let Some(text) = tree.files.get("ARCHITECTURE.md") {
        let named = |name: &str| {
            text.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_')
                .any(|word| word == name)
        };
        found.extend(packages.members().filter(|package| !named(&package.name)).map(|package| {
            format!("ARCHITECTURE.md: does not name {}: say what it is for", package.name)
        }));
    }
    found
}

/// Every crate that others import shows how, in short examples.
pub(super) fn examples(tree: &Tree, packages: &Packages) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages.members().filter(|package| package.is_importable()) {
        let folder = format!("crates/{}/examples/", package.name);
        if !tree.with_extension("rs").any(|(path, _)| path.starts_with(&folder)) {
            found.push(format!("{folder}: holds no example: write one that shows the crate's use"));
        }
    }
    for (path, text) in tree.with_extension("rs").filter(|(path, _)| path.contains("/examples/")) {
        let lines = text.lines().count();
        if lines >= EXAMPLE_LINES {
            found.push(format!(
                "{path}: has {lines} lines; an example has fewer than {EXAMPLE_LINES}: show less"
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::packages::tests::packages;
    use super::*;

    #[test]
    fn specs_and_registry_agree() {
        let tree = Tree::from([("specs/a.toml", ""), ("specs/b.toml", ""), ("deny.toml", "")]);
        assert!(specs(&tree, &["a", "b"]).is_empty());
        let found = specs(&tree, &["a", "c"]);
        assert!(found[0].starts_with("specs/b.toml: is not in the registry"), "{found:?}");
        assert!(found[1].starts_with("specs/c.toml: the registry names"), "{found:?}");
    }

    #[test]
    fn documents_name_every_crate() {
        let crates = packages(&[("dlm-core", &["lib"], &[]), ("dlm", &["bin"], &[])]);
        let documents_of = |architecture| {
            let files =
                [("ARCHITECTURE.md", architecture), ("README.md", ""), ("CHANGELOG.md", "")];
            documents(&Tree::from(files), &crates)
        };
        assert!(documents_of("`dlm-core` and **dlm**").is_empty());
        let found = documents_of("only dlm-core");
        assert_eq!(found, ["ARCHITECTURE.md: does not name dlm: say what it is for"]);
        assert_eq!(documents(&Tree::from([("README.md", "")]), &crates).len(), 2);
    }

    #[test]
    fn examples_are_there_and_short() {
        let crates = packages(&[
            ("a", &["lib"], &[]),
            ("b", &["lib"], &[]),
            ("program", &["lib", "bin"], &[]),
        ]);
        let long = "x\n".repeat(EXAMPLE_LINES);
        let tree = Tree::from([("crates/a/examples/use.rs", long.as_str())]);
        let found = examples(&tree, &crates);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("crates/b/examples/: holds no example"));
        assert!(found[1].starts_with("crates/a/examples/use.rs: has 60 lines"));
    }
}
