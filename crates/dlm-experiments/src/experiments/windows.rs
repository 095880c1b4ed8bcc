//! Near and far: the masks next to the prompt, and the last ones.

use std::ops::Range;

use dlm_probe::PositionRow;

use super::{measures::Measure, probe_settings::ProbeSettings};

/// The two windows that a shift is measured between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Windows {
    pub(super) near: Range<usize>,
    pub(super) far: Range<usize>,
}

impl Windows {
    /// The windows of `masks` positions, as the settings cut them; each at least one.
    pub(super) fn new(settings: &ProbeSettings, masks: usize) -> Self {
        let share = |share: f64| ((masks as f64 * share).round() as usize).clamp(1, masks);
        Self { near: 0..share(settings.near), far: masks - share(settings.far)..masks }
    }

    /// In words.
    pub(super) fn describe(&self) -> String {
        format!(
            "near is positions {} to {}, far is positions {} to {}, counted from the first mask",
            self.near.start,
            self.near.end - 1,
            self.far.start,
            self.far.end - 1
        )
    }
}

/// The mean of a measure over a window of one prompt; absent where no position of
/// it has a value.
pub(super) fn window_mean(
    rows: &[&PositionRow],
    measure: Measure,
    window: &Range<usize>,
) -> Option<f64> {
    let inside = rows.iter().filter(|row| window.contains(&row.position));
    let values: Vec<f64> = inside.filter_map(|row| (measure.of)(row)).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
