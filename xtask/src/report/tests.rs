//! The rendered pages of a made-up folder of results.

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
  "figures": [{"file": "heat map.svg", "title": "Tokens [top-1]", "caption": "One | cell a token.",
    "kind": "heat-map", "data": "heat-map.json"}],
  "tables": [{"title": "Top tokens", "note": null, "columns": ["position", "token", "p"],
    "rows": [[0, "<|im_end|>", 0.987654], [1, "\n", null], [2, "`|`", true]],
    "cell_notes": [{"row": 1, "column": 1, "text": "A <line> feed."}]}],
  "omitted": ["The 8B model: it needs a GPU."],
  "command": "dlm run specs/probe-example.toml --scale smoke"
}"#;

const HEAT_MAP: &str = r#"{"prompt": "Why?", "positions": [{"position": 0, "entropy": 1.5,
  "top": [{"token": " <b>", "id": 5, "probability": 0.75}]}]}"#;

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
        ("heat map.svg", "<svg/>"),
        ("heat-map.json", HEAT_MAP),
        ("summary.json", SUMMARY),
        ("estimates.csv", ESTIMATES),
        ("manifest.json", manifest),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), edit(name, text)).unwrap();
    }
    fs::create_dir(out.path().join("smoke/cut-short")).unwrap();
    let no_model = out.path().join("smoke/no-model");
    fs::create_dir(&no_model).unwrap();
    let failure = crate::results::EXAMPLE_FAILURE;
    fs::write(no_model.join("failure.json"), edit("failure.json", failure)).unwrap();
    let old = out.path().join("smoke/old");
    fs::create_dir(&old).unwrap();
    fs::write(old.join("manifest.json"), r#"{"version": "0.0.9", "model": {}}"#).unwrap();
    out
}

const IDS: [&str; 5] = ["probe-example", "cut-short", "never-run", "no-model", "old"];

/// Both pages, the Markdown first.
fn pages(out: &Path) -> [String; 2] {
    let path = write(out, Scale::Smoke, &IDS).unwrap();
    [path.with_extension("md"), path].map(|path| fs::read_to_string(path).unwrap())
}

#[test]
fn the_page_shows_everything() {
    let out = folder(|_, text| text.to_string());
    let [markdown, _] = pages(out.path());
    let markdown = markdown.replace(crate::results::VERSION, "VERSION");
    expect_file!["testdata/report.md"].assert_eq(&markdown);
}

#[test]
fn both_pages_say_the_same() {
    let out = folder(|_, text| text.to_string());
    let [markdown, html] = pages(out.path());
    let parts = [
        "-0.01235 [-0.02, 0.001]",
        "made by another version (0.0.9): run it again with --force",
        "cafe",
        "Masks | are &lt;many&gt;.",
        "this experiment asks a masked model: &lt;toy|model&gt; is autoregressive",
        "--scale smoke --model toy",
        "The 8B model: it needs a GPU.",
        "A &lt;line&gt; feed.",
        "heat%20map.svg",
        "a1b2",
        "dlm run specs/probe-example.toml",
    ];
    for part in parts {
        assert!(html.contains(part), "HTML: {part}");
        assert!(markdown.replace('\\', "").contains(part), "Markdown: {part}");
    }
}

#[test]
fn a_later_failure_is_told_beside_the_results_that_it_left_alone() {
    let out = folder(|_, text| text.to_string());
    let pages_now = || pages(out.path());
    let said = "A later run could not be made: this experiment asks a masked model";
    assert!(pages_now().iter().all(|page| !page.contains(said)));
    let path = out.path().join("smoke/probe-example/failure.json");
    fs::write(path, crate::results::EXAMPLE_FAILURE).unwrap();
    for page in pages_now() {
        assert!(page.contains(said) && page.contains("The first"), "{page}");
    }
}

#[test]
fn the_report_depends_on_nothing_but_the_results() {
    // Two folders, written at different times.
    let [one, other] = [(); 2].map(|()| folder(|_, text| text.to_string()));
    let first = pages(one.path());
    assert_eq!(first, pages(one.path()));
    assert_eq!(first, pages(other.path()));
}

#[test]
fn no_text_becomes_an_element() {
    let hostile = "</script></style></title><img src=x onerror=alert(1)><!-- \" '";
    let escaped = serde_json::to_string(hostile).unwrap();
    let out = folder(|name, text| match name {
        "summary.json" => text
            .replace("\"Figure 2\"", &escaped)
            .replace("\"One pass, 128 masks.\"", &escaped)
            .replace("\"Tokens [top-1]\"", &escaped)
            .replace("\"Top tokens\"", &escaped)
            .replace("\"A <line> feed.\"", &escaped),
        "heat-map.json" => text.replace("\" <b>\"", &escaped).replace("\"Why?\"", &escaped),
        "manifest.json" => text.replace("\"toy|model\"", &escaped),
        "failure.json" => {
            text.replace("\"Figure 9\"", &escaped).replace("<toy|model>", "<img src=x>")
        }
        _ => text.to_string(),
    });
    let [_, html] = pages(out.path());
    assert!(html.contains("&lt;img src=x onerror=alert(1)&gt;"));
    assert!(!html.contains("<img src=x"));
    assert_eq!(html.matches("</script>").count(), 1);
    assert_eq!(html.matches("</style>").count(), 1);
    assert_eq!(html.matches("<!--").count(), 0);
}

#[test]
fn a_malformed_file_is_named_with_its_field_and_hides_no_other() {
    let cases = [
        ("summary.json", "\"Figure 2\"", "[]", "`feeds`"),
        ("estimates.csv", "0.001", "much", "`upper`"),
        ("manifest.json", "61.25", "\"long\"", "`wall_seconds`"),
        ("heat-map.json", "1.5", "\"low\"", "`positions[0].entropy`"),
    ];
    for (file, from, to, field) in cases {
        let out = folder(
            |name, text| {
                if name == file { text.replace(from, to) } else { text.to_string() }
            },
        );
        let state = Entry::read(&out.path().join("smoke"), IDS[0]).verdict();
        assert!(state.starts_with(&format!("not readable ({file}: field {field}")), "{state}");
        let [_, html] = pages(out.path());
        assert!(html.contains("not whole (no manifest.json"), "{html}");
    }
}
