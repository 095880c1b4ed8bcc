//! Laws of the measures, and what the spec's rules make of rows.

use std::path::Path;

use dlm_stats::Bootstrap;

use super::{
    MaskRow, Settings,
    seen::{Seen, expected_length},
};
use crate::{Scale, Spec, Summary, Verdict, summary::Findings};

fn settings() -> Settings {
    Settings { near: 8, masks: vec![1, 4] }
}

/// The rows of one prompt: total variation and end mass at the first of four masks, and
/// the end mass of a single one.
fn rows(prompt: usize, tv: f64, eos_one: f64, eos_four: f64, token: u32) -> Vec<MaskRow> {
    let row = |masks: usize, position: usize| MaskRow {
        prompt,
        masks,
        position,
        top1_token: if masks == 1 { 7 } else { token },
        top1_prob: 0.5,
        entropy: 1.0,
        eos_mass: Some(if masks == 1 { eos_one } else { eos_four }),
        reference: Some(if position == 0 { 1 } else { 4 }),
        tv: Some(if masks == 4 && position == 0 { tv } else { 0.0 }),
    };
    std::iter::once(row(1, 0)).chain((0..4).map(|position| row(4, position))).collect()
}

fn spec() -> Spec {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs/mask-count.toml");
    Spec::read(&path).unwrap()
}

fn verdict(rows: &[MaskRow]) -> Verdict {
    let (spec, settings) = (spec(), settings());
    let estimates = Seen::new(rows, &settings, Bootstrap::default()).estimates();
    Summary::new(&spec, &Findings { estimates, ..Findings::default() }, String::new()).verdict
}

#[test]
fn a_text_that_never_ends_fills_the_masks_and_one_that_ends_at_once_has_no_length() {
    assert_eq!(expected_length(&[0.0; 5]), 5.0);
    assert_eq!(expected_length(&[1.0, 0.0, 0.0]), 0.0);
    assert_eq!(expected_length(&[]), 0.0);
    // A geometric law: Σₖ (1 − e)ᵏ up to n.
    let (e, n) = (0.25f64, 40);
    let whole = (1.0 - e) * (1.0 - (1.0 - e).powi(n)) / e;
    assert!((expected_length(&vec![e; n as usize]) - whole).abs() < 1e-12);
    assert_eq!(expected_length(&[0.5, 0.5]), 0.75);
}

#[test]
fn estimates_are_means_over_prompts_at_the_first_mask() {
    let all: Vec<MaskRow> = [rows(0, 0.2, 0.1, 0.3, 7), rows(1, 0.4, 0.1, 0.5, 9)].concat();
    let settings = settings();
    let estimates = Seen::new(&all, &settings, Bootstrap::default()).estimates();
    let expected = (0.7f64 + 0.49 + 0.343 + 0.2401 + 0.5 + 0.25 + 0.125 + 0.0625) / 2.0;
    for (name, value) in [
        ("tv_first_most", 0.3),
        ("tv_first_4", 0.3),
        ("eos_first_change", 0.3),
        ("eos_first_1", 0.1),
        ("top1_changed_4", 0.5),
        ("entropy_first_4", 1.0),
        ("expected_length_1", 0.9),
        ("expected_length_4", expected),
    ] {
        let found = estimates.get(name).unwrap().value;
        assert!((found - value).abs() < 1e-12, "{name}: {found}");
    }
    assert!(estimates.get("tv_first_1").is_none(), "the fewest masks are the reference");
}

#[test]
fn a_model_without_ends_has_no_estimates_of_them() {
    let mut all: Vec<MaskRow> = [rows(0, 0.2, 0.1, 0.3, 7), rows(1, 0.4, 0.1, 0.5, 9)].concat();
    all.iter_mut().for_each(|row| row.eos_mass = None);
    let settings = settings();
    let estimates = Seen::new(&all, &settings, Bootstrap::default()).estimates();
    assert!(estimates.get("eos_first_change").is_none() && estimates.get("tv_first_4").is_some());
}

#[test]
fn the_rules_give_every_verdict() {
    let prompts = |tv: &dyn Fn(usize) -> f64, eos: f64| -> Vec<MaskRow> {
        (0..10).flat_map(|prompt| rows(prompt, tv(prompt), 0.2, 0.2 + eos, 7)).collect()
    };
    let steady = |tv: f64| move |prompt: usize| tv + 0.001 * prompt as f64;
    let torn = |prompt: usize| if prompt.is_multiple_of(2) { 0.0 } else { 0.2 };
    assert_eq!(verdict(&prompts(&steady(0.02), 0.01)), Verdict::Supported);
    assert_eq!(verdict(&prompts(&steady(0.3), 0.01)), Verdict::NotSupported);
    assert_eq!(verdict(&prompts(&steady(0.02), 0.2)), Verdict::NotSupported);
    assert_eq!(verdict(&prompts(&steady(0.02), -0.1)), Verdict::NotSupported);
    assert_eq!(verdict(&prompts(&torn, 0.0)), Verdict::Undecided);
}

#[test]
fn settings_that_cannot_be_are_named() {
    for (near, masks, field) in [
        (0, vec![1, 4], "near"),
        (9, vec![1, 4], "near"),
        (8, vec![], "masks"),
        (8, vec![4], "masks"),
        (8, vec![0, 4], "masks"),
        (8, vec![4, 4], "masks"),
    ] {
        let error = Settings { near, masks }.check(&spec()).unwrap_err().to_string();
        assert!(error.contains(field) && error.contains("mask-count.toml"), "{error}");
    }
    for scale in [Scale::Smoke, Scale::Default, Scale::Full] {
        spec().settings::<Settings>(scale).unwrap().check(&spec()).unwrap();
    }
}
