//! Wrong tokens in the middle of a run, and what becomes of them.

use std::ops::Range;

use dlm_core::TokenId;
use dlm_rng::{Key, Purpose};
use serde::{Deserialize, Serialize};

/// How errors are made.
pub(super) struct Errors<'a> {
    /// What is put in the place of a token: frequent ones, so that an error is plausible.
    pub(super) words: &'a [TokenId],
    /// Tokens that end a text; they are not replaced.
    pub(super) ends: &'a [TokenId],
    /// The share of all positions that get one.
    pub(super) share: f64,
}

/// A token that stood in the middle of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// Counted from the first position of the answer.
    pub(super) position: usize,
    /// What the sampler had there.
    pub(super) own: TokenId,
    /// What stood there when the run went on: a wrong token, or `own`.
    pub(super) placed: TokenId,
    /// What stood there at the end.
    pub(super) last: TokenId,
}

/// The same with its run: a row of repairs.csv.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RepairRow {
    pub(super) prompt: usize,
    /// Preset or solver.
    pub(super) sampler: String,
    /// Counted from the first position of the answer.
    pub(super) position: usize,
    /// What the sampler had there in the middle of the run.
    pub(super) own: TokenId,
    /// What stood there when the run went on.
    pub(super) placed: TokenId,
    /// What stood there at the end.
    pub(super) last: TokenId,
}

impl RepairRow {
    /// Whether it was a wrong token.
    pub(super) fn is_error(&self) -> bool {
        self.placed != self.own
    }
}

impl Errors<'_> {
    /// Wrong tokens for some of the `written` positions (with their tokens) of an answer of
    /// `length`, drawn by the key.
    pub(super) fn put(
        &self,
        written: &[(usize, TokenId)],
        length: usize,
        key: Key,
    ) -> Vec<(usize, TokenId)> {
        let key = key.purpose(Purpose::Corrupt);
        let mut chosen = self.words_of(written);
        // The position above all others stands for none.
        key.position(length as u64).stream().shuffle(&mut chosen);
        chosen.truncate((self.share * length as f64).round() as usize);
        let wrong = |(position, own): (usize, TokenId)| {
            let other = |word: &&TokenId| **word != own && !self.ends.contains(word);
            let words: Vec<&TokenId> = self.words.iter().filter(other).collect();
            let mut numbers = key.position(position as u64).stream();
            let word = words.get(numbers.below(words.len() as u64) as usize)?;
            Some((position, **word))
        };
        chosen.into_iter().filter_map(wrong).collect()
    }

    /// Those of `written` that end no text. Ends are neither replaced nor compared with what
    /// was: behind an end stand ends, which every sampler writes again.
    pub(super) fn words_of(&self, written: &[(usize, TokenId)]) -> Vec<(usize, TokenId)> {
        written.iter().copied().filter(|(_, token)| !self.ends.contains(token)).collect()
    }

    /// As many of `written` as are `wrong`, and none of these, drawn by the key: the control.
    pub(super) fn control(
        &self,
        written: &[(usize, TokenId)],
        wrong: &[(usize, TokenId)],
        length: usize,
        key: Key,
    ) -> Vec<(usize, TokenId)> {
        let mut chosen = self.words_of(written);
        chosen.retain(|(position, _)| wrong.iter().all(|(at, _)| at != position));
        // The second position above all others.
        key.purpose(Purpose::Corrupt).position(length as u64 + 1).stream().shuffle(&mut chosen);
        chosen.truncate(wrong.len());
        chosen
    }
}

/// The tokens of a run that was changed in the middle: `own` and `placed` by position, then
/// `last` of all positions.
pub(super) fn standing(
    own: &[(usize, TokenId)],
    wrong: &[(usize, TokenId)],
    last: &[TokenId],
) -> Vec<Standing> {
    let one = |&(position, own): &(usize, TokenId)| {
        let placed = wrong.iter().find(|(at, _)| *at == position).map_or(own, |(_, token)| *token);
        Standing { position, own, placed, last: last[position] }
    };
    own.iter().map(one).collect()
}

/// The rows of runs, one a prompt.
pub(super) fn rows(prompts: Range<usize>, sampler: &str, runs: &[Vec<Standing>]) -> Vec<RepairRow> {
    let of_run = |(prompt, run): (usize, &Vec<Standing>)| -> Vec<RepairRow> {
        let row = |&Standing { position, own, placed, last }: &Standing| RepairRow {
            prompt,
            sampler: sampler.to_string(),
            position,
            own,
            placed,
            last,
        };
        run.iter().map(row).collect()
    };
    prompts.zip(runs).flat_map(of_run).collect()
}

#[cfg(test)]
mod tests {
    use dlm_rng::Key;

    use super::{Errors, standing};

    #[test]
    fn wrong_tokens_are_other_words_at_as_many_written_positions_as_wanted() {
        let errors = Errors { words: &[1, 2, 3, 9], ends: &[9], share: 0.25 };
        let written: Vec<(usize, u32)> = vec![(0, 1), (2, 2), (3, 9), (5, 3), (11, 7)];
        for seed in 0..50 {
            let wrong = errors.put(&written, 12, Key::new(seed));
            assert_eq!(wrong.len(), 3);
            for (position, token) in &wrong {
                let (_, own) = written.iter().find(|(at, _)| at == position).unwrap();
                assert!(token != own && [1, 2, 3].contains(token), "{wrong:?}");
                assert_ne!(*position, 3, "an end stays");
            }
        }
        assert_eq!(errors.put(&written[..1], 12, Key::new(1)).len(), 1, "there are no more");
        let wrong = [(0, 3), (5, 1)];
        for seed in 0..50 {
            let control = errors.control(&written, &wrong, 12, Key::new(seed));
            assert_eq!(control.len(), 2);
            let others = [(2, 2), (11, 7)];
            assert!(control.iter().all(|one| others.contains(one)), "{control:?}");
        }
    }

    #[test]
    fn what_was_not_replaced_stands_as_it_was() {
        let found = standing(&[(0, 5), (2, 6)], &[(2, 8)], &[5, 1, 7]);
        let found: Vec<_> = found.iter().map(|s| (s.position, s.own, s.placed, s.last)).collect();
        assert_eq!(found, [(0, 5, 5, 5), (2, 6, 8, 7)]);
    }
}
