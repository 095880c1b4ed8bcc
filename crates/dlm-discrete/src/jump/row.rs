//! Draws at the positions of a batch that the network is asked about.

use dlm_core::{
    Ask, Candidate, Canvas, Crossing, MaskPredictor, Query, Shaping, TokenId, TopP, Transition,
};
use dlm_rng::{Key, Purpose, Stream};

use super::{Change, JumpError};
use crate::{Alphabet, Commitment};

/// How often a draw that gave the mask is repeated before giving up.
const PATIENCE: usize = 64;

/// The positions of one canvas whose next tokens are to be drawn.
#[derive(Default)]
pub(super) struct Row {
    canvas: usize,
    positions: Vec<usize>,
    transitions: Vec<Transition>,
    streams: Vec<Stream>,
    uniforms: Vec<f64>,
}

/// What all draws of a batch have in common.
pub(super) struct Draw {
    pub(super) alphabet: Alphabet,
    /// Whether a position may take the mask.
    pub(super) may_mask: bool,
    pub(super) time: f64,
    pub(super) top_p: Option<f64>,
}

impl Row {
    /// No position yet of the `canvas`-th canvas.
    pub(super) fn of(canvas: usize) -> Self {
        Self { canvas, ..Self::default() }
    }

    /// Adds a position that draws from `transition` with the numbers of `key`.
    pub(super) fn push(&mut self, position: usize, transition: Transition, key: Key) {
        self.positions.push(position);
        self.transitions.push(transition);
        self.streams.push(key.position(position as u64).purpose(Purpose::Token).stream());
    }

    /// Takes what was drawn, and leaves the positions whose draw does not count.
    fn settle(&mut self, drawn: &[Candidate], refused: Option<TokenId>, change: &mut Change) {
        let mut open = Self::of(self.canvas);
        for (i, candidate) in drawn.iter().enumerate() {
            if Some(candidate.token) == refused {
                open.positions.push(self.positions[i]);
                open.transitions.push(self.transitions[i]);
                open.streams.push(self.streams[i].clone());
            } else {
                change.committed.push(Commitment {
                    position: self.positions[i],
                    token: candidate.token,
                    probability: candidate.probability(),
                    entropy: candidate.entropy,
                });
            }
        }
        *self = open;
    }
}

impl Draw {
    /// Draws for all rows and adds what came out, unchanged tokens as well, to `changes`, one
    /// per canvas.
    ///
    /// A mask inside the vocabulary gets the same constant weight as any token that is not
    /// there. Under uniform noise it is no state, so it is drawn again; what counts in the
    /// end has the weights of all other tokens.
    pub(super) fn all(
        &self,
        predictor: &mut dyn MaskPredictor,
        canvases: &[Canvas],
        mut rows: Vec<Row>,
        changes: &mut [Change],
    ) -> Result<(), JumpError> {
        let ban = self.alphabet.ban();
        let shaping = Shaping {
            biases: ban.as_slice(),
            top_p: self.top_p.map(|mass| TopP { mass, crossing: Crossing::Kept }),
            ..Shaping::default()
        };
        let ask = Ask { shaping, ..Ask::default() };
        let refused = (!self.may_mask).then_some(self.alphabet.mask());
        for _ in 0..PATIENCE {
            rows.retain(|row| !row.positions.is_empty());
            if rows.is_empty() {
                return Ok(());
            }
            for row in &mut rows {
                row.uniforms = row.streams.iter_mut().map(Stream::uniform).collect();
            }
            let queries: Vec<Query<'_>> = rows
                .iter()
                .map(|row| Query {
                    uniforms: &row.uniforms,
                    transitions: &row.transitions,
                    time: Some(self.time),
                    ..Query::new(canvases[row.canvas].tokens(), &row.positions)
                })
                .collect();
            let answers = predictor.predict(&queries, &ask)?.candidates;
            complete(answers.len(), rows.len())?;
            for (row, drawn) in rows.iter_mut().zip(answers) {
                complete(drawn.len(), row.positions.len())?;
                changes[row.canvas].evaluations += 1;
                row.settle(&drawn, refused, &mut changes[row.canvas]);
            }
        }
        match rows.iter().find_map(|row| row.positions.first()) {
            Some(&position) => Err(JumpError::OnlyTheMask { position }),
            None => Ok(()),
        }
    }
}

fn complete(found: usize, asked: usize) -> Result<(), JumpError> {
    if found == asked { Ok(()) } else { Err(JumpError::Answers { found, asked }) }
}
