//! A folder of results whose every text tries to get out of its place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// Text that leaves a mark, `window.broken`, wherever a browser runs it.
pub(crate) const HOSTILE: &str = "<img src=x onerror=\"window.broken=1\"></script><script>\
    window.broken=1</script><!-- ' & \u{202e} {{7*7}}";

/// A picture that would run a script and fetch another, were it not only a picture.
const SVG: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 400 120' width='400' \
    height='120' onload='window.broken=1'><script>window.broken=1</script>\
    <image href='http://127.0.0.1:9/x.png' width='9' height='9'/>\
    <rect width='400' height='120' fill='#eef'/>\
    <text x='20' y='70' font-size='24'>a still picture</text></svg>";

/// How many positions the heat map has, and how many tokens each.
pub(crate) const POSITIONS: usize = 30;
pub(crate) const TOP: usize = 10;

/// How many steps the first sample has.
pub(crate) const STEPS: usize = 12;

/// The results of two experiments, one of another version, a failure, and their report.
pub(crate) fn reported(out: &Path) -> PathBuf {
    let scale = out.join("smoke");
    write_whole(&scale.join("probe-example"));
    let old = scale.join("probe-aggregate");
    fs::create_dir_all(&old).unwrap();
    fs::write(old.join("manifest.json"), r#"{"version": "0.0.9"}"#).unwrap();
    let failed = scale.join("mask-count");
    fs::create_dir_all(&failed).unwrap();
    fs::write(failed.join("failure.json"), failure().to_string()).unwrap();
    let mut report = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let status = report.args(["report", "--scale", "smoke", "--out"]).arg(out).status().unwrap();
    assert!(status.success(), "xtask report fails");
    scale.join("report.html")
}

fn write_whole(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    for name in ["heat '<b>.svg", "curves.svg", "trajectory.svg"] {
        write(name, SVG);
    }
    write("heat-map.json", &heat_map().to_string());
    write("trajectory.json", &trajectory().to_string());
    write("curves.csv", &curves());
    write("summary.json", &summary().to_string());
    write("estimates.csv", &estimates());
    write("manifest.json", &manifest().to_string());
}

fn summary() -> Value {
    let figure = |file: &str, kind: &str, data: &str| {
        json!({"file": file, "kind": kind, "data": data, "title": format!("{kind} {HOSTILE}"),
            "caption": format!("What the {kind} shows. {HOSTILE}")})
    };
    json!({
        "id": "probe-example", "feeds": format!("figure 2 {HOSTILE}"), "verdict": "not supported",
        "claim": format!("Near the prompt predictions are sharp; far from it they are not. {HOSTILE}"),
        "rules": [
            {"rule": format!("The entropy rises. {HOSTILE}"), "estimate": "entropy_change", "outcome": "holds"},
            {"rule": "The best token loses a tenth.", "estimate": "top1_change", "outcome": "fails"},
            {"rule": "A half-life is found.", "estimate": "half_life", "outcome": "undecided"}],
        "finding": format!("The entropy rises by 0.5 nats.\n\n{HOSTILE}"),
        "method": format!("One pass over one prompt. {HOSTILE}"),
        "omitted": [format!("The 8B model was not run: it needs a GPU. {HOSTILE}")],
        "figures": [
            figure("heat '<b>.svg", "heat-map", "heat-map.json"),
            figure("curves.svg", "curves", "curves.csv"),
            figure("trajectory.svg", "trajectory", "trajectory.json")],
        "tables": [{"title": format!("Decay {HOSTILE}"), "note": HOSTILE,
            "columns": ["measure", "better", HOSTILE],
            "rows": [["entropy", "power", 113.5], ["top1", HOSTILE, null]],
            "cell_notes": [{"row": 0, "column": 1, "text": format!("By AIC. {HOSTILE}")}]}],
        "command": format!("cargo xtask reproduce probe-example --scale smoke # {HOSTILE}")
    })
}

fn manifest() -> Value {
    json!({
        "program": "dlm", "version": env!("CARGO_PKG_VERSION"), "started": "2026-01-02T03:04:05Z",
        "wall_seconds": 61.25, "seed": 7, "device": "cpu", "dtype": "f32", "libtorch": "2.11.0",
        "threads": 2, "prompts": {"origin": HOSTILE, "count": 1}, "files": [],
        "models": [{"role": "masked", "id": HOSTILE, "revision": "a1b2", "family": "Llama",
            "adapter": HOSTILE, "files": [{"name": HOSTILE, "sha256": "ab".repeat(32)}]}]
    })
}

fn failure() -> Value {
    json!({
        "id": "mask-count", "claim": HOSTILE, "feeds": HOSTILE, "command": HOSTILE,
        "version": env!("CARGO_PKG_VERSION"),
        "reason": format!("this experiment asks a masked model: {HOSTILE}")
    })
}

fn heat_map() -> Value {
    let tokens = [" Par", HOSTILE, "\n\n", "", " the", ",", "\u{0}", "你好", " a", ".", "·"];
    let position = |place: usize| {
        let top = (0..TOP).map(|rank| {
            let p = 0.95 * 0.9f64.powi(place as i32) * 0.5f64.powi(rank as i32);
            json!({"token": tokens[(place + rank) % tokens.len()], "id": rank, "probability": p})
        });
        json!({"position": place, "entropy": 0.1 * place as f64, "top": top.collect::<Vec<_>>()})
    };
    json!({"prompt": format!("What is the capital of France? {HOSTILE}"),
        "positions": (0..POSITIONS).map(position).collect::<Vec<_>>()})
}

/// Position 3 gets a token at step 4, loses it at step 6 and gets another at step 12.
fn trajectory() -> Value {
    let step = |number: usize| {
        let token = if number == 2 { HOSTILE.to_string() } else { format!(" word{number}") };
        let mut changes = vec![json!({"position": number - 1, "token": token,
            "probability": number as f64 / STEPS as f64})];
        if number == 6 {
            changes.push(json!({"position": 3, "token": null, "probability": 0.01}));
        }
        if number == STEPS {
            changes[0] = json!({"position": 3, "token": " again", "probability": 0.9});
        }
        json!({"nfe": 2 * number, "changes": changes})
    };
    json!({"samples": [
        {"title": "confidence", "prompt": format!("Say something. {HOSTILE}"),
            "length": STEPS, "steps": (1..=STEPS).map(step).collect::<Vec<_>>()},
        {"title": format!("second {HOSTILE}"), "prompt": null, "length": 3, "steps": [
            {"nfe": 1, "changes": []},
            {"nfe": 2, "changes": [{"position": 0, "token": " other", "probability": 0.5}]}]}]})
}

fn curves() -> String {
    let quoted = HOSTILE.replace('"', "\"\"");
    format!(
        "panel,curve,x,value,lower,upper\nSharpness,\"{quoted}\",0,0.5,0.4,0.6\n\
         Sharpness,best token,1,0.25,,\n"
    )
}

fn estimates() -> String {
    let quoted = HOSTILE.replace('"', "\"\"");
    let many: String = (0..14).map(|n| format!("measure_{n},{n}.5,,,0.95,1,m\n")).collect();
    format!(
        "name,value,lower,upper,level,units,meaning\n\
         entropy_change,0.5,0.4,0.6,0.95,100,\"the change, nats {quoted}\"\n\
         top1_change,-0.05,-0.09,-0.03,0.95,100,change of the best token's probability\n\
         half_life,,,,,,not estimable\n{many}"
    )
}
