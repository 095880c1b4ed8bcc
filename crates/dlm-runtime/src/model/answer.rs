//! Queries to packs, packs to hidden states, hidden states to answers.

use dlm_core::{Ask, Candidate, Prediction, Query, TokenId};

use super::Model;
use crate::{
    Error,
    network::{Laid, Pack, Place},
    readout::{Distributions, Origin, Readout, Row},
};

impl Model {
    pub(super) fn answer(&self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, Error> {
        self.check_ask(queries, ask)?;
        let (network, vocab) = (&*self.network, self.shape.vocab);
        let mut readout =
            Readout::new(network, ask, queries, vocab, self.ruled_out(), self.device)?;
        let guided = ask.shaping.guidance != 0.0;
        let mut candidates = Vec::with_capacity(queries.len());
        let mut start = 0;
        while start < queries.len() {
            let end = start + self.fitting(&queries[start..], guided);
            let batch = &queries[start..end];
            let mut read = self.answer_pack(batch, start, guided, &mut readout)?.into_iter();
            let split = |query: &Query<'_>| (&mut read).take(query.answered().count()).collect();
            candidates.extend(batch.iter().map(split).collect::<Vec<_>>());
            start = end;
        }
        let (mixture, memories) = readout.finish(queries.len())?;
        Ok(Prediction { candidates, mixture, memories })
    }

    /// The token that no prediction may be.
    pub(crate) fn ruled_out(&self) -> Option<TokenId> {
        self.diffusion.mask.filter(|_| !self.diffusion.predicts_mask)
    }

    /// How many of `queries`, at least one, fit into one forward pass together.
    fn fitting(&self, queries: &[Query<'_>], guided: bool) -> usize {
        let mut sum = 0;
        let fits = queries.iter().take_while(|query| {
            let sequences = 1 + usize::from(guided && query.unconditional.is_some());
            let shadow = 1 + usize::from(self.diffusion.shifted);
            sum += sequences * (query.tokens.len() + shadow * query.shadows.len());
            sum <= self.batch_tokens
        });
        fits.count().max(1)
    }

    fn answer_pack(
        &self,
        batch: &[Query<'_>],
        first: usize,
        guided: bool,
        readout: &mut Readout<'_>,
    ) -> Result<Vec<Candidate>, Error> {
        let mut sequences: Vec<Laid> = Vec::new();
        let mut rows: Vec<Row<'_>> = Vec::new();
        // Where each sequence starts is known before the pack is: they stand end to end.
        let mut start = 0;
        for (index, query) in batch.iter().enumerate() {
            let mut lay = |tokens: &[TokenId]| -> Result<Vec<Origin>, Error> {
                let (laid, origins) = self.lay(tokens, query, start)?;
                start += laid.rows();
                sequences.push(laid);
                Ok(origins)
            };
            let origins = lay(query.tokens)?;
            let unconditional = query.unconditional.filter(|_| guided).map(lay).transpose()?;
            let earlier = query.earlier.and_then(|memory| memory.content::<Distributions>());
            for (ordinal, position) in query.answered().enumerate() {
                let shadow = query.positions.len() <= ordinal;
                let target = match shadow {
                    true => Some(query.tokens[position]),
                    false => query.targets.get(ordinal).copied().flatten(),
                };
                rows.push(Row {
                    query: first + index,
                    ordinal,
                    position,
                    shadow,
                    origin: origins[ordinal],
                    unconditional: unconditional.as_ref().map(|origins| origins[ordinal]),
                    uniform: query.uniforms.get(ordinal).copied().unwrap_or(0.0),
                    transition: query.transitions.get(ordinal).copied(),
                    target: target.filter(|&token| i64::from(token) < self.shape.vocab),
                    watched: query.watched.get(ordinal).map_or(&[], Vec::as_slice),
                    earlier: earlier.and_then(|then| Some((then, then.row(position)?))),
                });
            }
        }
        let pack = Pack::of(&sequences, self.device)?;
        readout.read(&self.network.hidden(&pack)?, &rows)
    }

    /// `tokens` in the place of the query's own, with its shadows, to stand from row
    /// `start` on, and where each of its answers comes from.
    fn lay(
        &self,
        tokens: &[TokenId],
        query: &Query<'_>,
        start: i64,
    ) -> Result<(Laid, Vec<Origin>), Error> {
        let mut laid = Laid::new(tokens, query.time);
        let origin = |row: usize, token| Origin {
            hidden: start + row as i64,
            place: Place { token, time: query.time },
        };
        let read = |&position: &usize| origin(self.diffusion.row(position), tokens[position]);
        let mut origins: Vec<Origin> = query.positions.iter().map(read).collect();
        for &position in query.shadows {
            let mask = self.mask()?;
            let row = laid.shadow(position, self.diffusion.row(position), mask);
            origins.push(origin(row, mask));
        }
        Ok((laid, origins))
    }
}
