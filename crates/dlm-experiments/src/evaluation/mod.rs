//! How good a language model of one family is on held-out text.
//!
//! What a family can be asked exactly or bounded ([`Family`]), and what it writes, judged by
//! a causal model. Every text, and every few samples, is a unit whose rows are on disk at
//! once; the measures with their intervals are computed from the rows at the end.

pub(crate) mod causal;
mod family;
mod gaussian;
mod judge;
mod masked;
mod probed;
mod rows;
mod table;
mod texts;
mod unigram;
mod writer;
mod written;

use std::path::{Path, PathBuf};

use dlm_rng::Key;
use dlm_runtime::Model;
use serde_json::{Value, json};

pub use rows::{Author, TextRow, WrittenRow};
pub use table::Measured;
pub use written::{distinct, repeated, run_entropy, unigram_entropy};

use crate::{
    Error, Family, Folder, Prompts, digest,
    folder::Opened,
    generation::SamplerArguments,
    manifest::{Manifest, ModelRecord},
    units,
};
use probed::Probed;
use texts::Texts;
use unigram::Unigram;
use writer::{Writer, Written};

/// What each text adds to each measure, a row each.
const ROWS: &str = "rows.csv";
/// What was written, a row each.
const SAMPLES: &str = "samples.csv";
/// The measures, a row each.
const MEASURES: &str = "eval.csv";
/// The measures as a table.
const TABLE: &str = "eval.md";

/// Answers that are written together and are one unit.
const TOGETHER: usize = 8;

/// What to evaluate on and how.
#[derive(Clone, Debug)]
pub struct EvaluationRun {
    /// The texts, a line of JSON each.
    pub data: PathBuf,
    /// Only the first texts; all if absent.
    pub limit: Option<usize>,
    /// Seed of all randomness.
    pub seed: u64,
    /// Replicates of the bound of each text, at least 1; its standard error needs 2.
    pub bound_samples: u64,
    /// What the model is to write.
    pub writing: Writing,
    /// Prompts behind which a masked model is to fill 128 masks in one pass; none if absent.
    pub probe: Option<PathBuf>,
    /// Start anew even where the folder is whole.
    pub force: bool,
}

/// What a model is to write.
#[derive(Clone, Debug)]
pub struct Writing {
    /// How many answers, one a prompt, for the first prompts; 0 leaves writing out.
    pub samples: usize,
    /// The room for an answer, tokens.
    pub gen_length: usize,
    /// How it is filled. A causal model heeds temperature and top-k alone.
    pub sampler: SamplerArguments,
}

/// An evaluation that is on disk.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The table of all measures, in Markdown.
    pub table: String,
    /// Whether it was there already.
    pub up_to_date: bool,
}

/// Evaluates `model` into the folder `out`. What it writes is judged by `judge`, or by
/// itself where there is none.
///
/// # Errors
///
/// Where a text, a setting or the judge cannot be used, a network fails, or the folder
/// cannot be written; whole units stay.
pub fn evaluate(
    model: &mut Model,
    judge: Option<&mut Model>,
    run: &EvaluationRun,
    out: &Path,
) -> Result<Evaluation, Error> {
    let (started, began) = (std::time::Instant::now(), Manifest::now());
    run.check()?;
    let family = Family::of(model)?;
    let texts = Texts::read(&run.data, run.limit.unwrap_or(usize::MAX), model)?;
    let writer = match run.writing.samples {
        0 => None,
        _ => {
            let writer = Writer::new(family, model, &run.writing, &texts, run.seed)?;
            let openings = texts.list[..writer.len()].iter().map(|text| text.opening().len());
            let longest = openings.max().unwrap_or(0) + run.writing.gen_length;
            judge::check(model, judge.as_deref().unwrap_or(model), longest)?;
            Some(writer)
        }
    };
    let prompts = run.probe.as_deref().map(Prompts::jsonl).transpose()?;
    if prompts.is_some() && family != Family::Masked {
        let problem = format!("--probe: a model of the {family} family fills no masks");
        return Err(Error::Argument(problem));
    }
    let probed = prompts.as_ref().map(|prompts| Probed::new(model, prompts)).transpose()?;
    let record = ModelRecord::of(model)?;
    let (judging, writing, probing) = (judge.as_deref(), writer.as_ref(), prompts.as_ref());
    let inputs = inputs(run, family, &record, judging, &texts, writing, probing)?;
    let mut folder = match Folder::open(out, &inputs, run.force)? {
        Opened::UpToDate(_) => {
            let path = out.join(TABLE);
            let table = std::fs::read_to_string(&path);
            let table = table.map_err(|source| Error::Read { path, source })?;
            return Ok(Evaluation { table, up_to_date: true });
        }
        Opened::Open(folder) => folder,
    };
    [MEASURES, TABLE].iter().try_for_each(|name| folder.remove(name))?;

    let unigram = Unigram::new(model)?;
    let (texts, writer, probed) = (&texts, writer.as_ref(), probed.as_ref());
    let mut work = Work { model, judge, run, family, texts, writer, probed, unigram };
    let units = work.units();
    units::fill(&mut folder, "eval", units, |unit, folder| work.unit(unit, folder))?;

    let measures = table::measures(&folder.read_rows(ROWS)?, &folder.read_rows(SAMPLES)?);
    let table = table::markdown(&table::name(work.model), &work.about(), &measures);
    folder.write_rows(MEASURES, &measures)?;
    folder.write(TABLE, table.as_bytes())?;
    let mut manifest = Manifest::new(began, run.seed, vec![record], Some(texts.record()), inputs);
    manifest.wall_seconds = started.elapsed().as_secs_f64();
    let samples = writer.is_some().then_some(SAMPLES);
    let files = [ROWS].into_iter().chain(samples).chain([MEASURES, TABLE]);
    folder.finish(manifest, &files.map(String::from).collect::<Vec<_>>())?;
    Ok(Evaluation { table, up_to_date: false })
}

/// What units are made of.
struct Work<'a> {
    model: &'a mut Model,
    judge: Option<&'a mut Model>,
    run: &'a EvaluationRun,
    family: Family,
    texts: &'a Texts,
    writer: Option<&'a Writer>,
    probed: Option<&'a Probed>,
    unigram: Unigram,
}

impl Work<'_> {
    /// One for each text, then one for each few prompts of the probe, then one for each few
    /// answers.
    fn units(&self) -> usize {
        self.texts.list.len() + self.probes() + self.answers().div_ceil(TOGETHER)
    }

    /// How many units the probe has.
    fn probes(&self) -> usize {
        self.probed.map_or(0, Probed::len).div_ceil(TOGETHER)
    }

    /// How many answers the model writes.
    fn answers(&self) -> usize {
        self.writer.map_or(0, Writer::len)
    }

    /// Adds the rows of one unit to `folder`.
    fn unit(&mut self, unit: usize, folder: &mut Folder) -> Result<(), Error> {
        let places = |group: usize, all: usize| group * TOGETHER..all.min((group + 1) * TOGETHER);
        let probe = unit.checked_sub(self.texts.list.len());
        let answer = probe.and_then(|probe| probe.checked_sub(self.probes()));
        let Some((writer, group)) = self.writer.zip(answer) else {
            let rows = match self.probed.zip(probe) {
                Some((probed, group)) => probed.rows(self.model, places(group, probed.len()))?,
                None => self.family.measure(self.model, self.texts, unit, self.run)?,
            };
            folder.append(ROWS, &rows)?;
            return folder.finish_unit(&[ROWS]);
        };
        let places = places(group, self.answers());
        let answers = writer.write(self.model, places.clone())?;
        for (text, answer) in self.texts.list[places].iter().zip(answers) {
            let reference = Written::reference(text, self.run.writing.gen_length);
            let key = Key::new(self.run.seed).sequence(text.line as u64 - 1);
            let unigram = self.unigram.draw(answer.tokens.len(), key);
            for (author, written) in [
                (Author::Model, answer),
                (Author::Reference, reference),
                (Author::Unigram, unigram),
            ] {
                let said = writer.text(self.model, &written.tokens)?;
                let judge = self.judge.as_deref_mut().unwrap_or(self.model);
                let row = judge::row(judge, text, author, &written, said)?;
                folder.append(SAMPLES, &[row])?;
            }
        }
        folder.finish_unit(&[SAMPLES])
    }

    /// What was measured, in a sentence.
    fn about(&self) -> String {
        let (family, count, rows) = (self.family, self.texts.list.len(), self.texts.rows);
        let of = match self.texts.held_out {
            Some(held_out) => format!("{held_out} of its {rows} rows are held out"),
            None => format!("it has {rows} rows, and none says whether it is held out"),
        };
        let empty = match self.texts.empty {
            0 => String::new(),
            empty => format!("; {empty} with empty answers are passed over"),
        };
        let samples = match self.answers() {
            0 => "nothing was sampled".to_string(),
            answers => format!(
                "{answers} samples of up to {} tokens, judged by {}",
                self.run.writing.gen_length,
                table::name(self.judge.as_deref().unwrap_or(self.model))
            ),
        };
        let probe = match self.probed {
            None => String::new(),
            Some(probed) => format!("; {} prompts with {} masks each", probed.len(), probed::MASKS),
        };
        let file = self.texts.record().origin;
        format!(
            "A model of the {family} family on {count} texts of {file} ({of}{empty}){probe}; \
             {samples}."
        )
    }
}

impl EvaluationRun {
    /// Refuses settings that cannot be.
    fn check(&self) -> Result<(), Error> {
        let problem = match (self.bound_samples, self.writing.samples, self.writing.gen_length) {
            (0, _, _) => "--bound-samples 0: give at least 1",
            (_, 1.., 0) => {
                "--gen-length 0: ask for at least 1, or leave samples out with \
                            --samples 0"
            }
            _ => return Ok(()),
        };
        Err(Error::Argument(problem.to_string()))
    }
}

/// All that the rows depend on.
fn inputs(
    run: &EvaluationRun,
    family: Family,
    model: &ModelRecord,
    judge: Option<&Model>,
    texts: &Texts,
    writer: Option<&Writer>,
    probe: Option<&Prompts>,
) -> Result<Value, Error> {
    let judge = judge.filter(|_| writer.is_some()).map(|judge| judge.source().files());
    Ok(json!({
        "program": digest::of_program()?,
        "model": model.files,
        "device": model.description.device,
        "dtype": model.description.dtype,
        "parametrisation": model.description.parametrisation,
        "family": family,
        "judge": judge.transpose()?,
        "data": texts.record().sha256,
        "count": texts.list.len(),
        "seed": run.seed,
        "bound_samples": run.bound_samples,
        "strata": masked::STRATA,
        "samples": writer.map(Writer::len),
        "gen_length": writer.map(|_| run.writing.gen_length),
        "sampler": writer.map(Writer::inputs),
        "probe": probe.map(|prompts| &prompts.sha256),
    }))
}
