//! What networks on tokens say of the words in two open places.

use dlm_core::{Ask, Candidate, MaskPredictor, ModelError, Query, TokenId};

use super::{
    agreement::Frame,
    pairs::{Causal, Said},
};

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

/// A causal network: every listed pair in its sentence, read from the first place to the end.
///
/// A masked network sees what stands behind the places. A causal one sees it through Bayes'
/// rule: the probability of a whole sentence, over the sum of those of all listed pairs.
///
/// One forward pass over `A·B` sequences.
///
/// # Errors
///
/// Where the network fails.
pub(super) fn autoregressive(
    network: &mut (impl MaskPredictor + ?Sized),
    frame: &Frame,
) -> Result<Causal, ModelError> {
    let [first, second] = &frame.words;
    let pairs = first.iter().flat_map(|&a| second.iter().map(move |&b| (a, b)));
    let read: Vec<Reading> = pairs.map(|(a, b)| Reading::new(frame, a, b)).collect();
    let queries: Vec<Query<'_>> = read.iter().map(Reading::query).collect();
    let candidates = network.predict(&queries, &Ask::default())?.candidates;
    // A row of pairs for each first word; a pair's answers start at the first place.
    let rows: Vec<&[Vec<Candidate>]> = candidates.chunks(second.len().max(1)).collect();
    let at = |row: &[Vec<Candidate>], place: usize| {
        row.first().and_then(|pair| pair.get(place)).map_or_else(Vec::new, words)
    };
    let other = 1 + frame.between.len();
    let log_p = |pair: &Vec<Candidate>| {
        let each = pair.iter().map(|candidate| candidate.target);
        each.map(|target| target.map_or(f64::NAN, |target| target.log_probability.into())).sum()
    };
    Ok(Causal {
        first: rows.first().map_or_else(Vec::new, |row| at(row, 0)),
        second: rows.iter().map(|row| at(row, other)).collect(),
        sentences: rows.iter().map(|row| row.iter().map(log_p).collect()).collect(),
    })
}

/// A sentence with two listed words in it, to be read from the first of them to its end.
struct Reading {
    tokens: Vec<TokenId>,
    positions: Vec<usize>,
    targets: Vec<Option<TokenId>>,
    /// The listed words at their places, no words elsewhere.
    watched: Vec<Vec<TokenId>>,
}

impl Reading {
    fn new(frame: &Frame, first: TokenId, second: TokenId) -> Self {
        let (tokens, places) = frame.filled(first, second);
        let positions: Vec<usize> = (places[0]..tokens.len()).collect();
        let listed = |at: &usize| {
            let place = places.iter().position(|place| place == at);
            place.map_or_else(Vec::new, |place| frame.words[place].clone())
        };
        let targets = positions.iter().map(|&at| Some(tokens[at])).collect();
        let watched = positions.iter().map(listed).collect();
        Self { tokens, positions, targets, watched }
    }

    fn query(&self) -> Query<'_> {
        let Self { tokens, positions, targets, watched } = self;
        Query { targets, watched, ..Query::new(tokens, positions) }
    }
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
    Ok(prediction.candidates.iter().map(|row| row.iter().map(words).collect()).collect())
}

/// `ln p` of the words that are listed at a position.
fn words(candidate: &Candidate) -> Vec<f64> {
    candidate.watched.iter().map(|&log_p| f64::from(log_p)).collect()
}

#[cfg(test)]
mod tests {
    use dlm_testkit::Tabular;

    use super::{autoregressive, masked};
    use crate::experiments::marginal_trap::agreement::Frame;

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
                        let here = index..=index;
                        let one = Query {
                            watched: &query.watched[here.clone()],
                            targets: &query.targets[here.clone()],
                            ..Query::new(&known, &query.positions[here])
                        };
                        row.extend(self.0.predict(&[one], ask)?.candidates.remove(0));
                    }
                    candidates.push(row);
                }
                Ok(Prediction { candidates, ..Prediction::default() })
            }
        }

        let mut network = Causal(Tabular::new(2, 2, vec![0.5, 0.1, 0.1, 0.3]).unwrap());
        let read = autoregressive(&mut network, &frame()).unwrap();
        assert!((read.left_to_right(&frame(), 1.0) - 0.2).abs() < 1e-6);
        // With nothing behind the places both ways are one.
        assert!((read.whole(&frame(), 1.0) - 0.2).abs() < 1e-6);
        assert!((read.first[0].exp() - 0.6).abs() < 1e-6);

        // A word between and one behind: 0 and 1 in their places, "x 0 y 1" of 16 words.
        let joint: Vec<f64> = (0..16).map(|word| f64::from(word * word % 7 + 1)).collect();
        let total: f64 = joint.iter().sum();
        let joint: Vec<f64> = joint.iter().map(|weight| weight / total).collect();
        let frame = Frame { between: vec![0], after: vec![1], ..frame() };
        let word = |a: usize, b: usize| joint[8 * a + 2 * b + 1];
        let mut network = Causal(Tabular::new(4, 2, joint.clone()).unwrap());
        let read = autoregressive(&mut network, &frame).unwrap();
        let all: f64 = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(a, b)| word(a, b)).iter().sum();
        let expected = (word(0, 1) + word(1, 0)) / all;
        assert!((read.whole(&frame, 1.0) - expected).abs() < 1e-6);
        assert!((read.left_to_right(&frame, 1.0) - expected).abs() > 0.01, "sees no end");
    }
}
