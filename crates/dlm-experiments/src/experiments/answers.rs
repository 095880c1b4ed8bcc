//! Answers that samplers write to prompts, and what is said of each.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use dlm_core::{Canvas, TokenId};
use dlm_discrete::Outcome;
use dlm_rng::Key;
use dlm_runtime::Model;
use serde::{Deserialize, Serialize};

use super::measured::{Condition, Measured, condition};
use crate::{
    Error, Family, Prompt, PromptBody,
    generation::{Filler, Sampler, Speech},
    judging::{self, Judged, NgramJudge, Variety},
    stage::Stage,
};

/// Prompts that are answered together, and are one unit of a run.
const BLOCK: usize = 10;

/// What is said of an answer: a row of samples.csv.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct AnswerRow {
    /// Index of the prompt, from 0.
    pub(super) prompt: usize,
    /// The sampler's name.
    pub(super) sampler: String,
    /// The steps it was given; absent where it decides itself.
    pub(super) steps: Option<usize>,
    /// Network evaluations.
    pub(super) nfe: usize,
    /// Tokens before the first that ends a text.
    pub(super) tokens: usize,
    /// Whether there was one.
    pub(super) ended: bool,
    /// `−ln p` to the causal judge; absent without one.
    pub(super) judge_nats: Option<f64>,
    /// Of how many of its tokens.
    pub(super) judge_tokens: Option<usize>,
    /// `−ln p` to the n-gram judge.
    pub(super) ngram_nats: f64,
    /// Of how many bytes.
    pub(super) ngram_bytes: usize,
    /// Entropy of the tokens' frequencies, nats.
    pub(super) entropy: Option<f64>,
    /// The share of distinct pairs of tokens.
    pub(super) distinct_2: Option<f64>,
    /// The share of runs of four tokens that stood there before.
    pub(super) rep_4: Option<f64>,
    /// The text.
    pub(super) text: String,
}

/// A number that is read off an answer.
#[derive(Clone, Copy)]
pub(super) struct AnswerMeasure {
    /// What estimates call it.
    pub(super) name: &'static str,
    /// What it is, with its unit.
    pub(super) meaning: &'static str,
    of: fn(&AnswerRow) -> Option<f64>,
}

/// What is reported of answers.
pub(super) const MEASURES: [AnswerMeasure; 7] = [
    AnswerMeasure {
        name: "judge",
        meaning: "nats a token to the causal judge",
        of: |row| Judged { nats: row.judge_nats?, count: row.judge_tokens? }.per_unit(),
    },
    AnswerMeasure {
        name: "ngram",
        meaning: "nats a byte to the n-gram judge",
        of: |row| Judged { nats: row.ngram_nats, count: row.ngram_bytes }.per_unit(),
    },
    AnswerMeasure {
        name: "entropy",
        meaning: "entropy of an answer's tokens, nats",
        of: |row| row.entropy,
    },
    AnswerMeasure {
        name: "distinct_2",
        meaning: "share of distinct pairs of tokens",
        of: |row| row.distinct_2,
    },
    AnswerMeasure {
        name: "rep_4",
        meaning: "share of runs of four tokens that stood there before",
        of: |row| row.rep_4,
    },
    AnswerMeasure {
        name: "tokens",
        meaning: "tokens of an answer",
        of: |row| Some(row.tokens as f64),
    },
    AnswerMeasure {
        name: "empty",
        meaning: "share of empty answers, which no judge reads",
        of: |row| Some(f64::from(u8::from(row.text.trim().is_empty()))),
    },
];

impl AnswerMeasure {
    /// The measure of that name.
    pub(super) fn named(name: &str) -> Self {
        MEASURES.into_iter().find(|measure| measure.name == name).unwrap_or(MEASURES[0])
    }

    /// Of all answers.
    pub(super) fn of(self, rows: &[AnswerRow]) -> Measured {
        rows.iter().map(|row| (row.condition(), row.prompt, (self.of)(row))).collect()
    }
}

impl AnswerRow {
    /// The sampler and its steps.
    pub(super) fn condition(&self) -> Condition {
        condition(&self.sampler, self.steps)
    }
}

/// Network evaluations of all answers.
pub(super) fn evaluations(rows: &[AnswerRow]) -> Measured {
    rows.iter().map(|row| (row.condition(), row.prompt, Some(row.nfe as f64))).collect()
}

/// A sampler at its task.
pub(super) struct Task<'a> {
    /// Whom it asks.
    pub(super) family: Family,
    /// What rows call it.
    pub(super) name: &'a str,
    /// The steps that rows name.
    pub(super) steps: Option<usize>,
    /// What it does.
    pub(super) sampler: Sampler,
}

/// Who writes and judges the answers of an experiment.
pub(super) struct Answers {
    /// Positions of an answer.
    pub(super) length: usize,
    ngram: NgramJudge,
}

impl Answers {
    /// Answers of `length` positions.
    pub(super) fn new(length: usize) -> Self {
        Self { length, ngram: NgramJudge::new() }
    }

    /// How many units `prompts` prompts are.
    pub(super) fn units(prompts: usize) -> usize {
        prompts.div_ceil(BLOCK)
    }

    /// The prompts of a unit.
    pub(super) fn block(unit: usize, prompts: usize) -> Range<usize> {
        unit * BLOCK..prompts.min((unit + 1) * BLOCK)
    }

    /// Fills a canvas for each of `prompts`, all together; the randomness of each is its
    /// prompt's, whatever the sampler.
    ///
    /// # Errors
    ///
    /// Where a setting or a prompt cannot be used, or a model fails.
    pub(super) fn write(
        &self,
        stage: &mut Stage,
        task: &Task<'_>,
        prompts: Range<usize>,
    ) -> Result<Vec<AnswerRow>, Error> {
        self.timed(stage, task, prompts).map(|(rows, _)| rows)
    }

    /// The same, and how long it took to fill the canvases, whatever is said of them.
    pub(super) fn timed(
        &self,
        stage: &mut Stage,
        task: &Task<'_>,
        prompts: Range<usize>,
    ) -> Result<(Vec<AnswerRow>, Duration), Error> {
        let mut canvases = canvases(stage, task.family, prompts.clone(), self.length)?;
        let keys: Vec<Key> = prompts.clone().map(|p| stage.key().sequence(p as u64)).collect();
        let model = stage.models.need(task.family)?;
        let filler = Filler::new(task.sampler.clone(), model, &canvases)?;
        let started = Instant::now();
        let outcomes = filler.run(model, &mut canvases, &keys, &mut ())?;
        let took = started.elapsed();
        let speech = filler.speech(model);
        let prompts: Vec<usize> = prompts.collect();
        Ok((self.rows(stage, task, &prompts, (&canvases, &outcomes), &speech)?, took))
    }

    /// What is said of filled canvases, one for each of `prompts`.
    ///
    /// # Errors
    ///
    /// Where the judge fails, or an answer has no text.
    pub(super) fn rows(
        &self,
        stage: &mut Stage,
        task: &Task<'_>,
        prompts: &[usize],
        (canvases, outcomes): (&[Canvas], &[Outcome]),
        speech: &Speech,
    ) -> Result<Vec<AnswerRow>, Error> {
        let responses: Vec<Vec<TokenId>> = canvases.iter().map(response).collect();
        let writer: &Model = stage.models.need(task.family)?;
        let texts = responses.iter().map(|response| speech.text(writer, response));
        let texts: Vec<String> = texts.collect::<Result<_, Error>>()?;
        let judged = judged(stage, prompts, &texts)?;
        let written = responses.iter().zip(texts).zip(judged);
        let each = prompts.iter().zip(outcomes).zip(written);
        let rows = each.map(|((&prompt, outcome), ((response, text), judged))| {
            let tokens = speech.before_end(response);
            self.row(task, (prompt, outcome), tokens, (text, judged))
        });
        Ok(rows.collect())
    }

    /// What is said of one answer, of which `tokens` come before its end.
    fn row(
        &self,
        task: &Task<'_>,
        (prompt, outcome): (usize, &Outcome),
        tokens: &[TokenId],
        (text, judged): (String, Option<Judged>),
    ) -> AnswerRow {
        let ngram = self.ngram.judge(&text);
        let Variety { entropy, distinct_2, repeated_4 } = Variety::of(tokens);
        AnswerRow {
            prompt,
            sampler: task.name.to_string(),
            steps: task.steps,
            nfe: outcome.nfe,
            tokens: tokens.len(),
            ended: tokens.len() < self.length,
            judge_nats: judged.map(|judged| judged.nats),
            judge_tokens: judged.map(|judged| judged.count),
            ngram_nats: ngram.nats,
            ngram_bytes: ngram.count,
            entropy,
            distinct_2,
            rep_4: repeated_4,
            text,
        }
    }
}

/// What the causal judge makes of the answers to prompts; of none where there is no judge, or
/// where a prompt is no text.
fn judged(
    stage: &mut Stage,
    prompts: &[usize],
    texts: &[String],
) -> Result<Vec<Option<Judged>>, Error> {
    let list = &stage.prompts()?.list;
    let asked: Vec<Option<String>> = prompts.iter().map(|&prompt| asked(list, prompt)).collect();
    let Some(judge) = stage.models.get(Family::Autoregressive) else {
        return Ok(vec![None; texts.len()]);
    };
    let pairs = asked.iter().zip(texts);
    let pairs: Vec<(&str, &str)> =
        pairs.filter_map(|(asked, text)| Some((asked.as_deref()?, text.as_str()))).collect();
    let mut found = judging::causal(judge, &pairs)?.into_iter();
    Ok(asked.iter().map(|asked| asked.as_ref().and_then(|_| found.next())).collect())
}

/// A canvas of `length` open positions behind each of the prompts.
///
/// # Errors
///
/// Where a prompt cannot be used, which the message names.
pub(super) fn canvases(
    stage: &mut Stage,
    family: Family,
    prompts: Range<usize>,
    length: usize,
) -> Result<Vec<Canvas>, Error> {
    let all = stage.prompts()?.clone();
    let model: &Model = stage.models.need(family)?;
    prompts.map(|index| all.canvas(index, model, length)).collect()
}

/// The tokens that stand where the canvas was open.
pub(super) fn response(canvas: &Canvas) -> Vec<TokenId> {
    canvas.response().iter().map(|&position| canvas.tokens()[position]).collect()
}

fn asked(prompts: &[Prompt], prompt: usize) -> Option<String> {
    match &prompts.get(prompt)?.body {
        PromptBody::Text(text) => Some(text.clone()),
        PromptBody::Tokens(_) => None,
    }
}

/// Synthetic rows for the tests of experiments.
#[cfg(test)]
pub(super) fn row_for_test(
    prompt: usize,
    sampler: &str,
    steps: Option<usize>,
    judge: Option<f64>,
    ngram: f64,
) -> AnswerRow {
    AnswerRow {
        prompt,
        sampler: sampler.to_string(),
        steps,
        nfe: steps.unwrap_or(3),
        tokens: 10,
        ended: true,
        judge_nats: judge.map(|nats| 10.0 * nats),
        judge_tokens: judge.map(|_| 10),
        ngram_nats: 40.0 * ngram,
        ngram_bytes: 40,
        entropy: Some(2.0),
        distinct_2: Some(1.0),
        rep_4: Some(0.0),
        text: "ten words".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{AnswerMeasure, AnswerRow, Answers, row_for_test};
    use crate::experiments::measured::condition;

    #[test]
    fn an_empty_answer_has_no_perplexity_and_is_counted() {
        let written = row_for_test(0, "x", Some(2), Some(1.5), 2.0);
        let empty = AnswerRow {
            prompt: 1,
            judge_nats: Some(0.0),
            judge_tokens: Some(0),
            ngram_nats: 0.0,
            ngram_bytes: 0,
            text: String::new(),
            ..written.clone()
        };
        let (rows, here) = ([written, empty], condition("x", Some(2)));
        for (name, values) in
            [("judge", &[1.5][..]), ("ngram", &[2.0]), ("empty", &[0.0, 1.0]), ("rep_4", &[0.0; 2])]
        {
            assert_eq!(AnswerMeasure::named(name).of(&rows).under(&here), values, "{name}");
        }
        let unjudged = row_for_test(0, "x", Some(2), None, 2.0);
        assert!(AnswerMeasure::named("judge").of(&[unjudged]).under(&here).is_empty());
    }

    #[test]
    fn blocks_are_all_prompts_once() {
        for prompts in [1, 4, 5, 12] {
            let blocks = (0..Answers::units(prompts)).flat_map(|u| Answers::block(u, prompts));
            assert_eq!(blocks.collect::<Vec<_>>(), (0..prompts).collect::<Vec<_>>());
        }
    }
}
