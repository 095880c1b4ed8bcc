//! The texts of one step, on their canvases.

use dlm_core::TokenId;
use dlm_rng::{Key, Purpose};

use crate::{Example, Text, order::Order, recipe::Layout};

/// The texts of one step.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// Longest first, so that those of one length stand together.
    pub(crate) examples: Vec<Example>,
    /// Which texts these are, counted over all files, in the order of the examples.
    pub(crate) texts: Vec<usize>,
}

/// A part of a step's batch that is computed at once.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Its texts.
    pub examples: &'a [Example],
    /// Index of its first text in the whole batch.
    pub first: usize,
    /// Texts of the whole batch.
    pub texts: usize,
    /// Tokens of the whole batch.
    pub tokens: usize,
}

impl Batch {
    /// As many texts of `order` as fit `layout`. A text whose prompt leaves no room for an
    /// answer is passed over; the counts say how many were.
    pub(crate) fn take(
        texts: &[Text],
        order: &mut Order,
        layout: Layout,
        end: TokenId,
        key: Key,
    ) -> (Self, usize) {
        let (mut laid, mut tokens, mut passed) = (Vec::new(), 0, 0);
        loop {
            let reading = order.next();
            let (epoch, read) = (reading.place.epoch, reading.place.read as u64);
            let key = key.purpose(Purpose::Data).step(epoch).sequence(read).position(1);
            let Some(example) = Example::lay(&texts[reading.text], layout, end, key) else {
                passed += 1;
                // A whole epoch of such texts would never fill a batch.
                if texts.len() < passed {
                    break;
                }
                continue;
            };
            tokens += example.tokens.len();
            if layout.step_tokens < tokens {
                order.put_back();
                break;
            }
            laid.push((example, reading.text));
        }
        laid.sort_by_key(|(example, _)| std::cmp::Reverse(example.tokens.len()));
        let (examples, texts) = laid.into_iter().unzip();
        (Self { examples, texts }, passed)
    }

    /// All tokens, fillings counted.
    pub(crate) fn tokens(&self) -> usize {
        self.examples.iter().map(|example| example.tokens.len()).sum()
    }

    /// The batch in at most `parts` parts.
    pub(crate) fn parts(&self, parts: usize) -> impl Iterator<Item = Part<'_>> {
        let (texts, tokens) = (self.examples.len(), self.tokens());
        let size = texts.div_ceil(parts).max(1);
        let chunks = self.examples.chunks(size).enumerate();
        chunks.map(move |(k, examples)| Part { examples, first: k * size, texts, tokens })
    }
}
