//! From rows to estimates, curves and words.

use dlm_stats::{Bootstrap, Estimate, wilson};

use super::{
    super::{
        drawn::curve,
        paragraph::{rounded, with_interval},
    },
    MaskRow, Settings,
};
use crate::{Estimates, Table, figures::Panel};

/// Positions that get a curve of their own, where they are looked at.
const SHOWN: [usize; 4] = [0, 1, 3, 7];

/// The rows, by prompt.
pub(super) struct Seen<'a> {
    pub(super) prompts: Vec<Vec<&'a MaskRow>>,
    settings: &'a Settings,
    bootstrap: Bootstrap,
}

impl<'a> Seen<'a> {
    pub(super) fn new(rows: &'a [MaskRow], settings: &'a Settings, bootstrap: Bootstrap) -> Self {
        let by_prompt = rows.chunk_by(|a, b| a.prompt == b.prompt);
        Self { prompts: by_prompt.map(|rows| rows.iter().collect()).collect(), settings, bootstrap }
    }

    fn fewest(&self) -> usize {
        self.settings.masks[0]
    }

    fn most(&self) -> usize {
        self.settings.masks[self.settings.masks.len() - 1]
    }

    /// The row of a prompt at a position under `masks` masks.
    fn at(rows: &[&'a MaskRow], masks: usize, position: usize) -> Option<&'a MaskRow> {
        rows.iter().copied().find(|row| row.masks == masks && row.position == position)
    }

    /// The mean over prompts of what a row says; absent where a prompt has none.
    fn mean(
        &self,
        masks: usize,
        position: usize,
        of: impl Fn(&MaskRow) -> Option<f64>,
    ) -> Option<Estimate> {
        self.mean_of(|rows| of(Self::at(rows, masks, position)?))
    }

    fn mean_of(&self, of: impl Fn(&[&'a MaskRow]) -> Option<f64>) -> Option<Estimate> {
        let values: Option<Vec<f64>> = self.prompts.iter().map(|rows| of(rows)).collect();
        self.bootstrap.mean(&values?).ok()
    }

    /// The share of prompts whose best token is another than under the fewest masks.
    fn changed(&self, masks: usize, position: usize) -> Option<Estimate> {
        let changed: Option<Vec<bool>> = self
            .prompts
            .iter()
            .map(|rows| {
                let row = Self::at(rows, masks, position)?;
                let fewest = row.reference.filter(|&fewest| fewest != masks)?;
                let reference = Self::at(rows, fewest, position)?;
                Some(row.top1_token != reference.top1_token)
            })
            .collect();
        let changed = changed?;
        let count = changed.iter().filter(|&&changed| changed).count();
        wilson(count, changed.len(), self.bootstrap.level).ok()
    }

    fn expected_length(&self, masks: usize) -> Option<Estimate> {
        self.mean_of(|rows| {
            let here = rows.iter().filter(|row| row.masks == masks);
            let ends: Option<Vec<f64>> = here.map(|row| row.eos_mass).collect();
            ends.filter(|ends| ends.len() == masks).map(|ends| expected_length(&ends))
        })
    }

    pub(super) fn estimates(&self) -> Estimates {
        let mut estimates = Estimates::default();
        let mut add = |name: String, meaning: String, estimate: Option<Estimate>| {
            if let Some(estimate) = estimate {
                estimates.add(&name, &meaning, estimate);
            }
        };
        let (fewest, most) = (self.fewest(), self.most());
        add(
            "tv_first_most".into(),
            format!("total variation at the first mask, {most} masks against {fewest}"),
            self.mean(most, 0, |row| row.tv),
        );
        let change = |rows: &[&'a MaskRow]| {
            let mass = |masks| Self::at(rows, masks, 0)?.eos_mass;
            Some(mass(most)? - mass(fewest)?)
        };
        add(
            "eos_first_change".into(),
            format!("mass on end-of-sequence at the first mask, {most} masks minus {fewest}"),
            self.mean_of(change),
        );
        for &n in &self.settings.masks {
            if n != fewest {
                add(
                    format!("tv_first_{n}"),
                    format!("total variation at the first mask, {n} masks against {fewest}"),
                    self.mean(n, 0, |row| row.tv),
                );
                add(
                    format!("top1_changed_{n}"),
                    format!(
                        "share of prompts whose best token at the first mask is another under {n} \
                         masks than under {fewest}"
                    ),
                    self.changed(n, 0),
                );
            }
            add(
                format!("eos_first_{n}"),
                format!("mass on end-of-sequence at the first of {n} masks"),
                self.mean(n, 0, |row| row.eos_mass),
            );
            add(
                format!("entropy_first_{n}"),
                format!("entropy at the first of {n} masks, nats"),
                self.mean(n, 0, |row| Some(row.entropy)),
            );
            add(
                format!("expected_length_{n}"),
                format!("expected tokens before the first end on {n} masks, were ends independent"),
                self.expected_length(n),
            );
        }
        estimates
    }

    pub(super) fn panels(&self) -> Vec<Panel> {
        let near = self.settings.near.min(self.most());
        let shown: Vec<usize> = SHOWN.into_iter().filter(|&position| position < near).collect();
        let by_position = |value: &dyn Fn(usize, usize) -> Option<Estimate>| {
            let one = |&position: &usize| {
                let reaching = self.settings.masks.iter().filter(|&&n| position < n);
                let points = reaching.map(|&n| ((n as f64).log2(), value(n, position)));
                curve(format!("position {position}"), points)
            };
            shown.iter().map(one).collect()
        };
        let panel = |title: &str, y_label: &str, curves| Panel {
            title: title.to_string(),
            y_label: y_label.to_string(),
            curves,
            y_from_zero: true,
        };
        let lengths = self.settings.masks.iter();
        let lengths = lengths.map(|&n| ((n as f64).log2(), self.expected_length(n)));
        vec![
            panel(
                "Distance from few masks",
                "total variation",
                by_position(&|n, position| self.mean(n, position, |row| row.tv)),
            ),
            panel(
                "Another best token",
                "share of prompts",
                by_position(&|n, position| self.changed(n, position)),
            ),
            panel(
                "End of sequence",
                "probability",
                by_position(&|n, position| self.mean(n, position, |row| row.eos_mass)),
            ),
            panel(
                "Entropy",
                "nats",
                by_position(&|n, position| self.mean(n, position, |row| Some(row.entropy))),
            ),
            panel("Expected length", "tokens", vec![curve("before the first end", lengths)]),
        ]
    }

    pub(super) fn finding(&self, estimates: &Estimates) -> String {
        let (fewest, most) = (self.fewest(), self.most());
        let show = |name: &str| with_interval(estimates, name);
        format!(
            "At the first mask, {most} masks instead of {fewest} move the prediction by a total \
             variation of {}; the best token is another for a share of {} of the prompts. The mass \
             on end-of-sequence changes there by {}, from {} to {}. On {most} masks the text would \
             be expected to end after {} tokens, on {fewest} after {}.",
            show("tv_first_most"),
            show(&format!("top1_changed_{most}")),
            show("eos_first_change"),
            show(&format!("eos_first_{fewest}")),
            show(&format!("eos_first_{most}")),
            show(&format!("expected_length_{most}")),
            show(&format!("expected_length_{fewest}")),
        )
    }

    pub(super) fn table(&self, estimates: &Estimates) -> Table {
        let cell = |name: String| match estimates.get(&name) {
            Some(e) => format!("{} [{}, {}]", rounded(e.value), rounded(e.lower), rounded(e.upper)),
            None => String::new(),
        };
        const NAMES: [&str; 5] =
            ["tv_first", "top1_changed", "eos_first", "entropy_first", "expected_length"];
        let row = |n: &usize| {
            let cells = NAMES.iter().map(|name| cell(format!("{name}_{n}")));
            std::iter::once(n.to_string()).chain(cells).collect()
        };
        Table {
            title: "The first mask by the number of masks".to_string(),
            note: format!("Compared with {} masks.", self.fewest()),
            columns: [
                "masks",
                "total variation",
                "best token another",
                "end-of-sequence mass",
                "entropy, nats",
                "expected length",
            ]
            .map(String::from)
            .to_vec(),
            rows: self.settings.masks.iter().map(row).collect(),
            cell_notes: Vec::new(),
        }
    }
}

/// `E[length] = Σₖ Πⱼ≤ₖ (1 − eⱼ)` for the chances `e` that a text ends at each position,
/// independently: how many tokens stand before the first end.
pub(super) fn expected_length(ends: &[f64]) -> f64 {
    let mut going_on = 1.0;
    let alive = ends.iter().map(|end| {
        going_on *= 1.0 - end;
        going_on
    });
    alive.sum()
}
