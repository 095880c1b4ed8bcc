//! Whether a confidence is a probability of being right.

use serde::{Deserialize, Serialize};

use crate::{Error, check};

/// How confidences are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bins {
    /// This many bins of equal width on [0, 1], closed below and open above, the
    /// last closed on both sides. Some may be empty.
    EqualWidth(usize),
    /// At most this many bins of about equally many predictions, in order of
    /// confidence. Equal confidences stay in one bin, so none depends on the
    /// order of the predictions; where there are many, bins are fewer.
    EqualMass(usize),
}

/// Predictions of about the same confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// The lowest confidence: the bin's edge for equal widths, the lowest one
    /// seen for equal masses.
    pub lower: f64,
    /// The highest confidence, in the same sense.
    pub upper: f64,
    /// How many predictions it holds.
    pub count: usize,
    /// Their mean confidence; absent where there are none.
    pub confidence: Option<f64>,
    /// The share of them that is right; absent where there are none.
    pub accuracy: Option<f64>,
}

/// Accuracy beside confidence, bin by bin: the data of a reliability diagram.
///
/// ```
/// use dlm_stats::{Bins, Reliability};
///
/// let confidence = [0.9, 0.8, 0.7, 0.6];
/// let correct = [true, true, true, false];
/// let table = Reliability::new(&confidence, &correct, Bins::EqualWidth(2))?;
/// assert_eq!(table.bins()[1].accuracy, Some(0.75));
/// assert!(table.expected_calibration_error() < 1e-12);
/// # Ok::<(), dlm_stats::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reliability {
    bins: Vec<Bin>,
}

impl Reliability {
    /// The table of predictions, each with its confidence in [0, 1] and whether
    /// it is right.
    ///
    /// # Errors
    ///
    /// Inputs that differ in length, no predictions, no bins, and confidences
    /// outside [0, 1].
    pub fn new(confidence: &[f64], correct: &[bool], bins: Bins) -> Result<Self, Error> {
        check::same_length("values of correct", correct.len(), confidence.len())?;
        check::enough("predictions", confidence.len(), 1)?;
        check::unit_interval("a confidence", confidence)?;
        let (Bins::EqualWidth(number) | Bins::EqualMass(number)) = bins;
        check::enough("bins", number, 1)?;

        let mut predictions: Vec<(f64, bool)> =
            confidence.iter().copied().zip(correct.iter().copied()).collect();
        // The second key makes sums independent of the order of the input.
        predictions.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        Ok(Self {
            bins: match bins {
                Bins::EqualWidth(number) => equal_width(&predictions, number),
                Bins::EqualMass(number) => equal_mass(&predictions, number),
            },
        })
    }

    /// The bins in order of confidence.
    #[must_use]
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// The expected calibration error: by how much accuracy and confidence differ
    /// in a bin, on average over predictions; from 0 to 1.
    ///
    /// ```text
    /// ECE = Σ_b n_b / n · |accuracy_b − confidence_b|
    /// ```
    ///
    /// It depends on the bins: few of them hide errors that cancel, and many mix
    /// in the chance of small counts, which makes it too large.
    ///
    /// Sources: Naeini, Cooper and Hauskrecht, *Obtaining well calibrated
    /// probabilities using Bayesian binning* (2015); equal masses: Nguyen and
    /// O'Connor, *Posterior calibration and exploratory analysis* (2015).
    #[must_use]
    pub fn expected_calibration_error(&self) -> f64 {
        let predictions: usize = self.bins.iter().map(|bin| bin.count).sum();
        let gap = |bin: &Bin| {
            let gap = (bin.accuracy? - bin.confidence?).abs();
            Some(gap * bin.count as f64 / predictions as f64)
        };
        self.bins.iter().filter_map(gap).sum()
    }
}

fn equal_width(predictions: &[(f64, bool)], number: usize) -> Vec<Bin> {
    let edge = |bin: usize| bin as f64 / number as f64;
    let mut start = 0;
    (0..number)
        .map(|bin| {
            let end = if bin + 1 == number {
                predictions.len()
            } else {
                predictions.partition_point(|(confidence, _)| *confidence < edge(bin + 1))
            };
            let inside = &predictions[start..end];
            start = end;
            summary(edge(bin), edge(bin + 1), inside)
        })
        .collect()
}

fn equal_mass(predictions: &[(f64, bool)], number: usize) -> Vec<Bin> {
    let mut bins = Vec::new();
    let mut start = 0;
    for bin in 1..=number {
        let mut end = (bin * predictions.len() / number).max(start);
        while end > start && end < predictions.len() && predictions[end].0 == predictions[end - 1].0
        {
            end += 1;
        }
        if let [(lower, _), .., (upper, _)] | [(lower @ upper, _)] = predictions[start..end] {
            bins.push(summary(lower, upper, &predictions[start..end]));
        }
        start = end;
    }
    bins
}

fn summary(lower: f64, upper: f64, predictions: &[(f64, bool)]) -> Bin {
    let count = predictions.len();
    let mean = |sum: f64| (count > 0).then(|| sum / count as f64);
    let right = predictions.iter().filter(|(_, correct)| *correct).count();
    Bin {
        lower,
        upper,
        count,
        confidence: mean(predictions.iter().map(|(confidence, _)| confidence).sum()),
        accuracy: mean(right as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dlm_rng::{Key, Purpose};

    fn ece(confidence: &[f64], correct: &[bool], bins: Bins) -> f64 {
        Reliability::new(confidence, correct, bins).unwrap().expected_calibration_error()
    }

    #[test]
    fn closed_forms() {
        for bins in [Bins::EqualWidth(10), Bins::EqualMass(10)] {
            // Always sure, always wrong; and right half of the time.
            assert_eq!(ece(&[1.0; 8], &[false; 8], bins), 1.0);
            let half = [true, false, true, false];
            assert_eq!(ece(&[1.0; 4], &half, bins), 0.5);
            assert_eq!(ece(&[0.5; 4], &half, bins), 0.0);
        }
        // One bin sees only the means: 0.75 sure on average, right half of the time.
        let confidence = [0.5, 1.0];
        assert_eq!(ece(&confidence, &[true, false], Bins::EqualWidth(1)), 0.25);
        // Two bins see both errors: |1 − 0.5| and |0 − 1|.
        assert_eq!(ece(&confidence, &[true, false], Bins::EqualMass(2)), 0.75);
    }

    #[test]
    fn the_table_by_hand() {
        let confidence = [0.0, 0.25, 0.5, 0.5, 1.0];
        let correct = [false, true, false, true, true];
        let table = Reliability::new(&confidence, &correct, Bins::EqualWidth(4)).unwrap();
        let found: Vec<_> =
            table.bins().iter().map(|b| (b.lower, b.count, b.confidence, b.accuracy)).collect();
        let expected = [
            (0.0, 1, Some(0.0), Some(0.0)),
            (0.25, 1, Some(0.25), Some(1.0)),
            (0.5, 2, Some(0.5), Some(0.5)),
            (0.75, 1, Some(1.0), Some(1.0)),
        ];
        assert_eq!(found, expected);
        assert_eq!(table.expected_calibration_error(), 0.15);
    }

    #[test]
    fn an_empty_bin_has_no_accuracy() {
        let table = Reliability::new(&[0.9], &[true], Bins::EqualWidth(2)).unwrap();
        assert_eq!(
            table.bins()[0],
            Bin { lower: 0.0, upper: 0.5, count: 0, confidence: None, accuracy: None }
        );
    }

    #[test]
    fn equal_masses_keep_equal_confidences_together() {
        let confidence = [0.1, 0.4, 0.4, 0.4, 0.6, 0.9];
        let correct = [false, true, false, true, true, true];
        let table = Reliability::new(&confidence, &correct, Bins::EqualMass(3)).unwrap();
        let counts: Vec<_> = table.bins().iter().map(|b| (b.lower, b.upper, b.count)).collect();
        assert_eq!(counts, [(0.1, 0.4, 4), (0.6, 0.9, 2)]);

        let mut backwards = (confidence, correct);
        backwards.0.reverse();
        backwards.1.reverse();
        let turned = Reliability::new(&backwards.0, &backwards.1, Bins::EqualMass(3)).unwrap();
        assert_eq!(turned, table);
    }

    #[test]
    fn more_bins_than_predictions_make_one_for_each() {
        let table = Reliability::new(&[0.2, 0.1], &[true, false], Bins::EqualMass(7)).unwrap();
        assert_eq!(table.bins().iter().map(|b| b.count).collect::<Vec<_>>(), [1, 1]);
    }

    /// Right with the probability that is claimed: what is left of the error is
    /// the chance of the counts, about √(2/π · c(1 − c) / n_b) in each bin.
    #[test]
    fn honest_confidences_are_calibrated() {
        let n = 40_000;
        let mut stream = Key::new(11).purpose(Purpose::Test).stream();
        let confidence: Vec<f64> = (0..n).map(|_| stream.uniform()).collect();
        let correct: Vec<bool> = confidence.iter().map(|&c| stream.uniform() < c).collect();
        let boasted: Vec<f64> = confidence.iter().map(|c| c.sqrt()).collect();
        for bins in [Bins::EqualWidth(10), Bins::EqualMass(10)] {
            assert!(ece(&confidence, &correct, bins) < 0.012);
            // E √u − u = 2/3 − 1/2
            assert!((ece(&boasted, &correct, bins) - 1.0 / 6.0).abs() < 0.012);
        }
    }

    #[test]
    fn input_without_a_table_is_an_error() {
        let new = |confidence: &[f64], correct: &[bool], bins| {
            Reliability::new(confidence, correct, bins).unwrap_err()
        };
        let ten = Bins::EqualWidth(10);
        assert!(matches!(new(&[], &[], ten), Error::TooFew { what: "predictions", .. }));
        assert!(matches!(new(&[0.5], &[], ten), Error::Length { .. }));
        assert!(matches!(new(&[1.5], &[true], ten), Error::OutOfRange { .. }));
        assert!(matches!(new(&[f64::NAN], &[true], ten), Error::OutOfRange { .. }));
        let none = new(&[0.5], &[true], Bins::EqualMass(0));
        assert!(matches!(none, Error::TooFew { what: "bins", .. }));
    }
}
