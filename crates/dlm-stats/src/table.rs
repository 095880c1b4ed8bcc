//! What was measured, by unit and position, with absent cells.

use crate::{Error, check};

/// Numbers by unit (row) and position (column), any of them absent.
///
/// An absent number counts neither as a 0 nor as anything else: a mean runs over
/// the units that have one.
///
/// ```
/// use dlm_stats::Table;
///
/// let table = Table::new(&[[Some(1.0), None], [Some(2.0), Some(5.0)]])?;
/// assert_eq!(table.means(&[0, 1]), [Some(1.5), Some(5.0)]);
/// assert_eq!(table.means(&[0]), [Some(1.0), None]);
/// # Ok::<(), dlm_stats::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    units: usize,
    positions: usize,
    /// Row by row; an absent cell is NaN, which no present one can be.
    cells: Vec<f64>,
}

impl Table {
    /// The table of the given rows, one for each unit.
    ///
    /// # Errors
    ///
    /// Rows of different lengths, and cells that are present but not finite.
    pub fn new<R: AsRef<[Option<f64>]>>(rows: &[R]) -> Result<Self, Error> {
        let positions = rows.first().map_or(0, |row| row.as_ref().len());
        let mut cells = Vec::with_capacity(rows.len() * positions);
        for row in rows {
            let row = row.as_ref();
            check::same_length("positions in a row", row.len(), positions)?;
            for (index, cell) in row.iter().enumerate() {
                match *cell {
                    Some(value) if !value.is_finite() => {
                        return Err(Error::NotFinite {
                            what: "the cell at position",
                            index,
                            value,
                        });
                    }
                    Some(value) => cells.push(value),
                    None => cells.push(f64::NAN),
                }
            }
        }
        Ok(Self { units: rows.len(), positions, cells })
    }

    /// The number of units.
    #[must_use]
    pub fn units(&self) -> usize {
        self.units
    }

    /// The number of positions.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// How many units have a number at each position.
    #[must_use]
    pub fn present(&self) -> Vec<usize> {
        let mut present = vec![0; self.positions];
        for unit in 0..self.units {
            for (count, cell) in present.iter_mut().zip(self.row(unit)) {
                *count += usize::from(!cell.is_nan());
            }
        }
        present
    }

    /// The mean at each position over those of the units `chosen` that have a
    /// number there; absent where none has.
    ///
    /// A unit chosen twice counts twice. Units are indices from 0, and one that
    /// the table does not have counts as one without numbers.
    #[must_use]
    pub fn means(&self, chosen: &[usize]) -> Vec<Option<f64>> {
        let means = self.means_or_nan(chosen);
        means.into_iter().map(|mean| (!mean.is_nan()).then_some(mean)).collect()
    }

    /// As [`Table::means`], with NaN for an absent mean.
    pub(crate) fn means_or_nan(&self, chosen: &[usize]) -> Vec<f64> {
        let mut sums = vec![0.0; self.positions];
        let mut counts = vec![0_u32; self.positions];
        for &unit in chosen.iter().filter(|&&unit| unit < self.units) {
            for ((sum, count), cell) in sums.iter_mut().zip(&mut counts).zip(self.row(unit)) {
                if !cell.is_nan() {
                    *sum += cell;
                    *count += 1;
                }
            }
        }
        // 0 / 0 is NaN: no unit, no mean.
        sums.iter().zip(&counts).map(|(sum, &count)| sum / f64::from(count)).collect()
    }

    fn row(&self, unit: usize) -> &[f64] {
        &self.cells[unit * self.positions..(unit + 1) * self.positions]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_is_not_zero() {
        let table = Table::new(&[
            vec![Some(4.0), None, None],
            vec![None, Some(1.0), None],
            vec![Some(2.0), Some(2.0), None],
        ])
        .unwrap();
        assert_eq!(table.present(), [2, 2, 0]);
        assert_eq!(table.means(&[0, 1, 2]), [Some(3.0), Some(1.5), None]);
        assert_eq!(table.means(&[0, 0, 2]), [Some(10.0 / 3.0), Some(2.0), None]);
        assert_eq!(table.means(&[]), [None; 3]);
        assert_eq!(table.means(&[1, 99]), table.means(&[1]));
    }

    #[test]
    fn ragged_rows_and_infinite_cells_are_errors() {
        let ragged = Table::new(&[vec![None], vec![None, None]]).unwrap_err();
        let expected = Error::Length { what: "positions in a row", found: 2, expected: 1 };
        assert_eq!(ragged, expected);
        for bad in [f64::NAN, f64::INFINITY] {
            let error = Table::new(&[[None, Some(bad)]]).unwrap_err();
            assert!(matches!(error, Error::NotFinite { index: 1, .. }), "{error}");
        }
    }

    #[test]
    fn an_empty_table_has_no_positions() {
        let table = Table::new::<Vec<_>>(&[]).unwrap();
        assert_eq!((table.units(), table.positions()), (0, 0));
        assert!(table.means(&[0]).is_empty());
    }
}
