//! From rows to estimates, curves and words.

use dlm_stats::{Bootstrap, Estimate, Table as Cells, wilson};

use super::{
    super::{
        drawn::curve,
        paragraph::{rounded, with_interval},
    },
    FirstRow, PLAIN, POLICIES, PositionRow, RunRow, Settings,
};
use crate::{Estimates, Table, figures::Panel};

/// Policies whose course is drawn: one that leaves ends alone, one that holds them back, one
/// that knows none. A truncated text takes the plain one's course.
const TIMED: [&str; 3] = [PLAIN, "confidence", "logits"];

/// All rows.
pub(super) struct Seen<'a> {
    pub(super) first: &'a [FirstRow],
    pub(super) runs: &'a [RunRow],
    pub(super) positions: &'a [PositionRow],
    pub(super) settings: &'a Settings,
    pub(super) prompts: usize,
    pub(super) bootstrap: Bootstrap,
}

impl Seen<'_> {
    pub(super) fn longest(&self) -> usize {
        self.settings.gen_lengths[self.settings.gen_lengths.len() - 1]
    }

    /// The mean over prompts of what a decoding's row says.
    fn mean(&self, length: usize, policy: &str, of: impl Fn(&RunRow) -> f64) -> Option<Estimate> {
        let runs = self.runs.iter().filter(|run| run.length == length && run.policy == policy);
        self.bootstrap.mean(&runs.map(of).collect::<Vec<f64>>()).ok()
    }

    fn ended(&self, length: usize, policy: &str) -> Option<Estimate> {
        let runs = self.runs.iter().filter(|run| run.length == length && run.policy == policy);
        let ended: Vec<bool> = runs.map(|run| run.ended).collect();
        let count = ended.iter().filter(|&&ended| ended).count();
        wilson(count, ended.len(), self.bootstrap.level).ok()
    }

    /// The mean over prompts of the mass on ends within a stretch of the longest canvas.
    fn mass(&self, stretch: std::ops::Range<usize>) -> Option<Estimate> {
        let longest = self.longest();
        let of_prompt = |prompt: usize| {
            let rows =
                self.first.iter().filter(|row| row.prompt == prompt && row.length == longest);
            let inside = rows.filter(|row| stretch.contains(&row.position));
            mean(&inside.map(|row| row.eos_mass).collect::<Vec<f64>>())
        };
        let values: Option<Vec<f64>> = (0..self.prompts).map(of_prompt).collect();
        self.bootstrap.mean(&values?).ok()
    }

    /// By how much earlier the last quarter of the longest canvas is committed than the
    /// first, as a share of the steps.
    fn far_lead(&self) -> Option<Estimate> {
        let (length, quarter) = (self.longest(), self.longest().div_ceil(4));
        let when = |prompt: usize, stretch: std::ops::Range<usize>| {
            let rows = self.positions.iter().filter(|row| {
                (row.prompt, row.length, row.policy.as_str()) == (prompt, length, PLAIN)
            });
            let inside = rows.filter(|row| stretch.contains(&row.position));
            mean(&inside.filter_map(|row| self.progress(row)).collect::<Vec<f64>>())
        };
        let lead =
            |prompt| Some(when(prompt, 0..quarter)? - when(prompt, length - quarter..length)?);
        let values: Option<Vec<f64>> = (0..self.prompts).map(lead).collect();
        self.bootstrap.mean(&values?).ok()
    }

    /// How far decoding was when a position was committed: 0 at the first step, 1 at the
    /// last.
    fn progress(&self, row: &PositionRow) -> Option<f64> {
        let last = row.length.div_ceil(self.settings.tokens_per_step) - 1;
        Some(row.step? as f64 / last.max(1) as f64)
    }

    pub(super) fn estimates(&self) -> Estimates {
        let mut estimates = Estimates::default();
        let mut add = |name: &str, meaning: String, estimate: Option<Estimate>| {
            if let Some(estimate) = estimate {
                estimates.add(name, &meaning, estimate);
            }
        };
        let longest = self.longest();
        let quarter = longest.div_ceil(4);
        let of = format!("of the canvas of {longest}, ends treated like other tokens");
        add(
            "far_eos_mass",
            format!("mass on end-of-sequence in the last quarter of {longest} masks, first pass"),
            self.mass(longest - quarter..longest),
        );
        add(
            "near_eos_mass",
            format!("mass on end-of-sequence in the first quarter of {longest} masks, first pass"),
            self.mass(0..quarter),
        );
        add(
            "length_share",
            format!("tokens before the first end, as a share {of}"),
            self.mean(longest, PLAIN, |run| share(run.answer_length, run.length)),
        );
        add(
            "wasted_share",
            format!("positions behind the first end, as a share {of}"),
            self.mean(longest, PLAIN, |run| share(run.wasted_positions, run.length)),
        );
        add(
            "wasted_work",
            format!(
                "evaluations times positions that were spent behind the end or after the text was \
                 settled, as a share {of}"
            ),
            self.mean(longest, PLAIN, wasted_work),
        );
        add(
            "far_lead",
            format!(
                "by what share of the steps the last quarter is committed before the first, {of}"
            ),
            self.far_lead(),
        );
        for &length in &self.settings.gen_lengths {
            for policy in POLICIES {
                let on = format!("policy {policy}, canvas of {length}");
                add(
                    &format!("length_{policy}_{length}"),
                    format!("tokens before the first end; {on}"),
                    self.mean(length, policy, |run| run.answer_length as f64),
                );
                add(
                    &format!("wasted_{policy}_{length}"),
                    format!("share of positions behind the first end; {on}"),
                    self.mean(length, policy, |run| share(run.wasted_positions, run.length)),
                );
                add(
                    &format!("work_{policy}_{length}"),
                    format!("share of work behind the end or after the text was settled; {on}"),
                    self.mean(length, policy, wasted_work),
                );
                add(
                    &format!("nfe_{policy}_{length}"),
                    format!("network evaluations; {on}"),
                    self.mean(length, policy, |run| run.nfe as f64),
                );
                add(
                    &format!("ended_{policy}_{length}"),
                    format!("share of texts with an end, Wilson's interval; {on}"),
                    self.ended(length, policy),
                );
            }
        }
        estimates
    }

    /// The mass on ends in the first pass over a canvas, by position.
    pub(super) fn eos_curve(&self, length: usize) -> Vec<Option<Estimate>> {
        let rows = self.first.iter().filter(|row| row.length == length);
        self.curve(length, rows.map(|row| (row.prompt, row.position, Some(row.eos_mass))))
    }

    fn progress_curve(&self, policy: &str) -> Vec<Option<Estimate>> {
        let length = self.longest();
        let rows = self.positions.iter();
        let rows = rows.filter(|row| row.length == length && row.policy == policy);
        self.curve(length, rows.map(|row| (row.prompt, row.position, self.progress(row))))
    }

    /// Means over prompts at each position, from cells `(prompt, position, value)`.
    fn curve(
        &self,
        length: usize,
        cells: impl Iterator<Item = (usize, usize, Option<f64>)>,
    ) -> Vec<Option<Estimate>> {
        let mut rows = vec![vec![None; length]; self.prompts];
        for (prompt, position, value) in cells {
            rows[prompt][position] = value;
        }
        let table = Cells::new(&rows);
        table.and_then(|table| self.bootstrap.curve(&table, 2)).unwrap_or_default()
    }

    pub(super) fn flood(&self) -> Vec<Panel> {
        let share = |curve: Vec<Option<Estimate>>| {
            let length = curve.len() as f64;
            curve.into_iter().enumerate().map(move |(i, e)| ((i as f64 + 0.5) / length, e))
        };
        let lengths = self.settings.gen_lengths.iter();
        let masses = lengths.map(|&n| curve(format!("{n} masks"), share(self.eos_curve(n))));
        let progress = TIMED.iter().map(|name| curve(*name, share(self.progress_curve(name))));
        vec![
            panel("End of sequence, first pass", "probability", masses.collect()),
            panel("When committed", "share of the steps", progress.collect()),
        ]
    }

    pub(super) fn lengths(&self) -> Vec<Panel> {
        let by_policy = |of: &dyn Fn(&RunRow) -> f64| {
            let one = |policy: &&str| {
                let lengths = self.settings.gen_lengths.iter();
                let points = lengths.map(|&n| (n as f64, self.mean(n, policy, of)));
                curve(*policy, points)
            };
            POLICIES.iter().map(one).collect()
        };
        vec![
            panel(
                "Answer",
                "tokens before the first end",
                by_policy(&|run| run.answer_length as f64),
            ),
            panel(
                "Wasted positions",
                "share behind the end",
                by_policy(&|run| share(run.wasted_positions, run.length)),
            ),
            panel("Wasted work", "share of evaluations × positions", by_policy(&wasted_work)),
        ]
    }

    pub(super) fn finding(&self, estimates: &Estimates) -> String {
        let show = |name: &str| with_interval(estimates, name);
        let (longest, shortest) = (self.longest(), self.settings.gen_lengths[0]);
        format!(
            "Before anything is decoded, the last quarter of {longest} masks puts {} of its mass \
             on end-of-sequence, the first quarter {}. Decoded in one block, the answer fills {} \
             of the canvas ({} tokens, against {} on {shortest} masks) and {} of the positions lie \
             behind the end; {} of the work is spent there or after the text was settled. The last \
             quarter is ahead of the first by {} of the steps (below 0: behind).",
            show("far_eos_mass"),
            show("near_eos_mass"),
            show("length_share"),
            show(&format!("length_{PLAIN}_{longest}")),
            show(&format!("length_{PLAIN}_{shortest}")),
            show("wasted_share"),
            show("wasted_work"),
            show("far_lead"),
        )
    }

    pub(super) fn table(&self, estimates: &Estimates) -> Table {
        const NAMES: [&str; 5] = ["length", "wasted", "work", "nfe", "ended"];
        let cell = |name: String| match estimates.get(&name) {
            Some(e) => format!("{} [{}, {}]", rounded(e.value), rounded(e.lower), rounded(e.upper)),
            None => String::new(),
        };
        let mut rows = Vec::new();
        for length in &self.settings.gen_lengths {
            for policy in POLICIES {
                let cells = NAMES.iter().map(|name| cell(format!("{name}_{policy}_{length}")));
                rows.push(
                    [length.to_string(), policy.to_string()].into_iter().chain(cells).collect(),
                );
            }
        }
        Table {
            title: "What is done about ends, and what comes of it".to_string(),
            note: "Means over prompts with 95 % intervals.".to_string(),
            columns: [
                "canvas",
                "policy",
                "answer, tokens",
                "wasted positions",
                "wasted work",
                "evaluations",
                "texts with an end",
            ]
            .map(String::from)
            .to_vec(),
            rows,
            cell_notes: Vec::new(),
        }
    }
}

fn panel(title: &str, y_label: &str, curves: Vec<crate::figures::Curve>) -> Panel {
    let (title, y_label) = (title.to_string(), y_label.to_string());
    Panel { title, y_label, curves, y_from_zero: true }
}

/// `1 − (L − w)(n − m)/(Ln)` with `w` of `L` positions behind the end and `m` of `n`
/// evaluations made after the text was settled.
pub(super) fn wasted_work(run: &RunRow) -> f64 {
    let useful = (run.length - run.wasted_positions) * (run.nfe - run.wasted_nfe);
    1.0 - share(useful, run.length * run.nfe)
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
