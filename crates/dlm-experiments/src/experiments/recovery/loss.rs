//! How much is lost, how evenly, and how smoothly.

/// What one text loses at one noise level.
///
/// With `mᵢ(t)` the nats that are missing at position `i` and `rᵢ(t) = mᵢ(1) − mᵢ(t)` those
/// that are recovered; a visible token misses none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::experiments) struct Level {
    /// Mean of the `mᵢ`.
    pub(in crate::experiments) missing: f64,
    /// Mean of the `rᵢ`.
    pub(in crate::experiments) recovered: f64,
    /// Standard deviation of the `rᵢ` over their mean; NaN where that is not above 0.
    pub(in crate::experiments) spread: f64,
    /// The same of the `mᵢ`.
    pub(in crate::experiments) missing_spread: f64,
}

impl Level {
    /// Of the positions of one text, from what each misses now and where all is noise.
    pub(in crate::experiments) fn of(missing: &[f64], at_noise: &[f64]) -> Self {
        let recovered: Vec<f64> = at_noise.iter().zip(missing).map(|(all, m)| all - m).collect();
        Self {
            missing: mean(missing.iter().copied()),
            recovered: mean(recovered.iter().copied()),
            spread: spread(&recovered),
            missing_spread: spread(missing),
        }
    }
}

/// Standard deviation over mean of `values`; NaN where the mean is not above 0.
pub(in crate::experiments) fn spread(values: &[f64]) -> f64 {
    let mean = mean(values.iter().copied());
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    match 0.0 < mean {
        true => (squares / values.len() as f64).sqrt() / mean,
        false => f64::NAN,
    }
}

/// The mean of those values that are numbers; NaN where none is.
pub(in crate::experiments) fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values.into_iter().filter(|value| !value.is_nan()) {
        sum += value;
        count += 1.0;
    }
    sum / count
}

/// `L(t)`, the share of the information that is lost at each level: the mean of the texts'
/// nats missing, over what is missing at the last level, where all is noise.
pub(in crate::experiments) fn lost(texts: &[&[Level]]) -> Vec<f64> {
    let levels = texts.first().map_or(0, |text| text.len());
    let at = |level: usize| mean(texts.iter().map(|text| text[level].missing));
    let whole = levels.checked_sub(1).map_or(f64::NAN, at);
    (0..levels).map(|level| at(level) / whole).collect()
}

/// The first time at which half is lost, on straight lines between levels; NaN where `lost`
/// never gets there.
pub(in crate::experiments) fn time_of_half(times: &[f64], lost: &[f64]) -> f64 {
    let steps = times.windows(2).zip(lost.windows(2));
    let crossing = steps.into_iter().find(|(_, lost)| lost[0] <= 0.5 && 0.5 <= lost[1]);
    crossing.map_or(f64::NAN, |(times, lost)| match lost[1] - lost[0] {
        0.0 => times[0],
        rise => times[0] + (0.5 - lost[0]) / rise * (times[1] - times[0]),
    })
}

/// The value at time `t`, on straight lines between levels; NaN outside.
pub(in crate::experiments) fn at_time(times: &[f64], values: &[f64], t: f64) -> f64 {
    let mut steps = times.windows(2).zip(values.windows(2));
    let around = steps.find(|(times, _)| times[0] <= t && t <= times[1]);
    around.map_or(f64::NAN, |(times, values)| {
        let share = (t - times[0]) / (times[1] - times[0]);
        match share {
            0.0 => values[0],
            1.0 => values[1],
            _ => values[0] + share * (values[1] - values[0]),
        }
    })
}

/// The largest step of `values` over the mean step, both for the time they take:
/// `max |Δvₖ/Δtₖ| / |Σ Δv/Σ Δt|`. 1 is a straight line; the number of levels is the most.
pub(in crate::experiments) fn steepest(times: &[f64], values: &[f64]) -> f64 {
    let slope = |(times, values): (&[f64], &[f64])| {
        let (first, last) = (0, times.len() - 1);
        ((values[last] - values[first]) / (times[last] - times[first])).abs()
    };
    let steps = times.windows(2).zip(values.windows(2)).map(slope);
    steps.fold(0.0, f64::max) / slope((times, values))
}

#[cfg(test)]
mod tests {
    use super::{Level, at_time, lost, mean, spread, steepest, time_of_half};

    #[test]
    fn spread_is_standard_deviation_over_mean() {
        assert_eq!(spread(&[2.0, 2.0]), 0.0);
        assert!((spread(&[1.0, 3.0]) - 0.5).abs() < 1e-12);
        assert!(spread(&[1.0, -1.0]).is_nan() && spread(&[]).is_nan());
        let level = Level::of(&[0.0, 4.0], &[3.0, 5.0]);
        assert_eq!((level.missing, level.recovered), (2.0, 2.0));
        assert!((level.spread - 0.5).abs() < 1e-12);
        assert!((level.missing_spread - 1.0).abs() < 1e-12);
        assert_eq!(mean([1.0, f64::NAN, 3.0]), 2.0);
    }

    #[test]
    fn half_is_found_between_levels() {
        let levels = |missing: [f64; 3]| missing.map(|m| Level::of(&[m], &[4.0])).to_vec();
        let (one, other) = (levels([0.0, 1.0, 4.0]), levels([0.0, 2.0, 4.0]));
        let lost = lost(&[&one, &other]);
        assert_eq!(lost, [0.0, 0.375, 1.0]);
        let times = [0.0, 0.5, 1.0];
        assert!((time_of_half(&times, &lost) - 0.6).abs() < 1e-12);
        assert!(time_of_half(&times, &[0.0, 0.1, 0.2]).is_nan());
        assert!((at_time(&times, &lost, 0.25) - 0.1875).abs() < 1e-12);
        assert_eq!((at_time(&times, &lost, 0.5), at_time(&times, &lost, 1.0)), (0.375, 1.0));
    }

    #[test]
    fn a_straight_line_has_no_steepest_step_and_a_jump_is_one() {
        let times = [0.0, 0.5, 0.75, 1.0];
        assert!((steepest(&times, &[0.0, 0.5, 0.75, 1.0]) - 1.0).abs() < 1e-12);
        assert!((steepest(&times, &[0.0, 0.0, 1.0, 1.0]) - 4.0).abs() < 1e-12);
    }
}
