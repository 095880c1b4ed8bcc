//! What hidden tokens tell about each other, by asking twice: before one is known and after.

use std::ops::Range;

use dlm_core::{Ask, Candidate, MaskPredictor, Memory, ModelError, Query, Shaping, TokenId};
use dlm_rng::{Key, Purpose};

/// Neighbouring tokens whose total correlation is sampled.
pub(super) const BLOCK: usize = 4;

/// A text with an anchor, its partners and some other tokens hidden.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Site {
    tokens: Vec<TokenId>,
    mask: TokenId,
    anchor: usize,
    /// Hidden positions behind the anchor, ascending; the first three follow it.
    partners: Vec<usize>,
}

/// What is learned about an anchor and its partners.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shared {
    /// By partner.
    pub(super) pairs: Vec<Pair>,
    /// `Σ_m KL(p_m(·|x_{<m}) ‖ p_m)` of the anchor and the three tokens behind it, each drawn
    /// given those before, nats; mean over draws.
    pub(super) total_correlation: f64,
}

/// What is learned about two tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    /// Positions from the anchor to the partner.
    pub(super) distance: usize,
    /// `KL(p_j(·|a) ‖ p_j)`, mean over draws `a ~ p_i`, nats.
    pub(super) information: f64,
    /// `ln [p_i(a) p_j(b|a)] − ln [p_j(b) p_i(a|b)]` of the true tokens.
    pub(super) swap: f64,
    /// The same of two tokens drawn at once.
    pub(super) swap_drawn: f64,
}

impl Site {
    /// Hides an anchor within `answer`, drawn with `key`, the tokens at `distances` behind it,
    /// those of its block, and every other token of the answer with probability one half.
    /// Nothing where the answer is too short for that.
    pub(super) fn draw(
        text: &[TokenId],
        answer: Range<usize>,
        distances: &[usize],
        mask: TokenId,
        key: Key,
    ) -> Option<Self> {
        let mut behind: Vec<usize> = distances.iter().copied().chain(1..BLOCK).collect();
        behind.sort_unstable();
        behind.dedup();
        let reach = behind.last().copied().unwrap_or(0);
        let places = answer.len().checked_sub(reach).filter(|places| 0 < *places)?;
        let chosen = key.purpose(Purpose::Order).stream().below(places as u64) as usize;
        let anchor = answer.start + chosen;
        let partners: Vec<usize> = behind.iter().map(|distance| anchor + distance).collect();
        let key = key.purpose(Purpose::Corrupt);
        let is_hidden = |at: &usize| {
            let coin = key.position((at - answer.start) as u64).uniform() < 0.5;
            coin || *at == anchor || partners.contains(at)
        };
        let mut tokens = text.to_vec();
        answer.clone().filter(is_hidden).for_each(|at| tokens[at] = mask);
        Some(Self { tokens, mask, anchor, partners })
    }

    /// Asks `model` about it; `text` has the true tokens, and `draws` is how many an anchor's
    /// token is drawn.
    ///
    /// # Errors
    ///
    /// Where the network fails.
    pub(super) fn shared(
        &self,
        model: &mut (impl MaskPredictor + ?Sized),
        text: &[TokenId],
        draws: usize,
        key: Key,
    ) -> Result<Shared, ModelError> {
        let banned = [(self.mask, f32::NEG_INFINITY)];
        // A mask outside the vocabulary cannot be drawn anyway.
        let biases = if (self.mask as usize) < model.vocab() { &banned[..] } else { &[] };
        let shaping = Shaping { biases, ..Shaping::default() };
        let mut asking = Asking { site: self, model, shaping, key };
        let before = asking.before(text, draws)?;
        let after = asking.after(text, &before)?;
        let back = asking.back(text, &before)?;
        let chained = asking.chained(&before, &after)?;
        let pair = |(index, &partner): (usize, &usize)| {
            let informations = after[..draws].iter().map(|row| divergence(&row[index]));
            let (own, drawn) = (&before.partners[index], &before.anchor[0]);
            let swap = target(drawn) + target(&after[draws][index]) - target(own) - back[index][0];
            let at_once = f64::from(drawn.log_probability) - f64::from(own.log_probability);
            let swap_drawn = at_once + target(&after[0][index]) - back[index][1];
            Pair {
                distance: partner - self.anchor,
                information: informations.sum::<f64>() / draws as f64,
                swap,
                swap_drawn,
            }
        };
        let pairs = self.partners.iter().enumerate().map(pair).collect();
        Ok(Shared { pairs, total_correlation: chained })
    }

    fn with(&self, known: &[(usize, TokenId)]) -> Vec<TokenId> {
        let mut tokens = self.tokens.clone();
        known.iter().for_each(|&(position, token)| tokens[position] = token);
        tokens
    }
}

/// Questions about one site.
struct Asking<'a, M: ?Sized> {
    site: &'a Site,
    model: &'a mut M,
    shaping: Shaping<'a>,
    key: Key,
}

/// What is said while nothing is known.
struct Before {
    /// The anchor, once a draw.
    anchor: Vec<Candidate>,
    partners: Vec<Candidate>,
    memory: Option<Memory>,
}

impl<M: MaskPredictor + ?Sized> Asking<'_, M> {
    /// The number from which a position's token is drawn, for the `draw`-th time.
    fn uniform(&self, draw: usize, position: usize) -> f64 {
        let key = self.key.purpose(Purpose::Token).step(draw as u64);
        key.position((position - self.site.anchor) as u64).uniform()
    }

    /// The anchor's and the partners' predictions, with tokens drawn from them.
    fn before(&mut self, text: &[TokenId], draws: usize) -> Result<Before, ModelError> {
        let Site { tokens, anchor, partners, .. } = self.site;
        let positions: Vec<usize> =
            std::iter::repeat_n(*anchor, draws).chain(partners.iter().copied()).collect();
        // Partners are drawn at once with the anchor's first token.
        let of_anchor = (0..draws).map(|draw| self.uniform(draw, *anchor));
        let of_partners = partners.iter().map(|&at| self.uniform(0, at));
        let uniforms: Vec<f64> = of_anchor.chain(of_partners).collect();
        let targets: Vec<Option<TokenId>> = positions.iter().map(|&at| Some(text[at])).collect();
        let query =
            Query { uniforms: &uniforms, targets: &targets, ..Query::new(tokens, &positions) };
        let ask = Ask { temperature: 1.0, shaping: self.shaping, remember: true, ..Ask::default() };
        let mut prediction = self.model.predict(&[query], &ask)?;
        let mut anchor = prediction.candidates.pop().unwrap_or_default();
        let partners = anchor.split_off(draws);
        Ok(Before { anchor, partners, memory: prediction.memories.pop() })
    }

    /// The partners once the anchor is known: a row for each draw of it, and one for the true
    /// token. The first row's targets are the partners drawn at once, the last one's the true.
    fn after(
        &mut self,
        text: &[TokenId],
        before: &Before,
    ) -> Result<Vec<Vec<Candidate>>, ModelError> {
        let Site { anchor, partners, .. } = self.site;
        let draws = before.anchor.len();
        let drawn = before.anchor.iter().map(|candidate| candidate.token);
        let canvases: Vec<Vec<TokenId>> =
            drawn.chain([text[*anchor]]).map(|token| self.site.with(&[(*anchor, token)])).collect();
        let target = |row: usize, index: usize| match row {
            0 => Some(before.partners[index].token),
            _ if row == draws => Some(text[partners[index]]),
            _ => None,
        };
        let rows: Vec<(Vec<f64>, Vec<Option<TokenId>>)> = (0..=draws)
            .map(|row| {
                // Not the numbers with which the partners were drawn at once.
                let uniforms = partners.iter().map(|&at| self.uniform(row + 1, at)).collect();
                (uniforms, (0..partners.len()).map(|index| target(row, index)).collect())
            })
            .collect();
        let queries: Vec<Query<'_>> = canvases
            .iter()
            .zip(&rows)
            .map(|(tokens, (uniforms, targets))| Query {
                uniforms,
                targets,
                earlier: before.memory.as_ref(),
                ..Query::new(tokens, partners)
            })
            .collect();
        let ask = Ask { temperature: 1.0, shaping: self.shaping, ..Ask::default() };
        Ok(self.model.predict(&queries, &ask)?.candidates)
    }

    /// `ln p_i(a|b)` of the anchor's token once a partner's is known: of the true tokens, and
    /// of those drawn at once.
    fn back(&mut self, text: &[TokenId], before: &Before) -> Result<Vec<[f64; 2]>, ModelError> {
        let Site { anchor, partners, .. } = self.site;
        let both = |(index, &at): (usize, &usize)| {
            let truth = (at, text[at], text[*anchor]);
            let drawn = (at, before.partners[index].token, before.anchor[0].token);
            [truth, drawn]
        };
        let cases: Vec<_> = partners.iter().enumerate().flat_map(both).collect();
        let rows: Vec<_> = cases
            .iter()
            .map(|&(at, token, wanted)| (self.site.with(&[(at, token)]), [Some(wanted)]))
            .collect();
        let positions = [*anchor];
        let queries: Vec<Query<'_>> = rows
            .iter()
            .map(|(tokens, targets)| Query { targets, ..Query::new(tokens, &positions) })
            .collect();
        let ask = Ask { shaping: self.shaping, ..Ask::default() };
        let candidates = self.model.predict(&queries, &ask)?.candidates;
        let logs: Vec<f64> =
            candidates.iter().map(|row| row.first().map_or(f64::NAN, target)).collect();
        Ok(logs.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect())
    }

    /// The total correlation of the block, over half of the draws: each token is drawn given
    /// those before it, and what they tell about it is added up.
    fn chained(&mut self, before: &Before, after: &[Vec<Candidate>]) -> Result<f64, ModelError> {
        let anchor = self.site.anchor;
        let chains = before.anchor.len().div_ceil(2);
        let mut known: Vec<Vec<(usize, TokenId)>> =
            (0..chains).map(|draw| vec![(anchor, before.anchor[draw].token)]).collect();
        let mut sum = 0.0;
        for place in 1..BLOCK {
            let rows: Vec<Candidate> = match place {
                1 => after[..chains].iter().map(|row| row[0].clone()).collect(),
                _ => self.next(&known, anchor + place, before.memory.as_ref())?,
            };
            for (known, candidate) in known.iter_mut().zip(&rows) {
                sum += divergence(candidate);
                known.push((anchor + place, candidate.token));
            }
        }
        Ok(sum / chains as f64)
    }

    /// One position given what each chain knows.
    fn next(
        &mut self,
        known: &[Vec<(usize, TokenId)>],
        position: usize,
        earlier: Option<&Memory>,
    ) -> Result<Vec<Candidate>, ModelError> {
        let rows: Vec<(Vec<TokenId>, [f64; 1])> = known
            .iter()
            .enumerate()
            .map(|(draw, known)| (self.site.with(known), [self.uniform(draw + 1, position)]))
            .collect();
        let positions = [position];
        let queries: Vec<Query<'_>> = rows
            .iter()
            .map(|(tokens, uniforms)| Query { uniforms, earlier, ..Query::new(tokens, &positions) })
            .collect();
        let ask = Ask { temperature: 1.0, shaping: self.shaping, ..Ask::default() };
        Ok(self.model.predict(&queries, &ask)?.candidates.into_iter().flatten().collect())
    }
}

fn target(candidate: &Candidate) -> f64 {
    candidate.target.map_or(f64::NAN, |target| f64::from(target.log_probability))
}

/// At least 0, but for the rounding of a network.
fn divergence(candidate: &Candidate) -> f64 {
    candidate.divergence.map_or(f64::NAN, |nats| f64::from(nats).max(0.0))
}

#[cfg(test)]
mod tests {
    use dlm_rng::{Key, Purpose};
    use dlm_testkit::RandomChain;

    use super::Site;

    /// A network that knows a chain's law finds the information that the law has, whatever the
    /// order of conditioning; of `p(x₁…x₄)` the total correlation is three neighbours'.
    #[test]
    fn a_perfect_network_finds_the_information_of_the_law() {
        let recipe = RandomChain { states: 5, concentration: 0.5, top_k: 2, epsilon: 0.1 };
        let mut chain = recipe.chain(Key::new(8)).unwrap();
        let (mask, key) = (chain.mask(), Key::new(9));
        let text = chain.draw(12, key);
        let site = Site { tokens: vec![mask; 12], mask, anchor: 2, partners: vec![3, 4, 5, 6, 10] };
        let shared = site.shared(&mut chain, &text, 4000, key).unwrap();
        for pair in &shared.pairs {
            let exact = chain.mutual_information(2, 2 + pair.distance);
            assert!((pair.information - exact).abs() < 0.02, "{pair:?} {exact}");
            assert!(pair.swap.abs() < 1e-4 && pair.swap_drawn.abs() < 1e-4, "{pair:?}");
        }
        let exact = 3.0 * chain.mutual_information(0, 1);
        let found = shared.total_correlation;
        assert!((found - exact).abs() < 0.05, "{found} {exact}");
    }

    #[test]
    fn an_anchor_and_its_partners_are_hidden_and_the_prompt_is_not() {
        let text: Vec<u32> = (0..30).collect();
        for unit in 0..20 {
            let key = Key::new(1).purpose(Purpose::Test).sequence(unit);
            let site = Site::draw(&text, 5..30, &[1, 8], 99, key).unwrap();
            let behind: Vec<usize> = site.partners.iter().map(|at| at - site.anchor).collect();
            assert_eq!(behind, [1, 2, 3, 8]);
            let hidden = |at: usize| site.tokens[at] == 99;
            assert!(hidden(site.anchor) && site.partners.iter().all(|&at| hidden(at)));
            assert!(site.tokens[..5] == text[..5] && 5 <= site.anchor && site.anchor + 8 < 30);
        }
        assert!(Site::draw(&text, 22..30, &[1, 8], 99, Key::new(1)).is_none());
    }
}
