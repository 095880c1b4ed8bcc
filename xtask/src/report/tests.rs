//! The rendered page of a made-up folder of results.

use expect_test::expect_file;

use super::*;

const SUMMARY: &str = r#"{
  "id": "probe-example",
  "claim": "Near the prompt the predictions are sharp; far from it they are <pad>.",
  "feeds": "Figure 2",
  "verdict": "not supported",
  "rules": [
    {"rule": "entropy rises | with distance", "estimate": "entropy_slope", "outcome": "fails"},
    {"rule": "no estimate of this name", "estimate": "absent", "outcome": "undecided"}
  ],
  "finding": "The first *paragraph*,\non two lines.\n\n1. Not a list.",
  "method": "One pass, 128 masks.",
  "figures": [{"file": "heat map.svg", "title": "Tokens [top-1]", "caption": "One | cell a token."}],
  "tables": [{"title": "Top tokens", "note": null, "columns": ["position", "token", "p"],
    "rows": [[0, "<|im_end|>", 0.987654], [1, "\n", null], [2, "`|`", true]]}],
  "command": "dlm run specs/probe-example.toml --scale smoke"
}"#;

const ESTIMATES: &str = "name,value,lower,upper,level,units,meaning\n\
    entropy_slope,-0.01234567,-0.02,0.001,0.95,100,\"slope of a_b, by |d|\"\n\
    half_life,,,,,,not estimable\n";

/// A folder of results; `edit` may spoil a file before it is written.
fn folder(edit: impl Fn(&str, &str) -> String) -> tempfile::TempDir {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("smoke/probe-example");
    fs::create_dir_all(&folder).unwrap();
    let manifest = crate::results::EXAMPLE_MANIFEST;
    let files = [
        ("rows.csv", ""),
        ("summary.json", SUMMARY),
        ("estimates.csv", ESTIMATES),
        ("manifest.json", manifest),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), edit(name, text)).unwrap();
    }
    fs::create_dir(out.path().join("smoke/cut-short")).unwrap();
    out
}

const IDS: [&str; 3] = ["probe-example", "cut-short", "never-run"];

#[test]
fn the_page_shows_everything() {
    let out = folder(|_, text| text.to_string());
    let path = write(out.path(), Scale::Smoke, &IDS).unwrap();
    expect_file!["testdata/report.md"].assert_eq(&fs::read_to_string(path).unwrap());
}

#[test]
fn a_malformed_file_is_named_with_its_field() {
    let cases = [
        ("summary.json", "\"Figure 2\"", "[]", "`feeds`"),
        ("estimates.csv", "0.001", "much", "`upper`"),
        ("manifest.json", "61.25", "\"long\"", "`wall_seconds`"),
    ];
    for (file, from, to, field) in cases {
        let out = folder(
            |name, text| {
                if name == file { text.replace(from, to) } else { text.to_string() }
            },
        );
        let error = format!("{:#}", write(out.path(), Scale::Smoke, &IDS).unwrap_err());
        assert!(error.contains(file) && error.contains(field), "{error}");
    }
}
