//! The loop: rows ask together, are answered in one batch, and change one by one.

use std::ops::ControlFlow;

use dlm_core::{Candidate, Canvas, MaskPredictor, ModelError, Query, TokenId};

use super::{
    Commit, ConfigError, Draws, Observer, Order, Outcome, SampleError, Step, UnmaskingSampler,
    question::Question,
    row::Row,
    settle::{Answer, Change},
};

/// How strongly positions depend on each other.
pub trait Dependence {
    /// One number for each ordered pair of `positions` of `tokens`, row-major; larger is
    /// stronger, and the larger of the two directions counts.
    ///
    /// # Errors
    ///
    /// Where the network behind it fails.
    fn dependence(
        &mut self,
        tokens: &[TokenId],
        positions: &[usize],
    ) -> Result<Vec<f64>, ModelError>;
}

impl<F: FnMut(&[TokenId], &[usize]) -> Result<Vec<f64>, ModelError>> Dependence for F {
    fn dependence(
        &mut self,
        tokens: &[TokenId],
        positions: &[usize],
    ) -> Result<Vec<f64>, ModelError> {
        self(tokens, positions)
    }
}

/// A sampler about to run, with everything it runs on.
pub struct Filling<'a> {
    /// What is done.
    pub sampler: &'a UnmaskingSampler,
    /// The network.
    pub predictor: &'a mut dyn MaskPredictor,
    /// Most rows that are evaluated together. A row that is done makes room for the next.
    pub batch: usize,
    /// Frequency of each token in a reference text, for
    /// [`Order::PositionCalibrated`](super::Order::PositionCalibrated).
    pub frequencies: &'a [f32],
    /// The dependences that [`Commit::Independent`](super::Commit::Independent) looks at.
    pub dependence: Option<&'a mut dyn Dependence>,
    /// Steps of the first block that were made before: the canvases are as a run that was
    /// stopped after them left them, or as somebody changed them since, and what stands in
    /// their responses may be masked again like anything a sampler wrote. With the same keys
    /// the rest is what it would have been without the stop, except that what rules remember
    /// of earlier predictions (credit, stability, ReMDM by confidence, the instants of
    /// first-hitting) starts anew, and an account covers the steps from here on.
    pub from_step: usize,
}

impl<'a> Filling<'a> {
    /// With no limit on the batch.
    pub fn new(sampler: &'a UnmaskingSampler, predictor: &'a mut dyn MaskPredictor) -> Self {
        Self {
            sampler,
            predictor,
            batch: usize::MAX,
            frequencies: &[],
            dependence: None,
            from_step: 0,
        }
    }

    /// Fills `canvases`, with one source of decisions each, and says what each cost.
    ///
    /// # Errors
    ///
    /// Where a setting cannot be or lacks what it needs, the model fails, or the observer
    /// stops. Canvases that were finished before stay filled.
    pub fn run<D: Draws>(
        mut self,
        canvases: &mut [Canvas],
        draws: &mut [D],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Outcome>, SampleError> {
        if draws.len() != canvases.len() {
            let (draws, canvases) = (draws.len(), canvases.len());
            return Err(SampleError::Draws { draws, canvases });
        }
        self.check(canvases)?;
        let row = |canvas: &Canvas| Row::new(self.sampler, canvas.clone())?.from(self.from_step);
        let rows = canvases.iter().map(row);
        let mut waiting = rows.collect::<Result<Vec<_>, _>>()?.into_iter().enumerate();
        let mut outcomes = vec![Outcome::default(); canvases.len()];
        let mut active: Vec<(usize, Row)> = Vec::new();
        loop {
            active.extend(waiting.by_ref().take(self.batch - active.len()));
            let mean = self.mean_masks(&active);
            let mut asked = Vec::with_capacity(active.len());
            for (index, mut row) in std::mem::take(&mut active) {
                match row.plan(self.sampler, &mut draws[index], mean) {
                    Some(question) => asked.push((index, row, question)),
                    None => {
                        let outcome = row.finish(self.sampler);
                        observer.finished(index, &row.canvas, &outcome);
                        canvases[index] = row.canvas;
                        outcomes[index] = outcome;
                    }
                }
            }
            if asked.is_empty() && waiting.len() == 0 {
                return Ok(outcomes);
            }
            let answers = self.ask(&asked)?;
            for ((index, mut row, question), answer) in asked.into_iter().zip(answers) {
                row.account(self.sampler, &question);
                let draws = &mut draws[index];
                let change = row.settle(self.sampler, &question, answer, self.frequencies, draws);
                let stops = report(observer, index, &row, &question, &change).is_break();
                row.advance();
                canvases[index] = row.canvas.clone();
                active.push((index, row));
                if stops {
                    return Err(SampleError::Stopped);
                }
            }
        }
    }

    fn check(&self, canvases: &[Canvas]) -> Result<(), ConfigError> {
        let vocab = self.predictor.vocab();
        self.sampler.check(canvases, vocab)?;
        if self.batch == 0 {
            return Err(ConfigError::Zero { field: "batch" });
        }
        let calibrated = matches!(self.sampler.order, Order::PositionCalibrated { .. });
        if calibrated && self.frequencies.len() != vocab {
            let what = "the position-calibrated order needs the frequency of every token in a \
                        reference text";
            return Err(ConfigError::Missing { what });
        }
        if matches!(self.sampler.commit, Commit::Independent { .. }) && self.dependence.is_none() {
            let what = "independent sets need a source of dependences between positions";
            return Err(ConfigError::Missing { what });
        }
        Ok(())
    }

    /// The answers to all questions, in one evaluation of those that need any.
    fn ask(&mut self, asked: &[(usize, Row, Question)]) -> Result<Vec<Answer>, SampleError> {
        let open = || asked.iter().filter(|(_, _, question)| !question.is_empty());
        let queries: Vec<Query<'_>> =
            open().map(|(_, row, question)| question.query(row.canvas.tokens())).collect();
        let mask = asked.first().map_or(0, |(_, row, _)| row.canvas.mask());
        let biases = self.sampler.biases(mask, self.predictor.vocab());
        let ask = self.sampler.ask(&biases);
        let prediction = match queries.is_empty() {
            true => dlm_core::Prediction::default(),
            false => self.predictor.predict(&queries, &ask)?,
        };
        let mut candidates = prediction.candidates.into_iter();
        let mut memories = prediction.memories.into_iter();
        let mut answers = Vec::with_capacity(asked.len());
        for (_, row, question) in asked {
            let mut answer =
                Answer { candidates: Vec::new(), memory: None, dependence: Vec::new() };
            if !question.is_empty() {
                answer.candidates = check_answers(question, candidates.next())?;
                self.check_draws(&answer.candidates[..question.masked], mask)?;
                answer.memory = memories.next();
                answer.dependence = self.dependences(row, question)?;
            }
            answers.push(answer);
        }
        Ok(answers)
    }

    /// Whether what was drawn may stand in a text: a mask would stay open unnoticed.
    fn check_draws(&self, drawn: &[Candidate], mask: TokenId) -> Result<(), SampleError> {
        let may_stand = |token: TokenId| match token == mask {
            true => self.sampler.faults.mask_is_a_token,
            false => (token as usize) < self.predictor.vocab(),
        };
        match drawn.iter().find(|candidate| !may_stand(candidate.token)) {
            Some(&Candidate { position, token, .. }) => Err(SampleError::Draw { position, token }),
            None => Ok(()),
        }
    }

    fn dependences(&mut self, row: &Row, question: &Question) -> Result<Vec<f64>, SampleError> {
        let wanted = matches!(self.sampler.commit, Commit::Independent { .. });
        match &mut self.dependence {
            Some(source) if wanted => {
                let positions = &question.positions[..question.masked];
                let matrix = source.dependence(row.canvas.tokens(), positions)?;
                let (asked, found) = (positions.len().pow(2), matrix.len());
                if asked != found {
                    return Err(SampleError::Answers { asked, found });
                }
                Ok(matrix)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The mean number of masks in the rows' blocks, for the fault that counts from it.
    fn mean_masks(&self, active: &[(usize, Row)]) -> Option<f64> {
        let masks: usize = active.iter().map(|(_, row)| row.masked().len()).sum();
        self.sampler.faults.mean_of_batch.then(|| masks as f64 / active.len().max(1) as f64)
    }
}

/// The candidates, if they are those that were asked for.
fn check_answers(
    question: &Question,
    candidates: Option<Vec<Candidate>>,
) -> Result<Vec<Candidate>, SampleError> {
    let asked = question.positions.len() + question.shadows.len();
    let candidates: Vec<Candidate> = candidates.unwrap_or_default();
    if candidates.len() != asked {
        return Err(SampleError::Answers { asked, found: candidates.len() });
    }
    let positions = question.positions.iter().chain(&question.shadows).copied();
    for (asked, candidate) in positions.zip(&candidates) {
        if candidate.position != asked {
            return Err(SampleError::Misplaced { asked, found: candidate.position });
        }
    }
    Ok(candidates)
}

fn report(
    observer: &mut dyn Observer,
    index: usize,
    row: &Row,
    question: &Question,
    change: &Change,
) -> ControlFlow<()> {
    if question.is_empty() && change.committed.is_empty() && change.remasked.is_empty() {
        return ControlFlow::Continue(());
    }
    observer.observe(&Step {
        row: index,
        step: row.step,
        block: row.block,
        nfe: row.outcome.nfe,
        committed: &change.committed,
        remasked: &change.remasked,
        canvas: &row.canvas,
    })
}

impl<'a> std::fmt::Debug for Filling<'a> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filling").field("sampler", self.sampler).finish_non_exhaustive()
    }
}
