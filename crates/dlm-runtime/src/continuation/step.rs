//! The loop's body: one token for every sequence, and new prompts where there is room.

use std::collections::VecDeque;

use dlm_core::TokenId;
use tch::{Device, Kind, Tensor};

use super::{
    Answer, Continuation, Opening,
    cache::{Cache, Form, Place},
    draw::{Drawn, Rule},
};
use crate::{
    Error, Model,
    network::{Decoder, Laid, Pack, RULED_OUT, attention},
    readout::HEAD_BYTES,
};

/// Continues prompts, as many at once as the batch has room for.
///
/// Every [`step`](Self::step) is one forward pass over the newest token of each sequence
/// under way and over the prompts that begin, which ride along in the same products.
/// Finished sequences make room for waiting ones, so the batch stays full.
pub struct Continuer<'m> {
    model: &'m Model,
    decoder: &'m Decoder,
    rule: Rule,
    max_tokens: usize,
    batch: usize,
    ends: Vec<TokenId>,
    waiting: VecDeque<Opening>,
    cache: Cache<Running>,
}

/// A sequence under way.
struct Running {
    opening: Opening,
    answer: Vec<TokenId>,
    log_probabilities: Vec<f32>,
}

/// Prompts that begin in this step, laid end to end.
struct Beginning {
    pack: Pack,
    places: Vec<Place>,
}

impl<'m> Continuer<'m> {
    /// A continuer of `model`, which has to be causal.
    ///
    /// # Errors
    ///
    /// Where the model is not causal, and where a setting makes no sense.
    pub fn new(model: &'m Model, how: Continuation) -> Result<Self, Error> {
        let refuse = |problem: String| Err(Error::Ask(problem));
        let Some(decoder) =
            model.network().decoder().filter(|d| d.is_causal() && model.is_shifted())
        else {
            let id = model.source().id.clone();
            return refuse(format!(
                "{id} is not causal, so what was read would change with what follows: continue \
                 with an autoregressive model, without --adapter"
            ));
        };
        if !(0.0..f64::INFINITY).contains(&how.temperature) {
            return refuse(format!("a temperature of {} is not 0 or above", how.temperature));
        }
        if how.top_k == Some(0) {
            return refuse("a draw from the 0 most probable tokens has none: raise top-k".into());
        }
        if how.max_tokens == 0 {
            return refuse("an answer of at most 0 tokens is none: raise max-tokens".into());
        }
        if how.batch == Some(0) {
            return refuse("a batch of 0 sequences never ends: raise batch".into());
        }
        let (device, kind, _) = model.placement();
        let heads = decoder.heads;
        let form = Form {
            blocks: decoder.blocks.len() as i64,
            queries: heads.queries,
            groups: heads.groups,
            width: heads.width,
            kind,
            device,
        };
        // Choosing from all tokens truncates nothing.
        let below = |k: &i64| *k < model.rows();
        let top_k = how.top_k.and_then(|k| i64::try_from(k).ok()).filter(below);
        let suitable = if device == Device::Cpu { 192 } else { 512 };
        Ok(Self {
            model,
            decoder,
            rule: Rule { temperature: how.temperature, top_k, scored: how.scored },
            max_tokens: how.max_tokens,
            batch: how.batch.unwrap_or(suitable),
            ends: model.ends(),
            waiting: VecDeque::new(),
            cache: Cache::new(form),
        })
    }

    /// Whether a prompt can be continued.
    ///
    /// # Errors
    ///
    /// Where it is empty, holds an id outside the vocabulary, or has no room for an answer
    /// in the model's context.
    pub fn check(&self, opening: &Opening) -> Result<(), Error> {
        let (length, most) = (opening.tokens.len(), self.max_tokens);
        if length == 0 {
            let problem = "the prompt is empty: give it at least one token";
            return Err(Error::Prompt(problem.to_string()));
        }
        let vocab = self.model.rows();
        if let Some(token) = opening.tokens.iter().find(|&&token| vocab <= i64::from(token)) {
            let problem = format!("token {token} is not below the vocabulary of {vocab}");
            return Err(Error::Prompt(problem));
        }
        let context = self.model.context();
        if context < length.saturating_add(most) {
            return Err(Error::Prompt(format!(
                "the prompt takes {length} tokens, up to {most} follow and the model's context \
                 has {context}: shorten the prompt or lower max-tokens"
            )));
        }
        Ok(())
    }

    /// Puts a prompt behind those that wait.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn push(&mut self, opening: Opening) -> Result<(), Error> {
        self.check(&opening)?;
        self.waiting.push_back(opening);
        Ok(())
    }

    /// How many sequences are under way.
    pub fn running(&self) -> usize {
        self.cache.len()
    }

    /// How many prompts wait for a place.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes away the prompts that wait; those under way go on.
    pub fn turn_away(&mut self) {
        self.waiting.clear();
    }

    /// Whether nothing is under way and nothing waits.
    pub fn is_done(&self) -> bool {
        self.running() == 0 && self.waiting.is_empty()
    }

    /// One more token for every sequence; gives the answers that are finished by it.
    ///
    /// # Errors
    ///
    /// Where libtorch fails or the network's output is no number, which names the
    /// opening's id; the continuer is of no use afterwards.
    pub fn step(&mut self) -> Result<Vec<Answer>, Error> {
        if self.is_done() {
            return Ok(Vec::new());
        }
        self.cache.make_room()?;
        let mut places = self.cache.places();
        let newest: Vec<(i64, i64)> = self
            .cache
            .seats()
            .map(|seat| (seat.tenant.answer.last().map_or(0, |&id| i64::from(id)), seat.length))
            .collect();
        let turn = self.cache.turn()?;
        let beginning = self.begin()?;

        let hidden = {
            let (rows, cache, device) =
                (newest.len() as i64, &self.cache, self.model.placement().0);
            let (ids, positions): (Vec<i64>, Vec<i64>) = newest.into_iter().unzip();
            let whole = |newest: &[i64], beginning: &Tensor| {
                let newest = Tensor::f_from_slice(newest)?.f_to_device(device)?;
                Tensor::f_cat(&[&newest, beginning], 0)
            };
            let ids = whole(&ids, &beginning.pack.ids)?;
            let positions = whole(&positions, &beginning.pack.positions)?;
            let tokens = ids.size()[0];
            self.decoder.run(self.decoder.embed(&ids)?, &positions, &mut |block, q, k, v| {
                let old = |x: &Tensor| x.f_narrow(0, 0, rows);
                let new = |x: &Tensor| x.f_narrow(0, rows, tokens - rows);
                let mixed = cache.attend(&turn, block, [&old(q)?, &old(k)?, &old(v)?])?;
                let mixed = mixed.f_flatten(1, 2)?;
                if tokens == rows {
                    return Ok(mixed);
                }
                let (q, k, v) = (new(q)?, new(k)?, new(v)?);
                for (sequence, &place) in beginning.pack.sequences.iter().zip(&beginning.places) {
                    let own =
                        |x: &Tensor| x.f_narrow(0, sequence.start, sequence.end - sequence.start);
                    cache.keep(place, block, [&own(&k)?, &own(&v)?])?;
                }
                let read = attention(&q, &k, &v, &beginning.pack.sequences, true)?;
                Ok(Tensor::f_cat(&[mixed, read], 0)?)
            })?
        };
        let rows = places.len() as i64;
        for &place in &places {
            self.cache.seat_mut(place).length += 1;
        }
        let last = beginning.pack.sequences.iter().map(|sequence| rows + sequence.end - 1);
        let read: Vec<i64> = (0..rows).chain(last).collect();
        places.extend(beginning.places);
        self.settle(&hidden, &read, &places)
    }

    /// Seats waiting prompts, as many as the batch and one forward pass have room for.
    fn begin(&mut self) -> Result<Beginning, Error> {
        let (device, _, most) = self.model.placement();
        let (mut laid, mut places, mut tokens) = (Vec::new(), Vec::new(), 0);
        while self.cache.len() < self.batch
            && let Some(opening) = self.waiting.front()
        {
            tokens += opening.tokens.len();
            if most < tokens && !laid.is_empty() {
                break;
            }
            let Some(opening) = self.waiting.pop_front() else { break };
            laid.push(Laid::new(&opening.tokens, None));
            let length = opening.tokens.len() as i64;
            let running = Running { opening, answer: Vec::new(), log_probabilities: Vec::new() };
            places.push(self.cache.sit(length, running)?);
        }
        Ok(Beginning { pack: Pack::of(&laid, device)?, places })
    }

    /// Draws the next token of the sequences at `places` from the rows `read` of `hidden`,
    /// and takes the finished ones away.
    fn settle(
        &mut self,
        hidden: &Tensor,
        read: &[i64],
        places: &[Place],
    ) -> Result<Vec<Answer>, Error> {
        let per_head = (HEAD_BYTES / (4 * self.model.rows())).max(1) as usize;
        let mut finished = Vec::new();
        for (read, places) in read.chunks(per_head).zip(places.chunks(per_head)) {
            let logits = self.logits(hidden, read)?;
            let uniform = |&place: &Place| {
                let running = &self.cache.seat_mut(place).tenant;
                running.opening.key.step(running.answer.len() as u64).uniform()
            };
            let uniforms: Vec<f64> = places.iter().map(uniform).collect();
            let drawn = self.rule.draw(&logits, &uniforms)?;
            for (&place, drawn) in places.iter().zip(drawn) {
                if let Some(ended) = self.take(place, drawn)? {
                    finished.push((place, ended));
                }
            }
        }
        // From the back, so that whoever fills a gap has been looked at.
        finished.sort_unstable_by_key(|&(place, _)| std::cmp::Reverse(place));
        let leave = |(place, ended): (Place, bool)| {
            let Running { opening, answer, log_probabilities } = self.cache.leave(place)?;
            Ok(Answer { id: opening.id, tokens: answer, log_probabilities, ended })
        };
        finished.into_iter().map(leave).collect()
    }

    /// Logits in f32 of the rows `read` of `hidden`, `[rows, vocab]`.
    fn logits(&self, hidden: &Tensor, read: &[i64]) -> Result<Tensor, Error> {
        let read = Tensor::f_from_slice(read)?.f_to_device(self.model.placement().0)?;
        let logits = self.model.network().logits(&hidden.f_index_select(0, &read)?)?;
        let logits = logits.f_to_kind(Kind::Float)?;
        if let Some(token) = self.model.ruled_out() {
            let _ = logits.f_narrow(1, i64::from(token), 1)?.f_fill_(RULED_OUT)?;
        }
        Ok(logits)
    }

    /// Gives a sequence its token; says whether that ended it, and by itself.
    fn take(&mut self, place: Place, drawn: Option<Drawn>) -> Result<Option<bool>, Error> {
        let (ends, most) = (&self.ends, self.max_tokens);
        let running = &mut self.cache.seat_mut(place).tenant;
        let Some(drawn) = drawn else {
            let position = running.opening.tokens.len() + running.answer.len();
            return Err(Error::NotANumber { sequence: running.opening.id, position });
        };
        running.log_probabilities.extend(drawn.log_probability);
        if ends.contains(&drawn.token) {
            return Ok(Some(true));
        }
        running.answer.push(drawn.token);
        Ok((running.answer.len() == most).then_some(false))
    }
}
