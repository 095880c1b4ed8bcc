//! Runs experiments: builds `dlm`, spawns it once for each, and sums up.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::registry::Experiment;
use crate::report::Entry;
use crate::scale::Scale;
use crate::steps::{Outcome, Steps, program};
use crate::workspace::Workspace;

/// Builds `dlm` for release and returns where it is.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let mut command = workspace.cargo();
    command.args(["build", "--release", "--package", "dlm-experiments", "--bin", "dlm"]);
    // Cargo knows where it puts the program, whatever target folder is set.
    command.arg("--message-format=json-render-diagnostics");
    let output = command.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    ensure!(output.status.success(), "`dlm` does not build; cargo's errors are above");
    executable(&String::from_utf8_lossy(&output.stdout))
        .context("cargo built `dlm` and did not say where it is")
}

/// The program `dlm` in cargo's messages, one JSON object a line.
fn executable(messages: &str) -> Option<PathBuf> {
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = artifacts.filter(|message| {
        message["reason"] == "compiler-artifact" && message["target"]["name"] == "dlm"
    });
    programs.find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// Runs every one of `experiments` with the program `dlm`, even after one
/// failed; `passed_on` are arguments for `dlm run`.
pub(crate) fn run(
    workspace: &Workspace,
    dlm: &Path,
    experiments: &[&Experiment],
    scale: Scale,
    out: &Path,
    passed_on: &[String],
) -> Steps {
    // The program notes its command: relative to the root it holds everywhere.
    let here = out.strip_prefix(&workspace.root).unwrap_or(out);
    let mut steps = Steps::default();
    for experiment in experiments {
        steps.run(experiment.id, || {
            let mut command: Command = workspace.command(dlm);
            command.args(["run", &experiment.spec(), "--scale", scale.name(), "--out"]);
            command.arg(here.join(scale.name()).join(experiment.id)).args(passed_on);
            program(&mut command)
        });
    }
    steps
}

/// What became of each experiment: verdict and time.
pub(crate) fn summary(steps: &Steps, folder: &Path) -> String {
    let mut text = String::new();
    for (id, outcome, time) in steps.done() {
        let verdict = match outcome {
            Outcome::Failed(_) => "FAILED".to_string(),
            _ => Entry::read(folder, id).verdict(),
        };
        let _ = writeln!(text, "{id:24} {verdict:14} {:8.1} s", time.as_secs_f64());
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_program_is_found_in_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"dlm_core"},"executable":null}
not json
{"reason":"compiler-artifact","target":{"name":"dlm"},"executable":"/t/release/dlm"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages), Some(PathBuf::from("/t/release/dlm")));
        assert_eq!(executable("{}"), None);
    }

    #[test]
    fn one_failure_does_not_stop_the_others() {
        let root = tempfile::tempdir().unwrap();
        let dlm = root.path().join("dlm");
        // Notes its arguments, and fails for the first experiment.
        fs::write(&dlm, "#!/bin/sh\necho \"$@\" >> calls\ncase $2 in *a.toml) exit 1;; esac\n")
            .unwrap();
        fs::set_permissions(&dlm, fs::Permissions::from_mode(0o755)).unwrap();
        let workspace = Workspace { root: root.path().to_path_buf() };
        let experiments =
            [&Experiment { id: "a", needs: &[] }, &Experiment { id: "b", needs: &[] }];
        let passed_on = ["--model".to_string(), "m".to_string()];
        let out = root.path().join("results");

        let steps = run(&workspace, &dlm, &experiments, Scale::Smoke, &out, &passed_on);

        assert_eq!(steps.failed(), ["a"]);
        assert_eq!(
            fs::read_to_string(root.path().join("calls")).unwrap(),
            "run specs/a.toml --scale smoke --out results/smoke/a --model m\n\
             run specs/b.toml --scale smoke --out results/smoke/b --model m\n"
        );
        let summary = summary(&steps, &out.join("smoke"));
        let lines: Vec<&str> = summary.lines().collect();
        assert!(lines[0].starts_with("a ") && lines[0].contains("FAILED"), "{summary}");
        assert!(lines[1].starts_with("b ") && lines[1].contains("not run"), "{summary}");
    }
}
