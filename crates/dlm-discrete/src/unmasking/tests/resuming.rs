//! Runs that were stopped and go on.

use std::ops::ControlFlow;

use dlm_core::{Canvas, TokenId};
use dlm_rng::Key;

use super::{
    hand::By,
    model::{Doubtful, table},
};
use crate::unmasking::{
    ConfigError, Filling, SampleError, Step, UnmaskingSampler,
    presets::{dream, dream_origin, llada, llada_random, mdlm, p2, remdm, remdm_loop, wino},
};

const LENGTH: usize = 6;
const KEY: Key = Key::new(3).sequence(8);

fn blank(model: &Doubtful) -> Canvas {
    Canvas::continuation(&[], LENGTH, model.0.mask()).unwrap()
}

/// The canvas after the first step from `least` on that changed anything, and how many
/// steps that took; nothing where the run ends before.
fn stopped(sampler: &UnmaskingSampler, least: usize) -> Option<(Canvas, usize)> {
    let mut model = Doubtful(table(LENGTH, 3, 5));
    let mut canvases = [blank(&model)];
    let mut made = 0;
    let mut observer = |step: &Step<'_>| {
        made = step.step + 1;
        if least < made { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    match sampler.fill(&mut model, &mut canvases, &[KEY], &mut observer) {
        Err(SampleError::Stopped) => Some((canvases[0].clone(), made)),
        _ => None,
    }
}

fn go_on(
    sampler: &UnmaskingSampler,
    canvas: Canvas,
    from_step: usize,
) -> Result<Canvas, SampleError> {
    let mut model = Doubtful(table(LENGTH, 3, 5));
    let mut canvases = [canvas];
    let filling = Filling { from_step, ..Filling::new(sampler, &mut model) };
    filling.run(&mut canvases, &mut [KEY], &mut ())?;
    let [canvas] = canvases;
    Ok(canvas)
}

#[test]
fn a_run_that_goes_on_ends_as_one_that_was_never_stopped() {
    let presets = [dream, dream_origin, llada, llada_random, mdlm, p2, remdm, remdm_loop, wino];
    for preset in presets {
        for steps in [3, LENGTH, 9] {
            let sampler = UnmaskingSampler { steps: Some(steps), ..preset() };
            let whole = go_on(&sampler, blank(&Doubtful(table(LENGTH, 3, 5))), 0).unwrap();
            for least in 0..steps {
                let Some((canvas, made)) = stopped(&sampler, least) else { continue };
                if made == steps {
                    continue;
                }
                let found = go_on(&sampler, canvas, made).unwrap();
                assert_eq!(found, whole, "{sampler:?} after {made}");
            }
        }
    }
}

/// What stands in a canvas's response was written by a sampler: P2 masks it again, while
/// the same tokens as part of a prompt stay.
#[test]
fn written_tokens_are_revised_and_given_ones_are_not() {
    let sampler = UnmaskingSampler { steps: Some(LENGTH - 1), ..p2() };
    let end = |written: Canvas| {
        let mut model = By { vocab: 2, p: |_: &[TokenId], _| vec![0.9, 0.1] };
        let mut canvases = [written];
        let filling = Filling { from_step: 1, ..Filling::new(&sampler, &mut model) };
        filling.run(&mut canvases, &mut [KEY], &mut ()).unwrap();
        canvases[0].tokens().to_vec()
    };
    let mut written = Canvas::continuation(&[], LENGTH, 2).unwrap();
    written.commit(1, 0);
    written.commit(2, 1);
    let given = Canvas::infill(written.tokens().to_vec(), 2).unwrap();
    assert_eq!(end(written), [0, 0, 0, 0, 0, 0]);
    assert_eq!(end(given), [0, 0, 1, 0, 0, 0]);
}

#[test]
fn a_run_cannot_go_on_behind_its_end() {
    let sampler = UnmaskingSampler { steps: Some(4), ..llada() };
    for from_step in [4, 9] {
        let canvas = blank(&Doubtful(table(LENGTH, 3, 5)));
        let error = go_on(&sampler, canvas, from_step).unwrap_err();
        let SampleError::Config(ConfigError::Range { field, .. }) = error else {
            panic!("{error}");
        };
        assert_eq!(field, "from_step");
    }
}
