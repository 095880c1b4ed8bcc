//! What of a query and an ask makes sense for a model; the rest is refused by name.

use std::collections::BTreeSet;

use dlm_core::{Affine, Ask, Query, Shaping};

use super::Model;
use crate::{Error, checkpoint::Attention, readout::Distributions};

impl Model {
    pub(super) fn check_length(&self, length: usize) -> Result<(), Error> {
        let context = self.shape.context as usize;
        if length <= context {
            return Ok(());
        }
        Err(Error::Prompt(format!(
            "prompt and masks take {length} tokens and the model's context has {context}: \
             shorten the prompt or ask for fewer masks"
        )))
    }

    pub(super) fn check_ask(&self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<(), Error> {
        let refuse = |problem: String| Err(Error::Ask(problem));
        let vocab = self.shape.vocab as usize;
        if vocab < ask.top_k {
            return refuse(format!("top-k {} exceeds the vocabulary of {vocab}", ask.top_k));
        }
        if !(0.0..f64::INFINITY).contains(&ask.temperature) {
            return refuse(format!("a temperature of {} is not 0 or above", ask.temperature));
        }
        if let Some(weights) = ask.expectations.iter().find(|w| w.len() != vocab) {
            return refuse(format!("{} weights for a vocabulary of {vocab}", weights.len()));
        }
        if let Some(weight) = ask.expectations.iter().flatten().find(|w| !w.is_finite()) {
            return refuse(format!("a weight of {weight} has no expectation: use finite ones"));
        }
        let mut lengths = queries.iter().map(|query| query.positions.len());
        let first = lengths.next().unwrap_or(0);
        if ask.mixture && lengths.any(|length| length != first) {
            return refuse("a mixture needs queries that ask for equally many positions".into());
        }
        self.check_shaping(&ask.shaping)?;
        queries.iter().enumerate().try_for_each(|(i, query)| self.check_query(i, query, ask))
    }

    fn check_shaping(&self, shaping: &Shaping<'_>) -> Result<(), Error> {
        let refuse = |problem: String| Err(Error::Ask(problem));
        let vocab = self.shape.vocab as u32;
        if !shaping.guidance.is_finite() {
            return refuse(format!("a guidance of {} is not finite", shaping.guidance));
        }
        if let Some((token, _)) = shaping.biases.iter().find(|(token, _)| vocab <= *token) {
            return refuse(format!("the biased token {token} is not below {vocab}"));
        }
        let odd = |bias: f32| bias.is_nan() || bias == f32::INFINITY;
        if let Some((token, bias)) = shaping.biases.iter().find(|(_, bias)| odd(*bias)) {
            let problem =
                format!("the bias {bias} of token {token} is not a number below infinity");
            return refuse(problem);
        }
        let banned = shaping.biases.iter().filter(|(_, bias)| *bias == f32::NEG_INFINITY);
        let banned: BTreeSet<u32> =
            banned.map(|&(token, _)| token).chain(self.ruled_out()).collect();
        if banned.len() == vocab as usize {
            return refuse("every token of the vocabulary is ruled out: ban fewer".into());
        }
        if shaping.top_k == Some(0) {
            return refuse("a truncation to the 0 most probable tokens leaves none".into());
        }
        if let Some(top_p) = shaping.top_p.filter(|top_p| !(0.0 < top_p.mass && top_p.mass <= 1.0))
        {
            return refuse(format!("a top-p mass of {} is not in (0, 1]", top_p.mass));
        }
        Ok(())
    }

    pub(super) fn check_query(
        &self,
        index: usize,
        query: &Query<'_>,
        ask: &Ask<'_>,
    ) -> Result<(), Error> {
        let refuse = |problem: String| Err(Error::Ask(format!("sequence {index}: {problem}")));
        let (tokens, positions) = (query.tokens.len(), query.positions.len());
        if tokens == 0 {
            return refuse("it is empty".into());
        }
        self.check_length(tokens)?;
        let vocab = self.shape.vocab as u32;
        let mut known = query.tokens.iter().chain(query.targets.iter().flatten());
        if let Some(token) = known.find(|&&token| vocab <= token) {
            return refuse(format!("token {token} is not below the vocabulary of {vocab}"));
        }
        if let Some(position) = query.answered().find(|&position| tokens <= position) {
            return refuse(format!("position {position} lies outside its {tokens} tokens"));
        }
        let draws = 0.0 < ask.temperature || !query.transitions.is_empty();
        for (what, entries, needed) in [
            ("uniform numbers", query.uniforms.len(), draws),
            ("targets", query.targets.len(), false),
            ("watched lists", query.watched.len(), false),
            ("transitions", query.transitions.len(), false),
        ] {
            if entries != positions && (needed || entries != 0) {
                return refuse(format!("{entries} {what} for {positions} positions"));
            }
        }
        if let Some(uniform) = query.uniforms.iter().find(|u| !(0.0..1.0).contains(*u)) {
            return refuse(format!("a uniform number of {uniform} is not in [0, 1)"));
        }
        let finite = |a: Affine| [a.slope, a.total, a.constant].iter().all(|x| x.is_finite());
        if let Some(at) = query.transitions.iter().position(|t| !finite(t.jump) || !finite(t.stay))
        {
            return refuse(format!("transition {at} has a coefficient that is not finite"));
        }
        if let Some(time) = query.time.filter(|time| !(0.0..=1.0).contains(time)) {
            return refuse(format!("a time of {time} is not in [0, 1]"));
        }
        if let Some(unconditional) = query.unconditional {
            if unconditional.len() != tokens {
                let problem = format!("{} unconditional tokens for {tokens}", unconditional.len());
                return refuse(problem);
            }
            if let Some(token) = unconditional.iter().find(|&&token| vocab <= token) {
                return refuse(format!("token {token} is not below the vocabulary of {vocab}"));
            }
        }
        if !query.shadows.is_empty() {
            if self.diffusion.attention == Attention::Causal {
                return refuse("a causal network has no shadows: it needs --adapter".into());
            }
            self.mask()?;
        }
        let earlier = query.earlier.and_then(|memory| memory.content::<Distributions>());
        if let Some(earlier) = earlier.filter(|earlier| earlier.vocab() != self.shape.vocab) {
            let problem =
                format!("its memory is of a vocabulary of {}, not {vocab}", earlier.vocab());
            return refuse(problem);
        }
        Ok(())
    }
}
