//! A known Markov chain, some of whose transitions cannot be: a network without error, so that
//! whatever is wrong with a word is the sampler's doing.

use dlm_core::{Canvas, TokenId};
use dlm_discrete::{
    Outcome,
    jump::JumpSampler,
    unmasking::{Dependence, Filling, TokenRule, UnmaskingSampler},
};
use dlm_rng::{Key, Purpose};
use dlm_stats::{Estimate, jackknife};
use dlm_testkit::{ChainStatistics, HiddenMarkov, RandomChain};
use serde::{Deserialize, Serialize};

use super::measured::{Condition, Measured, condition};
use crate::{Error, Spec, generation::Sampler};

/// The chance of a jump to any state. What is nearly impossible stays defined: after a wrong
/// transition the network can still be asked how the word goes on.
const EPSILON: f64 = 1e-6;
/// The letters that states are written as.
const LETTERS: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";
/// Words that are drawn together, and are one unit of a run.
const BLOCK: usize = 50;
/// Groups of words, of which a divergence's interval leaves out one at a time.
const GROUPS: usize = 20;

/// How large the part on a known chain is.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChainSettings {
    /// Words drawn by each sampler.
    pub(super) words: usize,
    /// Tokens of a word.
    pub(super) length: usize,
    /// States of the chain, which are its tokens.
    pub(super) states: usize,
}

/// The chain.
pub(super) struct KnownChain {
    pub(super) law: HiddenMarkov,
    length: usize,
    /// Tokens of a word that are given; the sampler draws the others.
    given: usize,
}

/// A word that a sampler drew: a row of oracle.csv.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct WordRow {
    /// Its index, which names its randomness.
    pub(super) word: usize,
    /// The sampler's name.
    pub(super) sampler: String,
    /// The steps it was given; absent where it decides itself.
    pub(super) steps: Option<usize>,
    /// Network evaluations.
    pub(super) nfe: usize,
    /// Transitions that cannot be.
    pub(super) impossible: usize,
    /// The word, a letter a token.
    pub(super) letters: String,
}

impl ChainSettings {
    /// Refuses sizes that make no chain or no word.
    pub(super) fn check(self, spec: &Spec) -> Result<(), Error> {
        for (field, holds, problem) in [
            ("oracle.words", 0 < self.words, "is 0: draw at least one word"),
            ("oracle.length", 1 < self.length, "is below 2: a word needs a transition"),
            ("oracle.states", (2..=LETTERS.len()).contains(&self.states), "is not within 2 and 26"),
        ] {
            if !holds {
                return Err(spec.refuse(field, problem));
            }
        }
        Ok(())
    }

    /// How many units the words are.
    pub(super) fn units(self) -> usize {
        self.words.div_ceil(BLOCK)
    }

    /// The words of a unit.
    pub(super) fn block(self, unit: usize) -> std::ops::Range<usize> {
        unit * BLOCK..self.words.min((unit + 1) * BLOCK)
    }
}

impl KnownChain {
    /// A random chain that keeps the likelier half of the transitions from every state, and
    /// starts from its stationary distribution.
    ///
    /// # Errors
    ///
    /// Where the settings make no chain.
    pub(super) fn new(settings: ChainSettings, key: Key) -> Result<Self, Error> {
        let ChainSettings { length, states, .. } = settings;
        let top_k = states.div_ceil(2);
        let recipe = RandomChain { states, concentration: 1.0, top_k, epsilon: EPSILON };
        let law = recipe.chain(key.purpose(Purpose::Weights)).map_err(refused)?;
        Ok(Self { law, length, given: 0 })
    }

    /// The chain whose words have `given` tokens already, at random places and from its law. In
    /// an empty word all places are equally uncertain, and rules that rank by uncertainty take
    /// neighbours for no reason; given tokens tell places apart. Words completed without error
    /// follow the law still.
    pub(super) fn with_given(self, given: usize) -> Self {
        Self { given, ..self }
    }

    /// The word of `key` before anything is drawn.
    fn blank(&self, key: Key) -> Result<Canvas, Error> {
        let mut places: Vec<usize> = (0..self.length).collect();
        key.purpose(Purpose::Corrupt).stream().shuffle(&mut places);
        let mut tokens = self.law.draw(self.length, key.purpose(Purpose::Data));
        let open = places.iter().skip(self.given);
        open.for_each(|&place| tokens[place] = self.law.mask());
        Canvas::infill(tokens, self.law.mask()).map_err(|error| Error::Argument(error.to_string()))
    }

    /// Completes a word for each key. Tokens are drawn at temperature 1 and without truncation,
    /// whatever the sampler says, so that at one token a step the law of a sampler without a
    /// preference is the chain's.
    ///
    /// # Errors
    ///
    /// Where a setting of the sampler cannot be.
    pub(super) fn draw(
        &mut self,
        sampler: &Sampler,
        dependence: Option<&mut dyn Dependence>,
        keys: &[Key],
    ) -> Result<Vec<(Vec<TokenId>, Outcome)>, Error> {
        let mut canvases: Vec<Canvas> =
            keys.iter().map(|&key| self.blank(key)).collect::<Result<_, _>>()?;
        let outcomes = match sampler {
            Sampler::Unmasking(sampler) => {
                let tokens = TokenRule { temperature: 1.0, ..TokenRule::default() };
                let sampler = UnmaskingSampler { tokens, ..sampler.clone() };
                let shares: Vec<f32> = self.law.marginal(0).iter().map(|&p| p as f32).collect();
                let filling = Filling::new(&sampler, &mut self.law);
                // The trait object's lifetime shrinks to that of the other parts.
                let dependence = dependence.map(|source| source as &mut dyn Dependence);
                let filling = Filling { frequencies: &shares, dependence, ..filling };
                filling.run(&mut canvases, &mut keys.to_vec(), &mut ())?
            }
            Sampler::Jump(sampler) => {
                let sampler = JumpSampler { top_p: None, ..sampler.clone() };
                sampler.fill(&mut self.law, &mut canvases, keys, &mut ())?
            }
            Sampler::Gaussian(_) => {
                let problem = "a Gaussian sampler has no tokens to draw from a known chain";
                return Err(Error::Argument(problem.to_string()));
            }
        };
        let words = canvases.iter().map(|canvas| canvas.tokens().to_vec());
        Ok(words.zip(outcomes).collect())
    }

    /// The row of a word.
    pub(super) fn row(
        &self,
        word: usize,
        sampler: &str,
        steps: Option<usize>,
        (tokens, outcome): &(Vec<TokenId>, Outcome),
    ) -> WordRow {
        let letter = |&token: &TokenId| LETTERS[token as usize % LETTERS.len()] as char;
        WordRow {
            word,
            sampler: sampler.to_string(),
            steps,
            nfe: outcome.nfe,
            impossible: self.impossible(tokens),
            letters: tokens.iter().map(letter).collect(),
        }
    }

    /// How many transitions of a word are no likelier than a jump anywhere.
    fn impossible(&self, word: &[TokenId]) -> usize {
        let rows = self.law.rows().unwrap_or_default();
        let probability = |pair: &[TokenId]| rows[pair[0] as usize][pair[1] as usize];
        word.windows(2).filter(|pair| probability(pair) <= EPSILON).count()
    }

    /// `Σ_c w_c·KL_c` of conditions `c`, with the weights `w` of `terms`, nats a transition;
    /// the interval leaves out one group of words at a time, because a resample's divergence
    /// is larger than its sample's.
    ///
    /// # Errors
    ///
    /// Where a condition has fewer than two words.
    pub(super) fn divergence(
        &self,
        rows: &[WordRow],
        terms: &[(f64, Condition)],
    ) -> Result<Estimate, dlm_stats::Error> {
        let words = rows.iter().map(|row| row.word + 1).max().unwrap_or(0);
        let groups = GROUPS.min(words);
        let here = |condition: &Condition| -> Vec<&WordRow> {
            let (sampler, steps) = condition;
            rows.iter().filter(|row| row.sampler == *sampler && row.steps == *steps).collect()
        };
        let terms: Vec<(f64, Vec<&WordRow>)> =
            terms.iter().map(|(weight, condition)| (*weight, here(condition))).collect();
        let without = |group: Option<usize>| -> f64 {
            let kept = |row: &&&WordRow| group != Some(row.word % groups);
            let kl = |rows: &[&WordRow]| self.kl(rows.iter().filter(kept).copied());
            terms.iter().map(|(weight, rows)| weight * kl(rows)).sum()
        };
        let left_out: Vec<f64> = (0..groups).map(|group| without(Some(group))).collect();
        jackknife(without(None), &left_out, 0.95)
    }

    /// `Σ_a (n_a/n) KL(p̂(·|a) ‖ P(·|a))` of the transitions of `rows`, nats; NaN where there
    /// are none.
    fn kl<'a>(&self, rows: impl Iterator<Item = &'a WordRow>) -> f64 {
        let words: Vec<Vec<TokenId>> = rows.map(WordRow::tokens).collect();
        ChainStatistics::of(&self.law, &words).map_or(f64::NAN, |found| found.kl_rate)
    }
}

impl WordRow {
    /// The word's tokens.
    fn tokens(&self) -> Vec<TokenId> {
        self.letters.bytes().map(|letter| TokenId::from(letter.saturating_sub(b'a'))).collect()
    }

    /// The sampler and its steps.
    pub(super) fn condition(&self) -> Condition {
        condition(&self.sampler, self.steps)
    }

    /// The share of its transitions that cannot be.
    fn impossible_share(&self) -> f64 {
        self.impossible as f64 / self.letters.len().saturating_sub(1).max(1) as f64
    }
}

/// The share of transitions that cannot be, of each word.
pub(super) fn impossible_transitions(rows: &[WordRow]) -> Measured {
    by_word(rows, WordRow::impossible_share)
}

/// Whether a word has a transition that cannot be, 1 or 0.
pub(super) fn wrong_words(rows: &[WordRow]) -> Measured {
    by_word(rows, |row| f64::from(u8::from(0 < row.impossible)))
}

/// Network evaluations of each word.
pub(super) fn evaluations(rows: &[WordRow]) -> Measured {
    by_word(rows, |row| row.nfe as f64)
}

fn by_word(rows: &[WordRow], of: impl Fn(&WordRow) -> f64) -> Measured {
    rows.iter().map(|row| (row.condition(), row.word, Some(of(row)))).collect()
}

/// A row as tests write it.
#[cfg(test)]
pub(super) fn row_for_test(
    word: usize,
    sampler: &str,
    steps: Option<usize>,
    nfe: usize,
    (impossible, letters): (usize, &str),
) -> WordRow {
    let (sampler, letters) = (sampler.to_string(), letters.to_string());
    WordRow { word, sampler, steps, nfe, impossible, letters }
}

fn refused(error: dlm_testkit::MarkovError) -> Error {
    Error::Argument(error.to_string())
}

#[cfg(test)]
mod tests {
    use dlm_discrete::unmasking::{Commit, Order, UnmaskingSampler};
    use dlm_rng::Key;

    use super::{ChainSettings, KnownChain, WordRow};
    use crate::generation::Sampler;

    const SIZES: ChainSettings = ChainSettings { words: 400, length: 16, states: 6 };

    fn rows(order: Order, steps: usize) -> (KnownChain, Vec<WordRow>) {
        rows_with(0, order, steps)
    }

    fn rows_with(given: usize, order: Order, steps: usize) -> (KnownChain, Vec<WordRow>) {
        let mut chain = KnownChain::new(SIZES, Key::new(3)).unwrap().with_given(given);
        let sampler = UnmaskingSampler {
            steps: Some(steps),
            ..UnmaskingSampler::new(order, Commit::EvenSplit)
        };
        let keys: Vec<Key> =
            (0..SIZES.words).map(|word| Key::new(5).sequence(word as u64)).collect();
        let drawn = chain.draw(&Sampler::Unmasking(sampler), None, &keys).unwrap();
        let row = |(word, drawn)| chain.row(word, "x", Some(steps), drawn);
        let rows = drawn.iter().enumerate().map(row).collect();
        (chain, rows)
    }

    /// At one token a step, in an order that looks at nothing, a perfect network draws the law:
    /// transitions that cannot be have 16·10⁻⁶ of the words at most.
    #[test]
    fn a_perfect_network_makes_no_impossible_transition_one_by_one() {
        for order in [Order::Random, Order::LeftToRight] {
            let (chain, rows) = rows(order, SIZES.length);
            assert!(rows.iter().all(|row| row.impossible == 0), "{order:?}");
            // 6000 transitions with 12 degrees of freedom: 2n·KL ~ χ².
            let chi2 = 2.0 * 6000.0 * chain.kl(rows.iter());
            assert!(chi2 < 45.0, "{order:?}: {chi2}");
        }
    }

    /// Given tokens come from the law, and so do words that are completed one by one.
    #[test]
    fn completed_words_follow_the_law_and_keep_what_was_given() {
        let (chain, rows) = rows_with(4, Order::Random, SIZES.length);
        assert!(rows.iter().all(|row| row.impossible == 0 && row.nfe == 12));
        let chi2 = 2.0 * 6000.0 * chain.kl(rows.iter());
        assert!(chi2 < 45.0, "{chi2}");
        let blank = chain.blank(Key::new(5).sequence(7)).unwrap();
        assert_eq!(blank.response().len(), 12);
        for (place, token) in rows[7].tokens().into_iter().enumerate() {
            assert!(blank.is_masked(place) || blank.tokens()[place] == token, "{place}");
        }
    }

    /// All at once, neighbours are independent draws of the marginal: the share of impossible
    /// transitions is Σ μ(a)μ(b) over pairs that cannot follow.
    #[test]
    fn drawn_all_at_once_impossible_transitions_have_their_closed_form() {
        let (chain, rows) = rows(Order::Random, 1);
        let (mu, law) = (chain.law.marginal(0), chain.law.rows().unwrap());
        let pairs = (0..6).flat_map(|a| (0..6).map(move |b| (a, b)));
        let cannot = pairs.filter(|&(a, b)| law[a][b] <= super::EPSILON);
        let expected: f64 = cannot.map(|(a, b)| mu[a] * mu[b]).sum();
        let found = rows.iter().map(WordRow::impossible_share).sum::<f64>() / rows.len() as f64;
        let error = (expected * (1.0 - expected) / 6000.0).sqrt();
        assert!((found - expected).abs() < 5.0 * error, "{found} {expected}");
        assert!(0.1 < expected && rows.iter().all(|row| row.nfe == 1));
    }

    #[test]
    fn a_word_is_its_letters() {
        let (chain, rows) = rows(Order::Random, 4);
        for row in &rows {
            assert_eq!(row.tokens().len(), 16);
            assert_eq!(chain.impossible(&row.tokens()), row.impossible);
        }
    }
}
