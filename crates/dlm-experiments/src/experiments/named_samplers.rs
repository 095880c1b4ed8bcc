//! Published samplers by name, at a number of steps.

use dlm_core::Measure;
use dlm_discrete::{
    forward::Noise,
    presets::{Preset, all, find},
    unmasking::Commit,
};

use crate::{Error, Spec, generation::Sampler};

/// A preset.
#[derive(Clone, Debug)]
pub(super) struct NamedSampler {
    pub(super) name: &'static str,
    sampler: Sampler,
    /// Whether its rule keeps to a number of steps; else it takes as many as its threshold
    /// makes of them.
    pub(super) is_paced: bool,
}

impl NamedSampler {
    /// The sampler at a number of steps.
    pub(super) fn at(&self, steps: Option<usize>) -> Sampler {
        let mut sampler = self.sampler.clone();
        match &mut sampler {
            Sampler::Unmasking(sampler) => sampler.steps = steps.or(sampler.steps),
            Sampler::Jump(sampler) => sampler.steps = steps.unwrap_or(sampler.steps),
            Sampler::Gaussian(sampler) => sampler.steps = steps.unwrap_or(sampler.steps),
        }
        sampler
    }
}

/// The presets called `names`; where there are none, all that a network of masks can run.
///
/// # Errors
///
/// Where a name is unknown, or the preset needs another network; both name the setting `field`.
pub(super) fn named(
    spec: &Spec,
    field: &str,
    names: &[String],
) -> Result<Vec<NamedSampler>, Error> {
    if names.is_empty() {
        return Ok(all().filter_map(masked).collect());
    }
    let one = |name: &String| {
        let preset = find(name).map_err(|error| spec.refuse(field, error))?;
        let other = || spec.refuse(field, format!("{name:?} needs another network than of masks"));
        masked(preset).ok_or_else(other)
    };
    names.iter().map(one).collect()
}

/// The preset, if a network that predicts tokens at masks can run it.
fn masked(preset: Preset) -> Option<NamedSampler> {
    let name = preset.name();
    match preset {
        Preset::Unmasking(preset) => {
            let sampler = (preset.sampler)();
            let is_paced = match &sampler.commit {
                Commit::EvenSplit
                | Commit::Scheduled { .. }
                | Commit::Ancestral { .. }
                | Commit::FirstHitting
                | Commit::Stable { .. } => true,
                Commit::Threshold { keep_pace, .. } => *keep_pace,
                _ => false,
            };
            Some(NamedSampler { name, sampler: Sampler::Unmasking(sampler), is_paced })
        }
        Preset::Jump(preset) => {
            let sampler = (preset.sampler)();
            let runs = sampler.noise == Noise::Absorbing && sampler.measure() != Measure::Score;
            let sampler = Sampler::Jump(sampler);
            runs.then_some(NamedSampler { name, sampler, is_paced: true })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::named;
    use crate::{Spec, generation::Sampler};

    fn spec() -> Spec {
        let specs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs");
        Spec::read(&Path::new(specs).join("refinement.toml")).unwrap()
    }

    #[test]
    fn thresholds_take_the_steps_they_take_and_others_those_they_are_given() {
        let names = ["llada", "remdm", "fast-dllm", "sdar", "flow", "entropy-bounded"];
        let found = named(&spec(), "presets", &names.map(String::from)).unwrap();
        let paced: Vec<bool> = found.iter().map(|named| named.is_paced).collect();
        assert_eq!(paced, [true, true, false, true, true, false]);
        let Sampler::Unmasking(llada) = found[0].at(Some(7)) else { panic!("{found:?}") };
        assert_eq!(llada.steps, Some(7));
        let Sampler::Jump(flow) = found[4].at(Some(7)) else { panic!("{found:?}") };
        assert_eq!(flow.steps, 7);
    }

    #[test]
    fn no_name_means_every_preset_of_masks() {
        let all = named(&spec(), "presets", &[]).unwrap();
        let names: Vec<&str> = all.iter().map(|named| named.name).collect();
        assert!(names.contains(&"llada") && names.contains(&"flow"), "{names:?}");
        assert!(!names.contains(&"duo-psi") && !names.contains(&"sedd-euler"), "{names:?}");
    }

    #[test]
    fn a_name_that_is_none_and_one_of_another_network_are_refused() {
        for (name, part) in [("lada", "\"llada\""), ("duo-psi", "another network")] {
            let message = named(&spec(), "presets", &[name.to_string()]).unwrap_err().to_string();
            assert!(message.contains("presets") && message.contains(part), "{message}");
        }
    }
}
