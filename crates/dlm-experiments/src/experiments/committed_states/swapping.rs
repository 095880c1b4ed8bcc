//! A run, and the same run with one early token swapped for a wrong one.

use std::ops::ControlFlow;

use dlm_core::{Canvas, MaskPredictor, TokenId};
use dlm_discrete::{
    Observer, Step,
    unmasking::{Commitment, Filling, SampleError, UnmaskingSampler},
};
use dlm_rng::{Key, Purpose};

use crate::{
    Error,
    showing::{ChangeRow, Changes},
};

/// How tokens are swapped.
pub(super) struct Swapping<'a> {
    pub(super) sampler: &'a UnmaskingSampler,
    /// Tokens that end a text; they are neither words nor swapped.
    pub(super) ends: &'a [TokenId],
    /// What may be put in the place of a word.
    pub(super) words: &'a [TokenId],
    /// What a token spells.
    pub(super) text: &'a dyn Fn(TokenId) -> String,
    pub(super) key: Key,
}

/// Two runs that differ by one token.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Swap {
    /// Where, counted from the first mask.
    pub(super) position: usize,
    /// Steps that both have in common.
    pub(super) from_step: usize,
    pub(super) right: TokenId,
    /// What the network gave the right token when it was committed.
    pub(super) probability: f32,
    pub(super) wrong: TokenId,
    pub(super) baseline: Run,
    pub(super) swapped: Run,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    /// The tokens of the response.
    pub(super) tokens: Vec<TokenId>,
    /// Network evaluations from the start.
    pub(super) nfe: usize,
    /// Every change from the start.
    pub(super) changes: Vec<ChangeRow>,
}

/// A run that was stopped.
struct Stopped {
    canvas: Canvas,
    /// The word to be swapped.
    word: Commitment,
    steps: usize,
    nfe: usize,
    changes: Vec<ChangeRow>,
}

impl Swapping<'_> {
    /// Runs twice from `canvas`; nothing where no step commits a word and leaves anything
    /// to do, or no other word is at hand.
    ///
    /// # Errors
    ///
    /// Where the sampler cannot run or the network fails.
    pub(super) fn run(
        &self,
        model: &mut dyn MaskPredictor,
        canvas: &Canvas,
    ) -> Result<Option<Swap>, Error> {
        let Some(stopped) = self.first_word(model, canvas)? else { return Ok(None) };
        let Commitment { position: at, token: right, probability, .. } = stopped.word;
        let position = canvas.response().binary_search(&at).unwrap_or(0);
        let Some(wrong) = self.wrong(right, position) else { return Ok(None) };

        let mut swapped = stopped.canvas.clone();
        swapped.commit(at, wrong);
        let mut put = stopped.changes.clone();
        put.push(ChangeRow {
            sample: String::new(),
            nfe: stopped.nfe,
            position,
            token_id: Some(wrong),
            token: (self.text)(wrong),
            probability: None,
        });
        let baseline = self.rest(model, stopped.canvas.clone(), &stopped, &stopped.changes)?;
        let swapped = self.rest(model, swapped, &stopped, &put)?;
        let from_step = stopped.steps;
        Ok(Some(Swap { position, from_step, right, probability, wrong, baseline, swapped }))
    }

    /// Runs up to the first step that commits a word and leaves a mask.
    fn first_word(
        &self,
        model: &mut dyn MaskPredictor,
        canvas: &Canvas,
    ) -> Result<Option<Stopped>, Error> {
        let mut canvases = [canvas.clone()];
        let mut changes = Changes::new("", 0, self.text);
        let mut found = None;
        let mut observer = |step: &Step<'_>| {
            let _ = changes.observe(step);
            let words = step.committed.iter().filter(|c| !self.ends.contains(&c.token));
            let sooner = |a: &&Commitment, b: &&Commitment| {
                a.probability.total_cmp(&b.probability).then(b.position.cmp(&a.position))
            };
            let word = words.max_by(sooner).filter(|_| !step.canvas.masked().is_empty());
            match word {
                Some(&word) => {
                    found = Some((word, step.step + 1, step.nfe));
                    ControlFlow::Break(())
                }
                None => ControlFlow::Continue(()),
            }
        };
        match self.sampler.fill(model, &mut canvases, &[self.key], &mut observer) {
            Ok(_) | Err(SampleError::Stopped) => {}
            Err(error) => return Err(error.into()),
        }
        let [canvas] = canvases;
        let changes = changes.rows;
        Ok(found.map(|(word, steps, nfe)| Stopped { canvas, word, steps, nfe, changes }))
    }

    /// Goes on from `canvas` to the end.
    fn rest(
        &self,
        model: &mut dyn MaskPredictor,
        canvas: Canvas,
        stopped: &Stopped,
        before: &[ChangeRow],
    ) -> Result<Run, Error> {
        // Each run is evaluated alone, so that the network rounds both in the same way.
        let mut canvases = [canvas];
        let mut changes = Changes::new("", stopped.nfe, self.text);
        let filling = Filling { from_step: stopped.steps, ..Filling::new(self.sampler, model) };
        let outcome = filling.run(&mut canvases, &mut [self.key], &mut changes)?.remove(0);
        let [canvas] = canvases;
        let tokens = canvas.response().iter().map(|&at| canvas.tokens()[at]).collect();
        let changes = before.iter().cloned().chain(changes.rows).collect();
        Ok(Run { tokens, nfe: stopped.nfe + outcome.nfe, changes })
    }

    /// A frequent word that reads otherwise than `right`, drawn by the key.
    fn wrong(&self, right: TokenId, position: usize) -> Option<TokenId> {
        let read = |token: TokenId| (self.text)(token).trim().to_lowercase();
        let own = read(right);
        let other = |&&word: &&TokenId| {
            let text = read(word);
            text != own && text.chars().any(char::is_alphabetic) && !self.ends.contains(&word)
        };
        let words: Vec<&TokenId> = self.words.iter().filter(other).collect();
        let key = self.key.purpose(Purpose::Corrupt).position(position as u64);
        let drawn = (!words.is_empty()).then(|| key.stream().below(words.len() as u64) as usize);
        drawn.map(|drawn| *words[drawn])
    }
}
