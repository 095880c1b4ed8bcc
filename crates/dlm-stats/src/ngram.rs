//! A language model of counts: bytes given the few before them.

use std::collections::HashMap;

/// The most bytes that a key has room for, beside its length.
const LONGEST: usize = 7;

/// An n-gram model of bytes, interpolated as Witten and Bell (1991) do.
///
/// With `N(h)` occurrences of the context `h`, `T(h)` different bytes after it, and `h'` the
/// context without its first byte,
///
/// ```text
/// p(c | h) = (N(hc) + T(h)·p(c | h')) / (N(h) + T(h)),    p(c | nothing known) = 1/256
/// ```
///
/// It gives every text a probability, knows no network, and reads any language in UTF-8. A text
/// is read as if a line feed stood before it.
#[derive(Clone, Debug)]
pub struct Ngram {
    order: usize,
    /// Contexts: how often they occur, and with how many different bytes after them.
    contexts: HashMap<u64, Context>,
    /// Contexts with the byte after them.
    continued: HashMap<u64, u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Context {
    occurrences: u32,
    kinds: u32,
}

impl Ngram {
    /// Counts `texts`, each by itself; `order` bytes together, `1 ≤ order ≤ 7`, of which all
    /// but the last are the context. Other orders are taken as the nearest of these.
    pub fn new<'a>(order: usize, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let order = order.clamp(1, LONGEST);
        let mut model = Self { order, contexts: HashMap::new(), continued: HashMap::new() };
        for text in texts {
            let bytes = begun(text);
            for at in 1..bytes.len() {
                model.count(&bytes[at.saturating_sub(order - 1)..=at]);
            }
        }
        model
    }

    /// `−ln p(text)`, nats; 0 for an empty text. Divided by the text's bytes, nats a byte.
    pub fn nats(&self, text: &str) -> f64 {
        let bytes = begun(text);
        let context = |at: usize| &bytes[at.saturating_sub(self.order - 1)..at];
        -(1..bytes.len()).map(|at| self.probability(context(at), bytes[at]).ln()).sum::<f64>()
    }

    /// `p(byte | context)`, within 0 and 1 and never 0; the context's last bytes count.
    pub fn probability(&self, context: &[u8], byte: u8) -> f64 {
        let context = &context[context.len().saturating_sub(self.order - 1)..];
        let mut probability = 1.0 / 256.0;
        for start in (0..=context.len()).rev() {
            let known = &context[start..];
            let Some(found) = self.contexts.get(&key(known)) else { break };
            let (occurrences, kinds) = (f64::from(found.occurrences), f64::from(found.kinds));
            let together = self.continued.get(&followed(known, byte)).copied().unwrap_or(0);
            probability = (f64::from(together) + kinds * probability) / (occurrences + kinds);
        }
        probability
    }

    /// Counts the last byte of `window` after every context that the window holds.
    fn count(&mut self, window: &[u8]) {
        let Some((&byte, before)) = window.split_last() else { return };
        for start in 0..=before.len() {
            let context = &before[start..];
            let together = self.continued.entry(followed(context, byte)).or_default();
            *together += 1;
            let new = *together == 1;
            let context = self.contexts.entry(key(context)).or_default();
            context.occurrences += 1;
            context.kinds += u32::from(new);
        }
    }
}

fn begun(text: &str) -> Vec<u8> {
    std::iter::once(b'\n').chain(text.bytes()).collect()
}

/// At most seven bytes and how many they are, as one number.
fn key(bytes: &[u8]) -> u64 {
    bytes.iter().fold(bytes.len() as u64, |key, &byte| key << 8 | u64::from(byte))
}

fn followed(context: &[u8], byte: u8) -> u64 {
    let longer = context.iter().chain([&byte]);
    longer.fold(1 + context.len() as u64, |key, &byte| key << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::Ngram;

    #[test]
    fn probabilities_counted_by_hand() {
        // Of "ab" and "ac", each behind a line feed: a twice, b and c once; three kinds of four.
        let model = Ngram::new(2, ["ab", "ac"]);
        let alone = |count: f64| (count + 3.0 / 256.0) / (4.0 + 3.0);
        assert!((model.probability(b"", b'a') - alone(2.0)).abs() < 1e-15);
        assert!((model.probability(b"", b'z') - alone(0.0)).abs() < 1e-15);
        // After "a", twice seen with two kinds, b once.
        let after_a = (1.0 + 2.0 * alone(1.0)) / 4.0;
        assert!((model.probability(b"a", b'b') - after_a).abs() < 1e-15);
        // Nothing was ever seen after "z", so that it says nothing.
        assert_eq!(model.probability(b"z", b'b'), model.probability(b"", b'b'));
        // Behind the line feed there was an "a" both times: one kind.
        let begins = (2.0 + alone(2.0)) / 3.0;
        let nats = -(begins.ln() + after_a.ln());
        assert!((model.nats("ab") - nats).abs() < 1e-12);
        assert_eq!(model.nats(""), 0.0);
    }

    #[test]
    fn the_bytes_after_any_context_share_one() {
        let model = Ngram::new(6, ["the cat sat on the mat", "a hat, a bat — and that"]);
        for context in ["", "t", "he ", "the c", "zzzzz", "xhe ca", " —"] {
            let sum: f64 = (0..=255).map(|byte| model.probability(context.as_bytes(), byte)).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{context:?}: {sum}");
        }
    }

    #[test]
    fn text_of_its_own_kind_costs_less_than_the_same_letters_shuffled() {
        let model = Ngram::new(6, ["it rains in the north and in the south it is dry"]);
        assert!(model.nats("in the south it rains") < model.nats("rtus ohe nth iins ait"));
    }

    #[test]
    fn an_order_out_of_range_is_the_nearest_one() {
        let text = ["abcabcabd"];
        assert_eq!(Ngram::new(0, text).nats("abd"), Ngram::new(1, text).nats("abd"));
        assert_eq!(Ngram::new(99, text).nats("abd"), Ngram::new(7, text).nats("abd"));
    }
}
