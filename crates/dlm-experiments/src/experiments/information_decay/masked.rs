//! Masks on an answer, nested from level to level.

use std::ops::Range;

use dlm_core::{MaskPredictor, ModelError, TokenId};
use dlm_rng::{Key, Purpose};

use super::rows::TextRow;
use crate::{
    Family,
    experiments::recovery::{Hidden, KnownText, distances, missing},
};

/// Position `j` of `positions` is hidden at every time `t` above a uniform number of its own,
/// so what is hidden stays hidden where there is more noise.
pub(super) fn nested(positions: Range<usize>, times: &[f64], key: Key) -> Vec<Hidden> {
    let key = key.purpose(Purpose::Corrupt);
    let uniform = |at: usize| key.position((at - positions.start) as u64).uniform();
    let hidden = |&time: &f64| {
        let positions = positions.clone().filter(|&at| uniform(at) < time).collect();
        Hidden { positions, time }
    };
    times.iter().map(hidden).collect()
}

/// The rows of a text.
pub(super) fn rows(
    model: &mut (impl MaskPredictor + ?Sized),
    mask: TokenId,
    text: &KnownText,
    times: &[f64],
    key: Key,
) -> Result<Vec<TextRow>, ModelError> {
    let hidden = nested(text.answer.clone(), times, key);
    let found = missing(model, &text.tokens, mask, &hidden)?;
    let mut rows = Vec::new();
    for (hidden, nats) in hidden.iter().zip(found) {
        let places = distances(text.tokens.len(), &hidden.positions);
        for ((at, nats), distance) in hidden.positions.iter().zip(nats).zip(places) {
            rows.push(TextRow {
                text: text.prompt,
                family: Family::Masked,
                t: hidden.time,
                position: at - text.answer.start,
                distance,
                nats: nats as f32,
            });
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use dlm_rng::Key;

    use super::nested;

    #[test]
    fn what_is_hidden_stays_hidden_where_there_is_more_noise() {
        let rows = nested(3..203, &[0.25, 0.5, 1.0], Key::new(1));
        assert_eq!(rows[2].positions, (3..203).collect::<Vec<_>>());
        for pair in rows.windows(2) {
            assert!(pair[0].positions.iter().all(|at| pair[1].positions.contains(at)));
        }
        assert!((40..60).contains(&rows[0].positions.len()), "{}", rows[0].positions.len());
    }
}
