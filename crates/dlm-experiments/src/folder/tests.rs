//! What holds a results folder together: resume, staleness, and somebody else's files.

use std::fs;

use serde::Serialize;
use serde_json::json;

use super::{Folder, Opened};
use crate::Manifest;

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
