//! Which package may depend on which.

use super::packages::Packages;

/// Packages that may depend on tch, libtorch's bindings.
const BOUND: &[&str] = &["dlm-runtime", "dlm-train"];

/// Packages that link programs against libtorch and so depend on `torch-sys`
/// directly: its build script tells theirs where libtorch lies.
const LINKED: &[&str] = &["dlm-runtime", "dlm-train", "dlm-experiments"];

/// The workspace's packages that each may depend on, at most. Tests may use
/// others.
const ARROWS: &[(&str, &[&str])] = &[
    ("dlm-rng", &[]),
    ("dlm-core", &[]),
    ("dlm-stats", &["dlm-rng"]),
    ("dlm-gguf", &[]),
    ("dlm-probe", &["dlm-core"]),
    ("dlm-continuous", &["dlm-core", "dlm-rng"]),
    ("dlm-discrete", &["dlm-core", "dlm-rng"]),
    ("dlm-testkit", &["dlm-core", "dlm-rng"]),
    // Neither a sampler nor the probe: they meet in dlm-experiments.
    ("dlm-runtime", &["dlm-core", "dlm-rng"]),
    ("dlm-train", &["dlm-continuous", "dlm-core", "dlm-rng", "dlm-runtime"]),
    (
        "dlm-experiments",
        &[
            "dlm-continuous",
            "dlm-core",
            "dlm-discrete",
            "dlm-probe",
            "dlm-rng",
            "dlm-runtime",
            "dlm-stats",
            "dlm-testkit",
            "dlm-train",
        ],
    ),
    ("xtask", &["dlm-gguf"]),
];

/// Only `BOUND` may name tch, even in tests; exactly `LINKED` name torch-sys.
pub(super) fn bindings(packages: &Packages) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages.members() {
        let (name, path) = (package.name.as_str(), packages.manifest(package));
        let depends = |on: &str| {
            [false, true].iter().any(|tests| package.dependencies(*tests).any(|d| d == on))
        };
        if depends("tch") && !BOUND.contains(&name) {
            found.push(format!(
                "{path}: depends on tch; only {} may: move what needs it there",
                BOUND.join(", ")
            ));
        }
        match (depends("torch-sys"), LINKED.contains(&name)) {
            (true, false) => found.push(format!(
                "{path}: depends on torch-sys; only packages that link programs against \
                 libtorch do: remove it, or add the package to LINKED in xtask/src/tidy/arrows.rs"
            )),
            (false, true) => found.push(format!(
                "{path}: does not depend on torch-sys, without which its programs do \
                 not find libtorch: add torch-sys.workspace = true"
            )),
            _ => {}
        }
    }
    found
}

/// Every package of the workspace has its row in `ARROWS` and keeps to it.
pub(super) fn arrows(packages: &Packages) -> Vec<String> {
    arrows_by(packages, ARROWS)
}

fn arrows_by(packages: &Packages, table: &[(&str, &[&str])]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages.members() {
        let (name, path) = (package.name.as_str(), packages.manifest(package));
        let Some((_, allowed)) = table.iter().find(|(row, _)| *row == name) else {
            found.push(format!(
                "{path}: the package has no row in ARROWS in \
                 xtask/src/tidy/arrows.rs: say there what it may depend on"
            ));
            continue;
        };
        let used = package.dependencies(false).filter(|used| packages.is_member(used));
        found.extend(used.filter(|used| !allowed.contains(used)).map(|used| {
            format!(
                "{path}: depends on {used}, against the direction of the architecture's \
                 arrows: move what both need to where both may look"
            )
        }));
    }
    found
}

/// xtask runs before libtorch is there, so nothing it builds may need it.
pub(super) fn light(packages: &Packages) -> Vec<String> {
    let closure = packages.closure("xtask");
    let heavy = ["tch", "torch-sys"].into_iter().filter(|name| closure.contains(name));
    heavy
        .map(|name| {
            format!(
                "xtask/Cargo.toml: {name} is among what xtask builds, but xtask must run before \
                 libtorch is there: `cargo tree -p xtask -i {name}` shows the way to cut"
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::packages::tests::packages;
    use super::*;

    #[test]
    fn bindings_stay_where_they_belong() {
        let good = packages(&[
            ("dlm-runtime", &["lib"], &["tch", "torch-sys"]),
            ("dlm-experiments", &["bin"], &["dlm-runtime", "torch-sys"]),
        ]);
        assert!(bindings(&good).is_empty());
        let bad = packages(&[
            ("dlm-runtime", &["lib"], &["tch"]),
            ("dlm-core", &["lib"], &["dev tch"]),
            ("dlm-probe", &["lib"], &["torch-sys"]),
        ]);
        let found = bindings(&bad);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found[0].starts_with("crates/dlm-runtime/Cargo.toml: does not depend on torch-sys")
        );
        assert!(found[1].starts_with("crates/dlm-core/Cargo.toml: depends on tch"));
        assert!(found[2].starts_with("crates/dlm-probe/Cargo.toml: depends on torch-sys"));
    }

    #[test]
    fn arrows_point_one_way() {
        let good = packages(&[
            ("dlm-rng", &["lib"], &["dev dlm-testkit", "thiserror"]),
            ("dlm-testkit", &["lib"], &["dlm-rng"]),
        ]);
        assert!(arrows(&good).is_empty());
        let bad = packages(&[
            ("dlm-runtime", &["lib"], &["dlm-probe"]),
            ("dlm-probe", &["lib"], &[]),
            ("dlm-new", &["lib"], &[]),
        ]);
        let found = arrows(&bad);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("depends on dlm-probe"));
        assert!(found[1].contains("no row"));
    }

    #[test]
    fn xtask_stays_light() {
        let heavy =
            packages(&[("xtask", &["bin"], &["dlm-gguf"]), ("dlm-gguf", &["lib"], &["torch-sys"])]);
        assert_eq!(light(&heavy).len(), 1);
        let tests_only = packages(&[("xtask", &["bin"], &["dev torch-sys"])]);
        assert!(light(&tests_only).is_empty());
    }
}
