//! A run is the same whoever makes it and however often it is cut off.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{dlm, ids, json, listed, run};

/// Added to the time that an interrupted run is said to have taken, seconds: who goes on from
/// it has it in its manifest, and who starts anew has not.
const EARLIER: f64 = 1e6;

/// The files of an unfinished folder at one moment.
type Files = BTreeMap<String, Vec<u8>>;

#[test]
fn every_spec_runs_to_a_whole_folder_twice_and_after_a_kill_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second, killed] =
        ["first", "second", "killed"].map(|name| folder.path().join(name));
    let mut moments = BTreeMap::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for id in ids() {
                let output = dlm(&id, &first.join(&id), &[]);
                let message = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(output.status.success(), "{id}: {message}");
            }
        });
        for id in ids() {
            let out = second.join(&id);
            moments.insert(id.clone(), watched(&out, || _ = run(&id, &out, &[]).unwrap()));
        }
    });
    let mut between_units = 0;
    for id in ids() {
        let [first, second, killed] = [&first, &second, &killed].map(|folder| folder.join(&id));
        let files = listed(&first);
        assert!(
            ["estimates.csv", "summary.json"].iter().all(|name| files.contains(&name.to_string()))
        );
        let distinct: BTreeSet<&String> = files.iter().collect();
        assert_eq!(distinct.len(), files.len(), "{id}: one file overwrites another: {files:?}");
        same_files(&files, &first, &second);
        assert!(run(&id, &second, &[]).unwrap().contains("up to date"));
        let left = fs::read_dir(&first).unwrap().map(|entry| entry.unwrap().file_name());
        let left = left.filter(|name| name.to_string_lossy().ends_with(".bin"));
        assert_eq!(left.count(), 0, "{id}");

        between_units += usize::from(0 < leave_unfinished(&killed, &second, &moments[&id]));
        run(&id, &killed, &[]).unwrap();
        let seconds = json(&killed.join("manifest.json"))["wall_seconds"].as_f64().unwrap();
        assert!(EARLIER <= seconds, "{id} started anew");
        same_files(&files, &first, &killed);
        assert_eq!(files, listed(&killed));
        assert!(!killed.join("progress.json").exists(), "{id}");
    }
    assert!(5 <= between_units, "only {between_units} runs were seen between two units");
}

fn same_files(names: &[String], one: &Path, other: &Path) {
    for name in names {
        let bytes = |folder: &Path| fs::read(folder.join(name)).unwrap();
        assert!(bytes(one) == bytes(other), "{} and {}: {name}", one.display(), other.display());
    }
}

/// Does `work`, and returns what stood in `folder` meanwhile, by the number of whole units.
fn watched(folder: &Path, work: impl FnOnce()) -> BTreeMap<u64, Files> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = BTreeMap::new();
            while !done.load(Ordering::Relaxed) {
                if let Some(files) = standing(folder) {
                    seen.entry(units(&files)).or_insert(files);
                }
                std::thread::sleep(Duration::from_micros(500));
            }
            seen
        });
        work();
        done.store(true, Ordering::Relaxed);
        watcher.join().unwrap()
    })
}

/// All files of an unfinished folder, if no unit was finished while they were read.
fn standing(folder: &Path) -> Option<Files> {
    let progress = fs::read(folder.join("progress.json")).ok()?;
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let named = entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry));
    // A file that is gone by now was the part of another.
    let files: Files =
        named.filter_map(|(name, entry)| Some((name, fs::read(entry.path()).ok()?))).collect();
    let unchanged = fs::read(folder.join("progress.json")).is_ok_and(|now| now == progress);
    (unchanged && files.get("progress.json") == Some(&progress)).then_some(files)
}

fn progress(files: &Files) -> Value {
    serde_json::from_slice(&files["progress.json"]).unwrap()
}

fn units(files: &Files) -> u64 {
    progress(files)["units"].as_u64().unwrap()
}

/// Makes `folder` what a kill in the middle of a unit would have left of the run that ended in
/// `whole`; returns how many units are whole in it. A run of one quick unit may have been
/// seen at no moment: it is cut off in this unit.
fn leave_unfinished(folder: &Path, whole: &Path, moments: &BTreeMap<u64, Files>) -> u64 {
    let inputs = json(&whole.join("manifest.json"))["inputs"].take();
    let blank = json!({"inputs": inputs, "units": 0, "lengths": {}, "seconds": 0.0});
    let blank = Files::from([("progress.json".to_string(), blank.to_string().into_bytes())]);
    let last = moments.values().last().unwrap_or(&blank);
    let before_last = moments.range(..units(last)).map(|(_, files)| files);
    let middle = before_last.clone().nth(before_last.count() / 2).unwrap_or(&blank);

    fs::create_dir_all(folder).unwrap();
    for (name, bytes) in middle {
        fs::write(folder.join(name), bytes).unwrap();
    }
    let mut recorded = progress(middle);
    for name in progress(last)["lengths"].as_object().unwrap().keys() {
        // Half of what was still to come, which ends in a row.
        let rows = fs::read(whole.join(name)).unwrap();
        let length = recorded["lengths"][name].as_u64().unwrap_or(0) as usize;
        assert!(length <= rows.len(), "{}: findings overwrite {name}", whole.display());
        fs::write(folder.join(name), &rows[..length + (rows.len() - length) / 2]).unwrap();
    }
    recorded["seconds"] = json!(EARLIER);
    fs::write(folder.join("progress.json"), recorded.to_string()).unwrap();
    recorded["units"].as_u64().unwrap()
}
