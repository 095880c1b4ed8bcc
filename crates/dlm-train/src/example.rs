//! A text on its canvas: what one row of a batch holds.

use std::ops::Range;

use dlm_core::TokenId;
use dlm_rng::Key;

use crate::{Text, recipe::Layout};

/// A prompt and its answer, filled up to the length of a canvas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Prompt, answer, and the end tokens that fill the canvas.
    pub tokens: Vec<TokenId>,
    /// Positions that are learned; those before are always visible.
    pub answer: Range<usize>,
    /// The position of the token that ends the answer; the canvas's length where the answer
    /// was cut off and has no end.
    pub end: usize,
}

impl Example {
    /// Lays `text` on a canvas whose length is a multiple of `layout.multiple` and at most
    /// `layout.length`.
    ///
    /// An answer that ends is followed by further `end` tokens up to a length that `key`
    /// draws, uniform over those that hold it: a sampler's canvas is as long as its user
    /// says, so a model has to know what stands behind an end. An answer that was cut off
    /// loses its last tokens instead, down to the next multiple, and so does one that is too
    /// long, which then has no end.
    ///
    /// None where the prompt leaves no room for an answer.
    pub fn lay(text: &Text, layout: Layout, end: TokenId, key: Key) -> Option<Self> {
        let Layout { length, multiple, .. } = layout;
        let start = text.prompt.len();
        let ends = text.ended && start + text.answer.len() < length;
        let mut tokens = [text.prompt.as_slice(), &text.answer].concat();
        let last = tokens.len();
        if ends {
            let least = (last + 1).div_ceil(multiple);
            let choices = (length / multiple).saturating_sub(least) + 1;
            let chosen = least + key.stream().below(choices as u64) as usize;
            tokens.resize(chosen * multiple, end);
        } else {
            tokens.truncate(last.min(length) / multiple * multiple);
        }
        let whole = tokens.len();
        let end = if ends { last } else { whole };
        (start < whole).then_some(Self { tokens, answer: start..whole, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout { length: 32, multiple: 8, step_tokens: 64 };

    fn text(prompt: usize, answer: usize, ended: bool) -> Text {
        Text { prompt: vec![1; prompt], answer: vec![2; answer], ended, source: String::new() }
    }

    #[test]
    fn every_length_that_holds_the_answer_is_drawn_about_equally_often() {
        let text = text(3, 7, true);
        let mut seen = std::collections::BTreeMap::new();
        for k in 0..3000 {
            let example = Example::lay(&text, LAYOUT, 9, Key::new(k)).unwrap();
            assert_eq!(example.answer, 3..example.tokens.len());
            assert_eq!(example.end, 10);
            assert!(example.tokens[10..].iter().all(|&token| token == 9));
            assert_eq!(example.tokens[..10], [[1, 1, 1].as_slice(), &[2; 7]].concat());
            *seen.entry(example.tokens.len()).or_insert(0) += 1;
        }
        assert_eq!(seen.keys().copied().collect::<Vec<_>>(), [16, 24, 32]);
        // Four standard deviations of a binomial with 3000 draws at 1/3.
        assert!(seen.values().all(|&n: &i32| (n - 1000).abs() < 104), "{seen:?}");
    }

    #[test]
    fn an_answer_that_was_cut_off_gets_no_end() {
        let example = Example::lay(&text(3, 19, false), LAYOUT, 9, Key::new(1)).unwrap();
        assert_eq!((example.tokens.len(), example.end), (16, 16));
        assert!(!example.tokens.contains(&9));
    }

    #[test]
    fn an_answer_that_is_too_long_is_cut_and_loses_its_end() {
        for answer in [29, 30, 200] {
            let example = Example::lay(&text(3, answer, true), LAYOUT, 9, Key::new(1)).unwrap();
            assert_eq!((example.tokens.len(), example.end), (32, 32));
            assert!(!example.tokens.contains(&9));
        }
        let example = Example::lay(&text(3, 28, true), LAYOUT, 9, Key::new(1)).unwrap();
        assert_eq!((example.tokens.len(), example.end, example.tokens[31]), (32, 31, 9));
    }

    #[test]
    fn a_prompt_without_room_for_an_answer_is_no_example() {
        assert_eq!(Example::lay(&text(32, 5, true), LAYOUT, 9, Key::new(1)), None);
        assert_eq!(Example::lay(&text(6, 1, false), LAYOUT, 9, Key::new(1)), None);
    }
}
