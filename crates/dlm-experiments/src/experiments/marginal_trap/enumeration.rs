//! The exact law of a sampler: its own code, run with every outcome of every decision.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use dlm_core::{Ask, Canvas, MaskPredictor, ModelError, Prediction, Query, TokenId};
use dlm_discrete::unmasking::{At, Draws, Filling, UnmaskingSampler};
use dlm_rng::Purpose;
use dlm_testkit::{Branches, Tabular};

use crate::Error;

/// What a sampler writes, and at what cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Law {
    /// Probabilities of the finished words.
    pub(super) words: BTreeMap<Vec<TokenId>, f64>,
    /// Network evaluations on average.
    pub(super) evaluations: f64,
}

impl Law {
    /// The mass on words that `table` rules out.
    pub(super) fn invalid(&self, table: &Tabular) -> f64 {
        let valid = self.of_table(table).filter(|(_, p)| 0.0 < *p);
        (1.0 - valid.map(|(q, _)| q).sum::<f64>()).max(0.0)
    }

    /// The total variation between this law and `table`.
    pub(super) fn total_variation(&self, table: &Tabular) -> f64 {
        self.of_table(table).map(|(q, p)| (q - p).abs()).sum::<f64>() / 2.0
    }

    /// The probability of each word of the table, here and there.
    fn of_table<'a>(&'a self, table: &'a Tabular) -> impl Iterator<Item = (f64, f64)> + 'a {
        table
            .joint()
            .iter()
            .enumerate()
            .map(|(index, &p)| (self.words.get(&table.word(index)).copied().unwrap_or(0.0), p))
    }
}

/// The law of `sampler` on a canvas of masks, with the table as its network.
///
/// One run is one path through all decisions: which positions, and which tokens. The next
/// run takes the next outcome of the last decision, until there is none. Rules that look at
/// dependences see the exact mutual information; frequencies are even.
///
/// # Errors
///
/// Where a setting of the sampler cannot be.
pub(super) fn law(sampler: &UnmaskingSampler, table: &Tabular) -> Result<Law, Error> {
    let branch = Rc::new(RefCell::new(Branches::default()));
    let mut network = Enumerated { table: table.clone(), branch: Rc::clone(&branch) };
    let frequencies = vec![1.0 / table.vocab() as f32; table.vocab()];
    let blank = Canvas::continuation(&[], table.length(), table.mask())
        .map_err(|error| Error::Argument(error.to_string()))?;
    let mut law = Law::default();
    while branch.borrow_mut().begin() {
        let mut canvases = [blank.clone()];
        let mut draws = [Decisions(Rc::clone(&branch))];
        let mut dependence = |tokens: &[TokenId], positions: &[usize]| {
            Ok(mutual_information(table, tokens, positions))
        };
        let mut filling = Filling::new(sampler, &mut network);
        filling.frequencies = &frequencies;
        filling.dependence = Some(&mut dependence);
        let outcomes = filling.run(&mut canvases, &mut draws, &mut ())?;
        let probability = branch.borrow().probability();
        *law.words.entry(canvases[0].tokens().to_vec()).or_default() += probability;
        law.evaluations += probability * outcomes[0].nfe as f64;
    }
    Ok(law)
}

/// A table whose draws are decisions of the branch.
struct Enumerated {
    table: Tabular,
    branch: Rc<RefCell<Branches>>,
}

impl MaskPredictor for Enumerated {
    fn vocab(&self) -> usize {
        self.table.vocab()
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        let greedy = Ask { temperature: 0.0, ..*ask };
        let mut prediction = self.table.predict(queries, &greedy)?;
        if ask.temperature == 0.0 {
            return Ok(prediction);
        }
        for (query, candidates) in queries.iter().zip(&mut prediction.candidates) {
            for candidate in candidates {
                let p = self.table.conditional(query.tokens, candidate.position);
                let tempered: Vec<f64> = p.iter().map(|p| p.powf(1.0 / ask.temperature)).collect();
                let token = self.branch.borrow_mut().choose(&tempered);
                candidate.token = token as TokenId;
                candidate.log_probability = p[token].ln() as f32;
            }
        }
        Ok(prediction)
    }
}

/// A sampler's decisions, taken by a branch that its network shares.
struct Decisions(Rc<RefCell<Branches>>);

impl Draws for Decisions {
    /// The network draws, and looks at no number.
    fn token(&mut self, _: At) -> f64 {
        0.0
    }

    fn chance(&mut self, _: Purpose, _: At, p: f64) -> bool {
        self.0.borrow_mut().choose(&[1.0 - p, p]) == 1
    }

    fn shuffle(&mut self, _: usize, positions: &[usize]) -> Vec<f64> {
        self.0.borrow_mut().shuffle(positions.len())
    }

    fn pick(&mut self, _: usize, _: usize, weights: &[f64]) -> usize {
        self.0.borrow_mut().choose(weights)
    }

    fn instant(&mut self, _: usize) -> f64 {
        0.5
    }
}

/// `I(xⁱ; xʲ | what is known)` of every ordered pair of `positions`, nats, row-major.
fn mutual_information(table: &Tabular, tokens: &[TokenId], positions: &[usize]) -> Vec<f64> {
    let information = |i: usize, j: usize| {
        let first = table.conditional(tokens, i);
        let mut total = 0.0;
        let second = table.conditional(tokens, j);
        for (a, p) in first.iter().enumerate().filter(|(_, p)| 0.0 < **p) {
            let mut known = tokens.to_vec();
            known[i] = a as TokenId;
            let given = table.conditional(&known, j);
            let terms = given.iter().zip(&second).filter(|(q, _)| 0.0 < **q);
            total += p * terms.map(|(q, marginal)| q * (q / marginal).ln()).sum::<f64>();
        }
        total.max(0.0)
    };
    let pairs = positions.iter().flat_map(|&i| positions.iter().map(move |&j| (i, j)));
    pairs.map(|(i, j)| if i == j { 0.0 } else { information(i, j) }).collect()
}
