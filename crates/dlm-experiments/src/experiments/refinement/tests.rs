//! What holds `refinement`: its measures on rows worked out by hand, and its rules.

use std::path::Path;

use dlm_stats::Bootstrap;

use super::{Plan, RepairRow, Rows};
use crate::{
    Spec, Summary, Verdict, experiments::answers::row_for_test as answer, summary::Findings,
};

fn spec() -> Spec {
    let specs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs");
    Spec::read(&Path::new(specs).join("refinement.toml")).unwrap()
}

fn found(rows: &Rows) -> Findings {
    let plan = Plan {
        presets: vec![("llada".into(), false), ("remdm".into(), true)],
        solvers: vec!["ddpm".into()],
        steps: vec![2, 8, 32],
        repair_steps: 16,
        injected: 0.15,
        injected_time: 0.375,
    };
    plan.findings(rows, &Bootstrap { resamples: 400, ..Bootstrap::default() }).0
}

/// What a synthetic family does: nats saved at 32 steps, wrong tokens of ten repaired, and
/// untouched ones of ten gone.
#[derive(Clone, Copy)]
struct Does {
    gain: f64,
    repaired: usize,
    churned: usize,
    /// Both, give or take this by turns of prompts.
    spread: f64,
}

/// Rows of twelve prompts; llada repairs nothing and gains nothing.
fn rows(masked: Does, gaussian: Does) -> Rows {
    let mut rows = Rows::default();
    let still = Does { gain: 0.0, repaired: 0, churned: 0, spread: 0.0 };
    for (sampler, does) in [("llada", still), ("remdm", masked), ("ddpm", gaussian)] {
        for prompt in 0..12 {
            let off = if prompt % 2 == 0 { does.spread } else { -does.spread };
            for (steps, share) in [(2, 0.0), (8, 0.5), (32, 1.0)] {
                let nats = 3.0 - share * (does.gain + off);
                rows.answers.push(answer(prompt, sampler, Some(steps), Some(nats), nats));
            }
            let gone = (does.repaired as f64 + 10.0 * off).clamp(0.0, 10.0) as usize;
            rows.repairs.extend((0..20).map(|position| RepairRow {
                prompt,
                sampler: sampler.to_string(),
                position,
                own: 1,
                // Ten wrong tokens, then ten that nobody touched.
                placed: if position < 10 { 2 } else { 1 },
                last: match position {
                    _ if position < gone.div_ceil(2) => 1,
                    _ if position < gone => 3,
                    10.. if position < 10 + does.churned => 3,
                    10.. => 1,
                    _ => 2,
                },
            }));
        }
    }
    rows
}

#[test]
fn every_rule_can_hold_fail_and_stay_open() {
    let good = Does { gain: 0.5, repaired: 4, churned: 1, spread: 0.0 };
    let verdict = |masked, gaussian| {
        let findings = found(&rows(masked, gaussian));
        Summary::new(&spec(), &findings, String::new()).verdict
    };
    assert_eq!(verdict(good, good), Verdict::Supported);
    let worse = Does { gain: -0.5, ..good };
    let open = Does { gain: 0.1, spread: 0.3, repaired: 7, churned: 1 };
    let lame = Does { repaired: 0, ..good };
    let torn = Does { repaired: 2, spread: 0.1, ..good };
    // Wrong and right tokens are masked alike: chance repairs nothing.
    let restless = Does { repaired: 8, churned: 8, ..good };
    for (does, expected) in [
        (worse, Verdict::NotSupported),
        (open, Verdict::Undecided),
        (lame, Verdict::NotSupported),
        (torn, Verdict::Undecided),
        (restless, Verdict::NotSupported),
    ] {
        assert_eq!(verdict(does, good), expected, "masked");
        assert_eq!(verdict(good, does), expected, "gaussian");
    }
    let mut rows = rows(good, good);
    rows.answers.retain(|row| row.sampler != "ddpm");
    rows.repairs.retain(|row| row.sampler != "ddpm");
    let verdict = Summary::new(&spec(), &found(&rows), String::new()).verdict;
    assert_eq!(verdict, Verdict::Undecided, "without a Gaussian model");
}

#[test]
fn gains_and_repairs_counted_by_hand() {
    let does = Does { gain: 0.6, repaired: 4, churned: 1, spread: 0.0 };
    let estimates = found(&rows(does, does)).estimates;
    for (name, value) in [
        ("masked_gain", 0.3),
        ("masked_gain_llada", 0.0),
        ("masked_gain_remdm", 0.6),
        ("masked_ngram_gain", 0.3),
        ("masked_gain_per_step_2_8", 0.15 / 6.0),
        ("masked_gain_per_step_8_32", 0.15 / 24.0),
        ("masked_entropy_change", 0.0),
        ("masked_repair", 0.4),
        ("masked_repair_llada", 0.0),
        ("masked_repair_remdm", 0.4),
        ("masked_returned", 0.2),
        ("masked_churn", 0.1),
        ("masked_repair_excess", 0.3),
        ("masked_repair_excess_llada", 0.0),
        ("gaussian_repair_excess", 0.3),
        ("gaussian_gain", 0.6),
        ("gaussian_repair", 0.4),
        ("gaussian_returned_ddpm", 0.2),
    ] {
        let found = estimates.get(name).unwrap_or_else(|| panic!("no {name}"));
        assert!((found.value - value).abs() < 1e-12, "{name}: {found:?}");
    }
}

/// An answer without text has no nats: its prompt is left out of that sampler's gain.
#[test]
fn prompts_with_an_empty_answer_have_no_gain() {
    let does = Does { gain: 0.6, repaired: 4, churned: 1, spread: 0.0 };
    let mut rows = rows(does, does);
    for row in rows.answers.iter_mut().filter(|r| r.prompt < 3 && r.steps == Some(2)) {
        (row.judge_nats, row.judge_tokens) = (Some(0.0), Some(0));
        row.text.clear();
    }
    let estimates = found(&rows).estimates;
    assert_eq!(estimates.get("gaussian_gain").unwrap().units, 9);
    assert_eq!(estimates.get("gaussian_empty_change").unwrap().value, -0.25);
}
