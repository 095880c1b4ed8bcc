//! What every package's `Cargo.toml` inherits from the workspace's.

use toml::{Table, Value};

use super::tree::Tree;

/// Keys that each package takes over.
const INHERITED: &[&str] = &["edition", "rust-version", "license"];

/// Tables of dependencies, also below `target`.
const TABLES: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];

/// Checks every manifest but the root's.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    let manifests = tree.files.iter().filter(|(path, _)| path.ends_with("/Cargo.toml"));
    manifests.flat_map(|(path, text)| manifest(path, text)).collect()
}

fn manifest(path: &str, text: &str) -> Vec<String> {
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return vec![format!("{path}: is not TOML: {}", error.message())],
    };
    let mut found = Vec::new();
    for key in INHERITED {
        let value = table.get("package").and_then(|package| package.get(key));
        if !value.is_some_and(inherits) {
            found.push(format!("{path}: write {key}.workspace = true below [package]"));
        }
    }
    if !table.get("lints").is_some_and(inherits) {
        found.push(format!("{path}: write workspace = true below [lints]"));
    }
    for (name, value) in dependencies(&table) {
        if !inherits(value) {
            found.push(format!(
                "{path}: {name} has a version or path of its own: move it to \
                 [workspace.dependencies] and write {name}.workspace = true"
            ));
        }
    }
    found
}

fn dependencies(table: &Table) -> Vec<(&String, &Value)> {
    let targets = table.get("target").and_then(Value::as_table);
    let platforms = targets.into_iter().flat_map(Table::values).filter_map(Value::as_table);
    std::iter::once(table)
        .chain(platforms)
        .flat_map(|table| TABLES.iter().filter_map(|name| table.get(*name)?.as_table()))
        .flatten()
        .collect()
}

fn inherits(value: &Value) -> bool {
    value.get("workspace") == Some(&Value::Boolean(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = 'x'\nedition.workspace = true\n\
        rust-version.workspace = true\nlicense.workspace = true\n\
        [dependencies]\nserde.workspace = true\n\
        clap = { workspace = true, features = ['derive'] }\n[lints]\nworkspace = true\n";

    #[test]
    fn everything_is_inherited() {
        assert!(check(&Tree::from([("crates/x/Cargo.toml", GOOD)])).is_empty());
        let cases = [
            (GOOD.replace("edition.workspace = true", "edition = '2024'"), "edition"),
            (GOOD.replace("[lints]\nworkspace = true\n", ""), "[lints]"),
            (GOOD.replace("serde.workspace = true", "serde = '1'"), "serde"),
            (format!("{GOOD}[dev-dependencies]\nx = {{ path = '../x' }}\n"), "x has a version"),
            (format!("{GOOD}[target.'cfg(unix)'.dependencies]\nlibc = '0'\n"), "libc"),
            (format!("{GOOD}["), "is not TOML"),
        ];
        for (text, part) in cases {
            let found = check(&Tree::from([("crates/x/Cargo.toml", text.as_str())]));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with("crates/x/Cargo.toml: ") && found[0].contains(part));
        }
        let root = Tree::from([("Cargo.toml", "[workspace]\n")]);
        assert!(check(&root).is_empty(), "the root is where versions stand");
    }
}
