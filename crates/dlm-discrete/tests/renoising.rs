//! Laws of entropy-bounded renoising.

mod models;

use dlm_core::{Canvas, TokenId};
use dlm_discrete::Renoiser;
use dlm_discrete::jump::JumpError;
use dlm_rng::Key;
use models::Blind;

const MASK: TokenId = 4;

fn certain(token: usize) -> Vec<f64> {
    (0..4).map(|v| if v == token { 1.0 } else { 0.0 }).collect()
}

/// Tokens seen after each step but the last, and what was written.
fn run(
    renoiser: Renoiser,
    network: &mut Blind,
    canvas: Canvas,
    seed: u64,
) -> (Vec<Vec<TokenId>>, Canvas) {
    let mut canvases = [canvas];
    let mut seen = vec![];
    let mut watch = |step: &dlm_discrete::RenoisingStep<'_>| seen.push(step.tokens.to_vec());
    renoiser.fill(network, &mut canvases, &[Key::new(seed)], &mut watch).unwrap();
    let [canvas] = canvases;
    assert_eq!(seen.pop().unwrap(), canvas.tokens());
    (seen, canvas)
}

#[test]
fn it_stops_when_the_mind_is_made_up_and_not_before() {
    let open = |length| Canvas::continuation(&[3], length, MASK).unwrap();
    let sure = || Blind::new((0..4).map(certain).collect(), MASK);
    for (patience, evaluations) in [(0, 1), (1, 2), (3, 4)] {
        let mut network = sure();
        let (_, canvas) =
            run(Renoiser { patience, ..Renoiser::default() }, &mut network, open(3), 1);
        assert_eq!(network.asked, vec![vec![1, 2, 3]; evaluations]);
        assert_eq!(canvas.tokens(), [3, 1, 2, 3]);
    }
    // One position of three that wavers: a mean entropy of ln 2/3 is not calm.
    let mut wavering = Blind::new((0..4).map(certain).collect(), MASK);
    wavering.rows[2] = vec![0.5, 0.5, 0.0, 0.0];
    run(Renoiser::default(), &mut wavering, open(3), 1);
    assert_eq!(wavering.asked.len(), 48);
    let calm = Renoiser { calm: 0.3, ..Renoiser::default() };
    wavering.asked.clear();
    run(calm, &mut wavering, open(3), 1);
    assert_eq!(wavering.asked.len(), 2);
}

/// Entropies 0, ln 2, ln 2, ln 4: the sum before the next decides who is kept.
#[test]
fn what_is_kept_is_drawn_and_what_is_not_is_noise() {
    let rows = vec![
        vec![0.25; 4],
        vec![0.0, 0.5, 0.5, 0.0],
        vec![0.0, 0.0, 0.0, 1.0],
        vec![0.5, 0.5, 0.0, 0.0],
    ];
    let ln_2 = 2f64.ln();
    for (gamma, kept) in [
        // The first uncertain one still has nothing before it.
        (0.0, vec![2, 1]),
        (0.99 * ln_2, vec![2, 1]),
        (1.01 * ln_2, vec![2, 1, 3]),
    ] {
        let renoiser = Renoiser { steps: 40, gamma, ..Renoiser::default() };
        let mut outside = [0.0; 4];
        for seed in 0..20 {
            let mut network = Blind::new(rows.clone(), MASK);
            let canvas = Canvas::infill(vec![MASK; 4], MASK).unwrap();
            let (seen, _) = run(renoiser, &mut network, canvas, seed);
            assert_eq!(seen.len(), 39);
            for tokens in seen {
                for i in 0..4 {
                    outside[i] += f64::from(rows[i][tokens[i] as usize] == 0.0) / (20.0 * 39.0);
                }
            }
        }
        for (i, outside) in outside.iter().enumerate() {
            // Uniform noise falls where the prediction has no mass.
            let noise = rows[i].iter().filter(|&&p| p == 0.0).count() as f64 / 4.0;
            let expected = if kept.contains(&i) { 0.0 } else { noise };
            assert!(
                (outside - expected).abs() <= 0.08 * expected.ceil(),
                "γ = {gamma}, {i}: {outside}"
            );
        }
    }
}

/// What is kept is drawn at a temperature that falls from the first step to the last.
#[test]
fn temperatures_fall_linearly() {
    let p = [0.7, 0.3, 0.0, 0.0];
    let renoiser =
        Renoiser { steps: 3, t_max: 1.0, t_min: 0.25, gamma: 1e9, ..Renoiser::default() };
    let length = 20_000;
    let canvas = Canvas::infill(vec![MASK; length], MASK).unwrap();
    let (seen, last) = run(renoiser, &mut Blind::new(vec![p.to_vec()], MASK), canvas, 3);
    for (tokens, temperature) in seen.iter().zip([1.0, 0.625]) {
        let [a, b] = [p[0], p[1]].map(|p: f64| p.powf(1.0 / temperature));
        let share = tokens.iter().filter(|&&token| token == 0).count() as f64 / length as f64;
        assert!((share - a / (a + b)).abs() < 0.015, "T = {temperature}: {share}");
    }
    assert_eq!(last.tokens(), vec![0; length]);
}

#[test]
fn fixed_tokens_stay_batches_do_not_matter_seeds_do() {
    let rows = vec![vec![0.4, 0.3, 0.2, 0.1], vec![0.1, 0.2, 0.3, 0.4]];
    let renoiser = Renoiser { steps: 5, ..Renoiser::default() };
    let infill = |tokens: &[TokenId]| Canvas::infill(tokens.to_vec(), MASK).unwrap();
    let canvases = [infill(&[2, MASK, MASK, 0]), infill(&[MASK; 30])];
    let keys = [Key::new(1), Key::new(1).sequence(1)];
    let mut together = canvases.clone();
    let mut paths = [vec![], vec![]];
    let mut watch = |step: &dlm_discrete::RenoisingStep<'_>| {
        paths[step.canvas].push(step.tokens.to_vec());
    };
    let mut network = Blind::new(rows.clone(), MASK);
    renoiser.fill(&mut network, &mut together, &keys, &mut watch).unwrap();
    assert_eq!((together[0].tokens()[0], together[0].tokens()[3]), (2, 0));
    for (i, path) in paths.iter().enumerate() {
        assert!(together[i].masked().is_empty());
        let mut alone = vec![];
        let mut watch = |step: &dlm_discrete::RenoisingStep<'_>| alone.push(step.tokens.to_vec());
        let mut canvas = [canvases[i].clone()];
        renoiser.fill(&mut network, &mut canvas, &keys[i..=i], &mut watch).unwrap();
        assert_eq!((&alone, &canvas[0]), (path, &together[i]));
    }
    let path =
        |seed| run(renoiser, &mut Blind::new(rows.clone(), MASK), canvases[1].clone(), seed).0;
    assert_eq!(path(5), path(5));
    assert_ne!(path(5), path(6));
}

/// One canvas is done, another goes on: the first is not touched again.
#[test]
fn who_has_stopped_is_left_alone() {
    let mut rows: Vec<Vec<f64>> = (0..4).map(certain).collect();
    rows.push(vec![0.25; 4]);
    let mut network = Blind::new(rows, MASK);
    let mut canvases = [
        Canvas::continuation(&[0], 2, MASK).unwrap(),
        Canvas::continuation(&[0], 4, MASK).unwrap(),
    ];
    let keys = [Key::new(2), Key::new(3)];
    Renoiser::default().fill(&mut network, &mut canvases, &keys, &mut |_| {}).unwrap();
    let asked = |positions: &[usize]| network.asked.iter().filter(|&a| a == positions).count();
    assert_eq!((asked(&[1, 2]), asked(&[1, 2, 3, 4])), (2, 48));
}

#[test]
fn files_may_leave_fields_out_and_ranges_are_checked() {
    let read = |text: &str| serde_json::from_str::<Renoiser>(text);
    assert_eq!(read("{}").unwrap(), Renoiser::default());
    assert_eq!(read(r#"{"gamma": 0.2}"#).unwrap(), Renoiser { gamma: 0.2, ..Renoiser::default() });
    assert!(read(r#"{"gama": 0.2}"#).is_err());
    for bad in [
        Renoiser { steps: 0, ..Renoiser::default() },
        Renoiser { t_max: -1.0, ..Renoiser::default() },
        Renoiser { gamma: f64::NAN, ..Renoiser::default() },
    ] {
        let mut network = Blind::new(vec![vec![0.25; 4]], MASK);
        let refused = bad.fill(&mut network, &mut [], &[], &mut |_| {});
        assert!(matches!(refused, Err(JumpError::Parameter(_))), "{bad:?}");
    }
}
