//! Several sentences with open places on one canvas: room for a choice of what to decide
//! together.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use dlm_core::{
    Ask, Canvas, DenseLogits, MaskPredictor, ModelError, Prediction, Query, TokenId, predict_dense,
};
use dlm_runtime::Model;
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    experiments::agreement::{Frame, Sentence},
};

/// What the user asks for on every page.
const PROMPT: &str = "Write some short sentences, one on each line.";

/// A pair of words that a rule chose: a row of rows.csv.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PairRow {
    /// Index of the page.
    pub(super) page: usize,
    /// Which of its draws.
    pub(super) draw: usize,
    /// The rule.
    pub(super) rule: String,
    /// Evaluations of the whole page.
    pub(super) nfe: usize,
    /// The sentence.
    pub(super) sentence: String,
    /// Word in the first place, as a token.
    pub(super) first: TokenId,
    /// Word in the second place.
    pub(super) second: TokenId,
    /// Whether the two fit.
    pub(super) fits: bool,
}

/// Sentences on one canvas.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) canvas: Canvas,
    sentences: Vec<(String, Frame)>,
    known: RefCell<Known>,
}

/// `ln p` of the words of places, by what stood on the canvas, and when for a network that is
/// told. Rules and draws come by the same canvases again and again, the empty one above all.
type Known = HashMap<(Vec<TokenId>, Option<u64>), BTreeMap<usize, Vec<f32>>>;

impl Page {
    /// The page of `sentences`, each on a line, with masks in their open places.
    ///
    /// # Errors
    ///
    /// Where the model cannot read a sentence, or the canvas is none of its.
    pub(super) fn new(model: &Model, sentences: &[Sentence]) -> Result<Self, Error> {
        let (text, mask) = (model.text()?, model.mask()?);
        let mut tokens = text.opening(PROMPT)?;
        for (index, sentence) in sentences.iter().enumerate() {
            let line = if index == 0 { "" } else { "\n" };
            tokens.extend(text.encode(&format!("{line}{}", sentence.before))?);
            tokens.push(mask);
            tokens.extend(text.encode(&sentence.between)?);
            tokens.push(mask);
            tokens.extend(text.encode(&sentence.after)?);
        }
        let canvas = Canvas::infill(tokens, mask);
        let canvas = canvas.map_err(|error| Error::Argument(error.to_string()))?;
        model.check_canvas(&canvas)?;
        let framed = |sentence: &Sentence| Ok((sentence.id.clone(), sentence.frame(model)?));
        let sentences = sentences.iter().map(framed).collect::<Result<_, Error>>()?;
        Ok(Self { canvas, sentences, known: RefCell::default() })
    }

    /// `network`, asked about the words of each place alone.
    pub(super) fn choices<'a>(&'a self, network: &'a mut dyn MaskPredictor) -> Choices<'a> {
        let lists = self.sentences.iter().flat_map(|(_, frame)| frame.words.iter().cloned());
        let words = self.canvas.response().iter().copied().zip(lists).collect();
        Choices { network, mask: self.canvas.mask(), words, known: &self.known }
    }

    /// The pairs on a filled canvas of this page.
    pub(super) fn rows(
        &self,
        (page, draw): (usize, usize),
        rule: &str,
        filled: &Canvas,
        nfe: usize,
    ) -> Vec<PairRow> {
        let places = filled.response().chunks_exact(2);
        let row = |(places, (name, frame)): (&[usize], &(String, Frame))| {
            let [first, second] = [filled.tokens()[places[0]], filled.tokens()[places[1]]];
            PairRow {
                page,
                draw,
                rule: rule.to_string(),
                nfe,
                sentence: name.clone(),
                first,
                second,
                fits: fits(frame, first, second),
            }
        };
        places.zip(&self.sentences).map(row).collect()
    }
}

/// Whether two words fit; a word of no list fits nothing.
fn fits(frame: &Frame, first: TokenId, second: TokenId) -> bool {
    let place = |place: usize, token| frame.words[place].iter().position(|&word| word == token);
    match (place(0, first), place(1, second)) {
        (Some(first), Some(second)) => frame.fits[first][second],
        _ => false,
    }
}

/// A network whose predictions at each place range over the words of that place:
/// `p(v)/Σ_w p(w)`.
pub(super) struct Choices<'a> {
    network: &'a mut dyn MaskPredictor,
    mask: TokenId,
    /// The words of each position.
    words: BTreeMap<usize, Vec<TokenId>>,
    /// What the network has said before.
    known: &'a RefCell<Known>,
}

impl MaskPredictor for Choices<'_> {
    fn vocab(&self) -> usize {
        self.network.vocab()
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        let vocab = self.network.vocab();
        predict_dense(queries, ask, self.mask, |tokens, positions, time| {
            let words = |position: &usize| self.words.get(position).cloned().unwrap_or_default();
            let mut known = self.known.borrow_mut();
            let known = known.entry((tokens.to_vec(), time.map(f64::to_bits))).or_default();
            if positions.iter().any(|position| !known.contains_key(position)) {
                // All open places at once, because another rule asks about those next.
                let open = self.words.keys().filter(|&&place| tokens[place] == self.mask);
                let asked: BTreeSet<usize> = open.chain(positions).copied().collect();
                let asked: Vec<usize> = asked.into_iter().collect();
                let watched: Vec<Vec<TokenId>> = asked.iter().map(words).collect();
                let query = Query { watched: &watched, time, ..Query::new(tokens, &asked) };
                let prediction = self.network.predict(&[query], &Ask::default())?;
                let said = prediction.candidates.into_iter().flatten();
                known.extend(asked.into_iter().zip(said.map(|candidate| candidate.watched)));
            }
            let mut logits = vec![f32::NEG_INFINITY; positions.len() * vocab];
            for (row, position) in logits.chunks_exact_mut(vocab).zip(positions) {
                for (word, &log_p) in words(position).into_iter().zip(&known[position]) {
                    row[word as usize] = log_p;
                }
            }
            DenseLogits::new(logits, vocab)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use dlm_core::{Ask, Canvas, MaskPredictor, Query};
    use dlm_testkit::{Counted, Tabular};

    use super::{Choices, Frame, Page};

    #[test]
    fn pairs_are_read_place_by_place() {
        let frame = |words: [[u32; 2]; 2]| Frame {
            before: vec![],
            between: vec![],
            after: vec![],
            words: words.map(|words| words.to_vec()),
            fits: vec![vec![true, false], vec![false, true]],
        };
        let mut canvas = Canvas::infill(vec![1, 9, 9, 2, 9, 3, 9], 9).unwrap();
        let sentences =
            vec![("a".into(), frame([[4, 5], [6, 7]])), ("b".into(), frame([[5, 4], [7, 6]]))];
        let page = Page { canvas: canvas.clone(), sentences, known: RefCell::default() };
        for (position, token) in [(1, 4), (2, 7), (4, 4), (6, 6)] {
            canvas.commit(position, token);
        }
        let rows = page.rows((3, 1), "x", &canvas, 2);
        let found: Vec<_> = rows.iter().map(|r| (r.sentence.as_str(), r.fits)).collect();
        assert_eq!(found, [("a", false), ("b", true)]);
        canvas.commit(6, 4);
        assert!(!page.rows((3, 1), "x", &canvas, 2)[1].fits, "4 is no second word");
        assert_eq!((rows[0].page, rows[0].draw, rows[0].nfe), (3, 1, 2));
    }

    /// Of a table in which the words of both places are 0 and 1, and 2 is a word of none.
    #[test]
    fn choices_are_the_networks_among_the_words_of_a_place() {
        let joint = vec![0.2, 0.1, 0.05, 0.1, 0.15, 0.1, 0.1, 0.1, 0.1];
        let mut table = Counted::new(Tabular::new(2, 3, joint).unwrap());
        let words = vec![vec![0, 1], vec![0, 1]];
        let words = [0, 1].into_iter().zip(words).collect();
        let known = RefCell::default();
        let mut choices = Choices { network: &mut table, mask: 3, words, known: &known };
        let query = Query { shadows: &[1], watched: &[vec![0, 1, 2]], ..Query::new(&[3, 0], &[0]) };
        let found = choices.predict(&[query], &Ask::default()).unwrap().candidates.remove(0);
        let again = choices.predict(&[query], &Ask::default()).unwrap().candidates.remove(0);
        assert_eq!(again, found);
        // Once with the second word in sight and once without.
        assert_eq!(table.nfe, 2, "what is known is not asked again");
        let p: Vec<f32> = found[0].watched.iter().map(|log_p| log_p.exp()).collect();
        // Given 0 in the second place, 0.2, 0.1 and 0.1.
        assert!((p[0] - 2.0 / 3.0).abs() < 1e-6 && (p[1] - 1.0 / 3.0).abs() < 1e-6, "{p:?}");
        assert_eq!(p[2], 0.0);
        // With both hidden, 0.4, 0.35 and 0.25 in the second place.
        let shadow = found[1].target.unwrap().log_probability.exp();
        assert!((shadow - 0.4 / 0.75).abs() < 1e-6, "{shadow}");
    }
}
