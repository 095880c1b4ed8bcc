//! An axis: where it begins and ends, and which numbers stand at it.

/// What part of a step beyond a tick is little.
const LITTLE: f64 = 0.15;

/// A range of values with round numbers along it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    /// The round numbers and how each is written, rising.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis that holds `low..=high` and begins and ends at a tick, or where the values do,
    /// if that is so little beyond a tick that a whole step more would stand empty.
    pub(super) fn around(low: f64, high: f64, intervals: f64) -> Self {
        let (low, high) = widen(low, high);
        let step = round_step((high - low) / intervals);
        // The slack keeps a bound that is a tick, but for rounding, from adding a step.
        let first = (low / step + 1e-6).floor();
        let last = (high / step - 1e-6).ceil();
        let (start, end) = (first + 1.0 - low / step, high / step - (last - 1.0));
        let (first, low) = if start < LITTLE { (first + 1.0, low) } else { (first, first * step) };
        let (last, high) = if end < LITTLE { (last - 1.0, high) } else { (last, last * step) };
        Self { low, high, ticks: ticks(first, last, step) }
    }

    /// An axis of exactly `low..=high`, with the ticks within.
    pub(super) fn within(low: f64, high: f64, intervals: f64) -> Self {
        let (low, high) = widen(low, high);
        let step = round_step((high - low) / intervals);
        let first = (low / step - 1e-6).ceil();
        let last = (high / step + 1e-6).floor();
        Self { low, high, ticks: ticks(first, last, step) }
    }
}

/// A range of positive length, also around a single value. Differences too small to
/// be told apart in double precision count as none.
fn widen(low: f64, high: f64) -> (f64, f64) {
    let size = low.abs().max(high.abs());
    if size < 1e-100 {
        (low - 0.5, high + 0.5)
    } else if high - low < 1e-9 * size {
        (low - 0.1 * size, high + 0.1 * size)
    } else {
        (low, high)
    }
}

/// The smallest of 1, 2, 5 and 10 times a power of ten that is at least `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factors = [1.0, 2.0, 5.0];
    factors.into_iter().find(|factor| step <= factor * power * 1.000001).unwrap_or(10.0) * power
}

/// The multiples `first..=last` of `step`.
fn ticks(first: f64, last: f64, step: f64) -> Vec<(f64, String)> {
    let largest = step * first.abs().max(last.abs());
    let count = (last - first) as usize;
    (0..=count)
        .map(|index| step * (first + index as f64))
        .map(|value| (value, number(value, step, largest)))
        .collect()
}

/// A tick as it is written: as many decimals as its step has, and powers of ten
/// where that would be long.
fn number(value: f64, step: f64, largest: f64) -> String {
    let plain = if value == 0.0 {
        "0".to_owned()
    } else if largest < 1e6 && 1e-4 <= step {
        let decimals = (-step.log10() - 1e-6).ceil().max(0.0) as usize;
        format!("{value:.decimals$}")
    } else {
        let power = |number: f64| (number.abs().log10() + 1e-6).floor();
        let digits = (power(value) - power(step)).max(0.0) as usize;
        let written = format!("{value:.digits$e}");
        match written.split_once('e') {
            Some((factor, exponent)) if factor.contains('.') => {
                format!("{}e{exponent}", factor.trim_end_matches('0').trim_end_matches('.'))
            }
            _ => written,
        }
    };
    plain.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_and_written_briefly() {
        for (low, high, expected) in [
            (0.0, 1.0, vec!["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
            (0.0, 7.3, vec!["0", "2", "4", "6", "8"]),
            (-0.12, 0.33, vec!["−0.2", "−0.1", "0", "0.1", "0.2", "0.3", "0.4"]),
            (-0.01, 0.31, vec!["0", "0.1", "0.2", "0.3"]),
            (0.0, 3e6, vec!["0", "1e6", "2e6", "3e6"]),
            (0.0, 4.2e-6, vec!["0", "1e−6", "2e−6", "3e−6", "4e−6", "5e−6"]),
            (0.0, 2.4e-4, vec!["0", "5e−5", "1e−4", "1.5e−4", "2e−4", "2.5e−4"]),
            (0.0, 24e6, vec!["0", "5e6", "1e7", "1.5e7", "2e7", "2.5e7"]),
            (0.0, 0.0, vec!["−0.6", "−0.4", "−0.2", "0", "0.2", "0.4", "0.6"]),
        ] {
            assert_eq!(labels(&Axis::around(low, high, 5.0)), expected, "{low}..={high}");
        }
        let positions = Axis::within(1.0, 128.0, 7.0);
        assert_eq!(labels(&positions), ["20", "40", "60", "80", "100", "120"]);
        assert_eq!((positions.low, positions.high), (1.0, 128.0));
    }

    #[test]
    fn every_range_is_covered_by_a_few_different_ticks() {
        for exponent in -90..=90 {
            let unit = 10f64.powi(exponent);
            for (low, high) in
                [(0.0, 1.0), (-1.0, 1.0), (3.7, 3.7), (-9.99, -9.98), (1.0, 999.0), (0.0, 2.4)]
            {
                let (low, high) = (low * unit, high * unit);
                for axis in [Axis::around(low, high, 5.0), Axis::within(low, high, 5.0)] {
                    let slack = 1e-5 * (axis.high - axis.low);
                    assert!(axis.low - slack <= low && high <= axis.high + slack, "{axis:?}");
                    assert!((2..=8).contains(&axis.ticks.len()), "{axis:?}");
                    assert!(axis.ticks.is_sorted_by(|a, b| a.0 < b.0), "{axis:?}");
                    let written: HashSet<&str> = labels(&axis).into_iter().collect();
                    assert_eq!(written.len(), axis.ticks.len(), "{axis:?}");
                }
            }
        }
    }
}
