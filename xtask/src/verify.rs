//! Checks that results are what their manifests say, and readable.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::report::Entry;
use crate::results::{Figure, Listed, State};
use crate::setup;

/// Checks the results of `id` in the folder of a scale; returns the number of
/// files checked.
///
/// # Errors
/// If they are not whole or of another version, a file differs from the manifest,
/// a CSV file's rows differ in length, or a figure is not well-formed or does not
/// have its data: names the file.
pub(crate) fn experiment(folder: &Path, id: &str) -> Result<usize> {
    let entry = Entry::read(folder, id);
    let Some(results) = entry.results else {
        match entry.state {
            State::Missing => bail!("{id}: there are no results in {}", folder.display()),
            state => bail!("{id}: {state}"),
        }
    };
    let folder = folder.join(id);
    let listed = &results.manifest.files;
    for file in listed {
        check(&folder, file).with_context(|| format!("{id}: {}", file.path))?;
    }
    let shown = results.summary.figures.iter().flat_map(Figure::files);
    for name in shown.chain(["summary.json", "estimates.csv"]) {
        let vouched = listed.iter().any(|file| file.path == name);
        ensure!(vouched, "{id}: the manifest does not list {name}");
    }
    ensure!(
        results.summary.id == id,
        "{id}: summary.json is of another experiment, {:?}",
        results.summary.id
    );
    Ok(listed.len())
}

fn check(folder: &Path, file: &Listed) -> Result<()> {
    let path = file.within(folder)?;
    let found = setup::sha256(&path)?;
    ensure!(found == file.sha256, "it has SHA-256 {found}, but the manifest lists {}", file.sha256);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => check_csv(&path),
        Some("svg") => check_svg(&path),
        _ => Ok(()),
    }
}

/// Rows of equal length below a header.
fn check_csv(path: &Path) -> Result<()> {
    let mut reader = csv::Reader::from_path(path)?;
    ensure!(!reader.headers()?.is_empty(), "it has no header");
    for row in reader.records() {
        row?;
    }
    Ok(())
}

/// Well-formed XML whose root is `svg`.
fn check_svg(path: &Path) -> Result<()> {
    let text = fs::read_to_string(path)?;
    let document = roxmltree::Document::parse(&text).context("it is not well-formed")?;
    let root = document.root_element().tag_name().name();
    ensure!(root == "svg", "its root is <{root}>, not <svg>");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SVG: &str = "<svg xmlns='http://www.w3.org/2000/svg'/>";
    const CSV: &str = "a,b\n1,2\n";
    const ESTIMATES: &str = "name,value,lower,upper,level,units,meaning\n";

    /// Results whose manifest is right; then `name` is overwritten by `text`.
    fn verify_with(rows: &str, svg: &str, later: Option<(&str, &str)>) -> Result<usize> {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("x");
        fs::create_dir(&folder).unwrap();
        let summary = r#"{"id": "x", "claim": "c", "feeds": "f", "verdict": "undecided",
            "rules": [], "finding": "", "figures": [{"file": "f.svg", "title": "", "caption": "",
            "kind": "curves", "data": "f.csv"}],
            "tables": [], "command": ""}"#;
        let files = [
            ("rows.csv", rows),
            ("f.svg", svg),
            ("f.csv", "panel,curve,x,value,lower,upper\n"),
            ("summary.json", summary),
            ("estimates.csv", ESTIMATES),
        ];
        let mut listed = Vec::new();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
            let sha256 = setup::sha256(&folder.join(name)).unwrap();
            listed.push(serde_json::json!({"path": name, "sha256": sha256}));
        }
        let mut manifest: serde_json::Value =
            serde_json::from_str(crate::results::EXAMPLE_MANIFEST).unwrap();
        manifest["files"] = listed.into();
        fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
        if let Some((name, text)) = later {
            fs::write(folder.join(name), text).unwrap();
        }
        experiment(root.path(), "x")
    }

    #[test]
    fn good_results_pass() {
        assert_eq!(verify_with(CSV, SVG, None).unwrap(), 5);
    }

    #[test]
    fn each_defect_is_named() {
        let cases = [
            (verify_with("a,b\n1\n", SVG, None), "rows.csv"),
            (verify_with("", SVG, None), "no header"),
            (verify_with(CSV, "<svg><g></svg>", None), "well-formed"),
            (verify_with(CSV, "<html/>", None), "not <svg>"),
            (verify_with(CSV, SVG, Some(("rows.csv", "a,b\n1,3\n"))), "manifest lists"),
            (verify_with(CSV, SVG, Some(("f.csv", "panel\n"))), "f.csv: field `curve` is missing"),
            (verify_with(CSV, SVG, Some(("manifest.json", r#"{"version": "0"}"#))), "version (0)"),
        ];
        for (result, part) in cases {
            let error = format!("{:#}", result.unwrap_err());
            assert!(error.contains(part), "{error}");
        }
        let empty = tempfile::tempdir().unwrap();
        let error = experiment(empty.path(), "x").unwrap_err().to_string();
        assert!(error.contains("no results"), "{error}");
    }
}
