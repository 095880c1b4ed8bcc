//! From words of the chain to what becomes impossible, and how far from the wrong token.

use std::collections::BTreeMap;

use dlm_stats::{Bootstrap, Estimate, Table as Cells, wilson};

use super::{
    super::{drawn::curve, paragraph::with_interval},
    Settings,
    oracle::ChainRow,
    seen::octave,
};
use crate::{
    Estimates, Table,
    figures::{Curve, Panel},
};

/// All rows, by preset and word.
pub(super) struct Validity<'a> {
    words: BTreeMap<(&'a str, usize), Vec<&'a ChainRow>>,
    settings: &'a Settings,
    bootstrap: Bootstrap,
}

/// Of the rows of a word, how many there are and of how many something holds.
type Count = fn(&ChainRow) -> (usize, usize);

const WITHOUT: Count = |row| (row.baseline_impossible, row.transitions);
const WITH: Count = |row| (row.swapped_impossible, row.transitions);
const CHANGED: Count = |row| (row.changed, row.tokens);

/// The share of those of a word's rows that are looked at; none where there is nothing.
fn share(rows: &[&ChainRow], inside: impl Fn(usize) -> bool, of: Count) -> Option<f64> {
    let counts = rows.iter().filter(|row| inside(row.distance)).map(|row| of(row));
    let (held, all) = counts.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    (0 < all).then(|| held as f64 / all as f64)
}

impl<'a> Validity<'a> {
    pub(super) fn new(rows: &'a [ChainRow], settings: &'a Settings, bootstrap: Bootstrap) -> Self {
        let mut words: BTreeMap<(&str, usize), Vec<&ChainRow>> = BTreeMap::new();
        for row in rows {
            words.entry((&row.preset, row.word)).or_default().push(row);
        }
        Self { words, settings, bootstrap }
    }

    /// The rows of each word of a preset.
    fn of<'b>(&'b self, preset: &'b str) -> impl Iterator<Item = &'b [&'a ChainRow]> {
        let here = self.words.iter().filter(move |((name, _), _)| *name == preset);
        here.map(|(_, rows)| rows.as_slice())
    }

    fn mean(
        &self,
        preset: &str,
        of_word: impl Fn(&[&ChainRow]) -> Option<f64>,
    ) -> Result<Estimate, dlm_stats::Error> {
        self.bootstrap.mean(&self.of(preset).filter_map(of_word).collect::<Vec<f64>>())
    }

    /// Adds what is said of each preset.
    pub(super) fn add(&self, estimates: &mut Estimates) {
        let change = |inside: fn(usize) -> bool| {
            move |rows: &[&ChainRow]| {
                Some(share(rows, inside, WITH)? - share(rows, inside, WITHOUT)?)
            }
        };
        let meaning = "share of transitions that cannot be, with the wrong token minus without, \
                       perfect network";
        for preset in &self.settings.presets {
            for (name, which, estimate) in [
                (
                    "oracle_touching_change",
                    format!("{meaning}; those that touch it"),
                    self.mean(preset, change(|distance| distance == 1)),
                ),
                (
                    "oracle_beyond_change",
                    format!("{meaning}; all others"),
                    self.mean(preset, change(|distance| 1 < distance)),
                ),
                (
                    "oracle_drag",
                    "share of other drawn tokens that are not those of the word without the wrong \
                     token, perfect network"
                        .to_string(),
                    self.mean(preset, |rows| share(rows, |_| true, CHANGED)),
                ),
                (
                    "oracle_kept_share",
                    "share of words in which the wrong token stands to the end, \
                     perfect network"
                        .to_string(),
                    self.kept(preset),
                ),
            ] {
                let (name, which) = (format!("{name}_{preset}"), format!("{which}; {preset}"));
                estimates.add_if_any(&name, &which, estimate);
            }
        }
    }

    fn kept(&self, preset: &str) -> Result<Estimate, dlm_stats::Error> {
        let kept = self.of(preset).filter(|rows| rows.iter().any(|row| row.kept)).count();
        wilson(kept, self.of(preset).count(), self.bootstrap.level)
    }

    pub(super) fn panels(&self) -> Vec<Panel> {
        let panel = |title: &str, of: Count| Panel {
            title: title.to_string(),
            y_label: "share".to_string(),
            curves: self.settings.presets.iter().map(|name| self.by_distance(name, of)).collect(),
            y_from_zero: true,
        };
        vec![
            panel("Impossible transitions, with the wrong token", WITH),
            panel("Impossible transitions, without", WITHOUT),
            panel("Another token", CHANGED),
        ]
    }

    /// A share by distance, which doubles from one point to the next.
    fn by_distance(&self, preset: &str, of: Count) -> Curve {
        let octaves = octave(self.settings.oracle.length as u64 - 1) + 1;
        let of_word = |rows: &[&ChainRow]| -> Vec<Option<f64>> {
            let at = |wanted| share(rows, |distance| octave(distance as u64) == wanted, of);
            (0..octaves).map(at).collect()
        };
        let rows: Vec<Vec<Option<f64>>> = self.of(preset).map(of_word).collect();
        let table = Cells::new(&rows).and_then(|table| self.bootstrap.curve(&table, 2));
        let estimates = table.unwrap_or_default();
        curve(preset, estimates.into_iter().enumerate().map(|(i, e)| (i as f64, e)))
    }

    pub(super) fn finding(&self, estimates: &Estimates) -> String {
        let each = |name: &str| {
            let one = |preset: &String| {
                format!("{preset} {}", with_interval(estimates, &format!("{name}_{preset}")))
            };
            self.settings.presets.iter().map(one).collect::<Vec<String>>().join(", ")
        };
        format!(
            "On the chain, where the network makes no error, the wrong token adds to the share of \
             impossible transitions, among those that touch it: {}; among all others: {}.",
            each("oracle_touching_change"),
            each("oracle_beyond_change"),
        )
    }

    pub(super) fn table(&self, estimates: &Estimates) -> Table {
        let row = |preset: &String| {
            let cell = |name: &str| match estimates.get(&format!("{name}_{preset}")) {
                Some(_) => with_interval(estimates, &format!("{name}_{preset}")),
                None => String::new(),
            };
            let names = [
                "oracle_touching_change",
                "oracle_beyond_change",
                "oracle_drag",
                "oracle_kept_share",
            ];
            let words = self.of(preset).count().to_string();
            [preset.clone(), words].into_iter().chain(names.map(cell)).collect()
        };
        Table {
            title: "A wrong token on a known chain, by preset".to_string(),
            note:
                "Impossible transitions with the wrong token minus without; a network that knows \
                   the law draws one token a step, so whatever is wrong is the wrong token's doing \
                   or the sampler's."
                    .to_string(),
            columns: [
                "preset",
                "words",
                "touching it",
                "all others",
                "tokens changed",
                "wrong token kept",
            ]
            .map(String::from)
            .to_vec(),
            rows: self.settings.presets.iter().map(row).collect(),
            cell_notes: Vec::new(),
        }
    }
}
