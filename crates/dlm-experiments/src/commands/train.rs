//! `dlm train`: an adapter that makes a diffusion model of a causal base.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use dlm_train::DataFile;

use crate::{
    ComputeArguments, Error,
    training::{self, TrainingRun},
};

/// Flags of `dlm train`.
#[derive(Clone, Debug, Args)]
pub struct TrainArguments {
    /// Folder or hub id of the base, a causal model in the Llama layout.
    #[arg(long, value_name = "DIR|HUB_ID")]
    pub model: String,
    /// Adapter to go on from, of the same family and rank; fresh updates if absent.
    #[arg(long, value_name = "DIR")]
    pub start: Option<PathBuf>,
    /// Go on with the recipe where that adapter's training stands (its standing.json), for
    /// one whose checkpoint is lost; else the recipe begins with its first step.
    #[arg(long, requires = "start")]
    pub onward: bool,
    /// How to train: a recipe in TOML.
    #[arg(long, value_name = "FILE.toml")]
    pub recipe: PathBuf,
    /// Texts, a line of JSON each: {"prompt", "response", "held_out"}; of each epoch a file
    /// is the given SHARE, 1 if absent.
    #[arg(long, value_name = "FILE.jsonl[=SHARE]", required = true, num_args = 1..)]
    pub data: Vec<String>,
    /// How the base computes.
    #[command(flatten)]
    pub compute: ComputeArguments,
    /// Stop after so many minutes, to be resumed by the same command.
    #[arg(long, value_name = "N")]
    pub minutes: Option<f64>,
    /// Begin anew even where the folder holds a training.
    #[arg(long)]
    pub force: bool,
    /// Folder for the adapter, checkpoints, losses and training.json.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Trains, telling `say` how it goes on; says in the end what was done.
///
/// # Errors
///
/// Where the base, the recipe, the texts or the folder are at fault, or a step fails.
pub fn train(arguments: &TrainArguments, say: &mut dyn FnMut(&str)) -> Result<String, Error> {
    let run = TrainingRun {
        model: arguments.model.clone(),
        start: arguments.start.clone(),
        onward: arguments.onward,
        recipe: arguments.recipe.clone(),
        data: arguments.data.iter().map(|given| data_file(given)).collect::<Result<_, _>>()?,
        compute: arguments.compute,
        time: match arguments.minutes {
            None => None,
            Some(minutes) => Some(Duration::try_from_secs_f64(60.0 * minutes).map_err(|_| {
                Error::Argument(format!("--minutes {minutes}: should be 0 or more"))
            })?),
        },
        force: arguments.force,
    };
    training::train(&run, &arguments.out, say)
}

/// `FILE` or `FILE=SHARE`.
fn data_file(given: &str) -> Result<DataFile, Error> {
    let (path, share) = given.rsplit_once('=').unwrap_or((given, "1"));
    match share.parse() {
        Ok(share) if (0.0..=1000.0).contains(&share) => Ok(DataFile { path: path.into(), share }),
        _ => {
            let problem = format!("--data {given}: the share should be a number in [0, 1000]");
            Err(Error::Argument(problem))
        }
    }
}
