//! Each rule catches its violation, and lets the harmless neighbour pass.

use super::*;

fn found(path: &str, text: &str) -> Vec<String> {
    check(&Tree::from([(path, text)]))
}

/// `text` breaks exactly one rule, whose message has `part`.
fn caught(path: &str, text: &str, part: &str) {
    let found = found(path, text);
    assert_eq!(found.len(), 1, "{text:?}: {found:?}");
    assert!(found[0].starts_with(path) && found[0].contains(part), "{found:?}");
}

fn passes(path: &str, text: &str) {
    assert_eq!(found(path, text), [""; 0], "{text:?}");
}

#[test]
fn libraries_deny_missing_documentation() {
    caught("crates/a/src/lib.rs", "//! A.\n", "missing_docs");
    passes("crates/a/src/lib.rs", "//! A.\n#![deny(missing_docs)]\n");
}

#[test]
fn files_say_what_they_are_for() {
    caught("build/rpath.rs", "fn main() {}\n", "//!");
    passes("build/rpath.rs", "//! Build script.\nfn main() {}\n");
}

#[test]
fn nothing_is_unfinished() {
    for word in UNFINISHED {
        caught("a.rs", &format!("//! A.\n    {word}(x);\n"), "line 2");
        passes("a.rs", &format!("//! A.\n// {word}\nmy{word}\n"));
    }
}

#[test]
fn modules_have_names() {
    caught("crates/a/src/utils.rs", "//! A.\n", "`utils`");
    caught("crates/a/src/common/b.rs", "//! A.\n", "`common`");
    caught("crates/a/src/b.rs", "//! A.\npub(crate) mod helpers;\n", "`helpers`");
    caught("crates/a/src/b.rs", "//! A.\nmod misc {\n}\n", "`misc`");
    passes("crates/a/src/b.rs", "//! A.\nmod uncommon;\n");
}

#[test]
fn files_are_short() {
    let lines = |count: usize| format!("//! A.\n{}", "x\n".repeat(count - 1));
    caught("a.rs", &lines(LINES + 1), "401 lines");
    passes("a.rs", &lines(LINES));
}

#[test]
fn one_crate_alone_is_unsafe() {
    let code = concat!("//! A.\nuns", "afe { x() }\n");
    caught("crates/dlm-core/src/a.rs", code, "line 2 holds code");
    passes("crates/dlm-runtime/src/a.rs", code);
    passes("crates/dlm-core/src/a.rs", concat!("//! A.\n#![deny(uns", "afe_code)]\n"));
}

#[test]
fn machines_are_not_named() {
    for folder in MACHINE_PATHS {
        let code = format!("//! A.\nlet x = \"{folder}x\";\n");
        caught("a.rs", &code, "line 2 names");
        caught("README.md", &code, "line 2 names");
        passes("crates/a/tests/a.rs", &code);
        passes("a.txt", &code);
        passes(
            "a.rs",
            &format!("//! A.\n#[cfg(test)]\n#[path = \"t.rs\"]\nmod tests {{\n{code}}}\n"),
        );
        caught("a.rs", &format!("//! A.\n#[cfg(test)]\nuse b;\nlet x = \"{folder}x\";"), "line 4");
        passes("a.rs", &format!("//! A.\nlet x = \"a{folder}x\";\n"));
    }
}

#[test]
fn registries_are_not_named() {
    for host in HOSTS {
        caught("README.md", &format!("see {host}\n"), host);
        passes("Cargo.lock", &format!("see {host}\n"));
    }
}
