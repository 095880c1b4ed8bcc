//! Laws of swaps and readings, and what the spec's rules make of rows.

use std::path::Path;

use dlm_core::{Canvas, TokenId};
use dlm_discrete::unmasking::{UnmaskingSampler, presets};
use dlm_rng::Key;
use dlm_stats::Bootstrap;
use dlm_testkit::Tabular;

use super::{
    PairRow, Settings,
    oracle::ChainRow,
    reading::{OtherRow, Reading},
    seen::Seen,
    swapping::{Swap, Swapping},
    validity::Validity,
};
use crate::{
    Estimates, Scale, Spec, Summary, Verdict, experiments::known_chain::ChainSettings,
    summary::Findings,
};

/// Three tokens that are equal, "000" a little more often than "111".
fn model() -> Tabular {
    let mut joint = vec![0.0; 8];
    (joint[0], joint[7]) = (0.6, 0.4);
    Tabular::new(3, 2, joint).unwrap()
}

fn spelled(token: TokenId) -> String {
    char::from(b'a' + token as u8).to_string()
}

fn swap(sampler: UnmaskingSampler, ends: &[TokenId], words: &[TokenId]) -> Option<Swap> {
    let mut model = model();
    let sampler = UnmaskingSampler { steps: Some(3), block_length: None, ..sampler };
    let canvas = Canvas::continuation(&[], 3, model.mask()).unwrap();
    let key = Key::new(1).sequence(4);
    let swapping = Swapping { sampler: &sampler, ends, words, text: &spelled, key };
    swapping.run(&mut model, &canvas).unwrap()
}

#[test]
fn what_is_committed_drags_the_rest_along() {
    let found = swap(presets::llada(), &[], &[0, 1]).unwrap();
    assert_eq!((found.position, found.right, found.wrong), (0, 0, 1));
    assert!(found.from_step == 1 && (found.probability - 0.6).abs() < 1e-6);
    assert_eq!(found.baseline.tokens, [0, 0, 0]);
    assert_eq!(found.swapped.tokens, [1, 1, 1]);
    assert_eq!((found.baseline.nfe, found.swapped.nfe), (3, 3));
    // The right token, the wrong one in its place, then one a step.
    let changes: Vec<_> =
        found.swapped.changes.iter().map(|c| (c.nfe, c.position, c.token.as_str())).collect();
    assert_eq!(changes, [(1, 0, "a"), (1, 0, "b"), (2, 1, "b"), (3, 2, "b")]);
    assert_eq!(found.baseline.changes.len(), 3);
}

#[test]
fn nothing_is_swapped_where_there_is_no_word_or_no_other() {
    assert!(swap(presets::llada(), &[0], &[0, 1]).is_none(), "only ends are committed");
    assert!(swap(presets::llada(), &[], &[0]).is_none(), "the only word is the right one");
    let whole = swap(UnmaskingSampler { steps: Some(1), ..presets::llada() }, &[], &[0, 1]);
    assert!(whole.is_some(), "three steps leave something to do");
}

#[test]
fn a_reading_hides_each_token_in_turn_and_stops_at_the_ends() {
    // Equal tokens for the most part, and any others now and then.
    let mut joint = vec![0.01; 8];
    (joint[0], joint[7]) = (0.56, 0.38);
    let mut model = Tabular::new(3, 2, joint).unwrap();
    let canvas = Canvas::continuation(&[], 3, model.mask()).unwrap();
    let found = swap(presets::llada(), &[], &[0, 1]).unwrap();
    let reading =
        |ends| Reading { prompt: 3, preset: "llada", canvas: &canvas, swap: &found, ends };
    let mut rows = reading(&[]).others();
    reading(&[]).own(&mut model, &mut rows).unwrap();
    let places: Vec<_> = rows.iter().map(|row| (row.position, row.distance)).collect();
    assert_eq!(places, [(1, 1), (2, 2)]);
    // Beside two equal tokens the third is nearly certain to be as they are; with the right token
    // put back, the others see one of either.
    for row in &rows {
        for (found, p) in [
            (row.baseline_own, 0.56 / 0.57),
            (row.swapped_own, 0.38 / 0.39),
            (row.restored_own, 0.5),
        ] {
            assert!((found.unwrap() + f64::ln(p)).abs() < 1e-6, "{row:?}");
        }
    }
    let texts = ["a", "b"].map(String::from);
    let pair = reading(&[]).pair(&texts, [Some(1.0), None, Some(2.0)]);
    assert_eq!((pair.wrong_text.as_str(), pair.final_token), ("b", 1));
    assert_eq!((pair.baseline_ngram, pair.restored_ngram), (Some(1.0), Some(2.0)));
    assert_eq!((pair.baseline_length, pair.swapped_length), (3, 3));
    let ended = reading(&[1]);
    assert!(ended.others().is_empty(), "the swapped text ends at once");
    ended.own(&mut model, &mut []).unwrap();
}

fn settings() -> Settings {
    Settings {
        presets: vec!["llada".to_string(), "p2".to_string()],
        ruled: "llada".to_string(),
        near: 4,
        gen_length: 12,
        steps: 6,
        oracle: ChainSettings { words: 4, length: 8, states: 3 },
    }
}

/// What is estimated where the others cost `later(prompt)` nats more to the judge once the right
/// token is put back, and `near(prompt)` more to the model itself within four positions.
fn estimates(later: impl Fn(usize) -> f64, near: impl Fn(usize) -> f64) -> Estimates {
    const PROMPTS: usize = 10;
    let (mut pairs, mut others) = (Vec::new(), Vec::new());
    for prompt in 0..PROMPTS {
        for (preset, final_token) in [("llada", 7), ("p2", 5)] {
            pairs.push(PairRow {
                prompt,
                preset: preset.to_string(),
                position: 2,
                from_step: 1,
                right_token: 5,
                right_text: "five".to_string(),
                right_prob: 0.9,
                wrong_token: 7,
                wrong_text: "seven".to_string(),
                final_token,
                baseline_length: 12,
                swapped_length: 12,
                baseline_nfe: 6,
                swapped_nfe: 6,
                baseline_ngram: Some(1.5),
                swapped_ngram: Some(2.0),
                restored_ngram: Some(1.75),
            });
            for position in (0..12usize).filter(|&position| position != 2) {
                let distance = position as i64 - 2;
                let extra = if distance.abs() <= 4 { near(prompt) } else { 0.0 };
                let own = |nats: f64| (preset == "llada").then_some(nats);
                others.push(OtherRow {
                    prompt,
                    preset: preset.to_string(),
                    position,
                    distance,
                    baseline_token: 1,
                    swapped_token: if 9 < position { 2 } else { 1 },
                    baseline_own: own(1.0),
                    swapped_own: own(1.5),
                    restored_own: own(1.0 + extra),
                    baseline_nats: Some(2.0),
                    swapped_nats: Some(3.0),
                    spliced_nats: Some(2.5),
                    restored_nats: Some(2.0 + later(prompt)),
                });
            }
        }
    }
    let settings = settings();
    let seen = Seen::new(&pairs, &others, &settings, PROMPTS, Bootstrap::default());
    assert_eq!(seen.panels()[0].curves[0].points.len(), 5);
    seen.estimates()
}

fn spec() -> Spec {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs/committed-states.toml");
    Spec::read(&path).unwrap()
}

fn verdict(estimates: Estimates) -> Verdict {
    Summary::new(&spec(), &Findings { estimates, ..Findings::default() }, String::new()).verdict
}

#[test]
fn changes_are_means_over_the_other_tokens() {
    let found = estimates(|prompt| prompt as f64 / 10.0, |_| 0.4);
    for (name, value) in [
        ("later_nats_change", 1.0),
        ("spliced_nats_change", 0.5),
        ("restored_nats_change", 0.45),
        ("restored_nats_change_p2", 0.45),
        ("own_nats_change", 0.5),
        // Six of eleven others are near.
        ("restored_own_change", 0.4 * 6.0 / 11.0),
        ("near_far_change", 0.0),
        ("restored_near_far_change", 0.4),
        ("ngram_change", 0.5),
        ("restored_ngram_change", 0.25),
        ("drag", 2.0 / 11.0),
        ("drag_near", 0.0),
        ("drag_far", 0.4),
        ("kept_share", 1.0),
        ("kept_share_p2", 0.0),
        ("righted_share_p2", 1.0),
    ] {
        let estimate = found.get(name).unwrap();
        assert!((estimate.value - value).abs() < 1e-12, "{name}: {}", estimate.value);
    }
    assert!(found.get("own_nats_change_p2").is_none(), "the model itself is asked of one preset");
}

#[test]
fn the_rules_give_every_verdict() {
    let steady = |by: f64| move |prompt: usize| by + 0.001 * prompt as f64;
    let torn = |prompt: usize| if prompt.is_multiple_of(2) { -0.3 } else { 0.5 };
    assert_eq!(verdict(estimates(steady(0.2), steady(0.1))), Verdict::Supported);
    assert_eq!(verdict(estimates(steady(-0.1), steady(0.1))), Verdict::NotSupported);
    // A wrong word that surprises and changes nothing drags nothing along.
    assert_eq!(verdict(estimates(|_| 0.0, |_| 0.0)), Verdict::Undecided);
    assert_eq!(verdict(estimates(steady(0.2), steady(-0.1))), Verdict::NotSupported);
    assert_eq!(verdict(estimates(torn, steady(0.1))), Verdict::Undecided);
}

/// Of six words, three keep the wrong token; it makes one of two transitions impossible that
/// touch it, and one of twelve others.
#[test]
fn what_cannot_be_is_counted_by_distance() {
    let row = |word: usize, distance: usize| ChainRow {
        word,
        preset: "llada".to_string(),
        distance,
        transitions: 2,
        baseline_impossible: usize::from(distance == 2),
        swapped_impossible: usize::from(distance < 4),
        tokens: 1,
        changed: usize::from(distance == 1),
        kept: word < 3,
    };
    let rows: Vec<ChainRow> = (0..6).flat_map(|word| (1..8).map(move |d| row(word, d))).collect();
    let settings = settings();
    let validity = Validity::new(&rows, &settings, Bootstrap::default());
    let mut found = Estimates::default();
    validity.add(&mut found);
    for (name, value) in [
        ("oracle_touching_change_llada", 0.5),
        ("oracle_beyond_change_llada", 1.0 / 12.0),
        ("oracle_drag_llada", 1.0 / 7.0),
        ("oracle_kept_share_llada", 0.5),
    ] {
        let estimate = found.get(name).unwrap();
        assert!((estimate.value - value).abs() < 1e-12, "{name}: {}", estimate.value);
    }
    assert!(found.get("oracle_drag_p2").is_none());
    // Distances 1, 2, 3 to 4, 5 to 8.
    let points: Vec<f64> =
        validity.panels()[0].curves[0].points.iter().map(|point| point.value).collect();
    assert_eq!(points, [0.5, 0.5, 0.25, 0.0]);
    assert_eq!(validity.table(&found).rows.len(), 2);
}

#[test]
fn settings_that_cannot_be_are_named() {
    let wrong = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings();
        change(&mut settings);
        settings.check(&spec()).unwrap_err().to_string()
    };
    for (error, part) in [
        (wrong(&|s| s.presets.clear()), "presets"),
        (wrong(&|s| s.presets = vec!["llada".to_string(); 6]), "presets"),
        (wrong(&|s| s.presets[1] = "p3".to_string()), "p2"),
        (wrong(&|s| s.ruled = "wino".to_string()), "ruled"),
        (wrong(&|s| s.near = 0), "near"),
        (wrong(&|s| s.gen_length = 0), "gen_length"),
        (wrong(&|s| s.steps = 1), "steps"),
        (wrong(&|s| s.oracle.words = 0), "oracle.words"),
    ] {
        assert!(error.contains(part), "{error}");
    }
    for scale in [Scale::Smoke, Scale::Default, Scale::Full] {
        spec().settings::<Settings>(scale).unwrap().check(&spec()).unwrap();
    }
}
