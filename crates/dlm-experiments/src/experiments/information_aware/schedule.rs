//! Masking schedules: who is hidden, at one mean noise.

use dlm_rng::{Key, Purpose};
use serde::{Deserialize, Serialize};

/// A masking schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Schedule {
    /// All positions alike, each on its own.
    Uniform,
    /// All positions alike, as many as the spaced schedules hide: what is left of the uniform
    /// one when its number is no longer left to chance.
    Counted,
    /// The more likely the more information a position carries, each on its own.
    Position,
    /// All positions alike, evenly spaced.
    Density,
    /// By information, and evenly spaced.
    Aware,
}

impl Schedule {
    pub(super) const ALL: [Self; 5] =
        [Self::Uniform, Self::Counted, Self::Position, Self::Density, Self::Aware];

    /// What reports call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Counted => "counted",
            Self::Position => "position",
            Self::Density => "density",
            Self::Aware => "aware",
        }
    }

    /// The positions that are hidden, given what each carries and the mean noise.
    pub(super) fn hidden(self, information: &[f64], noise: f64, key: Key) -> Vec<usize> {
        let probabilities = match self {
            Self::Uniform | Self::Counted | Self::Density => vec![noise; information.len()],
            Self::Position | Self::Aware => probabilities(information, noise),
        };
        match self {
            Self::Uniform | Self::Position => independent(&probabilities, key),
            Self::Counted => counted(&probabilities, key),
            Self::Density | Self::Aware => spaced(&probabilities, key),
        }
    }
}

/// `πᵢ = min(max(λ·wᵢ, c/2), (1 + c)/2)` with the `λ` at which their mean is `c`: a position is
/// hidden in proportion to the information `wᵢ ≥ 0` it carries, none for certain and none ever.
/// Where no position carries any, all are alike.
fn probabilities(information: &[f64], noise: f64) -> Vec<f64> {
    let most = information.iter().copied().fold(0.0, f64::max);
    if most <= 0.0 {
        return vec![noise; information.len()];
    }
    let at = |scale: f64| -> Vec<f64> {
        // Above 0, so that some scale reaches the mean whoever carries nothing.
        let share =
            |w: &f64| (scale * (w / most).max(1e-9)).clamp(noise / 2.0, (1.0 + noise) / 2.0);
        information.iter().map(share).collect()
    };
    let mean = |scale: f64| at(scale).iter().sum::<f64>() / information.len() as f64;
    let (mut low, mut high) = (0.0, 1.0);
    while mean(high) < noise {
        high *= 2.0;
    }
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        *if mean(middle) < noise { &mut low } else { &mut high } = middle;
    }
    at(high)
}

/// Each position on its own, by its uniform number.
fn independent(probabilities: &[f64], key: Key) -> Vec<usize> {
    let key = key.purpose(Purpose::Corrupt);
    let hidden = |&at: &usize| key.position(at as u64).uniform() < probabilities[at];
    (0..probabilities.len()).filter(hidden).collect()
}

/// As many as [`spaced`] hides with the same key, at any places.
fn counted(probabilities: &[f64], key: Key) -> Vec<usize> {
    let mut places: Vec<usize> = (0..probabilities.len()).collect();
    // The position behind all others names the order of the places.
    let order = key.purpose(Purpose::Corrupt).position(places.len() as u64);
    order.stream().shuffle(&mut places);
    places.truncate(spaced(probabilities, key).len());
    places.sort_unstable();
    places
}

/// Systematic sampling (Madow 1949): position `i` is hidden where a whole number lies in
/// `(u + Σ_{j<i} πⱼ, u + Σ_{j≤i} πⱼ]` for one uniform `u`. Each has its probability `πᵢ`, and
/// any stretch of neighbours has its expected number of hidden ones, to less than one.
fn spaced(probabilities: &[f64], key: Key) -> Vec<usize> {
    let mut sum = key.purpose(Purpose::Corrupt).uniform();
    let is_hidden = |at: &usize| {
        let before = sum;
        sum += probabilities[*at];
        before.floor() < sum.floor()
    };
    (0..probabilities.len()).filter(is_hidden).collect()
}

/// The longest run of neighbours among `hidden`, which ascends.
pub(super) fn longest_run(hidden: &[usize]) -> usize {
    let (mut longest, mut run, mut before) = (0, 0, None);
    for &at in hidden {
        run = if before == at.checked_sub(1) && before.is_some() { run + 1 } else { 1 };
        (longest, before) = (longest.max(run), Some(at));
    }
    longest
}

/// What each position of an answer carries: the surprisal `−ln u(v)` of its token in ordinary
/// text, and the less the nearer it stands to the prompt, `1 − 1/(d + 1)` at distance `d`.
pub(super) fn information(answer: &[u32], surprisal: &[f64]) -> Vec<f64> {
    let carried = |(index, &token): (usize, &u32)| {
        let distance = (index + 1) as f64;
        surprisal.get(token as usize).copied().unwrap_or(0.0) * distance / (distance + 1.0)
    };
    answer.iter().enumerate().map(carried).collect()
}

/// `−ln u(v)` with `u(v) = (c(v) + ½)/(Σ c + V/2)` (Krichevsky and Trofimov 1981).
pub(super) fn surprisal(counts: &[u64]) -> Vec<f64> {
    let total = counts.iter().sum::<u64>() as f64 + 0.5 * counts.len() as f64;
    counts.iter().map(|&count| (total / (count as f64 + 0.5)).ln()).collect()
}

#[cfg(test)]
mod tests {
    use dlm_rng::Key;

    use super::{Schedule, information, longest_run, probabilities, spaced, surprisal};

    #[test]
    fn probabilities_have_the_mean_and_follow_the_information() {
        for (noise, information) in [
            (0.5, vec![1.0, 2.0, 8.0, 4.0]),
            (0.3, vec![0.1, 9.0, 9.0, 0.1, 3.0]),
            (0.8, vec![5.0, 0.0, 1.0]),
        ] {
            let found = probabilities(&information, noise);
            let mean = found.iter().sum::<f64>() / found.len() as f64;
            assert!((mean - noise).abs() < 1e-9, "{noise}: {found:?}");
            for (i, a) in information.iter().enumerate() {
                for (j, b) in information.iter().enumerate() {
                    assert!(a < b || found[j] <= found[i], "{found:?}");
                }
            }
        }
        assert_eq!(probabilities(&[0.0, 0.0], 0.4), [0.4, 0.4]);
    }

    /// Over many draws every position is hidden with its own probability, under each schedule.
    #[test]
    fn every_position_is_hidden_with_its_probability() {
        let information = [1.0, 4.0, 2.0, 8.0, 1.0, 3.0, 5.0, 2.0];
        let draws = 4000;
        for schedule in Schedule::ALL {
            let mut counts = [0.0; 8];
            for draw in 0..draws {
                for at in schedule.hidden(&information, 0.5, Key::new(1).step(draw)) {
                    counts[at] += 1.0 / draws as f64;
                }
            }
            let expected = match schedule {
                Schedule::Uniform | Schedule::Counted | Schedule::Density => vec![0.5; 8],
                Schedule::Position | Schedule::Aware => probabilities(&information, 0.5),
            };
            for (count, expected) in counts.iter().zip(expected) {
                assert!((count - expected).abs() < 0.035, "{schedule:?}: {counts:?}");
            }
        }
    }

    /// The control hides exactly as many as the spaced schedules, and not evenly.
    #[test]
    fn the_counted_schedule_hides_as_many_as_the_spaced_one() {
        let information = vec![1.0; 21];
        let mut runs = 0;
        for draw in 0..200 {
            let key = Key::new(2).step(draw);
            let at = |schedule: Schedule| schedule.hidden(&information, 0.3, key);
            let (counted, spaced) = (at(Schedule::Counted), at(Schedule::Density));
            assert_eq!(counted.len(), spaced.len());
            assert_eq!(at(Schedule::Aware).len(), spaced.len());
            assert!(counted.windows(2).all(|pair| pair[0] < pair[1]));
            runs += usize::from(1 < longest_run(&counted));
        }
        assert!(100 < runs, "{runs}");
    }

    #[test]
    fn spacing_leaves_no_stretch_more_than_one_from_its_share() {
        for seed in 0..50 {
            let hidden = spaced(&[0.5; 20], Key::new(seed));
            assert_eq!((hidden.len(), longest_run(&hidden)), (10, 1));
        }
        assert_eq!(longest_run(&[0, 1, 2, 5, 6]), 3);
        assert_eq!(longest_run(&[]), 0);
    }

    #[test]
    fn rare_tokens_far_from_the_prompt_carry_most() {
        let surprisal = surprisal(&[90, 9, 0]);
        assert!(surprisal[0] < surprisal[1] && surprisal[1] < surprisal[2]);
        let carried = information(&[2, 0, 2], &surprisal);
        assert!(carried[1] < carried[0] && carried[0] < carried[2]);
        assert!((carried[0] - surprisal[2] / 2.0).abs() < 1e-12);
    }
}
