//! Right processes pass, wrong ones are found, and the rules can say all three things.

use std::path::Path;

use dlm_continuous::schedule::{Cosine, NoiseSchedule, Schedule};
use dlm_core::{NoiseLevel, TokenId};
use dlm_discrete::forward::{Noise, Process};
use dlm_rng::{Key, Purpose};

use super::{
    AT_ONCE, CurvePoint, Keys, Row, STEP_BY_STEP, Settings, findings,
    fit::{counted, standard_normal},
    measure, processes,
};
use crate::{Folder, Spec, Summary, Verdict, folder::Opened};

const SETTINGS: fn() -> Settings = || Settings { times: vec![0.3, 0.8], steps: 12, draws: 1500 };

#[test]
fn p_values_of_right_processes_are_spread_evenly() {
    let mut p = Vec::new();
    for (unit, process) in processes::all().unwrap().iter().enumerate() {
        let (rows, curve) = measure(process, &SETTINGS(), Keys(Key::new(5), unit)).unwrap();
        assert_eq!((rows.len(), curve.len()), (4, 24), "{}", process.name);
        assert!(rows.iter().all(|row| row.numbers <= 1500 * 12));
        p.extend(rows.iter().filter_map(|row| row.p));
    }
    assert!(150 < p.len(), "{}", p.len());
    let n = p.len() as f64;
    let mean = p.iter().sum::<f64>() / n;
    // A uniform number has variance 1/12.
    assert!((mean - 0.5).abs() < 4.0 / (12.0 * n).sqrt(), "{mean}");
    let least = p.iter().copied().fold(1.0, f64::min);
    assert!(1e-5 < least, "{least}");
    for q in [0.1, 0.5, 0.9] {
        let below = p.iter().filter(|p| **p < q).count() as f64;
        assert!((below - q * n).abs() < 4.0 * (n * q * (1.0 - q)).sqrt(), "{q}: {below} of {n}");
    }
}

/// Masks that come back once in a hundred steps.
#[test]
fn a_mask_that_does_not_stay_is_found() {
    let clock = dlm_discrete::Clock::Shared(dlm_discrete::Schedule::Linear);
    let process = Process::new(Noise::Absorbing, clock, 3, 3).unwrap();
    let mut stream = Key::new(1).purpose(Purpose::Test).stream();
    let mut counts = [0; 4];
    for _ in 0..20_000 {
        let mut state: TokenId = 1;
        for k in 1..=20 {
            let at = |k: i32| 0.7 * f64::from(k) / 20.0;
            let law = process.transition(0, state, at(k - 1), at(k)).unwrap();
            state = law.draw(stream.uniform());
            if state == 3 && stream.uniform() < 0.01 {
                state = 1;
            }
        }
        counts[state as usize] += 1;
    }
    let law = process.marginal(0, 1, 0.7).unwrap();
    let law: Vec<f64> = (0..4).map(|token| law.probability(token)).collect();
    let p = counted(&counts, &law).p.unwrap();
    assert!(p < 1e-9, "{p}");
}

/// Noise that is added while the signal stays as it is.
#[test]
fn a_chain_that_forgets_to_shrink_is_found() {
    let schedule = Schedule::Cosine(Cosine::default());
    let mut stream = Key::new(2).purpose(Purpose::Test).stream();
    let level = |k: usize| schedule.level(0.5 * k as f64 / 20.0).unwrap();
    let NoiseLevel { alpha, sigma, .. } = level(20);
    let mut draw = |forgets: bool| {
        let mut x = 1.0;
        let mut from = NoiseLevel::CLEAN;
        for k in 1..=20 {
            let to = level(k);
            let [shrink, added] = dlm_continuous::forward::transition(from, to);
            let shrink = if forgets { 1.0 } else { shrink };
            x = shrink * x + added * stream.normal();
            from = to;
        }
        (x - alpha) / sigma
    };
    let right = standard_normal((0..20_000).map(|_| draw(false)).collect()).p.unwrap();
    let wrong = standard_normal((0..20_000).map(|_| draw(true)).collect()).p.unwrap();
    assert!(0.01 < right && wrong < 1e-6, "{right} {wrong}");
}

/// Sixteen tests of which one has the p value `least`, and chains that take `numbers`.
fn rows(least: Option<f64>, numbers: u64) -> Vec<Row> {
    let row = |index: usize| Row {
        process: format!("process {}", index / 2),
        family: if index < 8 { "discrete" } else { "gaussian" }.to_string(),
        time: 0.5,
        drawn: if index.is_multiple_of(2) { AT_ONCE } else { STEP_BY_STEP }.to_string(),
        draws: 100,
        numbers: if index.is_multiple_of(2) { 100 } else { numbers },
        statistic: 1.0,
        degrees: Some(1),
        p: if index == 9 { least } else { least.map(|_| 0.3 + 0.04 * index as f64) },
        distance: 0.1,
        expected: 0.1,
    };
    (0..16).map(row).collect()
}

fn verdict(rows: &[Row]) -> (Summary, crate::Estimates) {
    let spec = Spec::read(Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../specs/tractable-states.toml"
    )))
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let Opened::Open(folder) =
        Folder::open(folder.path(), &serde_json::Value::Null, false).unwrap()
    else {
        panic!("the folder is whole");
    };
    let point = CurvePoint {
        process: "p".to_string(),
        group: "uniform".to_string(),
        time: 0.5,
        drawn: AT_ONCE.to_string(),
        distance: 0.1,
        expected: 0.1,
    };
    let found = findings::of(&SETTINGS(), rows, &[point], &folder).unwrap();
    (Summary::new(&spec, &found, String::new()), found.estimates)
}

#[test]
fn every_verdict_can_come_about() {
    let (summary, estimates) = verdict(&rows(Some(0.3), 5000));
    assert_eq!(summary.verdict, Verdict::Supported);
    assert_eq!(estimates.get("draws_share").unwrap().value, 0.02);

    // 16 × 0.0005 < 0.01, and the Gaussian half holds the culprit.
    let (summary, estimates) = verdict(&rows(Some(0.0005), 5000));
    assert_eq!(summary.verdict, Verdict::NotSupported);
    let least = |name: &str| estimates.get(name).unwrap();
    assert!((least("least_p").value - 0.008).abs() < 1e-12);
    assert_eq!(least("gaussian_least_p").value, least("least_p").value);
    assert_eq!((least("discrete_least_p").value, least("discrete_least_p").units), (1.0, 8));
    assert_eq!(verdict(&rows(Some(0.3), 900)).0.verdict, Verdict::NotSupported);

    // Tests with nothing to tell apart decide nothing.
    assert_eq!(verdict(&rows(None, 5000)).0.verdict, Verdict::Undecided);
}

/// Some schedules have noise at time 0 already, which a chain that begins there would miss:
/// of 200,000 tokens it would lose 200 too few.
#[test]
fn chains_begin_with_data() {
    let settings = Settings { times: vec![0.1], steps: 4, draws: 200_000 };
    let all = processes::all().unwrap();
    for name in ["absorbing, geometric", "uniform, geometric", "gaussian, learned"] {
        let process = all.iter().find(|process| process.name == name).unwrap();
        let (rows, _) = measure(process, &settings, Keys(Key::new(8), 0)).unwrap();
        assert!(rows.iter().all(|row| 0.001 < row.p.unwrap()), "{rows:?}");
    }
}
