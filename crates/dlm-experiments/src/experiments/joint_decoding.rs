//! `joint-decoding`: rules that look at dependences against confidence, at equal evaluations.

mod calibration;
mod dependence;
mod findings;
mod pages;
mod rules;
mod runs;

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Experiment,
    agreement::{self, Readable},
    answers::Answers,
    known_chain::{ChainSettings, KnownChain},
};
use crate::{
    Error, Family, Folder, Scale, Spec, digest, showing::Caption, stage::Stage, summary::Findings,
};
use rules::Rule;
use runs::{Part, Runs};

const HASTES: &str = "calibration.csv";
const WORDS: &str = "oracle.csv";
const PAIRS: &str = "rows.csv";
const ANSWERS: &str = "samples.csv";
const FIGURE: &str = "equal-evaluations";

/// What the experiment is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// A file of sentences with two open places.
    agreement: PathBuf,
    /// The rules.
    rules: Vec<String>,
    /// Sentences, of those that the model can read; what fills no canvas is left out.
    pairs: usize,
    /// Sentences on one canvas.
    together: usize,
    /// Draws of each canvas of sentences.
    draws: usize,
    /// Positions of an answer.
    gen_length: usize,
    /// Evaluations of an answer.
    nfe: usize,
    /// Prompts, of the first, whose answers calibrate and are not measured.
    calibration: usize,
    /// How often the interval of a rule's number is halved to find it.
    halvings: usize,
    /// The part on a known chain.
    oracle: ChainSettings,
}

/// A unit of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Calibrate(Part),
    Words(usize),
    Page(usize),
    Answers(usize),
}

/// The experiment.
pub(super) struct JointDecoding {
    runs: Runs,
    units: Vec<Unit>,
    /// What is to be said of the sentences left out.
    omitted: Option<String>,
}

impl JointDecoding {
    pub(super) fn new(stage: &mut Stage) -> Result<Self, Error> {
        let settings: Settings = stage.settings()?;
        settings.check(&stage.spec)?;
        let rules = Rule::named(&stage.spec, &settings.rules)?;
        let mut runs = Runs {
            rules,
            chain: KnownChain::new(settings.oracle, stage.key())?
                .with_given(settings.oracle.length / runs::GIVEN),
            answers: Answers::new(settings.gen_length),
            oracle: settings.oracle,
            together: settings.together,
            draws: settings.draws,
            nfe: settings.nfe,
            halvings: settings.halvings,
            pages: Vec::new(),
            prompts: 0..0,
        };
        let mut omitted = None;
        let mut units = vec![Unit::Calibrate(Part::Words)];
        units.extend((0..settings.oracle.units()).map(Unit::Words));
        if stage.models.has(Family::Masked) {
            (runs.pages, omitted) = settings.pages(stage)?;
            let prompts = stage.prompts()?.list.len();
            if prompts <= settings.calibration {
                let problem = format!("{prompts} prompts leave none to be measured");
                return Err(stage.spec.refuse("calibration", problem));
            }
            runs.prompts = settings.calibration..prompts;
            if !runs.pages.is_empty() {
                units.push(Unit::Calibrate(Part::Pages));
                units.extend((0..runs.pages.len()).map(Unit::Page));
            }
            units.push(Unit::Calibrate(Part::Answers));
            units.extend((0..Answers::units(runs.prompts.len())).map(Unit::Answers));
        }
        Ok(Self { runs, units, omitted })
    }
}

impl Settings {
    fn check(&self, spec: &Spec) -> Result<(), Error> {
        self.oracle.check(spec)?;
        for (field, value) in [
            ("together", self.together),
            ("draws", self.draws),
            ("nfe", self.nfe),
            ("calibration", self.calibration),
        ] {
            if value == 0 {
                return Err(spec.refuse(field, "is 0: give at least 1"));
            }
        }
        if self.gen_length < self.nfe {
            let problem = format!("{} is more than gen_length, {}", self.nfe, self.gen_length);
            return Err(spec.refuse("nfe", problem));
        }
        match self.pairs < self.together {
            true => Err(spec.refuse("pairs", "is below together: one canvas needs that many")),
            false => Ok(()),
        }
    }

    /// The canvases of sentences, none where the model can read too few; and a sentence on
    /// those that it cannot read.
    fn pages(&self, stage: &mut Stage) -> Result<(Vec<pages::Page>, Option<String>), Error> {
        let mut readable = Readable::new(agreement::read(&stage.spec.beside(&self.agreement))?);
        let model = &*stage.models.need(Family::Masked)?;
        readable.keep(model)?;
        let (sentences, omitted) = readable.first(self.pairs);
        let page = |sentences| pages::Page::new(model, sentences);
        let pages: Vec<_> =
            sentences.chunks_exact(self.together).map(page).collect::<Result<_, _>>()?;
        match pages.is_empty() && !sentences.is_empty() {
            true => {
                let problem =
                    format!("is above the {} sentences that can be read", sentences.len());
                Err(stage.spec.refuse("together", problem))
            }
            false => Ok((pages, omitted)),
        }
    }
}

impl Experiment for JointDecoding {
    fn units(&self) -> usize {
        self.units.len()
    }

    fn files(&self) -> &'static [&'static str] {
        &[HASTES, WORDS, PAIRS, ANSWERS]
    }

    fn measure(
        &mut self,
        unit: usize,
        stage: &mut Stage,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        let hastes = folder.read_rows(HASTES)?;
        let runs = &mut self.runs;
        match self.units[unit] {
            Unit::Calibrate(part) => folder.append(HASTES, &runs.calibrate(part, stage)?),
            Unit::Words(block) => folder.append(WORDS, &runs.words(block, &hastes, stage)?),
            Unit::Page(page) => folder.append(PAIRS, &runs.page(page, &hastes, stage)?),
            Unit::Answers(block) => folder.append(ANSWERS, &runs.answer(block, &hastes, stage)?),
        }
    }

    fn analyse(&self, stage: &mut Stage, folder: &Folder) -> Result<Findings, Error> {
        let rows = findings::Rows {
            hastes: folder.read_rows(HASTES)?,
            words: folder.read_rows(WORDS)?,
            pairs: folder.read_rows(PAIRS)?,
            answers: folder.read_rows(ANSWERS)?,
        };
        let (mut findings, panels) = findings::findings(&self.runs, &rows, &stage.bootstrap());
        let caption = format!(
            "Means over {} words with 95 % intervals. Every rule is set to take half, once and twice \
             the evaluations of the comparison, and stands at those that it took.",
            self.runs.oracle.words
        );
        let title = "Rules on a known chain, by evaluations";
        let figure = Caption::new(FIGURE, title, caption);
        findings.figures.push(figure.curves(folder, "evaluations of a word", &panels)?);
        findings.omitted.extend(self.omitted.clone());
        let models = &stage.models;
        if !models.has(Family::Masked) {
            let why = models.why_not(Family::Masked);
            let what = "No sentence was completed and no text written";
            findings.omitted.push(format!("{what}: {why}."));
        } else if !models.has(Family::Autoregressive) {
            let why = models.why_not(Family::Autoregressive);
            findings.omitted.push(format!("No causal model judged the texts: {why}."));
        }
        Ok(findings)
    }
}

/// The file of sentences, which results depend on.
///
/// # Errors
///
/// Where it cannot be read.
pub(super) fn inputs(spec: &Spec, scale: Scale) -> Result<Value, Error> {
    #[derive(Deserialize)]
    struct Named {
        agreement: PathBuf,
    }
    let Named { agreement } = spec.settings(scale)?;
    Ok(json!(digest::of_file(&spec.beside(&agreement))?))
}
