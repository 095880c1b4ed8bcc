//! The half-life of a mean curve, with its interval over units.

use crate::{Bootstrap, Error, Estimate, Family, Table, check, fit};

/// The half-life of the decay that fits the mean of a table's units best, with
/// its bootstrap interval over units.
///
/// `distances` has one number for each of the table's positions. Each resample
/// averages its units position by position, leaves out positions where none of
/// them has a number, fits the family anew, and gives the distance at which half
/// of the fall from the value at 0 to the asymptote is lost. A resample whose
/// half-life lies beyond the reach of [`fit`] counts as 0 or as infinity, so an
/// end of the interval may be either; one without a fit is undefined, which
/// [`Bootstrap`] counts against both ends.
///
/// # Errors
///
/// Those of [`fit`] for the mean of all units, and those of
/// [`Bootstrap::statistic`].
///
/// ```
/// use dlm_stats::{Bootstrap, Family, Table, half_life};
///
/// let distances: Vec<f64> = (0..32).map(f64::from).collect();
/// let rows: Vec<Vec<Option<f64>>> = [3.0, 4.0, 5.0, 6.0]
///     .iter()
///     .map(|h| distances.iter().map(|x| Some((-x / h).exp2())).collect())
///     .collect();
/// let bootstrap = Bootstrap { resamples: 199, ..Bootstrap::default() };
/// let estimate = half_life(Family::Exponential, &distances, &Table::new(&rows)?, &bootstrap)?;
/// assert!(3.0 <= estimate.lower && estimate.contains(4.4) && estimate.upper <= 6.0);
/// # Ok::<(), dlm_stats::Error>(())
/// ```
pub fn half_life(
    family: Family,
    distances: &[f64],
    table: &Table,
    bootstrap: &Bootstrap,
) -> Result<Estimate, Error> {
    check::same_length("distances", distances.len(), table.positions())?;
    let of_units = |units: &[usize]| -> Result<f64, Error> {
        let means = table.means(units);
        let points = distances.iter().zip(means).filter_map(|(&x, mean)| Some((x, mean?)));
        let (x, y): (Vec<f64>, Vec<f64>) = points.unzip();
        Ok(fit(family, &x, &y)?.curve.half_life())
    };
    // The mean curve is the estimate's value: why it has none is worth telling.
    let all: Vec<usize> = (0..table.units()).collect();
    of_units(&all)?;
    bootstrap.statistic(table.units(), |units| match of_units(units) {
        Ok(half_life) => half_life,
        Err(Error::HalfLifeTooShort { .. }) => 0.0,
        Err(Error::HalfLifeTooLong { .. }) => f64::INFINITY,
        Err(_) => f64::NAN,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dlm_rng::{Key, Purpose};

    const FEW: Bootstrap =
        Bootstrap { resamples: 399, level: 0.95, seed: 1, method: crate::Method::Percentile };

    fn distances() -> Vec<f64> {
        (0..64).map(f64::from).collect()
    }

    /// Units that decay alike but differ in height and noise.
    fn noisy_table(h: f64, absent: f64) -> Table {
        let row = |unit: u64| -> Vec<Option<f64>> {
            let mut stream = Key::new(6).sequence(unit).purpose(Purpose::Test).stream();
            let height = 1.0 + 0.2 * stream.normal();
            let cell = |x: f64| height * (-x / h).exp2() + 0.5 + 0.1 * stream.normal();
            let cells: Vec<f64> = distances().into_iter().map(cell).collect();
            cells.into_iter().map(|cell| (stream.uniform() >= absent).then_some(cell)).collect()
        };
        Table::new(&(0..50).map(row).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_interval_holds_the_truth() {
        for (h, absent) in [(5.0, 0.0), (5.0, 0.4), (12.0, 0.1)] {
            let table = noisy_table(h, absent);
            let estimate = half_life(Family::Exponential, &distances(), &table, &FEW).unwrap();
            assert!(estimate.contains(h), "{estimate} for {h}");
            assert!(estimate.upper - estimate.lower < 0.3 * h, "{estimate}");
            assert_eq!(estimate.units, 50);
        }
    }

    /// Units that are all alike leave no doubt.
    #[test]
    fn equal_units_give_an_interval_without_width() {
        let row: Vec<Option<f64>> = distances().iter().map(|x| Some((1.0 + x).powi(-1))).collect();
        let table = Table::new(&vec![row; 4]).unwrap();
        let estimate = half_life(Family::Power, &distances(), &table, &FEW).unwrap();
        for end in [estimate.lower, estimate.value, estimate.upper] {
            assert!((end - 1.0).abs() < 1e-9, "{estimate}");
        }
    }

    /// A position nobody has is left out, not taken as 0.
    #[test]
    fn absent_positions_are_left_out() {
        let row: Vec<Option<f64>> =
            distances().iter().map(|&x| (x % 3.0 != 1.0).then(|| (-x / 7.0).exp2())).collect();
        let table = Table::new(&vec![row; 3]).unwrap();
        let estimate = half_life(Family::Exponential, &distances(), &table, &FEW).unwrap();
        assert!((estimate.value - 7.0).abs() < 1e-9, "{estimate}");
    }

    #[test]
    fn curves_without_a_half_life_are_errors() {
        let flat = Table::new(&vec![[Some(0.5); 64]; 4]).unwrap();
        let found = half_life(Family::Power, &distances(), &flat, &FEW);
        assert_eq!(found, Err(Error::Constant { what: "values" }));
        let absent = Table::new(&vec![[None; 64]; 4]).unwrap();
        let found = half_life(Family::Power, &distances(), &absent, &FEW);
        assert!(matches!(found, Err(Error::TooFew { what: "points", found: 0, .. })));
        let found = half_life(Family::Power, &[1.0], &absent, &FEW);
        assert!(matches!(found, Err(Error::Length { what: "distances", .. })));
    }

    /// Two units, one of them a straight line: resamples of that one alone have a
    /// half-life beyond reach, and the interval says so.
    #[test]
    fn a_half_life_beyond_reach_is_infinite() {
        let fast: Vec<Option<f64>> = distances().iter().map(|x| Some((-x / 4.0).exp2())).collect();
        let line: Vec<Option<f64>> = distances().iter().map(|x| Some(-0.001 * x)).collect();
        let table = Table::new(&[fast, line]).unwrap();
        let estimate = half_life(Family::Exponential, &distances(), &table, &FEW).unwrap();
        assert_eq!(estimate.upper, f64::INFINITY, "{estimate}");
    }
}
