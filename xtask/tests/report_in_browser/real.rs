//! The report of real results: every experiment, run at smoke scale by the program itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::page::Page;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn a_real_report_shows_all_its_verdicts_and_pictures_and_fetches_nothing() {
    let results = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report-in-browser-results");
    let report = reported(&results);
    let page = Page::of(&report);
    page.keep_picture("smoke");

    let rows = "[...document.querySelectorAll('.verdicts tbody tr')]";
    let verdicts: Vec<String> =
        page.value(&format!("{rows}.map(row => row.lastElementChild.innerText)"));
    assert_eq!(verdicts.len(), 15);
    let words = ["supported", "not supported", "undecided"];
    let verdict = |text: &String| words.iter().any(|word| text.ends_with(word));
    assert!(verdicts.iter().all(verdict), "{verdicts:?}");
    let bottom: f64 = page.value(&format!("{rows}.at(-1).getBoundingClientRect().bottom"));
    assert!(bottom <= 900.0, "the last verdict ends at {bottom} of 900");

    // All of it is shown and used once, so that whatever runs late has run.
    page.run("document.querySelectorAll('details').forEach(d => d.open = true)");
    page.run("document.querySelectorAll('.player .back').forEach(b => b.click())");
    page.run("document.querySelectorAll('.heat-map [tabindex=\"0\"]').forEach(c => c.focus())");
    page.wait_for("[...document.images].every(image => image.complete)");
    let drawn: Vec<bool> = page.value("[...document.images].map(image => image.naturalWidth > 0)");
    assert_eq!(drawn, vec![true; figures(report.parent().unwrap())]);
    let requests = page.requests();
    let fetched: Vec<_> = requests.iter().filter(|url| !url.starts_with("data:")).collect();
    assert_eq!(fetched.len(), 1, "{fetched:?}");
    assert_eq!(page.complaints(), Vec::<Value>::new());
}

/// Runs what is not up to date, and writes the report; returns its path.
fn reported(results: &Path) -> PathBuf {
    let dlm = dlm();
    let scale = results.join("smoke");
    for id in ids() {
        let mut run = Command::new(&dlm);
        run.args(["run", &format!("specs/{id}.toml"), "--scale", "smoke", "--out"]);
        run.arg(scale.join(&id)).current_dir(ROOT).env("OMP_WAIT_POLICY", "passive");
        let output = run.output().unwrap();
        assert!(output.status.success(), "{id}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let mut report = Command::new(env!("CARGO_BIN_EXE_xtask"));
    report.args(["report", "--scale", "smoke", "--out"]).arg(results);
    assert!(report.status().unwrap().success(), "xtask report fails");
    scale.join("report.html")
}

/// Every experiment; what reads the results of others comes last.
fn ids() -> Vec<String> {
    let specs = fs::read_dir(format!("{ROOT}/specs")).unwrap();
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_string();
    let mut ids: Vec<String> = specs.map(|spec| stem(spec.unwrap().path())).collect();
    ids.sort_by_key(|id| (id == "five-properties", id.clone()));
    ids
}

/// How many pictures the summaries of a scale list.
fn figures(scale: &Path) -> usize {
    let of = |id: &String| -> usize {
        let text = fs::read_to_string(scale.join(id).join("summary.json")).unwrap();
        let summary: Value = serde_json::from_str(&text).unwrap();
        summary["figures"].as_array().unwrap().len()
    };
    ids().iter().map(of).sum()
}

/// The program `dlm`. It is built as for the tests of its own package, which a run of all tests
/// has done already: built in another way, half of the workspace would be compiled anew.
fn dlm() -> PathBuf {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--workspace", "--no-run", "--quiet", "--test", "run"]);
    assert!(cargo.current_dir(ROOT).status().unwrap().success(), "dlm does not build");
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("dlm")
}
