//! The flags that make a sampler: a preset or a file, then field by field.

use std::path::PathBuf;

use clap::Args;
use dlm_continuous::solver::Solver;
use dlm_core::TokenId;
use dlm_discrete::{
    jump::JumpSampler,
    presets::{Preset, find},
    unmasking::{Commit, EndPolicy, UnmaskingSampler},
};

use dlm_runtime::Model;

use super::{
    GaussianSampler, Sampler,
    names::{CommitName, EosName, OrderName},
    sampler_file,
};
use crate::Error;

/// The preset of a run that names none.
const DEFAULT: &str = "llada";

/// Flags that say how canvases are filled. A preset, or a file, gives every field; each
/// other flag replaces one.
#[derive(Clone, Debug, Default, Args)]
pub struct SamplerArguments {
    /// A published sampler with its published settings [default: llada].
    #[arg(long, value_name = "NAME", conflicts_with = "sampler")]
    pub preset: Option<String>,
    /// A whole sampler, as manifest.json repeats it: TOML, or JSON in a .json file.
    #[arg(long, value_name = "FILE")]
    pub sampler: Option<PathBuf>,
    /// How a Gaussian model goes from noise to vectors: ddpm, ddim, euler, heun, dpmpp-2m,
    /// dpmpp-3m, dpmpp-2s, flow or vdm [default: dpmpp-2m].
    #[arg(long, value_name = "NAME", conflicts_with_all = ["preset", "sampler"])]
    pub solver: Option<Solver>,
    /// Network evaluations of the whole response; if absent one a token, or 128 where every
    /// position may jump. Steps of a solver; if absent 64.
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Positions of a block; blocks are filled from left to right.
    #[arg(long, value_name = "N")]
    pub block_length: Option<usize>,
    /// Softmax temperature of the token draw; 0 takes the most probable token.
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub temperature: Option<f64>,
    /// Which masked positions come first.
    #[arg(long, value_enum, value_name = "ORDER")]
    pub order: Option<OrderName>,
    /// How many a step commits, with the published parameters of the rule.
    #[arg(long, value_enum, value_name = "RULE")]
    pub commit: Option<CommitName>,
    /// The confidence that threshold, stable or runs ask for, in the order's units, or the
    /// probability that credit does.
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub threshold: Option<f64>,
    /// The factor of the factor rule; larger commits more.
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub factor: Option<f64>,
    /// Classifier-free guidance; 0 is off, anything else costs a second evaluation a step.
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    pub guidance: Option<f64>,
    /// Draw from the K most probable tokens only.
    #[arg(long, value_name = "K")]
    pub top_k: Option<usize>,
    /// Draw from the most probable tokens up to this mass only.
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub top_p: Option<f64>,
    /// What is done about end-of-sequence tokens.
    #[arg(long, value_enum, value_name = "POLICY")]
    pub eos: Option<EosName>,
    /// By how much their logits are lowered, nats; means --eos penalty.
    #[arg(long, value_name = "NATS", allow_negative_numbers = true)]
    pub eos_penalty: Option<f32>,
    /// Tokens that are never drawn.
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub ban: Vec<TokenId>,
}

impl SamplerArguments {
    /// The name of the preset that is the base; none where a file or a solver is.
    pub fn preset(&self) -> Option<&str> {
        let name = self.preset.as_deref().unwrap_or(DEFAULT);
        (self.sampler.is_none() && self.solver.is_none()).then_some(name)
    }

    /// The sampler that the flags describe for `model`: where they name none and the model is
    /// one of Gaussian diffusion, the default solver.
    ///
    /// # Errors
    ///
    /// As [`sampler`](Self::sampler).
    pub fn sampler_for(&self, model: &Model) -> Result<Sampler, Error> {
        let unnamed = self.preset.is_none() && self.sampler.is_none() && self.solver.is_none();
        match unnamed && model.is_gaussian() {
            true => self.gaussian(GaussianSampler::default()).map(Sampler::Gaussian),
            false => self.sampler(),
        }
    }

    /// The sampler that the flags describe. Its numbers are checked against a model later.
    ///
    /// # Errors
    ///
    /// Where the preset or a field of the file is unknown, or a flag sets a number that the
    /// commit rule does not have, or a setting that a jump sampler does not have.
    pub fn sampler(&self) -> Result<Sampler, Error> {
        let base = match &self.sampler {
            Some(path) => sampler_file::read(path)?,
            None if self.solver.is_some() => Sampler::Gaussian(GaussianSampler::default()),
            None => match find(self.preset().unwrap_or(DEFAULT))? {
                Preset::Unmasking(preset) => Sampler::Unmasking((preset.sampler)()),
                Preset::Jump(preset) => Sampler::Jump((preset.sampler)()),
            },
        };
        match base {
            Sampler::Unmasking(sampler) => self.unmasking(sampler).map(Sampler::Unmasking),
            Sampler::Jump(sampler) => self.jumps(sampler).map(Sampler::Jump),
            Sampler::Gaussian(sampler) => self.gaussian(sampler).map(Sampler::Gaussian),
        }
    }

    /// The given flags besides temperature and top-k, all of which are a sampler's of canvases.
    pub(crate) fn beyond_draw(&self) -> Vec<&'static str> {
        let of_canvases = [
            ("--preset", self.preset.is_some()),
            ("--sampler", self.sampler.is_some()),
            ("--solver", self.solver.is_some()),
            ("--steps", self.steps.is_some()),
            ("--top-p", self.top_p.is_some()),
        ];
        let all = of_canvases.into_iter().chain(self.of_masks());
        all.filter(|(_, is_given)| *is_given).map(|(flag, _)| flag).collect()
    }

    /// The flags that only masked samplers have, and whether they are given.
    fn of_masks(&self) -> [(&'static str, bool); 9] {
        [
            ("--block-length", self.block_length.is_some()),
            ("--order", self.order.is_some()),
            ("--commit", self.commit.is_some()),
            ("--threshold", self.threshold.is_some()),
            ("--factor", self.factor.is_some()),
            ("--guidance", self.guidance.is_some()),
            ("--eos", self.eos.is_some()),
            ("--eos-penalty", self.eos_penalty.is_some()),
            ("--ban", !self.ban.is_empty()),
        ]
    }

    /// A Gaussian sampler with those flags that it has.
    fn gaussian(&self, mut sampler: GaussianSampler) -> Result<GaussianSampler, Error> {
        let of_draw = self.of_draw().into_iter().chain([("--top-p", self.top_p.is_some())]);
        if let Some((flag, _)) =
            self.of_masks().into_iter().chain(of_draw).find(|(_, given)| *given)
        {
            return Err(Error::Argument(format!(
                "{flag}: only samplers of tokens have it, and this one is of vectors, with \
                 --solver and --steps: leave {flag} out"
            )));
        }
        sampler.solver = self.solver.unwrap_or(sampler.solver);
        sampler.steps = self.steps.unwrap_or(sampler.steps);
        Ok(sampler)
    }

    /// The flags of a draw from a distribution that jump samplers do not have.
    fn of_draw(&self) -> [(&'static str, bool); 2] {
        [("--temperature", self.temperature.is_some()), ("--top-k", self.top_k.is_some())]
    }

    /// A jump sampler with those flags that it has.
    fn jumps(&self, mut sampler: JumpSampler) -> Result<JumpSampler, Error> {
        let flags = self.of_masks().into_iter().chain(self.of_draw());
        if let Some((flag, _)) = flags.into_iter().find(|(_, is_given)| *is_given) {
            return Err(Error::NotOfJumps { flag });
        }
        sampler.steps = self.steps.unwrap_or(sampler.steps);
        sampler.top_p = self.top_p.or(sampler.top_p);
        Ok(sampler)
    }

    fn unmasking(&self, mut sampler: UnmaskingSampler) -> Result<UnmaskingSampler, Error> {
        if let Some(order) = self.order {
            sampler.order = order.order();
        }
        if let Some(commit) = self.commit {
            sampler.commit = commit.commit();
        }
        self.set_limit(&mut sampler.commit)?;
        sampler.steps = self.steps.or(sampler.steps);
        sampler.block_length = self.block_length.or(sampler.block_length);
        let tokens = &mut sampler.tokens;
        tokens.temperature = self.temperature.unwrap_or(tokens.temperature);
        tokens.guidance = self.guidance.unwrap_or(tokens.guidance);
        tokens.top_k = self.top_k.or(tokens.top_k);
        tokens.top_p = self.top_p.or(tokens.top_p);
        if !self.ban.is_empty() {
            tokens.bans = self.ban.clone();
        }
        self.set_ending(&mut sampler)?;
        Ok(sampler)
    }

    /// A number for a rule that has none would change the method behind its name, so the
    /// rule has to be named too.
    fn set_limit(&self, commit: &mut Commit) -> Result<(), Error> {
        let refuse = |flag: &str, rules: &str, rule: &str| {
            let problem =
                format!("{flag}: the commit rule has no such number, {rules}: add --commit {rule}");
            Err(Error::Argument(problem))
        };
        if let Some(factor) = self.factor {
            match commit {
                Commit::Factor { factor: set } => *set = factor,
                _ => return refuse("--factor", "only factor does", "factor"),
            }
        }
        if let Some(threshold) = self.threshold {
            match commit {
                Commit::Threshold { above, .. }
                | Commit::Stable { above, .. }
                | Commit::Runs { above, .. } => *above = threshold,
                Commit::Credit(rule) => rule.above = threshold,
                _ => {
                    let rules = "only threshold, stable, runs and credit do";
                    return refuse("--threshold", rules, "threshold");
                }
            }
        }
        Ok(())
    }

    fn set_ending(&self, sampler: &mut UnmaskingSampler) -> Result<(), Error> {
        let problem = match (self.eos, self.eos_penalty) {
            (None | Some(EosName::Penalty), Some(nats)) => {
                sampler.ending.policy = EndPolicy::Penalty { nats };
                return Ok(());
            }
            (None, None) => return Ok(()),
            (Some(EosName::Penalty), None) => "--eos penalty: say how large with --eos-penalty",
            (Some(_), Some(_)) => "--eos-penalty goes with --eos penalty alone: leave one out",
            (Some(eos), None) => {
                sampler.ending.policy = match eos {
                    EosName::Logits => EndPolicy::Logits,
                    EosName::Confidence => EndPolicy::Confidence,
                    EosName::Truncate => EndPolicy::Truncate,
                    EosName::None | EosName::Penalty => EndPolicy::None,
                };
                return Ok(());
            }
        };
        Err(Error::Argument(problem.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use clap::{Parser, ValueEnum};
    use dlm_discrete::{
        jump::{self, JumpSampler},
        unmasking::{Commit, EndPolicy, Order, UnmaskingSampler, presets},
    };

    use super::{CommitName, OrderName, SamplerArguments};
    use crate::generation::Sampler;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        sampler: SamplerArguments,
    }

    fn parse(flags: &str) -> Result<UnmaskingSampler, String> {
        let all = ["dlm"].into_iter().chain(flags.split_whitespace());
        let flags = Flags::try_parse_from(all).map_err(|error| error.to_string())?;
        match flags.sampler.sampler().map_err(|error| error.to_string())? {
            Sampler::Unmasking(sampler) => Ok(sampler),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn a_jump_sampler_takes_its_own_flags_and_names_any_other() {
        for preset in jump::presets::ALL {
            let parse = |flags: &str| {
                let flags = format!("dlm --preset {} {flags}", preset.name);
                Flags::try_parse_from(flags.split_whitespace()).unwrap().sampler.sampler()
            };
            let sampler = (preset.sampler)();
            assert_eq!(parse("").unwrap(), Sampler::Jump(sampler.clone()));
            let changed = JumpSampler { steps: 7, top_p: Some(0.5), ..sampler };
            assert_eq!(parse("--steps 7 --top-p 0.5").unwrap(), Sampler::Jump(changed));
            for flag in [
                "--block-length 4",
                "--temperature 1",
                "--order random",
                "--commit even-split",
                "--threshold 0.9",
                "--factor 1",
                "--guidance 1",
                "--top-k 5",
                "--eos logits",
                "--eos-penalty 2",
                "--ban 3",
            ] {
                let message = parse(flag).unwrap_err().to_string();
                let name = flag.split(' ').next().unwrap();
                assert!(message.starts_with(&format!("{name}: ")), "{message}");
            }
        }
    }

    #[test]
    fn without_flags_it_is_llada_and_a_preset_is_itself() {
        assert_eq!(parse("").unwrap(), presets::llada());
        for preset in presets::ALL {
            let parsed = parse(&format!("--preset {}", preset.name)).unwrap();
            assert_eq!(parsed, (preset.sampler)(), "{}", preset.name);
        }
    }

    #[test]
    fn every_flag_replaces_its_field_alone() {
        let base = presets::fast_dllm;
        let with = |change: fn(&mut UnmaskingSampler)| {
            let mut sampler = base();
            change(&mut sampler);
            sampler
        };
        let threshold = |above| Commit::Threshold { above, decay_to: None, keep_pace: false };
        for (flags, expected) in [
            ("--steps 7", with(|s| s.steps = Some(7))),
            ("--block-length 4", with(|s| s.block_length = Some(4))),
            ("--temperature 0.5", with(|s| s.tokens.temperature = 0.5)),
            ("--guidance -1.5", with(|s| s.tokens.guidance = -1.5)),
            ("--top-k 5", with(|s| s.tokens.top_k = Some(5))),
            ("--top-p 0.5", with(|s| s.tokens.top_p = Some(0.5))),
            ("--ban 3,1", with(|s| s.tokens.bans = vec![3, 1])),
            ("--order margin", with(|s| s.order = Order::Margin)),
            ("--commit even-split", with(|s| s.commit = Commit::EvenSplit)),
            ("--eos truncate", with(|s| s.ending.policy = EndPolicy::Truncate)),
            ("--eos-penalty 2", with(|s| s.ending.policy = EndPolicy::Penalty { nats: 2.0 })),
        ] {
            assert_eq!(parse(&format!("--preset fast-dllm {flags}")).unwrap(), expected, "{flags}");
        }
        assert_eq!(parse("--preset fast-dllm --threshold 0.7").unwrap().commit, threshold(0.7));
        let factor = parse("--commit factor --factor 2.5").unwrap().commit;
        assert_eq!(factor, Commit::Factor { factor: 2.5 });
    }

    #[test]
    fn every_order_and_rule_is_a_flag_named_as_in_files() {
        for order in OrderName::value_variants() {
            let name = order.to_possible_value().unwrap().get_name().to_string();
            let json = serde_json::to_value(parse(&format!("--order {name}")).unwrap()).unwrap();
            assert_eq!(json["order"]["by"], name);
        }
        for commit in CommitName::value_variants() {
            let name = commit.to_possible_value().unwrap().get_name().to_string();
            let json = serde_json::to_value(parse(&format!("--commit {name}")).unwrap()).unwrap();
            assert_eq!(json["commit"]["rule"], name);
        }
    }

    #[test]
    fn flags_that_contradict_each_other_say_what_to_do() {
        for (flags, part) in [
            ("--preset lada", "\"llada\""),
            ("--threshold 0.9", "--commit threshold"),
            ("--preset fast-dllm --factor 1", "--commit factor"),
            ("--commit factor --factor 1 --threshold 1", "--threshold: "),
            ("--eos penalty", "--eos-penalty"),
            ("--eos logits --eos-penalty 1", "leave one out"),
            ("--preset llada --sampler x.toml", "cannot be used with"),
            ("--order entrpy", "entropy"),
        ] {
            let message = parse(flags).unwrap_err();
            assert!(message.contains(part), "{flags}: {message}");
        }
    }
}
