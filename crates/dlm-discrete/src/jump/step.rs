//! One step of a batch of canvases.

use dlm_core::{Canvas, MaskPredictor, TokenId};
use dlm_rng::{Key, Purpose};

use super::row::{Draw, Row};
use super::{JumpError, JumpSampler, Move};
use crate::batch::alphabet_of;
use crate::forward::Noise;
use crate::{Alphabet, Commitment};

/// What a step did to one canvas.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Evaluations of the canvas: none, one, or more where draws had to be repeated.
    pub evaluations: usize,
    /// The positions whose token is another one now, ascending.
    pub committed: Vec<Commitment>,
    /// The positions that turned into masks, ascending.
    pub remasked: Vec<usize>,
}

impl JumpSampler {
    /// Puts pure noise into the response: masks, or uniform tokens for [`Purpose::Noise`].
    pub fn start(&self, canvas: &mut Canvas, alphabet: Alphabet, key: Key) {
        let key = key.step(0).purpose(Purpose::Noise);
        for position in canvas.response().to_vec() {
            match self.noise {
                Noise::Absorbing => canvas.remask(position),
                Noise::Uniform => {
                    let u = key.position(position as u64).uniform();
                    canvas.commit(position, alphabet.pick(u));
                }
            }
        }
    }

    /// One step from the `step`-th time of the grid to the next, or the last denoising for
    /// `step = steps`; says what became of each canvas.
    ///
    /// # Errors
    ///
    /// As [`JumpSampler::fill`]; the canvases are then unchanged.
    pub fn step(
        &self,
        predictor: &mut dyn MaskPredictor,
        canvases: &mut [Canvas],
        keys: &[Key],
        step: usize,
    ) -> Result<Vec<Change>, JumpError> {
        self.validate()?;
        let alphabet = alphabet_of(predictor.vocab(), canvases, keys)?;
        let Some(alphabet) = alphabet else { return Ok(vec![]) };
        let time = |step| self.grid.time(step, self.steps, self.end);
        let (t, s) = (time(step), (step < self.steps).then(|| time(step + 1)));

        let mut changes = vec![Change::default(); canvases.len()];
        let mut rows = vec![];
        for (index, (canvas, key)) in canvases.iter().zip(keys).enumerate() {
            let key = key.step(step as u64);
            let mut row = Row::of(index);
            for &position in canvas.response() {
                let moves = self.moves(position, canvas.tokens()[position], alphabet, t, s);
                match toss(moves, key.position(position as u64)) {
                    Move::Keep => {}
                    Move::Remask => changes[index].remasked.push(position),
                    Move::Draw(transition) => row.push(position, transition, key),
                }
            }
            rows.push(row);
        }
        let draw =
            Draw { alphabet, may_mask: self.noise == Noise::Absorbing, time: t, top_p: self.top_p };
        draw.all(predictor, canvases, rows, &mut changes)?;
        for (canvas, change) in canvases.iter_mut().zip(&mut changes) {
            change.apply(canvas);
        }
        Ok(changes)
    }
}

impl Change {
    /// Changes the canvas, and forgets the draws that left it as it was.
    fn apply(&mut self, canvas: &mut Canvas) {
        let stays = |position: usize, token: TokenId| canvas.tokens()[position] == token;
        self.committed.retain(|new| !stays(new.position, new.token));
        let masks = self.committed.extract_if(.., |new| new.token == canvas.mask());
        self.remasked.extend(masks.map(|new| new.position));
        self.remasked.sort_unstable();
        self.committed.sort_unstable_by_key(|new| new.position);
        self.remasked.iter().for_each(|&position| canvas.remask(position));
        self.committed.iter().for_each(|new| canvas.commit(new.position, new.token));
    }
}

/// Which of two things happens; a number is used only where that is open.
fn toss([(chance, first), (_, second)]: [(f64, Move); 2], key: Key) -> Move {
    let is_first = 1.0 <= chance || key.purpose(Purpose::Remask).uniform() < chance;
    if is_first { first } else { second }
}
