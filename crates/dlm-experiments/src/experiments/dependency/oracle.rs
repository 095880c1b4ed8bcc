//! A chain whose law is known: what its tokens share, exactly.

use dlm_rng::{Key, Purpose};
use dlm_testkit::{HiddenMarkov, MarkovError, RandomChain};
use serde::Deserialize;

use super::pairs::BLOCK;

/// Words on which the two orders of conditioning are compared.
const WORDS: u64 = 20;

/// How large the chain and its words are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OracleSettings {
    /// Tokens of a word.
    pub(super) length: usize,
    /// Tokens there are.
    pub(super) states: usize,
}

/// What the chain's law says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Exact {
    /// Mutual information of two tokens, by their distance, nats.
    pub(super) information: Vec<(usize, f64)>,
    /// Total correlation of a word, nats a token: what drawing it at once loses.
    pub(super) lost: f64,
    /// Total correlation of four neighbouring tokens, nats.
    pub(super) block: f64,
    /// The largest `|ln [p_i(a) p_j(b|a)] − ln [p_j(b) p_i(a|b)]|` of a network that knows the
    /// law, over partly hidden words.
    pub(super) swap: f64,
}

/// Of a random chain: three frequent successors for each token, and one transition in twenty
/// to anywhere. It starts in its stationary distribution, so all positions are alike.
///
/// # Errors
///
/// Where a setting makes no chain.
pub(super) fn exact(
    settings: &OracleSettings,
    distances: &[usize],
    key: Key,
) -> Result<Exact, MarkovError> {
    let recipe =
        RandomChain { states: settings.states, concentration: 0.5, top_k: 3, epsilon: 0.05 };
    let chain = recipe.chain(key.purpose(Purpose::Weights))?;
    let information =
        distances.iter().map(|&distance| (distance, chain.mutual_information(0, distance)));
    let mut swap: f64 = 0.0;
    for word in 0..WORDS {
        for &distance in distances.iter().filter(|distance| **distance < settings.length) {
            swap = swap.max(swapped(&chain, settings.length, distance, key.sequence(word))?.abs());
        }
    }
    // Tokens of a chain tell about each other through their neighbours alone.
    let neighbours =
        |tokens: usize| (1..tokens).map(|at| chain.mutual_information(at - 1, at)).sum::<f64>();
    let (lost, block) = (neighbours(settings.length) / settings.length as f64, neighbours(BLOCK));
    Ok(Exact { information: information.collect(), lost, block, swap })
}

/// The log-ratio of the two orders for the tokens of a drawn word, half of it hidden.
fn swapped(
    chain: &HiddenMarkov,
    length: usize,
    distance: usize,
    key: Key,
) -> Result<f64, MarkovError> {
    let word = chain.draw(length, key.purpose(Purpose::Token));
    let corrupt = key.purpose(Purpose::Corrupt);
    let i = key.purpose(Purpose::Order).stream().below((length - distance) as u64) as usize;
    let j = i + distance;
    let hidden = |at: usize| at == i || at == j || corrupt.position(at as u64).uniform() < 0.5;
    let tokens: Vec<_> =
        (0..length).map(|at| if hidden(at) { chain.mask() } else { word[at] }).collect();
    let given = |known: usize| {
        let mut tokens = tokens.clone();
        tokens[known] = word[known];
        tokens
    };
    let (a, b) = (word[i] as usize, word[j] as usize);
    let before = chain.posterior(&tokens, &[i, j])?;
    let (after, back) = (chain.posterior(&given(i), &[j])?, chain.posterior(&given(j), &[i])?);
    Ok((before[0][a] * after[0][b]).ln() - (before[1][b] * back[0][a]).ln())
}

#[cfg(test)]
mod tests {
    use dlm_core::{MaskPredictor as _, TokenId};
    use dlm_rng::{Key, Purpose};
    use dlm_testkit::RandomChain;

    use super::{OracleSettings, exact};

    #[test]
    fn closed_forms_are_those_of_all_words_written_down() {
        let settings = OracleSettings { length: 4, states: 4 };
        let key = Key::new(6);
        let found = exact(&settings, &[1, 2], key).unwrap();
        let recipe = RandomChain { states: 4, concentration: 0.5, top_k: 3, epsilon: 0.05 };
        let chain = recipe.chain(key.purpose(Purpose::Weights)).unwrap();
        // Σ H(xⁱ) − H(x¹…x⁴), over all 256 words.
        let words = (0..256).map(|word| (0..4).map(|at| (word >> (2 * at)) % 4).collect());
        let mut correlation = 0.0;
        for word in words.collect::<Vec<Vec<TokenId>>>() {
            let log_p = chain.log_probability(&word).unwrap();
            let alone = word.iter().enumerate().map(|(at, &v)| chain.marginal(at)[v as usize].ln());
            correlation += log_p.exp() * (log_p - alone.sum::<f64>());
        }
        assert!((found.block - correlation).abs() < 1e-9, "{found:?} {correlation}");
        assert!((found.lost - correlation / 4.0).abs() < 1e-9);
        assert_eq!(found.information[1], (2, chain.mutual_information(0, 2)));
        assert!(found.swap < 1e-9 && chain.vocab() == 4, "{found:?}");
    }
}
