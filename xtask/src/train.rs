//! Trains the default model's adapters: `cargo xtask train`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::answers::Answers;
use crate::scale::Scale;
use crate::setup::default_model;
use crate::steps::{Outcome, Steps, program};
use crate::workspace::Workspace;

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
    /// Whether to go on from the adapters that come with the project.
    pub(crate) onward: bool,
    /// Whether the base answers the prompts again.
    pub(crate) distill: bool,
    pub(crate) out: PathBuf,
}

/// Sees to the base's answers, then trains each family with the program `dlm`, which goes on
/// from where it was stopped.
pub(crate) fn run(workspace: &Workspace, dlm: &Path, wish: &Wish<'_>) -> Steps {
    let answers = Answers::new(workspace, wish.scale, wish.distill);
    let mut steps = Steps::default();
    steps.run("answers", || answers.provide(dlm));
    for family in wish.families {
        if steps.done().any(|(_, outcome, _)| matches!(outcome, Outcome::Failed(_))) {
            break;
        }
        steps.run(family.name(), || {
            let mut command = workspace.command(dlm);
            command.args(["train", "--recipe", &family.recipe(wish.scale)]);
            command.arg("--model").arg(default_model(workspace));
            command.arg("--data").args(answers.files());
            let folder = wish.out.join(wish.scale.name()).join(family.name());
            if wish.onward {
                let shipped = workspace.root.join("data/models").join(family.name());
                if let Err(error) = carry_curves(&shipped, &folder) {
                    return Outcome::Failed(format!("{}: {error}", folder.display()));
                }
                command.arg("--start").arg(shipped).arg("--onward");
            }
            if let Some(minutes) = wish.minutes {
                command.args(["--minutes", &minutes.to_string()]);
            }
            command.arg("--out").arg(folder);
            program(&mut command)
        });
    }
    steps
}

/// Copies the losses so far to where a training that begins to go on adds to them.
fn carry_curves(shipped: &Path, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for name in ["curve.csv", "validation.csv"] {
        let (from, to) = (shipped.join(name), folder.join(name));
        if from.exists() && !to.exists() {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A workspace whose `dlm` notes its arguments and fails where they name `bad`.
    fn trained(bad: &str, minutes: Option<f64>) -> (Vec<String>, Vec<String>) {
        let root = tempfile::tempdir().unwrap();
        let dlm = root.path().join("dlm");
        let script =
            format!("#!/bin/sh\necho \"$@\" >> calls\ncase \"$*\" in \"{bad}\"*) exit 1;; esac\n");
        fs::write(&dlm, script).unwrap();
        fs::set_permissions(&dlm, fs::Permissions::from_mode(0o755)).unwrap();
        let workspace = Workspace { root: root.path().to_path_buf() };
        let families = &[Family::Masked, Family::Gaussian];
        let out = root.path().join("out");
        let wish =
            Wish { families, scale: Scale::Full, minutes, onward: true, distill: false, out };
        let steps = run(&workspace, &dlm, &wish);
        let calls = fs::read_to_string(root.path().join("calls")).unwrap();
        let failed = steps.failed().iter().map(ToString::to_string).collect();
        (calls.lines().map(str::to_string).collect(), failed)
    }

    #[test]
    fn answers_come_first_and_each_family_has_its_recipe_and_folder() {
        let (calls, failed) = trained("nothing", Some(9.5));
        assert_eq!(failed, [""; 0]);
        let (mut answers, trainings) = (calls[..2].to_vec(), &calls[2..]);
        answers.sort();
        for (part, call) in (1..).zip(&answers) {
            assert!(call.starts_with("distill ") && call.contains(&format!("--part {part}/2")));
            assert!(call.ends_with(&format!("distilled-{part}.jsonl")), "{call}");
        }
        for (call, family) in trainings.iter().zip(["masked", "gaussian"]) {
            assert!(call.contains(&format!("--recipe data/recipes/{family}-full.toml")), "{call}");
            assert!(call.contains("distilled-1.jsonl "), "{call}");
            let start = format!("data/models/{family} --onward --minutes 9.5");
            assert!(call.contains("distilled-2.jsonl --start ") && call.contains(&start), "{call}");
            assert!(call.ends_with(&format!("/out/full/{family}")), "{call}");
        }
        assert_eq!(trainings.len(), 2);
    }

    #[test]
    fn losses_so_far_are_carried_on_once() {
        let [shipped, folder] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let (from, to) = (shipped.path().join("curve.csv"), folder.path().join("a/curve.csv"));
        fs::write(&from, "so far").unwrap();
        carry_curves(shipped.path(), &folder.path().join("a")).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "so far");
        fs::write(&to, "and further").unwrap();
        carry_curves(shipped.path(), &folder.path().join("a")).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "and further");
        assert!(!folder.path().join("a/validation.csv").exists());
    }

    #[test]
    fn nothing_is_trained_where_one_part_of_the_answers_failed() {
        let (calls, failed) = trained("distill --seed 6 --part 2", None);
        assert_eq!((calls.len(), failed), (2, vec!["answers".to_string()]));
    }
}
