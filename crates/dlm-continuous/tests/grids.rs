//! Where steps lie: grids of schedules, published steps of chains, clocks of positions.

mod recorded;

use std::collections::BTreeMap;

use dlm_continuous::schedule::{
    Betas, Clock, Cosine, End, Grid, Karras, Last, Learned, Linear, NoiseSchedule, Picking,
    Schedule, ScheduleError, Spacing, Sqrt, Table, Timesteps, variance_exploding,
};
use dlm_core::{Levels, NoiseLevel};
use recorded::recorded;
use serde::Deserialize;

fn fixture(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/schedules");
    std::fs::read_to_string(format!("{folder}/{name}")).unwrap()
}

/// The steps that a scheduler of diffusers picks.
fn picked_by(class: &str, picking: &str, offset: usize) -> Timesteps {
    let picking = serde_json::from_value(picking.into()).unwrap();
    let solver = class == "DPMSolverMultistepScheduler";
    let whole = solver || class == "DDPMScheduler" || class == "DDIMScheduler";
    Timesteps { picking, offset, whole, spare: solver }
}

/// Heun's scheduler lists every step but the first twice.
fn listed_by(class: &str, steps: Vec<f64>) -> Vec<f64> {
    match class {
        "HeunDiscreteScheduler" => steps
            .iter()
            .enumerate()
            .flat_map(|(k, &step)| std::iter::repeat_n(step, if k == 0 { 1 } else { 2 }))
            .collect(),
        _ => steps,
    }
}

#[test]
fn steps_are_those_that_published_schedulers_pick() {
    #[derive(Deserialize)]
    struct Recorded {
        timesteps: BTreeMap<String, Vec<f64>>,
    }
    let recorded: Recorded = serde_json::from_str(&fixture("timesteps.json")).unwrap();
    assert!(100 < recorded.timesteps.len());
    for (key, expected) in recorded.timesteps {
        let [class, picking, offset, n] = key.split('|').collect::<Vec<_>>().try_into().unwrap();
        let picked = picked_by(class, picking, offset.parse().unwrap());
        let steps = listed_by(class, picked.of(1000, n.parse().unwrap()).unwrap());
        assert!(expected.len() == 60.min(steps.len()), "{key}");
        // Steps between two are recorded in single precision.
        let same = |(x, y): (&f64, &f64)| (x - y).abs() <= 6e-8 * y.abs();
        assert!(steps.iter().zip(&expected).all(same), "{key}: {steps:?} {expected:?}");
    }
}

#[test]
fn levels_are_those_of_published_runs() {
    #[derive(Deserialize)]
    struct Run {
        name: String,
        scheduler: String,
        steps: usize,
        beta_schedule: String,
        spacing: String,
        offset: usize,
        karras: bool,
        timesteps: Vec<f64>,
        alpha_bar: Vec<f64>,
        sigmas: Option<Vec<f64>>,
    }
    let runs: Vec<Run> = serde_json::from_str(&fixture("runs.json")).unwrap();
    assert_eq!(runs.len(), 20);
    for run in runs {
        // The chain whose ᾱ are the recorded ones, rounded to single precision as they are.
        let name = format!("diffusers.{}.T1000.alphas_cumprod", run.beta_schedule);
        let (bars, _) = recorded("tables.safetensors", &name);
        let before = std::iter::once(&1.0).chain(&bars);
        let betas = before.zip(&bars).map(|(before, here)| 1.0 - here / before).collect();
        let table = Table::new(betas).unwrap();
        let levels = match run.karras {
            true => table.karras_levels(run.steps, 7.0, Last::Clean),
            false => {
                let picked = picked_by(&run.scheduler, &run.spacing, run.offset);
                table.levels(&picked.of(1000, run.steps).unwrap(), Last::Clean)
            }
        }
        .unwrap();
        assert_eq!(levels.len(), run.steps + 1);
        assert_eq!(levels[run.steps], NoiseLevel::CLEAN);
        let noisy = &levels[..run.steps];
        let near = |x: f64, y: f64, off: f64| (x - y).abs() <= off * y.abs();
        let told = noisy.iter().map(|level| level.t * 1000.0 - 1.0).collect();
        let told = listed_by(&run.scheduler, told);
        assert_eq!(told.len(), run.timesteps.len(), "{}", run.name);
        for (&told, &recorded) in told.iter().zip(&run.timesteps) {
            // The DPM-Solver scheduler rounds what it tells the network, Karras' noises or not.
            let rounded = run.karras && run.scheduler.starts_with("DPM");
            let off = if rounded { 0.5 } else { 1e-3 };
            assert!((told - recorded).abs() < off, "{}: {told} {recorded}", run.name);
        }
        let bars = noisy.iter().map(|level| level.alpha.powi(2)).collect();
        for (bar, &recorded) in listed_by(&run.scheduler, bars).into_iter().zip(&run.alpha_bar) {
            assert!(near(bar, recorded, 2e-6), "{}: ᾱ {bar} {recorded}", run.name);
        }
        let ratios = noisy.iter().map(|&level| variance_exploding(level).sigma).collect();
        let ratios = listed_by(&run.scheduler, ratios);
        for (&sigma, &recorded) in ratios.iter().zip(run.sigmas.iter().flatten()) {
            assert!(near(sigma, recorded, 2e-6), "{}: σ {sigma} {recorded}", run.name);
        }
    }
}

#[test]
fn what_follows_the_last_step_is_a_choice() {
    let table = Table::published(Betas::Linear { first: 1e-4, last: 0.02 }, 100).unwrap();
    let steps = Timesteps { picking: Picking::Leading, ..Timesteps::default() };
    let first = table.level_of(0.0).unwrap();
    let offset = Timesteps { offset: 1, ..steps };
    for (picked, last, length, end) in [
        (steps, Last::Clean, 11, NoiseLevel::CLEAN),
        (steps, Last::First, 10, first),
        (steps, Last::Given, 10, first),
        (offset, Last::First, 11, first),
        (offset, Last::Given, 10, table.level_of(1.0).unwrap()),
    ] {
        let levels = table.levels(&picked.of(100, 10).unwrap(), last).unwrap();
        assert_eq!((levels.len(), levels[length - 1]), (length, end));
    }
    let karras = |last| table.karras_levels(10, 7.0, last).unwrap();
    assert_eq!((karras(Last::First).len(), karras(Last::First)[9]), (10, first));
    assert_eq!(karras(Last::Clean)[10], NoiseLevel::CLEAN);
    // Published steps that make no run.
    let still = table.levels(&steps.of(100, 200).unwrap(), Last::Clean);
    assert_eq!(still, Err(ScheduleError::Standing { from: 0.0, to: 0.0 }));
    let beyond = table.levels(&offset.of(100, 100).unwrap(), Last::Clean);
    assert_eq!(beyond, Err(ScheduleError::Step { step: 100.0, last: 99 }));
    assert!(table.karras_levels(1, 7.0, Last::Clean).is_err());
    assert!(table.karras_levels(5, 0.0, Last::Clean).is_err());
}

#[test]
fn grids_are_even_in_what_they_say() {
    let karras = Spacing::Karras { rho: 5.0 };
    let schedules = [
        Schedule::Linear(Linear::default()),
        Schedule::Sqrt(Sqrt::default()),
        Schedule::Karras(Karras::default()),
        Schedule::Learned(Learned::default()),
    ];
    for schedule in &schedules {
        for spacing in [Spacing::Time {}, Spacing::Lambda {}, karras] {
            for end in [End::Time(0.01), End::CleanAfter(0.01)] {
                let grid = Grid { steps: 12, spacing, end };
                let levels = grid.levels(schedule).unwrap();
                assert_eq!(levels.len(), 13);
                assert_eq!(levels[0], schedule.level(1.0).unwrap());
                let noisy = match end {
                    End::Time(_) => &levels[..],
                    End::CleanAfter(_) => &levels[..12],
                };
                let cleanest = noisy[noisy.len() - 1];
                assert_eq!(cleanest, schedule.level(0.01).unwrap());
                assert_eq!(levels[12].sigma == 0.0, end == End::CleanAfter(0.01));
                let even = |level: &NoiseLevel| match spacing {
                    Spacing::Time {} => level.t,
                    Spacing::Lambda {} => level.lambda(),
                    Spacing::Karras { rho } => level.ratio().powf(1.0 / rho),
                };
                let widths: Vec<f64> =
                    noisy.windows(2).map(|pair| even(&pair[1]) - even(&pair[0])).collect();
                let width = widths[0];
                assert!(widths.iter().all(|w| (w - width).abs() < 1e-10 * width.abs().max(1.0)));
                // Levels are the schedule's own, wherever they lie. Near noise the last bit of
                // a time moves λ by much, so what is compared is what makes it up.
                for level in noisy {
                    let own = schedule.level(level.t).unwrap();
                    assert!((own.alpha - level.alpha).abs() < 1e-10, "{schedule:?}");
                    assert!((own.sigma / level.sigma - 1.0).abs() < 1e-10, "{schedule:?}");
                }
            }
        }
    }
}

/// A grid spaced by 1/(N − 1) whose steps are 1/N wide leaves gaps, and does not arrive.
#[test]
fn defect_21_every_step_ends_where_the_next_begins() {
    let schedule = Learned::default();
    for steps in [1, 2, 7, 100] {
        let levels = Grid::uniform(steps).levels(&schedule).unwrap();
        assert_eq!(levels.len(), steps + 1);
        let (first, last) = (levels[0], levels[steps]);
        assert_eq!((first.t, last.t), (1.0, 0.0));
        for (k, pair) in levels.windows(2).enumerate() {
            let width = pair[0].t - pair[1].t;
            assert!((width - 1.0 / steps as f64).abs() < 1e-15, "step {k} of {steps}: {width}");
        }
    }
}

#[test]
fn grids_are_read_and_refused() {
    let read = |text: &str| serde_json::from_str::<Grid>(text);
    assert_eq!(read(r#"{"steps": 5}"#).unwrap(), Grid::uniform(5));
    let text = r#"{"steps": 5, "spacing": {"kind": "karras"}, "end": {"clean-after": 0.1}}"#;
    let spacing = Spacing::Karras { rho: 7.0 };
    assert_eq!(read(text).unwrap(), Grid { steps: 5, spacing, end: End::CleanAfter(0.1) });
    for kind in ["time", "lambda"] {
        let plain = format!(r#"{{"steps": 5, "spacing": {{"kind": "{kind}"}}}}"#);
        let more = format!(r#"{{"steps": 5, "spacing": {{"kind": "{kind}", "rho": 7}}}}"#);
        assert!(read(&plain).is_ok() && read(&more).is_err(), "{kind}");
    }
    assert!(read(r#"{"steps": 5, "stop": 0}"#).is_err());
    let schedule = Cosine::default();
    for (grid, field) in [
        (Grid::uniform(0), "steps = 0"),
        (Grid::uniform(usize::MAX), "steps = 18446744073709552000"),
        (Grid { end: End::Time(1.0), ..Grid::uniform(3) }, "end = 1"),
        (Grid { end: End::Time(f64::NAN), ..Grid::uniform(3) }, "end = NaN"),
        (Grid { end: End::CleanAfter(0.0), ..Grid::uniform(3) }, "end = 0"),
        (Grid { spacing: Spacing::Lambda {}, ..Grid::uniform(3) }, "end = 0"),
        (Grid { spacing: Spacing::Karras { rho: 0.0 }, end: End::Time(0.1), steps: 3 }, "rho = 0"),
    ] {
        let error = grid.levels(&schedule).unwrap_err().to_string();
        assert!(error.starts_with(field), "{error}");
    }
    let wrong = Karras { sigma_min: -1.0, ..Karras::default() };
    assert!(Grid::uniform(3).levels(&wrong).unwrap_err().to_string().starts_with("sigma_min"));
    let one = Grid { end: End::CleanAfter(0.1), ..Grid::uniform(1) }.levels(&schedule).unwrap();
    assert_eq!(one, [schedule.level(1.0).unwrap(), NoiseLevel::CLEAN]);
}

#[test]
fn absurd_chains_are_refused() {
    let most = usize::MAX;
    for picking in [Picking::Linspace, Picking::Leading, Picking::Trailing] {
        for spare in [false, true] {
            let plain = Timesteps { picking, spare, ..Timesteps::default() };
            let far = Timesteps { offset: most, ..plain };
            for (refused, field) in [
                (plain.of(most, 5), "steps = "),
                (plain.of(1000, most), "n = "),
                (far.of(1000, 5), "offset = "),
            ] {
                assert!(refused.unwrap_err().to_string().starts_with(field));
            }
            assert_eq!(plain.of(1000, 0).unwrap(), [0.0; 0]);
            assert_eq!(plain.of(0, 3).unwrap().len(), 3);
        }
    }
}

#[test]
fn clocks_start_at_noise_end_at_data_and_never_turn_back() {
    let lags = vec![Some(0.0), Some(2.5), None, Some(0.4)];
    for clock in [
        Clock::shared(4),
        Clock::shared(4).freeze(1..3),
        Clock::staggered(4, 0.3),
        Clock::staggered(4, 1.0).freeze(0..1),
        Clock { lags },
    ] {
        for (time, tau) in [(1.0, 1.0), (0.0, 0.0)] {
            let times = clock.times(tau).unwrap();
            assert!(times.iter().flatten().all(|&t| t == time), "{clock:?}: {times:?}");
            let frozen = |times: &[Option<f64>]| times.iter().map(Option::is_none).collect();
            let expected: Vec<bool> = clock.lags.iter().map(Option::is_none).collect();
            let found: Vec<bool> = frozen(&times);
            assert_eq!(found, expected);
        }
        let mut before = clock.times(1.0).unwrap();
        for k in (0..200).rev() {
            let now = clock.times(f64::from(k) / 200.0).unwrap();
            assert!(now.iter().zip(&before).all(|(now, before)| now <= before));
            // Whoever lags more is never ahead.
            for (i, one) in clock.lags.iter().enumerate() {
                for (j, other) in clock.lags.iter().enumerate() {
                    let ahead = one.is_some() && other.is_some() && one < other;
                    assert!(!ahead || now[i] <= now[j], "{clock:?}");
                }
            }
            before = now;
        }
    }
    // With a lag of 1 a position begins when the one before has arrived.
    let times = |tau| Clock::staggered(4, 1.0).times(tau).unwrap();
    assert_eq!(times(0.75), [Some(0.0), Some(1.0), Some(1.0), Some(1.0)]);
    assert_eq!(times(0.625), [Some(0.0), Some(0.5), Some(1.0), Some(1.0)]);
    assert_eq!(times(0.25), [Some(0.0), Some(0.0), Some(0.0), Some(1.0)]);
}

#[test]
fn a_clock_turns_a_grid_into_levels_of_positions() {
    let schedule = Karras::default();
    let grid = Grid { end: End::CleanAfter(0.0), ..Grid::uniform(20) }.levels(&schedule).unwrap();
    let shared = Clock::shared(3).levels(&grid, &schedule).unwrap();
    let lagging = Clock::staggered(3, 0.5).freeze(0..1).levels(&grid, &schedule).unwrap();
    for (k, run) in grid.iter().enumerate() {
        assert_eq!(shared[k], Levels::Shared(*run));
        assert_eq!(lagging[k].at(0), NoiseLevel::CLEAN);
        assert!(lagging[k].at(1).ratio() <= lagging[k].at(2).ratio());
    }
    assert!((0..3).all(|i| lagging[20].at(i) == NoiseLevel::CLEAN));
    // Position 2 has not begun when position 1 is a third of its way down.
    let [one, two] = [1, 2].map(|i| lagging[3].at(i).t);
    assert!(one < 1.0 && two == 1.0, "{one}, {two}");
    // No position's noise ever rises.
    for (before, after) in lagging.iter().zip(&lagging[1..]) {
        assert!((0..3).all(|i| after.at(i).ratio() <= before.at(i).ratio()));
    }
}

/// Where a position's time is the run's, its level is the grid's, wherever that comes from.
#[test]
fn a_clock_trusts_the_grid() {
    let odd = NoiseLevel { t: 0.6, alpha: 0.9, sigma: 0.1 };
    let end = NoiseLevel { t: 0.3, alpha: 0.9, sigma: 0.0 };
    let schedule = Cosine::default();
    let shared = Clock::shared(2).levels(&[odd, end], &schedule).unwrap();
    assert_eq!(shared, [odd.into(), end.into()]);
    let lagging = Clock { lags: vec![Some(0.0), Some(1.0)] };
    let lagging = lagging.levels(&[odd, end], &schedule).unwrap();
    let own = [0.2, 1.0].map(|t| schedule.level(t).unwrap());
    for (i, own) in own.into_iter().enumerate() {
        assert!((lagging[0].at(i).sigma - own.sigma).abs() < 1e-12);
    }
    assert_eq!(lagging[1], end.into());
}

#[test]
fn clocks_are_read_and_refused() {
    let clock: Clock = serde_json::from_str(r#"{"lags": [null, 0, 0.5]}"#).unwrap();
    assert_eq!(clock, Clock { lags: vec![None, Some(0.0), Some(0.5)] });
    assert!(serde_json::from_str::<Clock>(r#"{"lags": [], "pace": 1}"#).is_err());
    let grid = [NoiseLevel::CLEAN];
    let wrong = Karras { sigma_min: -1.0, ..Karras::default() };
    let error = Clock::shared(2).levels(&grid, &wrong).unwrap_err().to_string();
    assert!(error.starts_with("sigma_min"), "{error}");
    for (clock, field) in [
        (Clock { lags: vec![] }, "positions = 0"),
        (Clock { lags: vec![Some(-1.0)] }, "lag = -1"),
        (Clock { lags: vec![None, Some(f64::NAN)] }, "lag = NaN"),
    ] {
        let error = clock.levels(&grid, &Sqrt::default()).unwrap_err().to_string();
        assert!(error.starts_with(field), "{error}");
    }
    let outside = Clock::shared(2).times(1.5);
    assert_eq!(outside, Err(ScheduleError::Time(1.5)));
}
