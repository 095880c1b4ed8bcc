//! From rows to estimates, curves and words.

use std::collections::BTreeMap;

use dlm_stats::{Bootstrap, Estimate, Table as Cells, wilson};

use super::{
    super::{
        drawn::curve,
        paragraph::{rounded, with_interval},
    },
    PairRow, Settings,
    reading::OtherRow,
};
use crate::{
    Estimates, Table,
    figures::{Curve, Panel},
};

/// All rows, those of other tokens by preset and prompt.
pub(super) struct Seen<'a> {
    pairs: &'a [PairRow],
    others: BTreeMap<(&'a str, usize), Vec<&'a OtherRow>>,
    settings: &'a Settings,
    prompts: usize,
    bootstrap: Bootstrap,
}

/// What is said of one other token, where it can be.
type Measure = fn(&OtherRow) -> Option<f64>;

/// Nats to the judge, with the wrong token minus without.
const LATER: Measure = |row| Some(row.swapped_nats? - row.baseline_nats?);
/// The same where only the wrong token was put in.
const SPLICED: Measure = |row| Some(row.spliced_nats? - row.baseline_nats?);
/// The same where the right token was put back.
const RESTORED: Measure = |row| Some(row.restored_nats? - row.baseline_nats?);
/// Nats to the masked model, with the wrong token minus without.
const OWN: Measure = |row| Some(row.swapped_own? - row.baseline_own?);
/// The same where the right token was put back.
const RESTORED_OWN: Measure = |row| Some(row.restored_own? - row.baseline_own?);
/// Whether another token stands there.
const DRAG: Measure = |row| Some(f64::from(u8::from(row.swapped_token != row.baseline_token)));

/// What the axis of nats is called.
const CHANGE: &str = "change in nats a token";

/// Which of the other tokens are looked at.
#[derive(Clone, Copy)]
enum Where {
    All,
    Near,
    Far,
}

impl<'a> Seen<'a> {
    pub(super) fn new(
        pairs: &'a [PairRow],
        others: &'a [OtherRow],
        settings: &'a Settings,
        prompts: usize,
        bootstrap: Bootstrap,
    ) -> Self {
        let mut grouped: BTreeMap<(&str, usize), Vec<&OtherRow>> = BTreeMap::new();
        for row in others {
            grouped.entry((&row.preset, row.prompt)).or_default().push(row);
        }
        Self { pairs, others: grouped, settings, prompts, bootstrap }
    }

    /// The mean of a measure over some of a pair's other tokens.
    fn of_prompt(&self, preset: &str, prompt: usize, at: Where, of: Measure) -> Option<f64> {
        let near = self.settings.near as u64;
        let inside = |row: &&&OtherRow| match at {
            Where::All => true,
            Where::Near => row.distance.unsigned_abs() <= near,
            Where::Far => near < row.distance.unsigned_abs(),
        };
        let rows = self.others.get(&(preset, prompt))?.iter().filter(inside);
        mean(rows.filter_map(|row| of(row)))
    }

    /// The mean over prompts, those left out that have no such token.
    fn over_prompts(&self, value: impl Fn(usize) -> Option<f64>) -> Option<Estimate> {
        let values: Vec<f64> = (0..self.prompts).filter_map(value).collect();
        self.bootstrap.mean(&values).ok()
    }

    fn mean(&self, preset: &str, at: Where, of: Measure) -> Option<Estimate> {
        self.over_prompts(|prompt| self.of_prompt(preset, prompt, at, of))
    }

    /// Near minus far, over prompts that have both.
    fn near_far(&self, preset: &str, of: Measure) -> Option<Estimate> {
        self.over_prompts(|prompt| {
            let near = self.of_prompt(preset, prompt, Where::Near, of)?;
            Some(near - self.of_prompt(preset, prompt, Where::Far, of)?)
        })
    }

    /// The change in the n-gram judge's nats, over pairs whose texts are not empty.
    fn counted(&self, preset: &str, of: impl Fn(&PairRow) -> Option<f64>) -> Option<Estimate> {
        let pairs = self.pairs.iter().filter(|pair| pair.preset == preset);
        let changes = pairs.filter_map(|pair| Some(of(pair)? - pair.baseline_ngram?));
        self.bootstrap.mean(&changes.collect::<Vec<f64>>()).ok()
    }

    /// The share of pairs of which something holds.
    fn share(&self, preset: &str, holds: impl Fn(&PairRow) -> bool) -> Option<Estimate> {
        let pairs: Vec<&PairRow> = self.pairs.iter().filter(|p| p.preset == preset).collect();
        let count = pairs.iter().filter(|pair| holds(pair)).count();
        wilson(count, pairs.len(), self.bootstrap.level).ok()
    }

    pub(super) fn estimates(&self) -> Estimates {
        let mut estimates = Estimates::default();
        self.add(&mut estimates, "", &self.settings.ruled);
        for preset in &self.settings.presets {
            self.add(&mut estimates, &format!("_{preset}"), preset);
        }
        estimates
    }

    /// Everything that is said of a preset, under names that end in `suffix`.
    fn add(&self, estimates: &mut Estimates, suffix: &str, preset: &str) {
        let mut add = |name: &str, meaning: &str, estimate: Option<Estimate>| {
            if let Some(estimate) = estimate {
                estimates.add(
                    &format!("{name}{suffix}"),
                    &format!("{meaning}; {preset}"),
                    estimate,
                );
            }
        };
        use Where::{All, Far, Near};
        let judge = "nats a token of all others to the judge, with the wrong token minus without";
        add("later_nats_change", judge, self.mean(preset, All, LATER));
        add(
            "spliced_nats_change",
            "the same where only the wrong token was put into the finished text",
            self.mean(preset, All, SPLICED),
        );
        add(
            "restored_nats_change",
            "the same where the right token was put back into the finished text",
            self.mean(preset, All, RESTORED),
        );
        let own = "nats a token of all others to the masked model, each hidden in turn, with the \
                   wrong token minus without";
        add("own_nats_change", own, self.mean(preset, All, OWN));
        add(
            "restored_own_change",
            "the same where the right token was put back into the finished text",
            self.mean(preset, All, RESTORED_OWN),
        );
        let near_far =
            "change in nats to the masked model, near the wrong token minus farther away";
        add("near_far_change", near_far, self.near_far(preset, OWN));
        add(
            "restored_near_far_change",
            &format!("{near_far}, with the right token put back"),
            self.near_far(preset, RESTORED_OWN),
        );
        let counted = "nats a byte to the n-gram judge, with the wrong token minus without";
        add("ngram_change", counted, self.counted(preset, |pair| pair.swapped_ngram));
        add(
            "restored_ngram_change",
            "the same where the right token was put back into the finished text",
            self.counted(preset, |pair| pair.restored_ngram),
        );
        let drag = "share of other tokens that are not those of the run without the wrong token";
        add("drag", drag, self.mean(preset, All, DRAG));
        add("drag_near", &format!("{drag}, near it"), self.mean(preset, Near, DRAG));
        add("drag_far", &format!("{drag}, farther away"), self.mean(preset, Far, DRAG));
        add(
            "kept_share",
            "share of runs in which the wrong token stands to the end",
            self.share(preset, |pair| pair.final_token == pair.wrong_token),
        );
        add(
            "righted_share",
            "share of runs in which the right token stands there at the end",
            self.share(preset, |pair| pair.final_token == pair.right_token),
        );
    }

    pub(super) fn panels(&self) -> Vec<Panel> {
        let panel = |title: &str, y_label: &str, of: Measure| Panel {
            title: title.to_string(),
            y_label: y_label.to_string(),
            curves: self
                .settings
                .presets
                .iter()
                .map(|preset| self.by_distance(preset, of))
                .collect(),
            y_from_zero: true,
        };
        let mut own = panel("To the model itself, right word put back", CHANGE, RESTORED_OWN);
        // Only of the preset that the rules look at.
        own.curves.retain(|curve| curve.label == self.settings.ruled);
        vec![
            panel("To the judge, wrong word in sight", CHANGE, LATER),
            panel("To the judge, right word put back", CHANGE, RESTORED),
            own,
            panel("Another token", "share", DRAG),
        ]
    }

    /// A measure by distance, which doubles from one point to the next.
    fn by_distance(&self, preset: &str, of: Measure) -> Curve {
        let octaves = octave(self.settings.gen_length.max(2) as u64 - 1) + 1;
        let of_prompt = |prompt: usize| -> Vec<Option<f64>> {
            let rows = self.others.get(&(preset, prompt)).map_or(&[][..], Vec::as_slice);
            let at = |wanted: usize| {
                let here = rows.iter().filter(|r| octave(r.distance.unsigned_abs()) == wanted);
                mean(here.filter_map(|row| of(row)))
            };
            (0..octaves).map(at).collect()
        };
        let rows: Vec<Vec<Option<f64>>> = (0..self.prompts).map(of_prompt).collect();
        let table = Cells::new(&rows).and_then(|table| self.bootstrap.curve(&table, 2));
        let estimates = table.unwrap_or_default();
        curve(preset, estimates.into_iter().enumerate().map(|(i, e)| (i as f64, e)))
    }

    pub(super) fn finding(&self, estimates: &Estimates) -> String {
        let show = |name: &str| with_interval(estimates, name);
        let ruled = &self.settings.ruled;
        let rest = self.settings.presets.iter().filter(|preset| *preset != ruled);
        let kept = rest.map(|preset| format!("{preset} {}", show(&format!("kept_share_{preset}"))));
        let judged = match estimates.get("later_nats_change") {
            Some(_) => format!(
                "What the others cost the judge changes by {} nats a token, by {} with the wrong word \
                 alone; with the right word put back, what it did to the others changes it by {}. ",
                show("later_nats_change"),
                show("spliced_nats_change"),
                show("restored_nats_change"),
            ),
            None => String::new(),
        };
        let others = match self.settings.presets.len() {
            1 => String::new(),
            _ => format!(
                " The wrong word stands to the end in a share of {} of the runs of {ruled}; \
                 elsewhere in {}.",
                show("kept_share"),
                kept.collect::<Vec<String>>().join(", "),
            ),
        };
        format!(
            "With {ruled}, a wrong early word changes {} of the other tokens. {judged}What they cost \
             the masked model itself changes by {} nats a token with the wrong word in sight and \
             by {} with the right one put back, for those within {} positions by {} nats beyond \
             those farther away. To the n-gram judge the text with the right word put back changes \
             by {} nats a byte.{others}",
            show("drag"),
            show("own_nats_change"),
            show("restored_own_change"),
            self.settings.near,
            show("restored_near_far_change"),
            show("restored_ngram_change"),
        )
    }

    pub(super) fn table(&self, estimates: &Estimates) -> Table {
        const NAMES: [&str; 8] = [
            "later_nats_change",
            "spliced_nats_change",
            "restored_nats_change",
            "own_nats_change",
            "restored_own_change",
            "restored_ngram_change",
            "drag",
            "kept_share",
        ];
        let cell = |name: String| match estimates.get(&name) {
            Some(e) => format!("{} [{}, {}]", rounded(e.value), rounded(e.lower), rounded(e.upper)),
            None => String::new(),
        };
        let row = |preset: &String| {
            let pairs = self.pairs.iter().filter(|pair| pair.preset == *preset).count();
            let cells = NAMES.iter().map(|name| cell(format!("{name}_{preset}")));
            [preset.clone(), pairs.to_string()].into_iter().chain(cells).collect()
        };
        Table {
            title: "A wrong word, by preset".to_string(),
            note:
                "Nats a token, with the wrong word minus without; the model itself is asked of the \
                   preset that the rules look at. A prompt on which no step both commits a word and \
                   leaves a mask has no pair of runs."
                    .to_string(),
            columns: [
                "preset",
                "pairs",
                "judge",
                "judge, wrong word put in only",
                "judge, right word put back",
                "model itself",
                "model itself, right word put back",
                "n-gram judge, right word put back, nats a byte",
                "tokens changed",
                "wrong word kept",
            ]
            .map(String::from)
            .to_vec(),
            rows: self.settings.presets.iter().map(row).collect(),
            cell_notes: Vec::new(),
        }
    }
}

/// Which doubling of the distance: 1, 2, 3 to 4, 5 to 8, …
pub(super) fn octave(distance: u64) -> usize {
    distance.max(1).next_power_of_two().trailing_zeros() as usize
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::octave;

    #[test]
    fn distances_double() {
        let octaves: Vec<usize> = (1..=9).map(octave).collect();
        assert_eq!(octaves, [0, 1, 2, 2, 3, 3, 3, 3, 4]);
    }
}
