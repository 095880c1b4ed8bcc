//! The rules at work: on words, on sentences and on answers.

use std::ops::Range;

use dlm_core::{Canvas, MaskPredictor, TokenId};
use dlm_discrete::{
    Outcome,
    unmasking::{Commit, Dependence, Filling, TokenRule, UnmaskingSampler},
};
use dlm_rng::Key;

use super::{
    calibration::Haste,
    dependence::{Exact, nearness},
    pages::{Page, PairRow},
    rules::{Rule, plain},
};
use crate::{
    Error, Family,
    experiments::{
        answers::{AnswerRow, Answers, Task, canvases},
        known_chain::{ChainSettings, KnownChain, WordRow},
    },
    generation::{Sampler, Speech},
    stage::Stage,
};

/// One of so many tokens of a word is given.
pub(super) const GIVEN: usize = 8;
/// The fewest and the most words that calibrate; half as many as are measured in between.
const WORDS: (usize, usize) = (20, 100);
/// Where the sequences of a calibration start, far from all that is measured.
const APART: u64 = 1 << 40;

/// A part of the experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Words,
    Pages,
    Answers,
}

/// Rules, and what they are tried on.
pub(super) struct Runs {
    pub(super) rules: Vec<Rule>,
    pub(super) chain: KnownChain,
    pub(super) oracle: ChainSettings,
    /// Canvases of sentences; they calibrate too, with random numbers of their own.
    pub(super) pages: Vec<Page>,
    /// Sentences of a page.
    pub(super) together: usize,
    /// Draws of a page.
    pub(super) draws: usize,
    pub(super) answers: Answers,
    /// Prompts that are measured; those before calibrate.
    pub(super) prompts: Range<usize>,
    /// Evaluations of an answer.
    pub(super) nfe: usize,
    /// How often the interval of hastes is halved.
    pub(super) halvings: usize,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Words => "oracle",
            Self::Pages => "model",
            Self::Answers => "texts",
        }
    }
}

impl Runs {
    /// Evaluations of a word in the comparison: as many tokens a step as in answers.
    pub(super) fn word_nfe(&self) -> usize {
        let most = self.oracle.length - self.oracle.length / GIVEN;
        (self.oracle.length * self.nfe / self.answers.length).clamp(1, most)
    }

    /// Half, once and twice as many, and no more than there are tokens to draw.
    pub(super) fn word_budgets(&self) -> Vec<usize> {
        let nfe = self.word_nfe();
        let most = self.oracle.length - self.oracle.length / GIVEN;
        let mut budgets = vec![(nfe / 2).max(1), nfe, (2 * nfe).min(most)];
        budgets.dedup();
        budgets
    }

    /// The hastes of all rules in a part.
    pub(super) fn calibrate(&mut self, part: Part, stage: &mut Stage) -> Result<Vec<Haste>, Error> {
        let budgets = match part {
            Part::Words => self.word_budgets(),
            Part::Pages => vec![self.together],
            Part::Answers => vec![self.nfe],
        };
        let mut found = Vec::new();
        for rule in self.rules.clone() {
            for &budget in &budgets {
                let named = (part.name(), rule.name());
                found.push(Haste::find(named, budget, self.halvings, |haste| {
                    let spent = match part {
                        Part::Words => self.words_spent(rule, haste, stage)?,
                        Part::Pages => self.pages_spent(rule, haste, stage)?,
                        Part::Answers => self.answers_spent(rule, haste, stage)?,
                    };
                    Ok(spent.iter().sum::<usize>() as f64 / spent.len().max(1) as f64)
                })?);
            }
        }
        Ok(found)
    }

    fn words_spent(&mut self, rule: Rule, haste: f64, stage: &Stage) -> Result<Vec<usize>, Error> {
        let words = (self.oracle.words / 2).clamp(WORDS.0, WORDS.1) as u64;
        let keys: Vec<Key> = (0..words).map(|word| stage.key().sequence(APART + word)).collect();
        let drawn = self.draw_words(rule.sampler(haste), &keys)?;
        Ok(drawn.iter().map(|(_, outcome)| outcome.nfe).collect())
    }

    /// One draw of each measured page, with other random numbers: canvases differ more in what
    /// they take than draws of one do, so a few others would miss the number by more.
    fn pages_spent(&self, rule: Rule, haste: f64, stage: &mut Stage) -> Result<Vec<usize>, Error> {
        let mut spent = Vec::new();
        for (index, page) in self.pages.iter().enumerate() {
            let key = stage.key().sequence(APART + index as u64);
            let filled = fill_page(page, &rule.sampler(haste), &[key], stage)?;
            spent.extend(filled.iter().map(|(_, outcome)| outcome.nfe));
        }
        Ok(spent)
    }

    fn answers_spent(
        &self,
        rule: Rule,
        haste: f64,
        stage: &mut Stage,
    ) -> Result<Vec<usize>, Error> {
        let prompts = 0..self.prompts.start;
        let mut canvases = canvases(stage, Family::Masked, prompts.clone(), self.answers.length)?;
        let keys: Vec<Key> =
            prompts.map(|prompt| stage.key().sequence(APART + prompt as u64)).collect();
        let model = stage.models.need(Family::Masked)?;
        let outcomes = fill(&rule.sampler(haste), model, &mut canvases, &keys)?;
        Ok(outcomes.iter().map(|outcome| outcome.nfe).collect())
    }

    /// The words of a block, by all rules at all numbers of evaluations.
    pub(super) fn words(
        &mut self,
        block: usize,
        hastes: &[Haste],
        stage: &Stage,
    ) -> Result<Vec<WordRow>, Error> {
        let words: Vec<usize> = self.oracle.block(block).collect();
        let key = |word: usize| stage.key().sequence(word as u64);
        let mut rows = Vec::new();
        for budget in self.word_budgets() {
            for (name, sampler) in plain(budget) {
                let keys: Vec<Key> = words.iter().copied().map(key).collect();
                let drawn = self.draw_words(sampler, &keys)?;
                let named = words.iter().zip(&drawn);
                rows.extend(named.map(|(&word, d)| self.chain.row(word, name, Some(budget), d)));
            }
            for rule in self.rules.clone() {
                let haste = haste_of(hastes, Part::Words, rule, budget)?;
                for (haste, chosen) in by_haste(haste, &words, key) {
                    let keys: Vec<Key> = chosen.iter().copied().map(key).collect();
                    let drawn = self.draw_words(rule.sampler(haste), &keys)?;
                    let row =
                        |(&word, drawn)| self.chain.row(word, rule.name(), Some(budget), drawn);
                    rows.extend(chosen.iter().zip(&drawn).map(row));
                }
            }
        }
        Ok(rows)
    }

    fn draw_words(
        &mut self,
        sampler: UnmaskingSampler,
        keys: &[Key],
    ) -> Result<Vec<(Vec<TokenId>, Outcome)>, Error> {
        let looks = matches!(sampler.commit, Commit::Independent { .. });
        let mut exact = looks.then(|| Exact::new(self.chain.law.clone()));
        let dependence = exact.as_mut().map(|exact| exact as &mut dyn Dependence);
        self.chain.draw(&Sampler::Unmasking(sampler), dependence, keys)
    }

    /// The pairs on a page, by all rules.
    pub(super) fn page(
        &self,
        index: usize,
        hastes: &[Haste],
        stage: &mut Stage,
    ) -> Result<Vec<PairRow>, Error> {
        let page = &self.pages[index];
        let keys = self.page_keys(index, stage);
        let mut rows = Vec::new();
        let mut add = |name: &str, chosen: &[usize], sampler, stage: &mut Stage| {
            let keys: Vec<Key> = chosen.iter().map(|&draw| keys[draw]).collect();
            let filled = fill_page(page, &sampler, &keys, stage)?;
            for (&draw, (canvas, outcome)) in chosen.iter().zip(&filled) {
                rows.extend(page.rows((index, draw), name, canvas, outcome.nfe));
            }
            Ok::<(), Error>(())
        };
        let all: Vec<usize> = (0..self.draws).collect();
        for (name, sampler) in plain(self.together) {
            add(name, &all, sampler, stage)?;
        }
        for rule in &self.rules {
            let haste = haste_of(hastes, Part::Pages, *rule, self.together)?;
            for (haste, chosen) in by_haste(haste, &all, |draw| keys[draw]) {
                add(rule.name(), &chosen, rule.sampler(haste), stage)?;
            }
        }
        Ok(rows)
    }

    /// Keys of the draws of a page.
    fn page_keys(&self, page: usize, stage: &Stage) -> Vec<Key> {
        let first = (page * self.draws) as u64;
        (0..self.draws as u64).map(|draw| stage.key().sequence(first + draw)).collect()
    }

    /// Answers to a block of prompts, by all rules.
    pub(super) fn answer(
        &self,
        block: usize,
        hastes: &[Haste],
        stage: &mut Stage,
    ) -> Result<Vec<AnswerRow>, Error> {
        let start = self.prompts.start;
        let block = Answers::block(block, self.prompts.len());
        let prompts: Vec<usize> = block.map(|prompt| start + prompt).collect();
        let seeded = stage.key();
        let key = |prompt: usize| seeded.sequence(prompt as u64);
        let mut rows = Vec::new();
        for (name, sampler) in plain(self.nfe) {
            rows.extend(self.answers_by(name, sampler, &prompts, stage)?);
        }
        for rule in &self.rules {
            let haste = haste_of(hastes, Part::Answers, *rule, self.nfe)?;
            for (haste, chosen) in by_haste(haste, &prompts, key) {
                rows.extend(self.answers_by(rule.name(), rule.sampler(haste), &chosen, stage)?);
            }
        }
        Ok(rows)
    }

    fn answers_by(
        &self,
        name: &str,
        sampler: UnmaskingSampler,
        prompts: &[usize],
        stage: &mut Stage,
    ) -> Result<Vec<AnswerRow>, Error> {
        let mut blank = Vec::new();
        for &prompt in prompts {
            let (prompt, length) = (prompt..prompt + 1, self.answers.length);
            blank.extend(canvases(stage, Family::Masked, prompt, length)?);
        }
        let key = |&prompt: &usize| stage.key().sequence(prompt as u64);
        let keys: Vec<Key> = prompts.iter().map(key).collect();
        let model = stage.models.need(Family::Masked)?;
        let outcomes = fill(&sampler, model, &mut blank, &keys)?;
        let speech = Speech::new(model, &[]);
        let (family, steps) = (Family::Masked, Some(self.nfe));
        let task = Task { family, name, steps, sampler: Sampler::Unmasking(sampler) };
        self.answers.rows(stage, &task, prompts, (&blank, &outcomes), &speech)
    }
}

/// Fills a page once for each key, choosing among the words of each place at temperature 1.
fn fill_page(
    page: &Page,
    sampler: &UnmaskingSampler,
    keys: &[Key],
    stage: &mut Stage,
) -> Result<Vec<(Canvas, Outcome)>, Error> {
    let tokens = TokenRule { temperature: 1.0, ..TokenRule::default() };
    let sampler = UnmaskingSampler { tokens, ..sampler.clone() };
    let mut canvases = vec![page.canvas.clone(); keys.len()];
    let mut choices = page.choices(stage.models.need(Family::Masked)?);
    let outcomes = fill(&sampler, &mut choices, &mut canvases, keys)?;
    Ok(canvases.into_iter().zip(outcomes).collect())
}

/// Fills canvases of a network, whose dependences nobody knows.
fn fill(
    sampler: &UnmaskingSampler,
    network: &mut dyn MaskPredictor,
    canvases: &mut [Canvas],
    keys: &[Key],
) -> Result<Vec<Outcome>, Error> {
    let mut source = nearness;
    let dependence = Some(&mut source as &mut dyn Dependence);
    let filling = Filling { dependence, ..Filling::new(sampler, network) };
    Ok(filling.run(canvases, &mut keys.to_vec(), &mut ())?)
}

fn haste_of(hastes: &[Haste], part: Part, rule: Rule, evaluations: usize) -> Result<&Haste, Error> {
    let found = hastes.iter().find(|haste| {
        haste.part == part.name() && haste.rule == rule.name() && haste.evaluations == evaluations
    });
    let missing = || {
        let (rule, part) = (rule.name(), part.name());
        Error::Argument(format!(
            "calibration.csv has no haste of {rule} in the part {part}: start anew with --force"
        ))
    };
    found.ok_or_else(missing)
}

/// The units that go at each haste.
fn by_haste(
    haste: &Haste,
    units: &[usize],
    key: impl Fn(usize) -> Key,
) -> impl Iterator<Item = (f64, Vec<usize>)> {
    let (slow, fast): (Vec<usize>, Vec<usize>) =
        units.iter().partition(|&&unit| haste.of(key(unit)) == haste.slow);
    let both = [(haste.slow, slow), (haste.fast, fast)];
    both.into_iter().filter(|(_, units)| !units.is_empty())
}
