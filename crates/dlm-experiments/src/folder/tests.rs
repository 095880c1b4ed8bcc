//! What holds a results folder together: resume, staleness, and somebody else's files.

use std::{collections::BTreeMap, fs, time::Duration};

use serde::Serialize;
use serde_json::json;

use super::{Failure, Folder, Opened};
use crate::{Error, Manifest, Spec};

#[derive(Serialize)]
struct Row {
    unit: usize,
    text: &'static str,
}

fn open(path: &std::path::Path, inputs: &serde_json::Value) -> Folder {
    match Folder::open(path, inputs, false).unwrap() {
        Opened::Open(folder) => folder,
        Opened::UpToDate(_) => panic!("the folder is whole"),
    }
}

#[test]
fn a_run_cut_off_in_a_row_goes_on_after_its_last_unit() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = json!({"seed": 1});
    let mut run = open(folder.path(), &inputs);
    run.append("probe.csv", &[Row { unit: 0, text: "a,b" }]).unwrap();
    run.finish_unit(&["probe.csv"]).unwrap();
    run.append("probe.csv", &[Row { unit: 1, text: "half" }]).unwrap();
    drop(run);

    let mut again = open(folder.path(), &inputs);
    assert_eq!(again.units(), 1);
    again.append("probe.csv", &[Row { unit: 1, text: "whole" }]).unwrap();
    again.finish_unit(&["probe.csv"]).unwrap();
    let text = fs::read_to_string(folder.path().join("probe.csv")).unwrap();
    assert_eq!(text, "unit,text\n0,\"a,b\"\n1,whole\n");
}

#[test]
fn other_inputs_start_anew_and_equal_ones_are_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = open(folder.path(), &json!(1));
    run.append("probe.csv", &[Row { unit: 0, text: "x" }]).unwrap();
    run.finish_unit(&["probe.csv"]).unwrap();
    run.finish(Manifest::for_test(json!(1)), &["probe.csv".to_string()]).unwrap();

    assert!(matches!(
        Folder::open(folder.path(), &json!(1), false).unwrap(),
        Opened::UpToDate(manifest) if manifest.files[0].path == "probe.csv"
    ));
    let other = open(folder.path(), &json!(2));
    assert_eq!(other.units(), 0);
    assert!(!folder.path().join("probe.csv").exists());
    assert!(!folder.path().join("manifest.json").exists());
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = folder.path().join("theirs.csv");
    fs::write(&theirs, "precious").unwrap();
    let message = Folder::open(folder.path(), &json!(1), true).unwrap_err().to_string();
    assert!(message.contains("theirs.csv") && message.contains("empty"), "{message}");
    assert_eq!(fs::read_to_string(theirs).unwrap(), "precious");
}

#[test]
fn a_second_run_is_kept_out_while_the_first_writes() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), &json!(1));
    let message = Folder::open(folder.path(), &json!(1), false).unwrap_err().to_string();
    assert!(message.contains("another run"), "{message}");
    drop(first);
    open(folder.path(), &json!(1));
}

#[test]
fn a_recorded_file_that_is_gone_or_shorter_starts_anew() {
    for damage in [None, Some(3)] {
        let folder = tempfile::tempdir().unwrap();
        let mut run = open(folder.path(), &json!(1));
        run.append("probe.csv", &[Row { unit: 0, text: "x" }]).unwrap();
        run.finish_unit(&["probe.csv"]).unwrap();
        drop(run);
        let path = folder.path().join("probe.csv");
        match damage {
            None => fs::remove_file(&path).unwrap(),
            Some(length) => {
                fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap()
            }
        }
        assert_eq!(open(folder.path(), &json!(1)).units(), 0);
    }
}

#[test]
fn force_starts_anew() {
    let folder = tempfile::tempdir().unwrap();
    let run = open(folder.path(), &json!(1));
    run.finish(Manifest::for_test(json!(1)), &[]).unwrap();
    assert!(matches!(Folder::open(folder.path(), &json!(1), true).unwrap(), Opened::Open(_)));
}

#[test]
fn results_of_another_version_are_refused_unless_forced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.json");
    let precious = folder.path().join("probe.csv");
    let refused = |text: &str| {
        fs::write(&path, text).unwrap();
        fs::write(&precious, "precious").unwrap();
        let message = Folder::open(folder.path(), &json!(1), false).unwrap_err().to_string();
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        message
    };
    let forced = || {
        let forced = Folder::open(folder.path(), &json!(1), true).unwrap();
        assert!(matches!(forced, Opened::Open(_)) && !path.exists() && !precious.exists());
    };
    // The layout of another version is unknown, so nothing but its name is read.
    let message = refused(r#"{"program": "dlm", "version": "0.0.9", "files": 3}"#);
    assert!(
        message.contains("manifest.json: version: these results are of dlm 0.0.9"),
        "{message}"
    );
    assert!(message.contains("--out") && message.contains("--force"), "{message}");
    forced();
    let message = refused(r#"{"program": "dlm", "version""#);
    assert!(message.contains("manifest.json: not readable: EOF") && message.contains("--force"));
    forced();
    let message =
        refused(&format!(r#"{{"program": "dlm", "version": "{}"}}"#, crate::manifest::VERSION));
    assert!(message.contains("not readable: missing field `started`"), "{message}");
    forced();
}

#[test]
fn a_manifest_of_somebody_else_is_left_alone_even_by_force() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.json");
    fs::write(&path, r#"{"name": "an app", "version": "1.0"}"#).unwrap();
    let message = Folder::open(folder.path(), &json!(1), true).unwrap_err().to_string();
    assert!(message.contains("manifest.json") && message.contains("empty or new"), "{message}");
    assert!(path.exists());
}

#[test]
fn results_that_lost_a_file_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = open(folder.path(), &json!(1));
    run.write("estimates.csv", b"name").unwrap();
    run.finish(Manifest::for_test(json!(1)), &["estimates.csv".to_string()]).unwrap();
    fs::remove_file(folder.path().join("estimates.csv")).unwrap();
    assert_eq!(open(folder.path(), &json!(1)).units(), 0);
}

#[test]
fn wall_times_of_runs_that_were_cut_off_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = open(folder.path(), &json!(1));
    run.finish_unit(&[]).unwrap();
    drop(run);
    let progress = folder.path().join("progress.json");
    let mut recorded: serde_json::Value =
        serde_json::from_slice(&fs::read(&progress).unwrap()).unwrap();
    assert!(0.0 < recorded["seconds"].as_f64().unwrap());
    recorded["seconds"] = json!(100.0);
    fs::write(&progress, recorded.to_string()).unwrap();

    let mut again = open(folder.path(), &json!(1));
    again.took("a", Duration::from_secs(2));
    again.finish_unit(&[]).unwrap();
    // Of a unit that is cut off.
    again.took("a", Duration::from_secs(64));
    drop(again);
    let mut last = open(folder.path(), &json!(1));
    last.took("a", Duration::from_secs(3));
    last.finish_unit(&[]).unwrap();
    let manifest = Manifest { wall_seconds: 20.0, ..Manifest::for_test(json!(1)) };
    last.finish(manifest, &[]).unwrap();
    let manifest = Manifest::read_if_whole(&folder.path().join("manifest.json")).unwrap();
    assert!((120.0..130.0).contains(&manifest.wall_seconds), "{}", manifest.wall_seconds);
    assert_eq!(manifest.seconds_of, BTreeMap::from([("a".to_string(), 5.0)]));
}

#[test]
fn a_failure_stands_beside_what_was_there_until_the_next_success() {
    let specs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs/mask-count.toml");
    let spec = Spec::read(specs.as_ref()).unwrap();
    let error = Error::Argument("there is no model".to_string());
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let failure = || Failure::new(&spec, &error, "the command".to_string()).leave(&out);
    failure().unwrap();
    let text = fs::read_to_string(out.join("failure.json")).unwrap();
    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&read["id"], &read["claim"]), (&json!("mask-count"), &json!(spec.claim)));
    assert_eq!(
        (&read["reason"], &read["command"]),
        (&json!("there is no model"), &json!("the command"))
    );
    assert_eq!(read["version"], json!(crate::manifest::VERSION));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1, "nothing else");

    // The folder is this program's own; a run that begins takes the failure away.
    let mut run = open(&out, &json!(1));
    assert!(!out.join("failure.json").exists());
    assert!(failure().unwrap_err().to_string().contains("another run"));
    run.finish_unit(&[]).unwrap();
    drop(run);
    failure().unwrap();
    let run = open(&out, &json!(1));
    assert_eq!(run.units(), 1);
    run.finish(Manifest::for_test(json!(1)), &[]).unwrap();
    drop(run);
    failure().unwrap();
    assert!(Folder::up_to_date(&out, &json!(1), false).unwrap().is_some());
    Failure::withdraw(&out).unwrap();
    assert!(!out.join("failure.json").exists());
    Failure::withdraw(&out).unwrap();
}
