//! What networks on tokens say of the words in two open places.

use dlm_core::{Ask, Candidate, MaskPredictor, ModelError, Query, TokenId};

use super::{agreement::Frame, pairs::Said};

/// A masked network: both places open, then each word at either place in turn.
///
/// One forward pass over `1 + A + B` sequences, for `A` and `B` words.
///
/// # Errors
///
/// Where the network fails.
pub(super) fn masked(
    network: &mut (impl MaskPredictor + ?Sized),
    mask: TokenId,
    frame: &Frame,
) -> Result<Said, ModelError> {
    let [first, second] = &frame.words;
    let (open, places) = frame.filled(mask, mask);
    let mut sequences = vec![(open, places.to_vec(), vec![first.clone(), second.clone()])];
    for &a in first {
        sequences.push((frame.filled(a, mask).0, vec![places[1]], vec![second.clone()]));
    }
    for &b in second {
        sequences.push((frame.filled(mask, b).0, vec![places[0]], vec![first.clone()]));
    }
    // One list for each position asked: two of the open sequence, one of each other.
    let mut lists = ask(network, &sequences)?.into_iter().flatten();
    let mut take = |count: usize| -> Vec<Vec<f64>> { lists.by_ref().take(count).collect() };
    let [mut open, given_first, given_second] = [take(2), take(first.len()), take(second.len())];
    let second = open.pop().unwrap_or_default();
    let first = open.pop().unwrap_or_default();
    Ok(Said { open: [first, second], given: [given_first, given_second] })
}

/// A causal network: the first word from what stands before it, the second given the first.
/// What stands behind the places is not seen.
///
/// One forward pass over `A` sequences.
///
/// # Errors
///
/// Where the network fails.
pub(super) fn autoregressive(
    network: &mut (impl MaskPredictor + ?Sized),
    frame: &Frame,
) -> Result<(Vec<f64>, Vec<Vec<f64>>), ModelError> {
    let [first, second] = &frame.words;
    // Any word will do at the second place: a causal network does not see it.
    let filler = second.first().copied().unwrap_or(0);
    let sequence = |&a: &TokenId| {
        let (mut tokens, places) = frame.filled(a, filler);
        tokens.truncate(places[1] + 1);
        (tokens, places.to_vec(), vec![first.clone(), second.clone()])
    };
    let sequences: Vec<_> = first.iter().map(sequence).collect();
    let answers = ask(network, &sequences)?;
    let open = answers.first().and_then(|answer| answer.first()).cloned().unwrap_or_default();
    let given = answers.into_iter().map(|mut answer| answer.pop().unwrap_or_default());
    Ok((open, given.collect()))
}

/// Sequence, positions, and the words that are listed at each.
type Asked = (Vec<TokenId>, Vec<usize>, Vec<Vec<TokenId>>);

/// `ln p` of the listed words, by sequence and position.
fn ask(
    network: &mut (impl MaskPredictor + ?Sized),
    sequences: &[Asked],
) -> Result<Vec<Vec<Vec<f64>>>, ModelError> {
    let queries: Vec<Query<'_>> = sequences
        .iter()
        .map(|(tokens, positions, words)| Query { watched: words, ..Query::new(tokens, positions) })
        .collect();
    let prediction = network.predict(&queries, &Ask::default())?;
    let words = |candidate: &Candidate| candidate.watched.iter().map(|&p| f64::from(p)).collect();
    Ok(prediction.candidates.iter().map(|row| row.iter().map(words).collect()).collect())
}

#[cfg(test)]
mod tests {
    use dlm_testkit::Tabular;

    use super::{autoregressive, masked};
    use crate::experiments::marginal_trap::{
        agreement::Frame,
        pairs::{invalid, listed},
    };

    fn frame() -> Frame {
        let fits = vec![vec![true, false], vec![false, true]];
        let words = [vec![0, 1], vec![0, 1]];
        let (before, between, after) = (vec![], vec![], vec![]);
        Frame { before, between, after, words, fits }
    }

    #[test]
    fn the_two_word_language_is_read_as_it_is() {
        let mut table = Tabular::new(2, 2, vec![0.6, 0.0, 0.0, 0.4]).unwrap();
        let mask = table.mask();
        let said = masked(&mut table, mask, &frame()).unwrap();
        assert!((said.together(&frame(), 1.0) - 2.0 * 0.6 * 0.4).abs() < 1e-6);
        assert_eq!(said.one_by_one(&frame(), 1.0), 0.0);
        // Either order is asked: the second place is 0 with 0.6 too.
        assert!((said.open[1][0].exp() - 0.6).abs() < 1e-6);
    }

    /// A table of which every position sees what stands before it.
    #[test]
    fn a_causal_network_is_asked_from_left_to_right() {
        use dlm_core::{Ask, MaskPredictor, ModelError, Prediction, Query};

        struct Causal(Tabular);
        impl MaskPredictor for Causal {
            fn vocab(&self) -> usize {
                self.0.vocab()
            }
            fn predict(
                &mut self,
                queries: &[Query<'_>],
                ask: &Ask<'_>,
            ) -> Result<Prediction, ModelError> {
                let mut candidates = Vec::new();
                for query in queries {
                    let mut row = Vec::new();
                    for (index, &position) in query.positions.iter().enumerate() {
                        let mut known = query.tokens.to_vec();
                        known[position..].fill(self.0.mask());
                        let watched = &query.watched[index..=index];
                        let at = [position];
                        let one = Query { watched, ..Query::new(&known, &at) };
                        row.extend(self.0.predict(&[one], ask)?.candidates.remove(0));
                    }
                    candidates.push(row);
                }
                Ok(Prediction { candidates, ..Prediction::default() })
            }
        }

        let mut network = Causal(Tabular::new(2, 2, vec![0.5, 0.1, 0.1, 0.3]).unwrap());
        let (first, given) = autoregressive(&mut network, &frame()).unwrap();
        let given: Vec<Vec<f64>> = given.iter().map(|log_p| listed(log_p, 1.0)).collect();
        let share = invalid(&frame().fits, &listed(&first, 1.0), &given);
        assert!((share - 0.2).abs() < 1e-6, "{share}");
        assert!((first[0].exp() - 0.6).abs() < 1e-6);
    }
}
