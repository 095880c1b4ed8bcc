//! Averages over random maskings, with their standard error.

use dlm_core::MaskPredictor;
use serde::{Deserialize, Serialize};

use super::scoring::Masked;
use super::{Answer, LikelihoodError, Masking, Maskings, Scoring};

/// Replicates before a spread is trusted enough to stop early.
const LEAST: u64 = 8;

/// How many maskings are averaged.
///
/// A replicate is one unbiased estimate, made of several maskings that are spread evenly
/// (strata). With `v_r` the value of replicate `r` of `R`
///
/// ```text
/// value = v̄      standard error = √(Σ_r (v_r − v̄)² / (R(R − 1)))
/// ```
///
/// The maskings within a replicate depend on each other, so their own spread says nothing;
/// replicates are independent, and theirs is honest whatever the strata do. The price is
/// that the error is known from `R` numbers only: to about `1/√(2(R − 1))` of itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MonteCarlo {
    /// The most replicates, at least 1. The default of 16, with 8 strata each, makes the
    /// 128 evaluations of LLaDA.
    pub replicates: u64,
    /// Stops after the first replicate, from the eighth on, at which the standard error is
    /// no larger than this, nats. Stopping because the error looks small makes it look a
    /// little smaller than it is.
    pub target_error: Option<f64>,
    /// How the maskings are evaluated.
    pub scoring: Scoring,
}

impl Default for MonteCarlo {
    fn default() -> Self {
        Self { replicates: 16, target_error: None, scoring: Scoring::default() }
    }
}

/// An estimated log-likelihood.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean over replicates, nats; `−∞` where the model rules a token out.
    pub value: f64,
    /// Its standard error, nats; absent for a single replicate or an infinite value.
    pub standard_error: Option<f64>,
    /// How many replicates were averaged.
    pub replicates: u64,
    /// How many masked sequences they took.
    pub evaluations: usize,
    /// Whether the target error was reached before the replicates ran out.
    pub stopped_early: bool,
}

impl MonteCarlo {
    /// Averages the replicates of `maskings`, from the first.
    ///
    /// Whatever the batch size, the result is the same to the last bit: replicates are
    /// added in order, and those that a batch evaluated beyond an early stop are dropped.
    ///
    /// # Errors
    ///
    /// Settings outside their range, tokens that the model does not know, maskings that do
    /// not fit the answer, no maskings at all, and failures of the model.
    pub fn estimate(
        &self,
        model: &mut (impl MaskPredictor + ?Sized),
        answer: &Answer,
        maskings: &(impl Maskings + ?Sized),
    ) -> Result<Estimate, LikelihoodError> {
        self.check()?;
        self.scoring.check(model, answer)?;
        let (mut values, mut evaluations, mut next) = (Vec::new(), 0, 0);
        loop {
            let round = self.round(answer, maskings, &mut next)?;
            if round.is_empty() {
                break;
            }
            for (value, used) in self.values(model, answer, &round)? {
                values.push(value);
                evaluations += used;
                let error = standard_error(&values).filter(|_| LEAST <= values.len() as u64);
                if self.target_error.zip(error).is_some_and(|(target, error)| error <= target) {
                    let stopped_early = (values.len() as u64) < self.replicates;
                    return Ok(estimate(&values, evaluations, stopped_early));
                }
            }
        }
        match values.is_empty() {
            true => Err(LikelihoodError::NoMaskings),
            false => Ok(estimate(&values, evaluations, false)),
        }
    }

    fn check(&self) -> Result<(), LikelihoodError> {
        if self.replicates == 0 {
            let (field, value, range) = ("replicates", 0.0, "above 0");
            return Err(LikelihoodError::Setting { field, value, range });
        }
        match self.target_error.filter(|target| !(0.0..f64::INFINITY).contains(target)) {
            Some(value) => {
                let (field, range) = ("target_error", "of at least 0");
                Err(LikelihoodError::Setting { field, value, range })
            }
            None => Ok(()),
        }
    }

    /// The next replicates, as many as fill a batch.
    fn round(
        &self,
        answer: &Answer,
        maskings: &(impl Maskings + ?Sized),
        next: &mut u64,
    ) -> Result<Vec<Vec<Masking>>, LikelihoodError> {
        let (mut round, mut sequences) = (Vec::new(), 0);
        while *next < self.replicates && sequences < self.scoring.batch {
            let Some(replicate) = maskings.replicate(answer, *next) else { break };
            for (masking, content) in replicate.iter().enumerate() {
                fits(content, answer).map_err(|problem| LikelihoodError::Masking {
                    replicate: *next,
                    masking,
                    problem,
                })?;
            }
            sequences += replicate.len();
            round.push(replicate);
            *next += 1;
        }
        Ok(round)
    }

    /// The value of each replicate, and how many sequences it took.
    fn values(
        &self,
        model: &mut (impl MaskPredictor + ?Sized),
        answer: &Answer,
        round: &[Vec<Masking>],
    ) -> Result<Vec<(f64, usize)>, LikelihoodError> {
        let evaluated = |masking: &&Masking| !masking.positions.is_empty();
        let maskings = round.iter().flatten().filter(evaluated);
        let sequences: Vec<Masked<'_>> =
            maskings.map(|masking| Masked::whole(&masking.positions, masking.time)).collect();
        let mut scores = self.scoring.score(model, answer, &sequences)?.into_iter();
        let value = |replicate: &Vec<Masking>| {
            let maskings = replicate.iter().filter(evaluated).zip(scores.by_ref());
            let sums: Vec<f64> =
                maskings.map(|(masking, scores)| weigh(masking, &scores)).collect();
            (sums.iter().sum(), sums.len())
        };
        Ok(round.iter().map(value).collect())
    }
}

/// `Σᵢ weightᵢ · scoreᵢ`; a weight of 0 silences even a token that is ruled out.
fn weigh(masking: &Masking, scores: &[f64]) -> f64 {
    let terms = masking.weights.iter().zip(scores).filter(|(weight, _)| **weight != 0.0);
    terms.map(|(weight, score)| weight * score).sum()
}

fn fits(masking: &Masking, answer: &Answer) -> Result<(), &'static str> {
    let Masking { positions, weights, .. } = masking;
    let mut open = vec![false; answer.tokens().len()];
    answer.positions().iter().for_each(|&position| open[position] = true);
    let mut takes = |&position: &usize| open.get_mut(position).is_some_and(std::mem::take);
    if !positions.iter().all(&mut takes) {
        Err("a position is not of the answer or named twice: name positions of the answer once")
    } else if positions.len() != weights.len() {
        Err("not one weight per position: give as many weights as positions")
    } else if !weights.iter().all(|weight| (0.0..f64::INFINITY).contains(weight)) {
        Err("a weight is negative or not finite: give weights of at least 0")
    } else {
        Ok(())
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn standard_error(values: &[f64]) -> Option<f64> {
    let (mean, n) = (mean(values), values.len() as f64);
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let error = (squares / (n * (n - 1.0))).sqrt();
    error.is_finite().then_some(error)
}

fn estimate(values: &[f64], evaluations: usize, stopped_early: bool) -> Estimate {
    Estimate {
        value: mean(values),
        standard_error: standard_error(values),
        replicates: values.len() as u64,
        evaluations,
        stopped_early,
    }
}
