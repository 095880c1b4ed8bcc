//! `marginal-trap`: right marginals, wrong combinations; enumerated, on a chain, in language.

mod enumeration;
mod figures;
mod findings;
mod gaussian;
mod language;
mod oracle;
mod pairs;
mod tables;
#[cfg(test)]
mod tests;
mod toy;

use std::path::PathBuf;

use dlm_rng::Key;
use dlm_testkit::HiddenMarkov;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::{
    agreement::{Kind, Readable, Sentence},
    findings::Measured,
    gaussian::GaussianSettings,
    oracle::OracleSettings,
    pairs::mass,
};
use super::Experiment;
use super::agreement;
use crate::{Error, Family, Folder, Scale, Spec, digest, stage::Stage, summary::Findings};

/// Pairs of words in sentences.
const ROWS: &str = "rows.csv";
/// Words of the chain.
const ORACLE: &str = "oracle.csv";
/// Laws of samplers on the small languages.
const LAWS: &str = "laws.csv";
const FILES: [&str; 3] = [ROWS, ORACLE, LAWS];

const TOGETHER: &str = "together";
const ONE_BY_ONE: &str = "one by one";
/// By the probability of the whole sentence, what follows the places included.
const WHOLE: &str = "whole sentence";

/// What the spec says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The file of sentences, relative to the spec.
    agreement: PathBuf,
    /// Softmax temperatures of the draws, 1 among them.
    temperatures: Vec<f64>,
    /// How many sentences, of those that all models can read.
    pairs: usize,
    oracle: OracleSettings,
    gaussian: GaussianSettings,
}

/// How often a family's two words do not fit in one sentence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PairRow {
    sentence: String,
    kind: Kind,
    family: Family,
    /// `together`, `one by one` or `whole sentence`.
    drawn: String,
    temperature: f64,
    /// The share of listed pairs that do not fit.
    invalid: f64,
    /// What the listed words have of all mass at the first place, and at the second.
    first_mass: f64,
    second_mass: f64,
}

/// The experiment.
pub(super) struct MarginalTrap {
    settings: Settings,
    sentences: Vec<Sentence>,
    /// What is to be said of the sentences left out.
    omitted: Option<String>,
    chain: HiddenMarkov,
}

/// What a unit is.
enum Unit {
    Toy,
    Oracle(usize),
    Sentence(usize),
}

/// What it depends on besides its spec and its models: the sentences.
pub(super) fn inputs(spec: &Spec, scale: Scale) -> Result<Value, Error> {
    let settings: Settings = spec.settings(scale)?;
    Ok(json!(digest::of_file(&spec.beside(&settings.agreement))?))
}

impl MarginalTrap {
    pub(super) fn new(stage: &mut Stage) -> Result<Self, Error> {
        let settings: Settings = stage.settings()?;
        let refuse = |field: &str, problem: &str| Err(stage.spec.refuse(field, problem));
        let Settings { temperatures, oracle, gaussian, .. } = &settings;
        let cold = temperatures.iter().any(|t| !t.is_finite() || *t <= 0.0);
        if cold || !temperatures.contains(&1.0) {
            return refuse("temperatures", "give numbers above 0, and 1 among them");
        }
        if oracle.length == 0 || !oracle.length.is_multiple_of(16) || oracle.words == 0 {
            return refuse("oracle", "give at least 1 word whose length is a multiple of 16");
        }
        if gaussian.draws == 0 || gaussian.steps == 0 {
            return refuse("gaussian", "give at least 1 draw and 1 step");
        }
        if settings.pairs == 0 {
            return refuse("pairs", "is 0: give at least 1");
        }
        let sentences = agreement::read(&stage.spec.beside(&settings.agreement))?;
        let mut readable = Readable::new(sentences);
        for family in FAMILIES {
            let model = stage.models.get(family);
            model.map_or(Ok(()), |model| readable.keep(model))?;
        }
        let (sentences, omitted) = readable.first(settings.pairs);
        let chain = settings.oracle.chain(stage.key())?;
        Ok(Self { settings, sentences, omitted, chain })
    }

    fn unit(&self, unit: usize) -> Unit {
        let blocks = self.settings.oracle.blocks();
        match unit {
            0 => Unit::Toy,
            unit if unit <= blocks => Unit::Oracle(unit - 1),
            unit => Unit::Sentence(unit - 1 - blocks),
        }
    }

    /// Every family that there is, on one sentence.
    fn sentence(&self, index: usize, stage: &mut Stage) -> Result<Vec<PairRow>, Error> {
        let mut rows = Vec::new();
        for family in FAMILIES {
            let key = stage.key();
            let Some(model) = stage.models.get(family) else { continue };
            let sentence = &self.sentences[index];
            let frame = sentence.frame(model)?;
            let mut add = |drawn: &str, temperature: f64, invalid: f64, masses: [f64; 2]| {
                let [first_mass, second_mass] = masses;
                let (id, kind, drawn) = (sentence.id.clone(), sentence.kind, drawn.to_string());
                rows.push(PairRow {
                    sentence: id,
                    kind,
                    family,
                    drawn,
                    temperature,
                    invalid,
                    first_mass,
                    second_mass,
                });
            };
            match family {
                Family::Masked => {
                    let mask = model.mask()?;
                    let said = language::masked(model, mask, &frame)?;
                    let masses = [mass(&said.open[0]), mass(&said.open[1])];
                    for &t in &self.settings.temperatures {
                        add(TOGETHER, t, said.together(&frame, t), masses);
                        add(ONE_BY_ONE, t, said.one_by_one(&frame, t), masses);
                    }
                }
                Family::Autoregressive => {
                    let read = language::autoregressive(model, &frame)?;
                    for &t in &self.settings.temperatures {
                        let masses = read.masses(t);
                        add(WHOLE, t, read.whole(&frame, t), masses);
                        add(ONE_BY_ONE, t, read.left_to_right(&frame, t), masses);
                    }
                }
                Family::Gaussian if frame.between.is_empty() => {
                    let GaussianSettings { draws, steps } = self.settings.gaussian;
                    let keys = keys(key, index, draws);
                    let drawn = gaussian::draw(model, &frame, steps, keys)?;
                    add(TOGETHER, 1.0, drawn.invalid, drawn.masses);
                }
                Family::Gaussian => {}
            }
        }
        Ok(rows)
    }
}

/// The families, in the order of their rows.
const FAMILIES: [Family; 3] = [Family::Autoregressive, Family::Masked, Family::Gaussian];

/// A key for each draw of a sentence.
fn keys(key: Key, sentence: usize, draws: usize) -> Vec<Key> {
    (0..draws).map(|draw| key.sequence(((sentence as u64) << 32) | draw as u64)).collect()
}

impl Experiment for MarginalTrap {
    fn units(&self) -> usize {
        1 + self.settings.oracle.blocks() + self.sentences.len()
    }

    fn files(&self) -> &'static [&'static str] {
        &FILES
    }

    fn measure(
        &mut self,
        unit: usize,
        stage: &mut Stage,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        match self.unit(unit) {
            Unit::Toy => folder.append(LAWS, &toy::rows(stage.key())?),
            Unit::Oracle(block) => {
                let oracle = self.settings.oracle;
                let rows = oracle.rows(&mut self.chain, block, stage.key())?;
                folder.append(ORACLE, &rows)
            }
            Unit::Sentence(index) => {
                let rows = self.sentence(index, stage)?;
                if rows.is_empty() { Ok(()) } else { folder.append(ROWS, &rows) }
            }
        }
    }

    fn analyse(&self, stage: &mut Stage, folder: &Folder) -> Result<Findings, Error> {
        let any = FAMILIES.iter().any(|&family| stage.models.has(family));
        let measured = Measured {
            laws: folder.read_rows(LAWS)?,
            words: folder.read_rows(ORACLE)?,
            pairs: if any { folder.read_rows(ROWS)? } else { Vec::new() },
        };
        let shown = |sentence: &Sentence| (sentence.id.clone(), sentence.shown());
        let sentences = self.sentences.iter().map(shown).collect();
        let chain = self.chain.rows().map_err(|error| Error::Argument(error.to_string()))?;
        let mut findings = findings::of(&measured, chain, &sentences, &stage.bootstrap(), folder)?;
        findings.omitted.extend(self.omitted.clone());
        for family in FAMILIES.into_iter().filter(|&family| !stage.models.has(family)) {
            let why = stage.models.why_not(family);
            findings.omitted.push(format!("The {family} family drew no pairs of words: {why}."));
        }
        Ok(findings)
    }
}
