//! What somebody who waits for a training is told.

use std::time::{Duration, Instant};

use dlm_runtime::{Trainee, training_flop};
use dlm_train::{Event, Recipe};
use serde::Serialize;

/// How often steps are told.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Tells how a training goes on, and how fast it is.
pub(super) struct Progress<'a> {
    steps: u64,
    /// Floating-point operations of a token in the blocks, and of one that passes the head.
    flop: [f64; 2],
    /// GFLOP/s of the matrix products alone.
    ceiling: f64,
    say: &'a mut dyn FnMut(&str),
    told: Option<Instant>,
    tokens: u64,
    predicted: u64,
    took: Duration,
}

/// How fast a run trained, measurements and checkpoints left out.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Speed {
    /// Tokens a second, fillings counted.
    pub(super) tokens_per_second: f64,
    /// Operations of matrix products a second, as a share of what the products reach alone.
    pub(super) share_of_ceiling: f64,
}

impl<'a> Progress<'a> {
    pub(super) fn new(
        recipe: &Recipe,
        trainee: &Trainee,
        ceiling: f64,
        say: &'a mut dyn FnMut(&str),
    ) -> Self {
        Self {
            steps: recipe.steps(),
            flop: [training_flop(trainee, 1, 0), training_flop(trainee, 0, 1)],
            ceiling,
            say,
            told: None,
            tokens: 0,
            predicted: 0,
            took: Duration::ZERO,
        }
    }

    pub(super) fn tell(&mut self, event: &Event<'_>) {
        match event {
            Event::Resumed(steps) => (self.say)(&format!("goes on after {steps} steps")),
            Event::Step { row, tokens, predicted, took } => {
                self.tokens += *tokens as u64;
                self.predicted += *predicted as u64;
                self.took += *took;
                if self.told.is_some_and(|told| told.elapsed() < TOLD_EVERY) {
                    return;
                }
                self.told = Some(Instant::now());
                let speed = self.speed();
                (self.say)(&format!(
                    "{} of {} steps, {} tokens: loss {:.3}, cross-entropy {:.3}, right {:.3}; \
                     {:.0} tokens a second, {:.0} % of the products' own speed",
                    row.step + 1,
                    self.steps,
                    row.tokens,
                    row.loss,
                    row.cross_entropy,
                    row.accuracy,
                    speed.tokens_per_second,
                    100.0 * speed.share_of_ceiling,
                ));
            }
            Event::Validated(rows) => {
                for row in *rows {
                    (self.say)(&format!(
                        "held out, t = {}: cross-entropy {:.3}, right {:.3}",
                        row.t, row.cross_entropy, row.accuracy
                    ));
                }
            }
            Event::Saved(steps) => (self.say)(&format!("checkpoint after {steps} steps")),
            Event::PassedOver(texts) => (self.say)(&format!(
                "{texts} prompts leave no room for an answer and were passed over: raise \
                 layout.length in a new training"
            )),
        }
    }

    pub(super) fn speed(&self) -> Speed {
        let [body, head] = self.flop;
        let flop = body * self.tokens as f64 + head * self.predicted as f64;
        let seconds = self.took.as_secs_f64().max(f64::MIN_POSITIVE);
        Speed {
            tokens_per_second: self.tokens as f64 / seconds,
            share_of_ceiling: 1e-9 * flop / seconds / self.ceiling,
        }
    }
}
