//! From answers and errors to what steps gain and samplers repair.

use std::collections::BTreeMap;

use dlm_stats::Bootstrap;

use super::errors::RepairRow;
use crate::{
    Estimates, Table,
    experiments::{
        answers::{AnswerMeasure, AnswerRow, MEASURES},
        measured::{Condition, Measured, condition, point},
        paragraph::{cell, with_interval},
    },
    figures::{Curve, Panel},
    summary::Findings,
};

/// Most curves of a panel.
const CURVES: usize = 5;

/// All that was measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub(super) answers: Vec<AnswerRow>,
    pub(super) repairs: Vec<RepairRow>,
}

/// Who ran, and how.
pub(super) struct Plan {
    /// Presets, and whether they mask anything again.
    pub(super) presets: Vec<(String, bool)>,
    pub(super) solvers: Vec<String>,
    /// Numbers of steps, ascending.
    pub(super) steps: Vec<usize>,
    pub(super) repair_steps: usize,
    pub(super) injected: f64,
    pub(super) injected_time: f64,
}

/// What may become of a token that stood in the middle of a run.
#[derive(Clone, Copy)]
enum Fate {
    /// A wrong one is gone.
    Repaired,
    /// What stood there before it is back.
    Returned,
    /// One that was not touched is gone.
    Churned,
}

impl Plan {
    /// The samplers of each family.
    fn families(&self) -> [(&'static str, Vec<&str>); 2] {
        let presets = self.presets.iter().map(|(name, _)| name.as_str()).collect();
        [("masked", presets), ("gaussian", self.solvers.iter().map(String::as_str).collect())]
    }

    /// The estimates, tables and panels of all rows.
    pub(super) fn findings(&self, rows: &Rows, bootstrap: &Bootstrap) -> (Findings, Vec<Panel>) {
        let mut estimates = Estimates::default();
        for (family, samplers) in self.families() {
            self.add_gains(&mut estimates, family, &samplers, &rows.answers, bootstrap);
            self.add_repairs(&mut estimates, family, &samplers, &rows.repairs, bootstrap);
        }
        let findings = Findings {
            finding: finding(&estimates),
            method: self.method(bootstrap),
            tables: vec![
                self.answers_table(&rows.answers, bootstrap),
                self.repairs_table(&rows.repairs, bootstrap),
            ],
            estimates,
            ..Findings::default()
        };
        (findings, self.panels(&rows.answers, bootstrap))
    }

    fn add_gains(
        &self,
        estimates: &mut Estimates,
        family: &str,
        samplers: &[&str],
        answers: &[AnswerRow],
        bootstrap: &Bootstrap,
    ) {
        let (Some(&fewest), Some(&most)) = (self.steps.first(), self.steps.last()) else { return };
        let between = |samplers: &[&str], from: usize, to: usize| -> Vec<(Condition, Condition)> {
            let pair = |name: &&str| (condition(name, Some(from)), condition(name, Some(to)));
            samplers.iter().map(pair).collect()
        };
        let mut add = |name: String, meaning: String, values: Vec<f64>| {
            estimates.add_if_any(&format!("{family}_{name}"), &meaning, bootstrap.mean(&values));
        };
        for (name, prefix) in [("judge", ""), ("ngram", "ngram_")] {
            let measure = AnswerMeasure::named(name);
            let (measured, meaning) = (measure.of(answers), measure.meaning);
            let ends = format!("{meaning}: at {fewest} steps less at {most}");
            // A gain is what is saved, so the pairs run from the most to the fewest.
            let gain = measured.changes(&between(samplers, most, fewest));
            add(format!("{prefix}gain"), format!("{ends}, mean over samplers"), gain);
            for sampler in samplers {
                let gain = measured.changes(&between(&[sampler], most, fewest));
                add(format!("{prefix}gain_{sampler}"), format!("{ends}, {sampler}"), gain);
            }
            for pair in self.steps.windows(2) {
                let (from, to) = (pair[0], pair[1]);
                let gain = measured.changes(&between(samplers, to, from));
                let per_step = gain.iter().map(|gain| gain / (to - from) as f64).collect();
                let meaning = format!(
                    "{meaning}: saved by each step from {from} to {to}, mean over samplers"
                );
                add(format!("{prefix}gain_per_step_{from}_{to}"), meaning, per_step);
            }
        }
        for name in ["entropy", "distinct_2", "rep_4", "tokens", "empty"] {
            let measure = AnswerMeasure::named(name);
            let change = measure.of(answers).changes(&between(samplers, fewest, most));
            let meaning = measure.meaning;
            let meaning =
                format!("{meaning}: at {most} steps less at {fewest}, mean over samplers");
            add(format!("{name}_change"), meaning, change);
        }
    }

    fn add_repairs(
        &self,
        estimates: &mut Estimates,
        family: &str,
        samplers: &[&str],
        repairs: &[RepairRow],
        bootstrap: &Bootstrap,
    ) {
        let masks_again =
            |name: &&&str| self.presets.iter().all(|(preset, again)| preset != **name || *again);
        let able: Vec<Condition> =
            samplers.iter().filter(masks_again).map(|name| condition(name, None)).collect();
        let who = if family == "masked" { "of presets that mask again" } else { "of solvers" };
        let mut add = |suffix: &str, meaning: &str, measured: &Measured| {
            let mean = bootstrap.mean(&measured.over(&able));
            estimates.add_if_any(&format!("{family}_{suffix}"), &format!("{meaning}, {who}"), mean);
            for sampler in samplers {
                let mean = measured.mean(&condition(sampler, None), bootstrap);
                let (name, meaning) =
                    (format!("{family}_{suffix}_{sampler}"), format!("{meaning}, {sampler}"));
                estimates.add_if_any(&name, &meaning, mean);
            }
        };
        for (suffix, fate, meaning) in [
            ("repair", Fate::Repaired, "share of wrong tokens that are gone at the end"),
            ("returned", Fate::Returned, "share of wrong tokens that what stood there replaced"),
            ("churn", Fate::Churned, "share of right tokens that are gone at the end"),
        ] {
            add(suffix, meaning, &fates(repairs, fate));
        }
        let meaning = "share of wrong tokens that are gone at the end less that of right ones, \
                       by prompt";
        add("repair_excess", meaning, &excess(repairs));
    }

    /// Everybody who ran, family by family.
    fn everyone(&self) -> impl Iterator<Item = &str> {
        self.families().into_iter().flat_map(|(_, samplers)| samplers)
    }

    fn panels(&self, answers: &[AnswerRow], bootstrap: &Bootstrap) -> Vec<Panel> {
        let ran = |sampler: &&str| answers.iter().any(|row| row.sampler == **sampler);
        // The same curves in every panel, so that a colour is one sampler's.
        let shown: Vec<&str> = self.everyone().filter(ran).take(CURVES).collect();
        let panel = |(title, y_label, name): (&str, &str, &str)| {
            let measured = AnswerMeasure::named(name).of(answers);
            let curve = |sampler: &str| {
                let at = |&steps: &usize| {
                    let here = condition(sampler, Some(steps));
                    point(steps as f64, measured.mean(&here, bootstrap))
                };
                let points = self.steps.iter().filter_map(at).collect();
                Curve { label: sampler.to_string(), points }
            };
            Panel {
                title: title.to_string(),
                y_label: y_label.to_string(),
                curves: shown.iter().copied().map(curve).collect(),
                y_from_zero: !["judge", "ngram"].contains(&name),
            }
        };
        [
            ("Causal judge", "nats a token", "judge"),
            ("N-gram judge", "nats a byte", "ngram"),
            ("Variety of an answer's tokens", "entropy, nats", "entropy"),
            ("Repetition", "share of repeated runs of four", "rep_4"),
        ]
        .map(panel)
        .to_vec()
    }

    fn answers_table(&self, answers: &[AnswerRow], bootstrap: &Bootstrap) -> Table {
        let measured = MEASURES.map(|measure| measure.of(answers));
        let mut rows = Vec::new();
        for sampler in self.everyone() {
            for &steps in &self.steps {
                let here = condition(sampler, Some(steps));
                if answers.iter().all(|row| row.condition() != here) {
                    continue;
                }
                let cells = measured.iter().map(|m| cell(m.mean(&here, bootstrap)));
                rows.push(
                    [sampler.to_string(), steps.to_string()].into_iter().chain(cells).collect(),
                );
            }
        }
        let heads = ["sampler", "steps"].map(String::from).into_iter();
        Table {
            title: "Answers by steps".to_string(),
            note: "Means with 95 % intervals over prompts.".to_string(),
            columns: heads.chain(MEASURES.map(|measure| measure.meaning.to_string())).collect(),
            rows,
            cell_notes: Vec::new(),
        }
    }

    fn repairs_table(&self, repairs: &[RepairRow], bootstrap: &Bootstrap) -> Table {
        let mut measured = [Fate::Repaired, Fate::Returned, Fate::Churned]
            .map(|fate| fates(repairs, fate))
            .to_vec();
        measured.push(excess(repairs));
        let ran = |sampler: &&str| repairs.iter().any(|row| row.sampler == **sampler);
        let row = |sampler: &str| {
            let here = condition(sampler, None);
            let errors =
                repairs.iter().filter(|row| row.sampler == sampler && row.is_error()).count();
            let cells = measured.iter().map(|m| cell(m.mean(&here, bootstrap)));
            [sampler.to_string(), errors.to_string()].into_iter().chain(cells).collect()
        };
        Table {
            title: "Errors put into the middle of a run".to_string(),
            note: "A sampler that changes wrong tokens no more often than right ones repairs \
                   by chance; the last column is the difference, prompt by prompt."
                .to_string(),
            columns: [
                "sampler",
                "wrong tokens",
                "gone",
                "the former token back",
                "right ones gone",
                "gone less right ones gone",
            ]
            .map(String::from)
            .to_vec(),
            rows: self.everyone().filter(ran).map(row).collect(),
            cell_notes: Vec::new(),
        }
    }

    fn method(&self, bootstrap: &Bootstrap) -> String {
        format!(
            "Every sampler answers every prompt at {:?} steps with the same randomness; a gain is \
             the nats that a judge saves between the fewest and the most, paired by prompt and \
             averaged over samplers. Empty answers have no nats and are counted beside. For repair, \
             a run of {} steps is stopped halfway, for vectors at t = {}, {} of all positions get a \
             frequent wrong word where a token stood, and the run goes on from there; for vectors \
             the wrong word comes with the noise of that level, as many right ones are made noisy \
             anew likewise, and the network's earlier prediction is forgotten. What is gone of the \
             wrong words counts as repaired only beyond what is gone of the right ones. Intervals \
             resample prompts ({} times).",
            self.steps, self.repair_steps, self.injected_time, self.injected, bootstrap.resamples
        )
    }
}

/// Of each sampler and prompt, the share of wrong tokens that are gone less that of right
/// ones; none where there is no token of either kind.
fn excess(repairs: &[RepairRow]) -> Measured {
    let churned = shares(repairs, Fate::Churned);
    let repaired = shares(repairs, Fate::Repaired).into_iter();
    let less = repaired.map(|((sampler, prompt), repaired)| {
        let churned = churned.get(&(sampler, prompt));
        (condition(sampler, None), prompt, churned.map(|churned| repaired - churned))
    });
    less.collect()
}

/// Of each sampler and prompt, the share of tokens with that fate.
fn fates(repairs: &[RepairRow], fate: Fate) -> Measured {
    let cell = |((sampler, prompt), share): ((&str, usize), f64)| {
        (condition(sampler, None), prompt, Some(share))
    };
    shares(repairs, fate).into_iter().map(cell).collect()
}

fn shares(repairs: &[RepairRow], fate: Fate) -> BTreeMap<(&str, usize), f64> {
    let mut counts: BTreeMap<(&str, usize), (usize, usize)> = BTreeMap::new();
    for row in repairs {
        let (counts_at_all, holds) = match fate {
            Fate::Repaired => (row.is_error(), row.last != row.placed),
            Fate::Returned => (row.is_error(), row.last == row.own),
            Fate::Churned => (!row.is_error(), row.last != row.placed),
        };
        if counts_at_all {
            let (held, all) = counts.entry((&row.sampler, row.prompt)).or_default();
            (*held, *all) = (*held + usize::from(holds), *all + 1);
        }
    }
    counts.into_iter().map(|(key, (held, all))| (key, held as f64 / all as f64)).collect()
}

fn finding(estimates: &Estimates) -> String {
    let show = |name: String| with_interval(estimates, &name);
    let mut sentences = Vec::new();
    for (family, who) in [("masked", "masked"), ("gaussian", "Gaussian")] {
        if estimates.get(&format!("{family}_gain")).is_some()
            || estimates.get(&format!("{family}_ngram_gain")).is_some()
        {
            sentences.push(format!(
                "With the most steps in place of the fewest, the {who} model's texts save the \
                 causal judge {} nats a token and the n-gram judge {} nats a byte, while their \
                 entropy changes by {} nats, repetition by {}, length by {} tokens and the share \
                 of empty answers by {}.",
                show(format!("{family}_gain")),
                show(format!("{family}_ngram_gain")),
                show(format!("{family}_entropy_change")),
                show(format!("{family}_rep_4_change")),
                show(format!("{family}_tokens_change")),
                show(format!("{family}_empty_change")),
            ));
        }
        if estimates.get(&format!("{family}_repair")).is_some() {
            sentences.push(format!(
                "Of wrong tokens put into its runs {} are gone at the end and {} are what stood \
                 there before; of right tokens {} are gone, so that {} are repaired beyond what \
                 changes anyhow.",
                show(format!("{family}_repair")),
                show(format!("{family}_returned")),
                show(format!("{family}_churn")),
                show(format!("{family}_repair_excess")),
            ));
        }
    }
    if estimates.get("masked_repair_llada").is_some() {
        let share = show("masked_repair_llada".to_string());
        sentences.push(format!("llada, which masks nothing again, repairs {share}."));
    }
    sentences.join(" ")
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
