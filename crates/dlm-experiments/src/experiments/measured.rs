//! One number for each unit under each condition, and what changes between conditions.

use std::collections::BTreeMap;

use dlm_stats::{Bootstrap, Estimate};

use super::drawn;
use crate::figures::Point;

/// A sampler and the steps it was given, where it was given any.
pub(super) type Condition = (String, Option<usize>);

/// A number for each unit under each condition; what is absent is left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured(BTreeMap<Condition, BTreeMap<usize, f64>>);

/// A condition by name.
pub(super) fn condition(name: &str, steps: Option<usize>) -> Condition {
    (name.to_string(), steps)
}

impl FromIterator<(Condition, usize, Option<f64>)> for Measured {
    fn from_iter<I: IntoIterator<Item = (Condition, usize, Option<f64>)>>(cells: I) -> Self {
        let mut measured = Self::default();
        for (condition, unit, value) in cells {
            let units = measured.0.entry(condition).or_default();
            value.map(|value| units.insert(unit, value));
        }
        measured
    }
}

impl Measured {
    /// The numbers under one condition, in order of the units.
    pub(super) fn under(&self, condition: &Condition) -> Vec<f64> {
        self.0.get(condition).into_iter().flat_map(BTreeMap::values).copied().collect()
    }

    /// The mean under one condition.
    ///
    /// # Errors
    ///
    /// Where fewer than two units have a number.
    pub(super) fn mean(
        &self,
        condition: &Condition,
        bootstrap: &Bootstrap,
    ) -> Result<Estimate, dlm_stats::Error> {
        bootstrap.mean(&self.under(condition))
    }

    /// For each unit the mean over those of the conditions under which it has a number.
    pub(super) fn over(&self, conditions: &[Condition]) -> Vec<f64> {
        self.by_unit(conditions, |condition, unit| self.at(condition, unit))
    }

    /// For each unit the mean, over the pairs with numbers on both sides, of the second less the
    /// first.
    pub(super) fn changes(&self, pairs: &[(Condition, Condition)]) -> Vec<f64> {
        self.by_unit(pairs, |(from, to), unit| Some(self.at(to, unit)? - self.at(from, unit)?))
    }

    fn at(&self, condition: &Condition, unit: usize) -> Option<f64> {
        self.0.get(condition)?.get(&unit).copied()
    }

    /// For each unit the mean of `value` over `items`, of those that have one.
    fn by_unit<T>(&self, items: &[T], value: impl Fn(&T, usize) -> Option<f64>) -> Vec<f64> {
        let units = self.0.values().filter_map(|units| units.keys().next_back()).max();
        let mean = |unit: usize| {
            let values: Vec<f64> = items.iter().filter_map(|item| value(item, unit)).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        units.map_or(0..0, |&last| 0..last + 1).filter_map(mean).collect()
    }
}

/// An estimate as a point of a curve; none where there is no estimate.
pub(super) fn point(x: f64, estimate: Result<Estimate, dlm_stats::Error>) -> Option<Point> {
    Some(drawn::point(x, estimate.ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Measured, condition};

    #[test]
    fn changes_are_paired_and_absent_numbers_count_as_nothing() {
        let (a, b, c) = (condition("a", Some(1)), condition("a", Some(2)), condition("b", None));
        let cells = [
            (a.clone(), 0, Some(1.0)),
            (a.clone(), 1, Some(5.0)),
            (a.clone(), 3, None),
            (b.clone(), 0, Some(3.0)),
            (b.clone(), 1, None),
            (b.clone(), 3, Some(7.0)),
            (c.clone(), 0, Some(10.0)),
            (c.clone(), 3, Some(8.0)),
        ];
        let measured: Measured = cells.into_iter().collect();
        assert_eq!(measured.under(&a), [1.0, 5.0]);
        assert_eq!(measured.over(&[a.clone(), b.clone()]), [2.0, 5.0, 7.0]);
        assert_eq!(measured.changes(&[(a.clone(), b.clone())]), [2.0]);
        // Unit 0: (3 − 1 + 10 − 3)/2; unit 3: 8 − 7 alone.
        assert_eq!(measured.changes(&[(a.clone(), b.clone()), (b, c)]), [4.5, 1.0]);
        assert!(measured.changes(&[(a, condition("none", None))]).is_empty());
    }
}
