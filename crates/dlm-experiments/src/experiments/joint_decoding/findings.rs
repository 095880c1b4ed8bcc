//! From rows to what dependence-aware rules gain at equal evaluations.

use std::collections::BTreeMap;

use dlm_stats::Bootstrap;

use super::{
    calibration::Haste,
    pages::PairRow,
    rules::{BEST_TOKEN, CONFIDENCE},
    runs::Runs,
};
use crate::{
    Estimates, Table,
    experiments::{
        answers::{self, AnswerMeasure, AnswerRow},
        known_chain::{self, WordRow, impossible_transitions},
        measured::{Condition, Measured, condition, point},
        paragraph::{cell, rounded, with_interval},
    },
    figures::{Curve, Panel},
    summary::Findings,
};

/// All that was measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub(super) hastes: Vec<Haste>,
    pub(super) words: Vec<WordRow>,
    pub(super) pairs: Vec<PairRow>,
    pub(super) answers: Vec<AnswerRow>,
}

/// The rules beside confidence in one part of the experiment.
struct Comparison<'a> {
    /// What the rules take, and what rows call it.
    evaluations: usize,
    rules: Vec<&'static str>,
    bootstrap: &'a Bootstrap,
}

/// The estimates, tables and panels of all rows.
pub(super) fn findings(runs: &Runs, rows: &Rows, bootstrap: &Bootstrap) -> (Findings, Vec<Panel>) {
    let rules: Vec<&'static str> = runs.rules.iter().map(|rule| rule.name()).collect();
    let with = |evaluations| Comparison { evaluations, rules: rules.clone(), bootstrap };
    let mut estimates = Estimates::default();

    let words = with(runs.word_nfe());
    let invalid = impossible_transitions(&rows.words);
    words.add(&mut estimates, ("oracle_invalid", "share of impossible transitions"), &invalid);
    let named = ("oracle_nfe", "evaluations of a word");
    words.add_evaluations(&mut estimates, named, &known_chain::evaluations(&rows.words));
    words.add_divergence(&mut estimates, runs, &rows.words);
    let mut tables = vec![words.words_table(runs, rows)];

    if !rows.pairs.is_empty() {
        let pages = with(runs.together);
        let named = ("model_invalid", "share of pairs that do not fit");
        pages.add(&mut estimates, named, &invalid_pairs(&rows.pairs, runs.together));
        let named = ("model_nfe", "evaluations of a page");
        pages.add_evaluations(&mut estimates, named, &page_evaluations(&rows.pairs, runs.together));
        tables.push(pages.pages_table(rows));
    }
    if !rows.answers.is_empty() {
        let texts = with(runs.nfe);
        for name in ["judge", "ngram", "entropy", "rep_4", "empty"] {
            let measure = AnswerMeasure::named(name);
            let measured = measure.of(&rows.answers);
            texts.add(&mut estimates, (name, measure.meaning), &measured);
        }
        let named = ("text_nfe", "evaluations of an answer");
        texts.add_evaluations(&mut estimates, named, &answers::evaluations(&rows.answers));
        tables.push(texts.answers_table(rows));
    }
    tables.push(hastes_table(&rows.hastes));
    let findings = Findings {
        finding: finding(&estimates, rows),
        method: method(runs, bootstrap),
        tables,
        estimates,
        ..Findings::default()
    };
    (findings, panels(runs, rows, &with))
}

impl Comparison<'_> {
    fn of(&self, rule: &str) -> Condition {
        condition(rule, Some(self.evaluations))
    }

    /// Confidence, its control, and the rules.
    fn everyone(&self) -> Vec<&'static str> {
        [CONFIDENCE, BEST_TOKEN].into_iter().chain(self.rules.iter().copied()).collect()
    }

    /// The rules' mean less confidence's, each rule's, and what each is.
    fn add(&self, estimates: &mut Estimates, (name, meaning): (&str, &str), measured: &Measured) {
        let pair = |rule: &&str| (self.of(CONFIDENCE), self.of(rule));
        let pairs: Vec<_> = self.rules.iter().map(pair).collect();
        let mut add = |suffix: &str, meaning: String, values: Vec<f64>| {
            let estimate = self.bootstrap.mean(&values);
            estimates.add_if_any(&format!("{name}_{suffix}"), &meaning, estimate);
        };
        let full = format!("{meaning}: the rules' mean less confidence's");
        add("change", full, measured.changes(&pairs));
        for rule in self.everyone() {
            add(rule, format!("{meaning}, {rule}"), measured.under(&self.of(rule)));
            if rule != CONFIDENCE {
                let full = format!("{meaning}: {rule} less confidence");
                add(&format!("change_{rule}"), full, measured.changes(&[pair(&rule)]));
            }
        }
    }

    /// The same of evaluations, and the change as a share of what is wanted: equal enough or
    /// not is a matter of shares.
    fn add_evaluations(&self, estimates: &mut Estimates, named: (&str, &str), spent: &Measured) {
        self.add(estimates, named, spent);
        let (name, meaning) = named;
        let pair = |rule: &&str| (self.of(CONFIDENCE), self.of(rule));
        let changes = spent.changes(&self.rules.iter().map(pair).collect::<Vec<_>>());
        let shares: Vec<f64> =
            changes.iter().map(|change| change / self.evaluations as f64).collect();
        let meaning = format!(
            "{meaning}: the rules' mean less confidence's, as a share of the {} wanted",
            self.evaluations
        );
        let estimate = self.bootstrap.mean(&shares);
        estimates.add_if_any(&format!("{name}_excess"), &meaning, estimate);
    }

    fn add_divergence(&self, estimates: &mut Estimates, runs: &Runs, words: &[WordRow]) {
        let weight = 1.0 / self.rules.len().max(1) as f64;
        let mut terms: Vec<(f64, Condition)> =
            self.rules.iter().map(|rule| (weight, self.of(rule))).collect();
        terms.push((-1.0, self.of(CONFIDENCE)));
        let meaning = "divergence of transitions from the chain, nats: the rules' mean less \
                       confidence's; interval over groups of words";
        let change = runs.chain.divergence(words, &terms);
        estimates.add_if_any("oracle_kl_change", meaning, change);
        for rule in &self.rules {
            let terms = [(1.0, self.of(rule)), (-1.0, self.of(CONFIDENCE))];
            let meaning = format!(
                "divergence of transitions from the chain, nats: {rule} less confidence; interval \
                 over groups of words"
            );
            let change = runs.chain.divergence(words, &terms);
            estimates.add_if_any(&format!("oracle_kl_change_{rule}"), &meaning, change);
        }
    }

    fn table(
        &self,
        (title, note): (&str, &str),
        columns: &[&str],
        cells: impl Fn(&Condition) -> Vec<String>,
    ) -> Table {
        let row = |rule: &'static str| {
            std::iter::once(rule.to_string()).chain(cells(&self.of(rule))).collect()
        };
        Table {
            title: title.to_string(),
            note: note.to_string(),
            columns: std::iter::once("rule")
                .chain(columns.iter().copied())
                .map(String::from)
                .collect(),
            rows: self.everyone().into_iter().map(row).collect(),
            cell_notes: Vec::new(),
        }
    }

    fn words_table(&self, runs: &Runs, rows: &Rows) -> Table {
        let nfe = known_chain::evaluations(&rows.words);
        let invalid = impossible_transitions(&rows.words);
        let wrong = known_chain::wrong_words(&rows.words);
        let head = (
            "Words of the known chain",
            "best-token is the control: confidence that ranks by the best token, not by the drawn one.",
        );
        let columns =
            ["evaluations", "impossible transitions", "wrong words", "KL, nats a transition"];
        self.table(head, &columns, |here| {
            let mut cells: Vec<String> =
                [&nfe, &invalid, &wrong].map(|m| cell(m.mean(here, self.bootstrap))).to_vec();
            cells.push(cell(runs.chain.divergence(&rows.words, &[(1.0, here.clone())])));
            cells
        })
    }

    fn pages_table(&self, rows: &Rows) -> Table {
        let nfe = page_evaluations(&rows.pairs, self.evaluations);
        let invalid = invalid_pairs(&rows.pairs, self.evaluations);
        let head = (
            "Pages of agreement sentences",
            "Each place is filled from the words that are listed for it.",
        );
        let columns = ["evaluations", "invalid pairs"];
        self.table(head, &columns, |here| {
            [&nfe, &invalid].map(|m| cell(m.mean(here, self.bootstrap))).to_vec()
        })
    }

    fn answers_table(&self, rows: &Rows) -> Table {
        let measures = ["judge", "ngram", "entropy", "rep_4", "tokens", "empty"];
        let measures = measures.map(AnswerMeasure::named);
        let mut measured = vec![answers::evaluations(&rows.answers)];
        measured.extend(measures.map(|measure| measure.of(&rows.answers)));
        let columns: Vec<&str> = std::iter::once("evaluations")
            .chain(measures.iter().map(|measure| measure.meaning))
            .collect();
        let head =
            ("Answers of the model", "Greedy tokens; means with 95 % intervals over prompts.");
        self.table(head, &columns, |here| {
            measured.iter().map(|m| cell(m.mean(here, self.bootstrap))).collect()
        })
    }
}

/// Of each page and rule, the share of pairs that do not fit.
fn invalid_pairs(rows: &[PairRow], evaluations: usize) -> Measured {
    by_page(rows, evaluations, |row| f64::from(u8::from(!row.fits)))
}

/// Of each page and rule, the evaluations.
fn page_evaluations(rows: &[PairRow], evaluations: usize) -> Measured {
    by_page(rows, evaluations, |row| row.nfe as f64)
}

/// The mean over the pairs of each page and rule.
fn by_page(rows: &[PairRow], evaluations: usize, of: impl Fn(&PairRow) -> f64) -> Measured {
    let mut values: BTreeMap<(&str, usize), Vec<f64>> = BTreeMap::new();
    for row in rows {
        values.entry((&row.rule, row.page)).or_default().push(of(row));
    }
    let mean = |((rule, page), values): ((&str, usize), Vec<f64>)| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (condition(rule, Some(evaluations)), page, Some(mean))
    };
    values.into_iter().map(mean).collect()
}

fn panels<'a>(runs: &Runs, rows: &Rows, with: &impl Fn(usize) -> Comparison<'a>) -> Vec<Panel> {
    let nfe = known_chain::evaluations(&rows.words);
    let invalid = impossible_transitions(&rows.words);
    let rules = runs.rules.iter().map(|rule| rule.name());
    let shown: Vec<&str> = std::iter::once(CONFIDENCE).chain(rules).collect();
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let curves = |value: &dyn Fn(
        &Condition,
        &Comparison<'a>,
    ) -> Result<dlm_stats::Estimate, dlm_stats::Error>| {
        let curve = |rule: &&str| {
            let points = runs.word_budgets().into_iter().filter_map(|budget| {
                let comparison = with(budget);
                let here = comparison.of(rule);
                point(mean(nfe.under(&here)), value(&here, &comparison))
            });
            Curve { label: (*rule).to_string(), points: points.collect() }
        };
        shown.iter().map(curve).collect::<Vec<Curve>>()
    };
    let impossible = curves(&|here, comparison| invalid.mean(here, comparison.bootstrap));
    let divergence = curves(&|here, _| runs.chain.divergence(&rows.words, &[(1.0, here.clone())]));
    let panel = |title: &str, y_label: &str, curves| Panel {
        title: title.to_string(),
        y_label: y_label.to_string(),
        curves,
        y_from_zero: true,
    };
    vec![
        panel("Impossible transitions", "share", impossible),
        panel("Transitions", "KL from the chain, nats", divergence),
    ]
}

fn hastes_table(hastes: &[Haste]) -> Table {
    let row = |haste: &Haste| {
        vec![
            haste.part.clone(),
            haste.rule.clone(),
            haste.evaluations.to_string(),
            rounded(haste.slow),
            rounded(haste.slow_evaluations),
            rounded(haste.fast),
            rounded(haste.fast_evaluations),
            rounded(haste.slow_share),
        ]
    };
    let columns = [
        "part",
        "rule",
        "evaluations wanted",
        "slower haste",
        "its evaluations",
        "faster haste",
        "its evaluations",
        "share of canvases at the slower",
    ];
    Table {
        title: "How the rules were set to equal evaluations".to_string(),
        note: "Found on words and prompts that are not measured, and on the measured pages with \
               other random numbers."
            .to_string(),
        columns: columns.map(String::from).to_vec(),
        rows: hastes.iter().map(row).collect(),
        cell_notes: Vec::new(),
    }
}

fn method(runs: &Runs, bootstrap: &Bootstrap) -> String {
    format!(
        "On a known chain, one of {} tokens of a word is given and the others are drawn. Confidence \
         commits equally many positions each step. Each other rule has one number, which \
         is set on words and prompts of their own, and on other draws of the sentences, until the \
         rule takes as many evaluations on average: {} for words of {} tokens, {} for {} sentences with two \
         open places each, {} of {} tokens in answers. Entropy-budget keeps Σ H below a budget, and \
         Σ H bounds the total correlation of what is drawn together. Independent sets know the \
         chain's exact conditional mutual information; for a network nearness stands in, because \
         its dependences would cost evaluations. Words and sentences are drawn at temperature 1. \
         Changes are paired by word, canvas or prompt, with the same random numbers; intervals \
         resample those ({} times). Evaluations taken stand beside every number; one of verify \
         takes more work, because it also looks again at what is there.",
        super::runs::GIVEN,
        runs.word_nfe(),
        runs.oracle.length,
        runs.together,
        runs.together,
        runs.nfe,
        runs.answers.length,
        bootstrap.resamples
    )
}

fn finding(estimates: &Estimates, rows: &Rows) -> String {
    let show = |name: &str| with_interval(estimates, name);
    let mut text = format!(
        "On a known chain, {} of confidence's transitions are impossible; the rules' mean differs by \
         {}, and in evaluations by {}. The distance of transitions from the chain changes by {} \
         nats.",
        show("oracle_invalid_confidence"),
        show("oracle_invalid_change"),
        show("oracle_nfe_change"),
        show("oracle_kl_change"),
    );
    if !rows.pairs.is_empty() {
        text += &format!(
            " On the sentences, {} of confidence's pairs are invalid and the rules' mean differs by \
             {}, and in evaluations by {}.",
            show("model_invalid_confidence"),
            show("model_invalid_change"),
            show("model_nfe_change"),
        );
    }
    if !rows.answers.is_empty() {
        text += &format!(
            " What their texts cost the causal judge differs by {} nats a token, entropy by {} nats \
             and evaluations by {}.",
            show("judge_change"),
            show("entropy_change"),
            show("text_nfe_change"),
        );
    }
    text
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
