//! Trains the default model's adapters: `cargo xtask train`.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::scale::Scale;
use crate::setup::default_model;
use crate::steps::{Outcome, Steps, program};
use crate::workspace::Workspace;

/// The base's own answers that are generated to learn from, in tokens.
const DISTILLED_TOKENS: &str = "3300000";

/// Seed of these answers.
const DISTILLED_SEED: &str = "6";

/// The share of the instruction pairs that an epoch reads; the answers are read whole.
const PAIRS_SHARE: &str = "0.15";

/// What a base is made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Family {
    Masked,
    Gaussian,
}

impl Family {
    fn name(self) -> &'static str {
        match self {
            Self::Masked => "masked",
            Self::Gaussian => "gaussian",
        }
    }

    /// The recipe, from the workspace's root.
    fn recipe(self, scale: Scale) -> String {
        let size = if scale == Scale::Full { "-full" } else { "" };
        format!("data/recipes/{}{size}.toml", self.name())
    }
}

/// What is trained and for how long.
pub(crate) struct Wish<'a> {
    pub(crate) families: &'a [Family],
    pub(crate) scale: Scale,
    pub(crate) minutes: Option<f64>,
    pub(crate) out: PathBuf,
}

/// Lets the base answer the corpus's prompts, then trains each family with the program
/// `dlm`, which goes on from where it was stopped.
pub(crate) fn run(workspace: &Workspace, dlm: &Path, wish: &Wish<'_>) -> Steps {
    let model = default_model(workspace);
    let corpus = workspace.corpus();
    let file = |name: &str| corpus.join(name);
    let mut steps = Steps::default();
    steps.run("distill", || {
        let mut command = workspace.command(dlm);
        command.args(["distill", "--dtype", "bf16", "--seed", DISTILLED_SEED]);
        command.args(["--limit-tokens", DISTILLED_TOKENS, "--model"]).arg(&model);
        command.arg("--prompts").arg(file("prompts.jsonl"));
        command.arg("--out").arg(file("distilled.jsonl"));
        program(&mut command)
    });
    for family in wish.families {
        if steps.done().any(|(_, outcome, _)| matches!(outcome, Outcome::Failed(_))) {
            break;
        }
        steps.run(family.name(), || {
            let mut command = workspace.command(dlm);
            command.args(["train", "--dtype", "bf16", "--recipe", &family.recipe(wish.scale)]);
            command.arg("--model").arg(&model).arg("--data").arg(file("distilled.jsonl"));
            command.arg(format!("{}={PAIRS_SHARE}", file("pairs.jsonl").display()));
            if let Some(minutes) = wish.minutes {
                command.args(["--minutes", &minutes.to_string()]);
            }
            command.arg("--out").arg(wish.out.join(wish.scale.name()).join(family.name()));
            program(&mut command)
        });
    }
    steps
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A workspace whose `dlm` notes its arguments and fails where they name `bad`.
    fn trained(bad: &str, minutes: Option<f64>) -> (Vec<String>, Vec<String>) {
        let root = tempfile::tempdir().unwrap();
        let dlm = root.path().join("dlm");
        let script =
            format!("#!/bin/sh\necho \"$@\" >> calls\ncase \"$*\" in {bad}*) exit 1;; esac\n");
        fs::write(&dlm, script).unwrap();
        fs::set_permissions(&dlm, fs::Permissions::from_mode(0o755)).unwrap();
        let workspace = Workspace { root: root.path().to_path_buf() };
        let families = &[Family::Masked, Family::Gaussian];
        let wish = Wish { families, scale: Scale::Full, minutes, out: "out".into() };
        let steps = run(&workspace, &dlm, &wish);
        let calls = fs::read_to_string(root.path().join("calls")).unwrap();
        let failed = steps.failed().iter().map(ToString::to_string).collect();
        (calls.lines().map(str::to_string).collect(), failed)
    }

    #[test]
    fn answers_come_first_and_each_family_has_its_recipe_and_folder() {
        let (calls, failed) = trained("nothing", Some(9.5));
        assert_eq!(failed, [""; 0]);
        assert!(calls[0].starts_with("distill ") && calls[0].ends_with("distilled.jsonl"));
        for (call, family) in calls[1..].iter().zip(["masked", "gaussian"]) {
            assert!(call.contains(&format!("--recipe data/recipes/{family}-full.toml")), "{call}");
            assert!(call.contains("pairs.jsonl=0.15 --minutes 9.5"), "{call}");
            assert!(call.ends_with(&format!("--out out/full/{family}")), "{call}");
        }
        assert_eq!(calls.len(), 3);
    }

    #[test]
    fn nothing_is_trained_without_answers() {
        let (calls, failed) = trained("distill", None);
        assert_eq!((calls.len(), failed), (1, vec!["distill".to_string()]));
    }
}
