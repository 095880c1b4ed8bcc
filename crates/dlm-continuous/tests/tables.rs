//! Chains in discrete time against published ones, and the schedules read from them.

mod recorded;

use dlm_continuous::{
    forward::posterior,
    schedule::{
        Betas, Cosine, Linear, NoiseSchedule, PiecewiseLinear, ScheduleError, Sqrt, Table,
        TruncatedCosine, TruncatedLinear,
    },
};
use dlm_core::NoiseLevel;
use recorded::recorded;

/// The largest relative difference; 0 must be 0.
fn off(computed: &[f64], recorded: &[f64]) -> f64 {
    assert_eq!(computed.len(), recorded.len());
    let off = |(x, y): (&f64, &f64)| if x == y { 0.0 } else { (x / y - 1.0).abs() };
    computed.iter().zip(recorded).map(off).fold(0.0, f64::max)
}

const LINEAR: Betas = Betas::Linear { first: 1e-4, last: 0.02 };
const SCALED: Betas = Betas::ScaledLinear { first: 0.00085, last: 0.012 };
const COSINE: Betas = Betas::SquaredCosine { offset: 0.008 };
const SQRT: Betas = Betas::Sqrt { offset: 1e-4 };

#[test]
fn tables_are_the_published_ones() {
    let rescaled = Betas::RescaledLinear { first: 1e-4, last: 0.02 };
    for (name, betas, lengths) in [
        ("diffusers.linear", LINEAR, &[200, 1000][..]),
        ("diffusers.scaled_linear", SCALED, &[200, 1000]),
        ("diffusers.squaredcos_cap_v2", COSINE, &[200, 1000]),
        ("diffusion_lm.linear", rescaled, &[200, 1000]),
        ("diffusion_lm.cosine", COSINE, &[200, 1000]),
        ("diffusion_lm.sqrt", SQRT, &[200, 1000, 2000]),
        ("diffusion_lm.trunc_cos", Betas::TruncatedCosine { offset: 0.1 }, &[200, 1000]),
        ("diffusion_lm.trunc_lin", Betas::TruncatedLinear { offset: 0.01 }, &[200, 1000]),
        ("diffusion_lm.pw_lin", Betas::PiecewiseLinear { offset: 0.01 }, &[200, 1000]),
    ] {
        for &steps in lengths {
            let table = Table::published(betas, steps).unwrap();
            let name = |what: &str| format!("{name}.T{steps}.{what}");
            let (beta, single) = recorded("tables.safetensors", &name("betas"));
            let (alpha_bar, _) = recorded("tables.safetensors", &name("alphas_cumprod"));
            let tolerance = if single { 1e-6 } else { 1e-12 };
            let beta_off = off(table.betas(), &beta);
            assert!(beta_off < tolerance, "{}: {beta_off}", name("betas"));
            // In single precision 1 − β keeps few digits of a β near 1, and ᾱ inherits that: it
            // is the ᾱ of betas that were rounded first.
            let (table, tolerance) = match single {
                true => {
                    let betas = table.betas().iter().map(|&beta| f64::from(beta as f32));
                    (Table::new(betas.collect()).unwrap(), 1e-5)
                }
                false => (table, 1e-12),
            };
            let bar_off = off(table.alpha_bars(), &alpha_bar);
            assert!(bar_off < tolerance, "{}: {bar_off}", name("alphas_cumprod"));
        }
    }
}

#[test]
fn coefficients_are_diffusion_lms() {
    let table = Table::published(SQRT, 200).unwrap();
    let golden = |name: &str| recorded("sqrt_T200.safetensors", name).0;
    let (of_x0, of_xk): (Vec<_>, Vec<_>) =
        table.posterior_means().into_iter().map(|[x0, xk]| (x0, xk)).unzip();
    let bars = table.alpha_bars();
    let before: Vec<f64> = std::iter::once(1.0).chain(bars.iter().copied()).take(200).collect();
    for (name, computed) in [
        ("betas", table.betas().to_vec()),
        ("alphas_cumprod", bars.to_vec()),
        ("alphas_cumprod_prev", before),
        ("posterior_mean_coef1", of_x0),
        ("posterior_mean_coef2", of_xk),
        ("posterior_variance", table.posterior_variances()),
        ("posterior_log_variance_clipped", table.posterior_log_variances()),
        ("sqrt_recip_alphas_cumprod", bars.iter().map(|bar| bar.sqrt().recip()).collect()),
        ("sqrt_recipm1_alphas_cumprod", bars.iter().map(|bar| (1.0 / bar - 1.0).sqrt()).collect()),
    ] {
        let off = off(&computed, &golden(name));
        assert!(off < 1e-12, "{name}: {off}");
    }
    // The first logarithm stands in for −∞.
    let logs = table.posterior_log_variances();
    assert_eq!((table.posterior_variances()[0], logs[0]), (0.0, logs[1]));
}

#[test]
fn coefficients_are_those_of_the_forward_process() {
    for betas in [LINEAR, SCALED, COSINE, SQRT] {
        let table = Table::published(betas, 100).unwrap();
        let mut before = NoiseLevel::CLEAN;
        let rows = table.posterior_means().into_iter().zip(table.posterior_variances());
        for (k, ([of_x0, of_xk], variance)) in rows.enumerate() {
            let level = table.level_of(k as f64).unwrap();
            let [x_t, x_0, std] = posterior(level, before);
            for (one, other) in [(of_x0, x_0), (of_xk, x_t), (variance, std * std)] {
                assert!((one - other).abs() <= 1e-10 * one.abs(), "{betas:?}, {k}: {one} {other}");
            }
            before = level;
        }
    }
}

#[test]
fn respaced_steps_are_diffusion_lms() {
    let table = Table::published(SQRT, 200).unwrap();
    let kept = table.evenly(25);
    assert_eq!(
        kept,
        [
            0, 8, 17, 25, 33, 41, 50, 58, 66, 75, 83, 91, 100, 108, 116, 124, 133, 141, 149, 158,
            166, 174, 182, 191, 199
        ]
    );
    let fewer = table.respaced(&kept).unwrap();
    let mut product = 1.0;
    for (i, &k) in kept.iter().enumerate() {
        // The noise of a kept step is the same, and its time too.
        assert_eq!(fewer.level_of(i as f64), table.level_of(k as f64));
        assert_eq!(fewer.kept()[i], k);
        product *= 1.0 - fewer.betas()[i];
        assert!((product / table.alpha_bars()[k] - 1.0).abs() < 1e-12);
    }
    let [first, second] = [&fewer, &table].map(|table| table.level_of(3.0).unwrap().t);
    assert_eq!((first, second), (26.0 / 200.0, 4.0 / 200.0));
    // A table respaced twice still knows the steps of the whole chain.
    let few = fewer.respaced(&[0, 12, 24]).unwrap();
    assert_eq!(few.kept(), [0, 100, 199]);
    assert_eq!(few.level_of(1.0), table.level_of(100.0));
    assert_eq!((table.evenly(1), table.evenly(2)), (vec![0], vec![0, 199]));
    assert_eq!(table.evenly(1000), (0..200).collect::<Vec<_>>());
}

#[test]
fn a_table_is_a_schedule() {
    for betas in [LINEAR, SCALED, COSINE, SQRT] {
        let table = Table::published(betas, 50).unwrap();
        let mut before = f64::INFINITY;
        for k in 0..=5000 {
            let t = f64::from(k) / 5000.0;
            let level = table.level(t).unwrap();
            assert!((level.alpha.powi(2) + level.sigma.powi(2) - 1.0).abs() < 1e-12);
            assert!(level.t == t && (k == 0 || level.lambda() < before), "{betas:?} at {t}");
            before = level.lambda();
            let found = table.level_at(before).unwrap();
            assert!((found.t - t).abs() < 1e-10, "{betas:?} at {t}: {found:?}");
        }
        for k in 0..50 {
            let level = table.level_of(f64::from(k)).unwrap();
            assert_eq!(table.level(f64::from(k + 1) / 50.0).unwrap(), level);
        }
        assert_eq!(table.level(0.0).unwrap(), NoiseLevel::CLEAN);
        // σ/α is on a line between two steps.
        let ratio = |step: f64| table.level_of(step).unwrap().ratio();
        assert!((ratio(7.25) - 0.75 * ratio(7.0) - 0.25 * ratio(8.0)).abs() < 1e-12);
        assert!(table.level_at(before - 1.0).is_err() && table.level(1.1).is_err());
    }
    let early = Table::published(LINEAR, 50).unwrap().respaced(&[0, 24]).unwrap();
    assert!(early.level(0.5).is_ok());
    assert_eq!(early.level(0.6), Err(ScheduleError::Late { t: 0.6, last: 0.5 }));
}

#[test]
fn long_chains_approach_their_schedules() {
    let check = |betas, schedule: &dyn NoiseSchedule, within: f64| {
        let table = Table::published(betas, 2000).unwrap();
        for k in 1..20 {
            let t = f64::from(k) / 20.0;
            let [chain, limit] =
                [table.level(t), schedule.level(t)].map(|level| level.unwrap().alpha.powi(2));
            assert!((chain - limit).abs() < within, "{betas:?} at {t}: {chain} against {limit}");
        }
    };
    check(Betas::RescaledLinear { first: 1e-4, last: 0.02 }, &Linear::default(), 1e-3);
    check(COSINE, &Cosine::default(), 2e-4);
    check(Betas::TruncatedCosine { offset: 0.1 }, &TruncatedCosine::default(), 1e-3);
    // The first steps of these chains are large, so the limit is some way off.
    check(Betas::TruncatedLinear { offset: 0.01 }, &TruncatedLinear::default(), 0.02);
    check(Betas::PiecewiseLinear { offset: 0.01 }, &PiecewiseLinear::default(), 0.02);
    // The chain begins at data, 1% of whose variance the schedule has lost by then.
    check(SQRT, &Sqrt::default(), 0.011);
}

/// The ratio k/T taken in integers makes the betas 0, …, 0, 0.999.
#[test]
fn defect_10_cosine_of_an_integer_division() {
    for steps in [10, 200, 1000] {
        let betas = COSINE.of(steps).unwrap();
        assert!(betas.windows(2).all(|pair| pair[0] < pair[1]), "{steps} steps");
        assert!(0.0 < betas[0] && betas[steps / 2] < 0.5 && betas[steps - 1] == 0.999);
        assert!(1.5 / (steps as f64) < betas[steps / 2], "{steps} steps");
    }
}

/// With the last β at its cap ᾱ is so small that careless coefficients are no numbers.
#[test]
fn defect_18_ancestral_coefficients_at_the_cap_are_finite() {
    for steps in [10, 1000, 4000] {
        let table = Table::published(COSINE, steps).unwrap();
        let finite = |numbers: &[f64]| numbers.iter().all(|x| x.is_finite());
        assert!(table.posterior_means().iter().all(|pair| finite(pair)));
        assert!(finite(&table.posterior_variances()) && finite(&table.posterior_log_variances()));
        for k in 0..steps {
            let level = table.level_of(k as f64).unwrap();
            assert!(level.is_valid());
            for s in [NoiseLevel::CLEAN, table.level_of(k as f64 * 0.5).unwrap()] {
                let [x_t, x_0, std] = posterior(level, s);
                assert!(finite(&[x_t, x_0, std]) && 0.0 <= std, "{steps} steps, {k} from {s:?}");
            }
        }
    }
}

#[test]
fn what_is_no_table_is_refused() {
    let refused = |betas: Vec<f64>, field: &str| {
        let error = Table::new(betas).unwrap_err().to_string();
        assert!(error.starts_with(field), "{error}");
    };
    refused(vec![], "steps = 0");
    refused(vec![0.1, 1.0], "β of a step = 1");
    refused(vec![0.1, -0.1], "β of a step = -0.1");
    refused(vec![f64::NAN], "β of a step = NaN");
    refused(vec![1e-18], "ᾱ of a step = 1");
    refused(vec![0.999_999_999; 40], "ᾱ of a step = 0");
    for (betas, steps, field) in [
        (LINEAR, 0, "steps = 0"),
        (Betas::PiecewiseLinear { offset: 0.01 }, 10, "steps = 10"),
        (Betas::RescaledLinear { first: 1e-4, last: 0.02 }, 10, "β of a step"),
        (Betas::SquaredCosine { offset: -1.0 }, 10, "offset"),
        (Betas::Sqrt { offset: f64::NAN }, 10, "offset"),
        (Betas::ScaledLinear { first: -1.0, last: 0.1 }, 10, "first"),
    ] {
        let error = betas.of(steps).unwrap_err().to_string();
        assert!(error.starts_with(field), "{error}");
    }
    let table = Table::published(LINEAR, 20).unwrap();
    for (kept, field) in
        [(&[][..], "kept steps = 0"), (&[3, 3], "kept step = 3"), (&[3, 20], "kept step = 20")]
    {
        let error = table.respaced(kept).unwrap_err().to_string();
        assert!(error.starts_with(field), "{error}");
    }
    for step in [-0.1, 19.1, f64::NAN] {
        assert!(matches!(table.level_of(step), Err(ScheduleError::Step { last: 19, .. })));
    }
    let read = |text| serde_json::from_str::<Betas>(text);
    assert_eq!(read(r#"{"kind": "sqrt"}"#).unwrap(), SQRT);
    assert_eq!(read(r#"{"kind": "scaled-linear"}"#).unwrap(), SCALED);
    assert!(read(r#"{"kind": "sqrt", "cap": 1}"#).is_err());
}
