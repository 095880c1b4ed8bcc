//! The base's own answers, which adapters learn from: those of data/answers, or made anew.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};
use flate2::read::GzDecoder;

use crate::scale::Scale;
use crate::setup::default_model;
use crate::steps::{Outcome, program};
use crate::workspace::Workspace;

/// Programs that share the prompts and answer them side by side. A step of generation is many
/// small operations, and two of them at a time keep two cores busier than one on both does.
const PARTS: usize = 2;

/// What each part generates at least, in tokens; on a GPU's scale every prompt is answered.
const TOKENS_OF_A_PART: &str = "1560000";

/// Seed of the answers.
const SEED: &str = "6";

/// Where the answers come from.
pub(crate) struct Answers<'a> {
    workspace: &'a Workspace,
    scale: Scale,
    /// Whether those of data/answers are unpacked instead of made.
    packed: bool,
}

impl<'a> Answers<'a> {
    /// The answers that come with the project, or `anew` those that the base gives now, as
    /// it does on a GPU's scale, where many more are wanted.
    pub(crate) fn new(workspace: &'a Workspace, scale: Scale, anew: bool) -> Self {
        let packed = !anew && scale != Scale::Full && packed(workspace, 1).exists();
        Self { workspace, scale, packed }
    }

    /// Sees to it that they are there, by the program `dlm` where they are made.
    pub(crate) fn provide(&self, dlm: &Path) -> Outcome {
        if !self.packed {
            return side_by_side((1..=PARTS).map(|part| self.distill(dlm, part)));
        }
        let unpacked = (1..=PARTS).zip(self.files());
        let each = unpacked.map(|(part, file)| unpack(&packed(self.workspace, part), &file));
        match each.collect::<Result<Vec<()>>>() {
            Ok(_) => Outcome::Passed,
            Err(error) => Outcome::Failed(format!("{error:#}")),
        }
    }

    /// The files that hold them then.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let kind = if self.packed { "answers" } else { "distilled" };
        let name = |part: usize| format!("{kind}-{part}.jsonl");
        (1..=PARTS).map(|part| self.workspace.corpus().join(name(part))).collect()
    }

    fn distill(&self, dlm: &Path, part: usize) -> Command {
        let threads = (thread::available_parallelism().map_or(1, usize::from) / PARTS).max(1);
        let mut command = self.workspace.command(dlm);
        command.args(["distill", "--seed", SEED]);
        command.args(["--part", &format!("{part}/{PARTS}"), "--threads", &threads.to_string()]);
        if self.scale != Scale::Full {
            command.args(["--limit-tokens", TOKENS_OF_A_PART]);
        }
        command.arg("--model").arg(default_model(self.workspace));
        command.arg("--prompts").arg(self.workspace.corpus().join("prompts.jsonl"));
        command.arg("--out").arg(&self.files()[part - 1]);
        command
    }
}

fn packed(workspace: &Workspace, part: usize) -> PathBuf {
    workspace.root.join(format!("data/answers/answers-{part}.jsonl.gz"))
}

/// Unpacks `from` into `to`, whole or not at all.
fn unpack(from: &Path, to: &Path) -> Result<()> {
    let part = to.with_extension("part");
    let write = || -> io::Result<()> {
        let mut text = GzDecoder::new(File::open(from)?);
        io::copy(&mut text, &mut File::create(&part)?)?;
        fs::rename(&part, to)
    };
    write().with_context(|| format!("{}: cannot be unpacked to {}", from.display(), to.display()))
}

/// Runs programs at the same time; fails where one does.
fn side_by_side(commands: impl Iterator<Item = Command>) -> Outcome {
    let outcomes = thread::scope(|scope| {
        let begin = |mut command: Command| scope.spawn(move || program(&mut command));
        let running: Vec<_> = commands.map(begin).collect();
        let end = |thread: thread::ScopedJoinHandle<'_, Outcome>| {
            thread.join().unwrap_or_else(|_| Outcome::Failed("a thread panicked".to_string()))
        };
        running.into_iter().map(end).collect::<Vec<_>>()
    });
    outcomes.into_iter().find(|outcome| *outcome != Outcome::Passed).unwrap_or(Outcome::Passed)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn workspace() -> (tempfile::TempDir, Workspace) {
        let root = tempfile::tempdir().unwrap();
        let workspace = Workspace { root: root.path().to_path_buf() };
        fs::create_dir_all(workspace.corpus()).unwrap();
        fs::create_dir_all(root.path().join("data/answers")).unwrap();
        for part in 1..=PARTS {
            let file = File::create(packed(&workspace, part)).unwrap();
            let mut file = GzEncoder::new(file, Compression::fast());
            writeln!(file, "part {part}").unwrap();
            file.finish().unwrap();
        }
        (root, workspace)
    }

    #[test]
    fn what_comes_with_the_project_is_unpacked() {
        let (_root, workspace) = workspace();
        let answers = Answers::new(&workspace, Scale::Default, false);
        assert_eq!(answers.provide(Path::new("no such program")), Outcome::Passed);
        let read = |file: PathBuf| fs::read_to_string(file).unwrap();
        let read: Vec<String> = answers.files().into_iter().map(read).collect();
        assert_eq!(read, ["part 1\n", "part 2\n"]);
    }

    #[test]
    fn a_torn_file_is_named() {
        let (_root, workspace) = workspace();
        fs::write(packed(&workspace, 2), "no gzip").unwrap();
        let outcome = Answers::new(&workspace, Scale::Default, false).provide(Path::new(""));
        let Outcome::Failed(why) = outcome else { panic!("{outcome:?}") };
        assert!(why.contains("answers-2.jsonl.gz"), "{why}");
    }

    #[test]
    fn a_gpu_and_whoever_asks_for_it_make_their_own() {
        let (_root, workspace) = workspace();
        for (scale, anew) in [(Scale::Full, false), (Scale::Default, true)] {
            let answers = Answers::new(&workspace, scale, anew);
            let command = answers.distill(Path::new("dlm"), 2);
            let told: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
            let told = told.join(" ");
            assert!(told.contains("--part 2/2") && told.ends_with("distilled-2.jsonl"), "{told}");
            assert_eq!(told.contains("--limit-tokens"), scale == Scale::Default);
        }
    }
}
