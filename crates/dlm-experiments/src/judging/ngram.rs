//! The judge that is no kin: counts of the reference text.

use dlm_stats::Ngram;

use super::Judged;
use crate::reference_text;

/// Bytes counted together.
const ORDER: usize = 6;

/// An n-gram model of the reference text.
#[derive(Clone, Debug)]
pub(crate) struct NgramJudge(Ngram);

impl NgramJudge {
    /// Counts the reference text.
    pub(crate) fn new() -> Self {
        Self(Ngram::new(ORDER, reference_text::paragraphs()))
    }

    /// What it makes of a text, in bytes; white space alone says nothing and counts nothing.
    pub(crate) fn judge(&self, answer: &str) -> Judged {
        let answer = if answer.trim().is_empty() { "" } else { answer };
        Judged { nats: self.0.nats(answer), count: answer.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::NgramJudge;

    #[test]
    fn white_space_says_nothing() {
        let judged = NgramJudge::new().judge(" \n");
        assert_eq!((judged.count, judged.nats, judged.per_unit()), (0, 0.0, None));
    }

    #[test]
    fn english_costs_less_than_its_words_in_disorder_and_far_less_than_noise() {
        let judge = NgramJudge::new();
        let nats = |text: &str| judge.judge(text).per_unit().unwrap();
        let english = nats("The government raised taxes on land and on trade.");
        let disorder = nats("taxes The on trade on and land raised government.");
        let noise = nats("Qzx vvkjq wpt zzh bgd xqj kkv mmz");
        assert!(english < disorder && disorder + 1.0 < noise, "{english} {disorder} {noise}");
        assert_eq!(judge.judge("").per_unit(), None);
    }
}
