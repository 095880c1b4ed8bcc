//! Laws of the measures, and what the spec's rules make of rows.

use std::path::Path;

use dlm_discrete::unmasking::EndPolicy;
use dlm_stats::Bootstrap;

use super::{
    FirstRow, POLICIES, PositionRow, RunRow, Settings, policy,
    seen::{Seen, wasted_work},
};
use crate::{Estimates, Scale, Spec, Summary, Verdict, summary::Findings};

fn settings() -> Settings {
    Settings {
        preset: "llada".to_string(),
        tokens_per_step: 2,
        penalty_nats: 5.0,
        gen_lengths: vec![4, 8],
    }
}

fn run(prompt: usize, length: usize, policy: &str, answer_length: usize) -> RunRow {
    let ended = answer_length < length;
    RunRow {
        prompt,
        length,
        policy: policy.to_string(),
        answer_length,
        ended,
        wasted_positions: if ended { length - answer_length - 1 } else { 0 },
        nfe: 4,
        wasted_nfe: usize::from(ended),
    }
}

/// What is estimated where each prompt puts `mass(prompt)` on ends far away, and its
/// answer on the longest canvas has `answer(prompt)` tokens.
fn estimates(mass: impl Fn(usize) -> f64, answer: impl Fn(usize) -> usize) -> Estimates {
    const PROMPTS: usize = 10;
    let (mut first, mut runs, mut positions) = (Vec::new(), Vec::new(), Vec::new());
    for prompt in 0..PROMPTS {
        for length in [4, 8] {
            for position in 0..length {
                // Only the last two of eight positions are its last quarter.
                let far = length == 8 && 6 <= position;
                let eos_mass = if far { mass(prompt) } else { 0.0 };
                first.push(FirstRow { prompt, length, position, eos_mass });
            }
            for policy in POLICIES {
                let answer_length = if length == 8 { answer(prompt) } else { 4 };
                runs.push(run(prompt, length, policy, answer_length));
                for position in 0..length {
                    // From the right to the left, two a step.
                    let (step, end) = (Some((length - 1 - position) / 2), false);
                    let policy = policy.to_string();
                    positions.push(PositionRow { prompt, length, policy, position, step, end });
                }
            }
        }
    }
    let settings = settings();
    let seen = Seen {
        first: &first,
        runs: &runs,
        positions: &positions,
        settings: &settings,
        prompts: PROMPTS,
        bootstrap: Bootstrap::default(),
    };
    assert_eq!(seen.eos_curve(8).iter().flatten().count(), 8);
    seen.estimates()
}

fn spec() -> Spec {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs/eos-flood.toml");
    Spec::read(&path).unwrap()
}

fn verdict(estimates: Estimates) -> Verdict {
    Summary::new(&spec(), &Findings { estimates, ..Findings::default() }, String::new()).verdict
}

#[test]
fn work_is_wasted_behind_the_end_and_after_the_text_is_settled() {
    assert_eq!(wasted_work(&run(0, 8, "none", 8)), 0.0);
    // Four of eight positions in three of four evaluations were of use.
    assert_eq!(wasted_work(&run(0, 8, "none", 3)), 1.0 - 4.0 * 3.0 / 32.0);
}

#[test]
fn shares_are_those_of_the_longest_canvas_under_the_plain_policy() {
    let found = estimates(|_| 0.75, |prompt| prompt % 4);
    let answers = (0..10).map(|prompt| (prompt % 4) as f64).sum::<f64>() / 10.0;
    for (name, value) in [
        ("far_eos_mass", 0.75),
        ("near_eos_mass", 0.0),
        ("length_share", answers / 8.0),
        ("wasted_share", (7.0 - answers) / 8.0),
        // The first quarter is committed at step 3 of 0 to 3, the last at step 0.
        ("far_lead", 1.0),
        ("length_none_8", answers),
        ("length_truncate_4", 4.0),
        ("ended_logits_4", 0.0),
        ("nfe_penalty_8", 4.0),
    ] {
        let estimate = found.get(name).unwrap();
        assert!((estimate.value - value).abs() < 1e-12, "{name}: {}", estimate.value);
    }
}

#[test]
fn the_rules_give_every_verdict() {
    let mass = |prompt: usize| 0.8 + 0.01 * prompt as f64;
    assert_eq!(verdict(estimates(mass, |prompt| prompt % 3)), Verdict::Supported);
    assert_eq!(verdict(estimates(mass, |_| 7)), Verdict::NotSupported);
    assert_eq!(verdict(estimates(|_| 0.1, |prompt| prompt % 3)), Verdict::NotSupported);
    let torn = |prompt: usize| if prompt.is_multiple_of(2) { 0.0 } else { 1.0 };
    assert_eq!(verdict(estimates(torn, |prompt| prompt % 3)), Verdict::Undecided);
}

#[test]
fn every_name_is_a_policy_of_its_own() {
    let all: Vec<EndPolicy> = POLICIES.iter().map(|name| policy(name, 5.0)).collect();
    let expected = [
        EndPolicy::None,
        EndPolicy::Truncate,
        EndPolicy::Confidence,
        EndPolicy::Penalty { nats: 5.0 },
        EndPolicy::Logits,
    ];
    assert_eq!(all, expected);
}

#[test]
fn settings_that_cannot_be_are_named() {
    let wrong = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings();
        change(&mut settings);
        settings.check(&spec()).unwrap_err().to_string()
    };
    for (error, part) in [
        (wrong(&|s| s.preset = "lada".to_string()), "llada"),
        (wrong(&|s| s.tokens_per_step = 0), "tokens_per_step"),
        (wrong(&|s| s.penalty_nats = f32::NAN), "penalty_nats"),
        (wrong(&|s| s.gen_lengths = vec![8]), "gen_lengths"),
        (wrong(&|s| s.gen_lengths = vec![0, 8]), "gen_lengths"),
        (wrong(&|s| s.gen_lengths = vec![8, 4]), "gen_lengths"),
        (wrong(&|s| s.gen_lengths = (1..7).collect()), "gen_lengths"),
    ] {
        assert!(error.contains(part), "{error}");
    }
    for scale in [Scale::Smoke, Scale::Default, Scale::Full] {
        spec().settings::<Settings>(scale).unwrap().check(&spec()).unwrap();
    }
}
