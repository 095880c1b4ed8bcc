//! What every file of the project keeps to. Forbidden words are spelled in two
//! halves here, so that this file keeps to it too.

use std::path::Path;

use super::tree::Tree;

/// A longer file holds more than one idea.
const LINES: usize = 400;

/// Names that say nothing about what is in a module.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "prelude", "helpers", "misc"];

/// Unfinished or switched-off code.
const UNFINISHED: &[&str] = &[
    concat!("#[ig", "nore"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("db", "g!"),
];

/// Folders of one machine.
const MACHINE_PATHS: &[&str] =
    &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/tm", "p/")];

/// The user's package client knows where packages come from.
const HOSTS: &[&str] = &[
    concat!("pypi", ".org"),
    concat!("files.python", "hosted.org"),
    concat!("crates", ".io"),
    concat!("registry.npm", "js.org"),
    concat!("deb.deb", "ian.org"),
];

/// The one crate with unsafe code: it talks to C.
const UNSAFE: &str = "crates/dlm-runtime/";

/// A rule for one file: path and text to violations, which do not name the path.
type Rule = fn(&str, &str) -> Vec<String>;

const OF_RUST: &[Rule] =
    &[documented, opened, finished, named, short, no_unsafe_code, no_machine_paths];

/// Checks every file.
pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let mut apply = |rule: Rule, path: &str, text: &str| {
        found.extend(rule(path, text).into_iter().map(|what| format!("{path}: {what}")));
    };
    for (path, text) in &tree.files {
        match Path::new(path).extension().and_then(|extension| extension.to_str()) {
            Some("rs") => OF_RUST.iter().for_each(|rule| apply(*rule, path, text)),
            Some("toml" | "md" | "sh" | "yml") => apply(no_machine_paths, path, text),
            _ if path.starts_with(".ci/") => apply(no_machine_paths, path, text),
            _ => {}
        }
        apply(no_hosts, path, text);
    }
    found
}

fn documented(path: &str, text: &str) -> Vec<String> {
    let missing = path.ends_with("src/lib.rs") && !text.contains("#![deny(missing_docs)]");
    violation(missing, || "write #![deny(missing_docs)] at its top".to_string())
}

fn opened(_: &str, text: &str) -> Vec<String> {
    violation(!text.starts_with("//!"), || {
        "open it with a line that starts with //! and says what it is for".to_string()
    })
}

fn finished(_: &str, text: &str) -> Vec<String> {
    lines_of_code(text)
        .flat_map(|(number, line)| {
            UNFINISHED
                .iter()
                .filter(move |word| has_word(line, word))
                .map(move |word| format!("line {number} has {word}: finish it, or leave it out"))
        })
        .collect()
}

fn named(path: &str, text: &str) -> Vec<String> {
    let of_path = path.split('/').map(|part| part.trim_end_matches(".rs"));
    let of_modules = lines_of_code(text).filter_map(|(_, line)| {
        let (before, after) = line.split_once("mod ")?;
        let visible = before.trim().is_empty() || before.trim().starts_with("pub");
        visible.then(|| after.trim().trim_end_matches([';', '{', ' ']))
    });
    let empty = of_path.chain(of_modules).find(|name| EMPTY_NAMES.contains(name));
    empty
        .map(|name| format!("`{name}` names no concept: name the module after what is in it"))
        .into_iter()
        .collect()
}

fn short(_: &str, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    violation(lines > LINES, || {
        format!("has {lines} lines, more than {LINES}: split it by the ideas in it")
    })
}

fn no_unsafe_code(path: &str, text: &str) -> Vec<String> {
    if path.starts_with(UNSAFE) {
        return Vec::new();
    }
    lines_of_code(text)
        .filter(|(_, line)| has_word(line, concat!("uns", "afe")))
        .map(|(number, _)| {
            format!(
                "line {number} holds code that the compiler cannot vouch for, which only {UNSAFE} \
                 may: move it there"
            )
        })
        .collect()
}

fn no_machine_paths(path: &str, text: &str) -> Vec<String> {
    let of_tests = ["tests/", "benches/"].iter().any(|folder| path.contains(folder))
        || path.ends_with("tests.rs");
    if of_tests {
        return Vec::new();
    }
    let program = without_tests(text);
    program
        .lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let found = MACHINE_PATHS.iter().find(|folder| has_path(line, folder))?;
            Some(format!(
                "line {} names {found}, a folder of one machine: take it as an argument, or \
                 relative to the workspace",
                index + 1
            ))
        })
        .collect()
}

fn no_hosts(path: &str, text: &str) -> Vec<String> {
    if path == "Cargo.lock" {
        return Vec::new();
    }
    let named = HOSTS.iter().filter(|host| text.contains(**host));
    named.map(|host| format!("names the package registry {host}: leave it out")).collect()
}

fn violation(is: bool, what: impl FnOnce() -> String) -> Vec<String> {
    is.then(what).into_iter().collect()
}

/// Lines from 1, up to where a comment begins.
fn lines_of_code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.split_once("//").map_or(line, |(code, _)| code)))
}

/// Whether `word` stands in `line` and is not a part of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let open = word.ends_with(part) && after.is_some_and(part);
        !open && !before.is_some_and(part)
    })
}

/// Whether an absolute path in `line` begins with `folder`.
fn has_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-/}*".contains(c))
    })
}

/// `text` without the module of tests at its end.
fn without_tests(text: &str) -> &str {
    let mark = "#[cfg(test)]";
    let module = |rest: &str| {
        let mut lines = rest.lines().skip(1).map(str::trim).filter(|line| !line.starts_with("#["));
        lines.next().is_some_and(|line| line.starts_with("mod ") || line.contains(") mod "))
    };
    let at = text.match_indices(mark).find(|(at, _)| module(&text[*at..]));
    at.map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
