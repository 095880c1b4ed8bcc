//! `dlm run` as `cargo xtask reproduce` calls it, at smoke scale.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn run(id: &str, out: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_dlm"))
        .args(["run", &format!("{ROOT}/specs/{id}.toml"), "--scale", "smoke", "--out"])
        .arg(out)
        .output()
        .unwrap();
    assert!(output.status.success(), "{id}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_spec_runs_to_a_whole_folder_and_twice_to_the_same_bytes() {
    // Side by side in two folders; what reads other experiments' results comes last.
    let folder = tempfile::tempdir().unwrap();
    let specs = fs::read_dir(format!("{ROOT}/specs")).unwrap();
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_string();
    let mut ids: Vec<String> = specs.map(|spec| stem(spec.unwrap().path())).collect();
    ids.sort_by_key(|id| (id == "five-properties", id.clone()));
    let all = |name: &str| {
        let out = folder.path().join(name);
        ids.iter().for_each(|id| _ = run(id, &out.join(id)));
    };
    std::thread::scope(|scope| {
        scope.spawn(|| all("first"));
        all("second");
    });
    for id in &ids {
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        let (first, second) = (first.join(id), second.join(id));
        let manifest: serde_json::Value =
            serde_json::from_slice(&fs::read(first.join("manifest.json")).unwrap()).unwrap();
        let listed = manifest["files"].as_array().unwrap().iter();
        let files: Vec<&str> = listed.map(|file| file["path"].as_str().unwrap()).collect();
        assert!(files.contains(&"estimates.csv") && files.contains(&"summary.json"), "{files:?}");
        for file in files {
            let bytes = |folder: &Path| fs::read(folder.join(file)).unwrap();
            assert_eq!(bytes(&first), bytes(&second), "{id}/{file}");
        }
        assert!(run(id, &first).contains("up to date"));
        let leftovers = fs::read_dir(&first).unwrap().filter(|entry| {
            entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".bin")
        });
        assert_eq!(leftovers.count(), 0, "{id}");
    }
}

#[test]
fn a_spec_with_an_unknown_field_or_a_rule_without_bound_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(format!("{ROOT}/specs/probe-example.toml")).unwrap();
    for (from, to, part) in [
        ("seed = ", "sede = ", "sede"),
        ("above = 0.5", "", "needs above or below"),
        ("near = 0.0625", "near = 2.0", "near"),
        ("id = \"probe-example\"", "id = \"probe-exmaple\"", "is no experiment"),
    ] {
        let spec = folder.path().join("spec.toml");
        let text = text.replace(from, to).replace("\"../", &format!("\"{ROOT}/"));
        fs::write(&spec, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_dlm"))
            .args(["run", spec.to_str().unwrap(), "--scale", "smoke", "--out"])
            .arg(folder.path().join("out"))
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && message.contains(part), "{message}");
    }
}

#[test]
fn one_prompt_alone_has_no_intervals_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = folder.path().join("one.jsonl");
    fs::write(&prompts, "{\"prompt\": \"Why?\", \"response\": \"So.\"}\n").unwrap();
    let out = folder.path().join("out");
    let output = Command::new(env!("CARGO_BIN_EXE_dlm"))
        .args(["run", &format!("{ROOT}/specs/probe-aggregate.toml"), "--scale", "smoke"])
        .args([&"--prompts".into(), &prompts.into_os_string(), &"--out".into()])
        .arg(&out)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary = fs::read_to_string(out.join("summary.json")).unwrap();
    // A mean of one prompt has no interval; the command says which prompts they were.
    assert!(summary.contains("\"undecided\"") && summary.contains("--prompts"), "{summary}");
    let estimates = fs::read_to_string(out.join("estimates.csv")).unwrap();
    assert!(!estimates.contains("entropy_near"), "{estimates}");
}
