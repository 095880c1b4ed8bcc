//! The experiments: rows in, findings out, one file each.

mod decay_fits;
mod ending;
mod measures;
mod paragraph;
mod probe_aggregate;
mod probe_example;
mod windows;

pub(crate) use ending::answer_lengths_digest;

use crate::{Error, Spec, probing::Probed, spec::Sizes, summary::Findings};

/// Turns the rows of a probe into the findings of the experiment `spec.id`.
///
/// # Errors
///
/// Where no experiment has that id, or a file cannot be written.
pub(crate) fn analyse(spec: &Spec, sizes: &Sizes, probed: &Probed) -> Result<Findings, Error> {
    match spec.id.as_str() {
        "probe-example" => probe_example::analyse(spec, sizes, probed),
        "probe-aggregate" => probe_aggregate::analyse(spec, sizes, probed),
        unknown => Err(Error::Argument(format!(
            "{unknown:?} is no experiment of this program; see `cargo xtask list`"
        ))),
    }
}

/// Whether an experiment looks at predictions summed over prompts.
pub(crate) fn needs_mixture(spec: &Spec) -> bool {
    spec.id == "probe-aggregate"
}
