//! The experiments: models in, rows out; rows in, findings out. One file each.

mod agreement;
mod answers;
mod committed_states;
mod decay_fits;
mod dependency;
mod drawn;
mod ending;
mod eos_flood;
mod five_properties;
mod information_aware;
mod information_decay;
mod joint_decoding;
mod known_chain;
mod marginal_trap;
mod mask_count;
mod measured;
mod measures;
mod named_samplers;
mod paragraph;
mod probe_aggregate;
mod probe_example;
mod probe_settings;
mod recovery;
mod refinement;
mod rounding;
mod steps_below_tokens;
mod tractable_states;
mod windows;

use std::path::Path;

use serde_json::{Value, json};

use crate::{Error, Folder, Scale, Spec, stage::Stage, summary::Findings};

/// One experiment. Its rows are the only way from measuring to findings, so a run that was
/// cut off and went on finds what an uninterrupted one does.
pub(crate) trait Experiment {
    /// How many units there are.
    fn units(&self) -> usize;

    /// The files of rows.
    fn files(&self) -> &'static [&'static str];

    /// Measures a unit, and appends its rows to files of [`files`](Self::files).
    ///
    /// # Errors
    ///
    /// Where a model fails or the folder cannot be written.
    fn measure(&mut self, unit: usize, stage: &mut Stage, folder: &mut Folder)
    -> Result<(), Error>;

    /// Turns rows into findings.
    ///
    /// # Errors
    ///
    /// Where a row cannot be read or a file not be written.
    fn analyse(&self, stage: &mut Stage, folder: &Folder) -> Result<Findings, Error>;
}

/// The experiment that the stage's spec is about.
///
/// # Errors
///
/// Where there is none of that id, or a setting, a model or a prompt cannot be used.
pub(crate) fn of(stage: &mut Stage) -> Result<Box<dyn Experiment>, Error> {
    Ok(match stage.spec.id.as_str() {
        "probe-example" => Box::new(probe_example::ProbeExample::new(stage)?),
        "probe-aggregate" => Box::new(probe_aggregate::ProbeAggregate::new(stage)?),
        "mask-count" => Box::new(mask_count::MaskCount::new(stage)?),
        "information-decay" => Box::new(information_decay::InformationDecay::new(stage)?),
        "tractable-states" => Box::new(tractable_states::TractableStates::new(stage)?),
        "rounding" => Box::new(rounding::RoundingExperiment::new(stage)?),
        "dependency" => Box::new(dependency::Dependency::new(stage)?),
        "marginal-trap" => Box::new(marginal_trap::MarginalTrap::new(stage)?),
        "committed-states" => Box::new(committed_states::CommittedStates::new(stage)?),
        "eos-flood" => Box::new(eos_flood::EosFlood::new(stage)?),
        "five-properties" => Box::new(five_properties::FiveProperties::new(stage)?),
        "information-aware" => Box::new(information_aware::InformationAware::new(stage)?),
        "joint-decoding" => Box::new(joint_decoding::JointDecoding::new(stage)?),
        "refinement" => Box::new(refinement::Refinement::new(stage)?),
        "steps-below-tokens" => Box::new(steps_below_tokens::StepsBelowTokens::new(stage)?),
        unknown => {
            return Err(Error::Argument(format!(
                "{unknown:?} is no experiment of this program; see `cargo xtask list`"
            )));
        }
    })
}

/// What an experiment depends on besides its spec, its models, its prompts and the program.
/// Other experiments of the run have their folders beside `out`.
///
/// # Errors
///
/// Where a file cannot be read.
pub(crate) fn inputs(spec: &Spec, scale: Scale, out: &Path) -> Result<Value, Error> {
    let sizes = spec.sizes(scale)?;
    Ok(match spec.id.as_str() {
        "five-properties" => {
            five_properties::inputs(spec, scale, out.parent().unwrap_or(Path::new("")))?
        }
        "marginal-trap" => marginal_trap::inputs(spec, scale)?,
        "eos-flood" | "probe-aggregate" => {
            let adapters = sizes.models.values().filter_map(|choice| choice.adapter.as_deref());
            let lengths = adapters.map(ending::answer_lengths_digest);
            json!(lengths.collect::<Result<Vec<_>, _>>()?)
        }
        "joint-decoding" => joint_decoding::inputs(spec, scale)?,
        _ => Value::Null,
    })
}
