//! Tokens behind masks, and what a network still knows of them.

use dlm_core::{Ask, MaskPredictor, ModelError, Query, TokenId};

/// Some positions of a text that are hidden.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::experiments) struct Hidden {
    /// Which, ascending.
    pub(in crate::experiments) positions: Vec<usize>,
    /// Diffusion time, for networks that are told it.
    pub(in crate::experiments) time: f64,
}

/// `−ln p(xⁱ | visible tokens)` of the true token at each hidden position of each of `rows`,
/// nats; all rows are of the same text and are seen in one call.
///
/// # Errors
///
/// Where the network fails.
pub(in crate::experiments) fn missing(
    model: &mut (impl MaskPredictor + ?Sized),
    text: &[TokenId],
    mask: TokenId,
    rows: &[Hidden],
) -> Result<Vec<Vec<f64>>, ModelError> {
    let canvas = |hidden: &Hidden| {
        let mut tokens = text.to_vec();
        hidden.positions.iter().for_each(|&position| tokens[position] = mask);
        let targets: Vec<_> = hidden.positions.iter().map(|&at| Some(text[at])).collect();
        (tokens, targets)
    };
    let canvases: Vec<_> = rows.iter().map(canvas).collect();
    let asked = rows.iter().zip(&canvases).filter(|(row, _)| !row.positions.is_empty());
    let queries: Vec<Query<'_>> = asked
        .map(|(row, (tokens, targets))| Query {
            targets,
            time: Some(row.time),
            ..Query::new(tokens, &row.positions)
        })
        .collect();
    let mut answers = match queries.is_empty() {
        true => Vec::new().into_iter(),
        false => model.predict(&queries, &Ask::default())?.candidates.into_iter(),
    };
    let nats = |candidate: dlm_core::Candidate| {
        candidate.target.map_or(f64::NAN, |target| -f64::from(target.log_probability))
    };
    let of_row = |row: &Hidden| match row.positions.is_empty() {
        true => Vec::new(),
        false => answers.next().into_iter().flatten().map(nats).collect(),
    };
    Ok(rows.iter().map(of_row).collect())
}

/// How far each hidden position of a text of `length` tokens lies from the nearest visible
/// one, at least 1; nothing where none is visible.
pub(in crate::experiments) fn distances(length: usize, hidden: &[usize]) -> Vec<Option<usize>> {
    let mut visible = vec![true; length];
    hidden.iter().for_each(|&position| visible[position] = false);
    let at = |&position: &usize| {
        (1..length).find(|distance| {
            let left = position.checked_sub(*distance).is_some_and(|at| visible[at]);
            left || visible.get(position + distance).is_some_and(|&visible| visible)
        })
    };
    hidden.iter().map(at).collect()
}

#[cfg(test)]
mod tests {
    use dlm_testkit::HiddenMarkov;

    use super::{Hidden, distances, missing};

    #[test]
    fn distances_count_to_the_nearest_visible_token_on_either_side() {
        assert_eq!(distances(6, &[1, 2, 3]), [Some(1), Some(2), Some(1)]);
        assert_eq!(distances(4, &[1, 2, 3]), [Some(1), Some(2), Some(3)]);
        assert_eq!(distances(2, &[0, 1]), [None, None]);
    }

    /// A token between two equal ones of a chain that stays with 0.9 costs
    /// `−ln(0.81/0.82)`; with nothing visible, `ln 2`.
    #[test]
    fn a_perfect_network_misses_what_the_law_says() {
        let rows = vec![vec![0.9, 0.1], vec![0.1, 0.9]];
        let mut chain = HiddenMarkov::chain(vec![0.5, 0.5], rows).unwrap();
        let mask = chain.mask();
        let hidden = |positions: &[usize]| Hidden { positions: positions.to_vec(), time: 0.5 };
        let rows = [hidden(&[1]), hidden(&[]), hidden(&[0, 1, 2])];
        let found = missing(&mut chain, &[0, 0, 0], mask, &rows).unwrap();
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 3]);
        assert!((found[0][0] + (0.81f64 / 0.82).ln()).abs() < 1e-6);
        assert!(found[2].iter().all(|nats| (nats - 2f64.ln()).abs() < 1e-6));
    }
}
