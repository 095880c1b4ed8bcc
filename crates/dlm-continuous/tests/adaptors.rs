//! Adaptors of denoisers against closed forms on mixtures of Gaussians.

use std::{error::Error, sync::Arc};

use dlm_continuous::{
    SampleError,
    denoiser::{
        Clamped, Clamping, ConditionedDenoiser, Guided, Mixture, Pair, SelfConditioned, Tempered,
        TokenGuided,
    },
    rounding::{Embeddings, NearestEmbedding, RoundingError},
    schedule::{Betas, Table},
};
use dlm_core::{
    Denoiser, DenseLatent, Latent, Levels, ModelError, NoiseLevel, Rounding, Shape, TokenId,
};
use dlm_rng::Key;
use dlm_testkit::{Component, GaussianMixture};

const VOCAB: usize = 9;
const SHAPE: Shape = Shape { batch: 2, length: 3, dim: 4 };

fn level(t: f64) -> NoiseLevel {
    NoiseLevel { t, alpha: (1.0 - t * t).sqrt(), sigma: t }
}

/// Levels of one clock, of a clock a position, and of a prompt before noise.
fn many_levels() -> [Levels; 4] {
    let grown = NoiseLevel { t: 0.5, alpha: 1.0, sigma: 3.0 };
    let each = |ts: &[f64]| Levels::PerPosition(ts.iter().map(|&t| level(t)).collect());
    [
        Levels::Shared(level(0.4)),
        Levels::Shared(grown),
        each(&[0.2, 0.5, 0.9]),
        each(&[0.1, 0.3, 0.4, 0.6, 0.7, 0.95]),
    ]
}

fn latent(seed: u64) -> DenseLatent {
    let mut stream = Key::new(seed).stream();
    let values = (0..SHAPE.numbers()).map(|_| stream.normal()).collect();
    DenseLatent::new(SHAPE, values).unwrap()
}

fn embeddings() -> Arc<Embeddings> {
    let mut stream = Key::new(1).stream();
    let values = (0..VOCAB * SHAPE.dim).map(|_| stream.normal() as f32).collect();
    Arc::new(Embeddings::new(VOCAB, SHAPE.dim, values).unwrap())
}

/// Tokens with probabilities `∝ 1, 2, …`, where their embeddings are or around there.
fn mixture(std: f64) -> GaussianMixture {
    let component = |(v, row): (usize, &[f32])| Component {
        weight: 1.0 + v as f64,
        mean: row.iter().map(|&e| e.into()).collect(),
        std,
    };
    GaussianMixture::new(embeddings().rows().enumerate().map(component).collect()).unwrap()
}

fn constant(value: f64) -> impl FnMut(&DenseLatent, &Levels) -> Result<DenseLatent, ModelError> {
    move |x, _| Ok(x.map_positions(&|position, row| row.fill(value + position as f64))?)
}

fn assert_close(ours: &DenseLatent, theirs: &DenseLatent, tolerance: f64) {
    for (ours, theirs) in ours.values().iter().zip(theirs.values()) {
        let off = (ours - theirs).abs() / theirs.abs().max(1.0);
        assert!(off <= tolerance, "{ours} is not {theirs}: {off:e}");
    }
}

/// `ε̂ = (x − α·x̂₀)/σ`.
fn noise(x: &DenseLatent, x0: &DenseLatent, levels: &Levels) -> DenseLatent {
    let weights = levels.weights(|l| [1.0 / l.sigma, -l.alpha / l.sigma]);
    DenseLatent::combine(&weights, [x, x0]).unwrap()
}

#[test]
fn predictions_are_clamped_at_the_times_of_their_positions() {
    let rounding = NearestEmbedding::new(embeddings());
    let x = latent(2);
    let free = mixture(0.3).denoise(&x, &Levels::Shared(level(0.5))).unwrap();
    let times = [0.2, 0.5, 0.9];
    for (when, clamped) in [
        (Clamping::Always {}, [true; 3]),
        (Clamping::UpTo { time: 0.5 }, [true, true, false]),
        (Clamping::UpTo { time: -1.0 }, [false; 3]),
        (Clamping::From { time: 0.5 }, [false, true, true]),
        (Clamping::From { time: 0.9 }, [false, false, true]),
    ] {
        let mut clamp = Clamped {
            denoiser: |_: &DenseLatent, _: &Levels| Ok(free.clone()),
            rounding: rounding.clone(),
            when,
        };
        let check = |x0: &DenseLatent, clamped: &dyn Fn(usize) -> bool| {
            let tokens: Vec<TokenId> =
                rounding.round(&free).unwrap().iter().map(|r| r.token).collect();
            let nearest = rounding.embed(&tokens, &free).unwrap();
            for (position, x0) in x0.rows().enumerate() {
                let source = if clamped(position) { &nearest } else { &free };
                assert_eq!(x0, source.rows().nth(position).unwrap(), "{when:?}, {position}");
            }
        };
        let each = Levels::PerPosition(times.iter().map(|&t| level(t)).collect());
        check(&clamp.denoise(&x, &each).unwrap(), &|position| clamped[position % 3]);
        for (i, &t) in times.iter().enumerate() {
            let x0 = clamp.denoise(&x, &Levels::Shared(level(t))).unwrap();
            check(&x0, &|_| clamped[i]);
        }
    }
}

#[test]
fn clamping_is_written_by_its_kind() {
    let read = |text| serde_json::from_str::<Clamping>(text).unwrap();
    assert_eq!(read(r#"{"kind": "always"}"#), Clamping::Always {});
    assert_eq!(read(r#"{"kind": "up-to", "time": 0.2}"#), Clamping::UpTo { time: 0.2 });
    assert_eq!(read(r#"{"kind": "from", "time": 0.7}"#), Clamping::From { time: 0.7 });
    for unread in [r#"{"kind": "from", "tme": 0.7}"#, r#"{"kind": "always", "time": 0.2}"#] {
        assert!(serde_json::from_str::<Clamping>(unread).is_err(), "{unread}");
    }
}

#[test]
fn a_clamp_step_is_a_step_of_the_table() {
    let (steps, step) = (2000, 150);
    let table = Table::published(Betas::Sqrt { offset: 1e-4 }, steps).unwrap();
    let time = (step + 1) as f64 / steps as f64;
    let clamped = |when: Clamping| -> Vec<usize> {
        let holds = |&k: &usize| when.holds(table.level_of(k as f64).unwrap().t);
        (0..steps).filter(holds).collect()
    };
    assert_eq!(clamped(Clamping::UpTo { time }), (0..=step).collect::<Vec<_>>());
    assert_eq!(clamped(Clamping::From { time }), (step..steps).collect::<Vec<_>>());
}

#[test]
fn guiding_data_is_guiding_noise() {
    let x = latent(3);
    for levels in many_levels() {
        for w in [-0.5, 0.0, 1.0, 3.5] {
            let guided = Guided::new(Pair(mixture(0.1), mixture(0.8)), w).unwrap();
            let x0 = { guided }.denoise(&x, &levels).unwrap();
            let conditional = mixture(0.1).denoise(&x, &levels).unwrap();
            let unconditional = mixture(0.8).denoise(&x, &levels).unwrap();
            let (c, u) = (noise(&x, &conditional, &levels), noise(&x, &unconditional, &levels));
            let guided = noise(&x, &x0, &levels);
            for ((guided, c), u) in guided.values().iter().zip(c.values()).zip(u.values()) {
                let expected = u + w * (c - u);
                assert!((guided - expected).abs() <= 1e-12 * expected.abs().max(10.0));
            }
            match w {
                0.0 => assert_eq!(x0, unconditional),
                1.0 => assert_eq!(x0, conditional),
                _ => assert_ne!(x0, conditional),
            }
        }
    }
}

#[test]
fn one_network_is_guided_by_its_own_condition() {
    let (x, levels) = (latent(3), Levels::Shared(level(0.5)));
    let asked = |std: f64| mixture(std).denoise(&x, &levels).unwrap();
    let both = |x: &DenseLatent, levels: &Levels| {
        let ask = |std: f64| mixture(std).denoise(x, levels);
        Ok((ask(0.1)?, ask(0.8)?))
    };
    let mut paired = Guided::new(Pair(mixture(0.1), mixture(0.8)), 2.5).unwrap();
    let x0 = Guided::new(both, 2.5).unwrap().denoise(&x, &levels).unwrap();
    assert_eq!(x0, paired.denoise(&x, &levels).unwrap());
    assert_ne!(x0, asked(0.1));
}

#[test]
fn guidance_towards_a_token_gives_the_mean_given_the_token() {
    // For the exact gradient ∇ ln p(y | x) = ∇ ln p(x | y) − ∇ ln p(x), whatever the spread
    // of the tokens: at 0 the guided mean is the token's embedding itself.
    let x = latent(4);
    for std in [0.0, 0.4] {
        let (all, token) = (mixture(std), 3);
        let only = GaussianMixture::new(vec![all.components()[token].clone()]).unwrap();
        for levels in many_levels() {
            let gradient = |x: &DenseLatent, levels: &Levels| {
                let at = |position: usize, row: &mut [f64]| {
                    let (level, x) = (levels.at(position), row.to_vec());
                    let shares = all.responsibilities(&x, level);
                    let score = |k: usize, i: usize| {
                        let c = &all.components()[k];
                        let variance = (level.alpha * c.std).powi(2) + level.sigma.powi(2);
                        (level.alpha * c.mean[i] - x[i]) / variance
                    };
                    for (i, gradient) in row.iter_mut().enumerate() {
                        let mean: f64 =
                            shares.iter().enumerate().map(|(k, r)| r * score(k, i)).sum();
                        *gradient = score(token, i) - mean;
                    }
                };
                Ok(x.map_positions(&at)?)
            };
            let mut guided = TokenGuided::new(all.clone(), gradient, 1.0).unwrap();
            let expected = { only.clone() }.denoise(&x, &levels).unwrap();
            assert_close(&guided.denoise(&x, &levels).unwrap(), &expected, 1e-12);
            let mut unguided = TokenGuided::new(all.clone(), gradient, 0.0).unwrap();
            let expected = { all.clone() }.denoise(&x, &levels).unwrap();
            assert_eq!(unguided.denoise(&x, &levels).unwrap(), expected);
        }
    }
}

#[test]
fn a_temperature_divides_the_noise() {
    let x = latent(5);
    for levels in many_levels() {
        let plain = mixture(0.2).denoise(&x, &levels).unwrap();
        for temperature in [0.5, 0.9, 1.0, 4.0] {
            let mut tempered = Tempered::new(mixture(0.2), temperature).unwrap();
            let x0 = tempered.denoise(&x, &levels).unwrap();
            let (ours, theirs) = (noise(&x, &x0, &levels), noise(&x, &plain, &levels));
            for (ours, theirs) in ours.values().iter().zip(theirs.values()) {
                let expected = theirs / temperature;
                assert!((ours - expected).abs() <= 1e-12 * expected.abs().max(10.0));
            }
        }
        assert_eq!(Tempered::new(mixture(0.2), 1.0).unwrap().denoise(&x, &levels).unwrap(), plain);
    }
}

#[test]
fn clean_positions_keep_their_state_under_guidance_and_temperature() {
    let x = latent(6);
    let mut stream = vec![NoiseLevel::CLEAN; 3];
    stream[2] = level(0.5);
    let levels = Levels::PerPosition(stream);
    let mut guided =
        Guided::new(Pair(mixture(0.5), Tempered::new(mixture(0.9), 0.7).unwrap()), 2.0).unwrap();
    let x0 = guided.denoise(&x, &levels).unwrap();
    for position in [0, 1, 3, 4] {
        for i in position * SHAPE.dim..(position + 1) * SHAPE.dim {
            assert!((x0.values()[i] - x.values()[i]).abs() < 1e-12);
        }
    }
}

/// Exact logits of the mixture with points: `ln w_k − ‖x − α·e_k‖²/2σ²`, plus any constant.
fn exact_logits(
    x: &DenseLatent,
    levels: &Levels,
    _: Option<&DenseLatent>,
) -> Result<DenseLatent, ModelError> {
    let table = embeddings();
    let mut logits = DenseLatent::zeros(Shape { dim: VOCAB, ..x.shape() });
    let rows = logits.values_mut().chunks_exact_mut(VOCAB);
    for (position, (x, logits)) in x.rows().zip(rows).enumerate() {
        let level = levels.at(position);
        for (v, (logit, e)) in logits.iter_mut().zip(table.rows()).enumerate() {
            let off = x.iter().zip(e).map(|(x, &e)| (x - level.alpha * f64::from(e)).powi(2));
            let square: f64 = off.sum();
            *logit = (1.0 + v as f64).ln() - square / (2.0 * level.sigma.powi(2)) + 7.0;
        }
    }
    Ok(logits)
}

#[test]
fn a_mixture_with_exact_logits_is_the_posterior_mean() {
    let x = latent(7);
    for levels in many_levels() {
        let ours = Mixture::new(exact_logits, embeddings()).denoise(&x, &levels).unwrap();
        assert_close(&ours, &mixture(0.0).denoise(&x, &levels).unwrap(), 1e-12);
    }
}

#[test]
fn a_mixture_over_a_large_vocabulary_is_a_weighted_sum_and_the_same_in_any_batch() {
    // Beyond the blocks of positions and of tokens.
    let (vocab, dim, length) = (700, 5, 45);
    let mut stream = Key::new(8).stream();
    let table: Vec<f32> = (0..vocab * dim).map(|_| stream.normal() as f32).collect();
    let table = Arc::new(Embeddings::new(vocab, dim, table).unwrap());
    let logits: Vec<f32> = (0..3 * length * vocab).map(|_| 3.0 * stream.normal() as f32).collect();
    let denoise = |sequences: std::ops::Range<usize>| {
        let shape = Shape { batch: sequences.len(), length, dim };
        let here = sequences.start * length * vocab..sequences.end * length * vocab;
        let network = |_: &DenseLatent<f32>, _: &Levels, _: Option<&DenseLatent<f32>>| {
            Ok(DenseLatent::new(Shape { dim: vocab, ..shape }, logits[here.clone()].to_vec())?)
        };
        let x = DenseLatent::zeros(shape);
        Mixture::new(network, table.clone()).denoise(&x, &level(0.5).into()).unwrap()
    };
    let all = denoise(0..3);
    assert_eq!(denoise(1..2).values(), &all.values()[length * dim..2 * length * dim]);
    for (logits, mean) in logits.chunks_exact(vocab).zip(all.rows()) {
        let weights: Vec<f64> = logits.iter().map(|&l| f64::from(l).exp()).collect();
        let total: f64 = weights.iter().sum();
        for (i, &mean) in mean.iter().enumerate() {
            let rows = weights.iter().zip(table.rows());
            let sum: f64 = rows.map(|(w, e)| w * f64::from(e[i])).sum();
            assert!((f64::from(mean) - sum / total).abs() < 1e-6);
        }
    }
}

#[test]
fn a_network_is_shown_its_last_prediction() {
    let mut seen = Vec::new();
    let network = |x: &DenseLatent, _: &Levels, earlier: Option<&DenseLatent>| {
        seen.push(earlier.map(|x0| x0.values()[0]));
        Ok(x.map_positions(&|_, row| row.iter_mut().for_each(|x| *x *= 2.0))?)
    };
    let mut run = SelfConditioned::new(network);
    let (levels, states) = (Levels::Shared(level(0.5)), [latent(9), latent(10), latent(11)]);
    for x in &states {
        run.denoise(x, &levels).unwrap();
    }
    run.forget();
    run.denoise(&states[0], &levels).unwrap();
    drop(run);
    let last = |i: usize| Some(2.0 * states[i].values()[0]);
    assert_eq!(seen, [None, last(0), last(1), None]);
}

#[test]
fn a_mixture_conditions_itself_on_its_mean() {
    // A network that favours the token nearest to what it said before.
    let table = embeddings();
    let nearest = NearestEmbedding::new(table.clone());
    let network = |x: &DenseLatent, levels: &Levels, earlier: Option<&DenseLatent>| {
        let mut logits = exact_logits(x, levels, None)?;
        if let Some(x0) = earlier {
            for (row, near) in logits.values_mut().chunks_exact_mut(VOCAB).zip(nearest.round(x0)?) {
                row[near.token as usize] += 1000.0;
            }
        }
        Ok(logits)
    };
    let (x, levels) = (latent(12), Levels::Shared(level(0.8)));
    let mut run = SelfConditioned::new(Mixture::new(network, table.clone()));
    let first = run.denoise(&x, &levels).unwrap();
    assert_close(&first, &mixture(0.0).denoise(&x, &levels).unwrap(), 1e-12);
    let second = run.denoise(&x, &levels).unwrap();
    let tokens: Vec<TokenId> = nearest.round(&first).unwrap().iter().map(|r| r.token).collect();
    assert_close(&second, &nearest.embed(&tokens, &x).unwrap(), 1e-12);
    // Asked without an earlier prediction it is the same as at the start.
    let alone = Mixture::new(network, table).denoise_given(&x, &levels, None).unwrap();
    assert_eq!(alone, first);
}

#[test]
fn parameters_outside_their_range_are_refused_by_name() {
    let refused = |error: SampleError| error.to_string();
    for weight in [f64::NAN, f64::INFINITY] {
        let guided = refused(Guided::new((), weight).unwrap_err());
        assert!(guided.starts_with("weight = ") && guided.ends_with("finite numbers"), "{guided}");
        assert_eq!(refused(TokenGuided::new((), (), weight).unwrap_err()), guided);
    }
    for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-310] {
        let tempered = refused(Tempered::new((), temperature).unwrap_err());
        assert!(tempered.starts_with("temperature = "), "{tempered}");
    }
}

#[test]
fn what_a_network_gets_wrong_is_an_error() {
    let (x, levels) = (latent(13), Levels::Shared(level(0.5)));
    let cause = |error: ModelError| error.source().unwrap().to_string();
    let mut short = Mixture::new(
        |x: &DenseLatent, _: &Levels, _: Option<&DenseLatent>| Ok(x.clone()),
        embeddings(),
    );
    let shape = cause(short.denoise(&x, &levels).unwrap_err());
    assert!(shape.contains("[2, 3, 4] and [2, 3, 9]"), "{shape}");
    for bad in [f64::NAN, f64::INFINITY] {
        let network = |x: &DenseLatent, levels: &Levels, _: Option<&DenseLatent>| {
            let mut logits = exact_logits(x, levels, None)?;
            logits.values_mut()[4 * VOCAB + 1] = bad;
            Ok(logits)
        };
        let error = Mixture::new(network, embeddings()).denoise(&x, &levels).unwrap_err();
        let expected = RoundingError::Logits { position: 4 };
        assert_eq!(error.source().unwrap().downcast_ref(), Some(&expected));
    }
    let mut clamped = Clamped {
        denoiser: constant(f64::NAN),
        rounding: NearestEmbedding::new(embeddings()),
        when: Clamping::Always {},
    };
    let error = clamped.denoise(&x, &levels).unwrap_err();
    let expected = RoundingError::State { position: 0 };
    assert_eq!(error.source().unwrap().downcast_ref(), Some(&expected));
    let narrow = Arc::new(Embeddings::new(VOCAB, 3, vec![0.5; VOCAB * 3]).unwrap());
    let error = Mixture::new(exact_logits, narrow).denoise(&x, &levels).unwrap_err();
    assert!(cause(error).starts_with("the latent has dimension 4 and the vocabulary 3"));
}
