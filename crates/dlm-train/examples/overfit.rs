//! Trains a tiny causal network of random weights on two made-up texts, as a masked diffusion
//! model and as a Gaussian one, and prints how the cross-entropy falls.
#![allow(clippy::print_stdout)]

use dlm_rng::Key;
use dlm_runtime::{DeviceChoice, DtypeChoice, Source, Trainee};
use dlm_train::{
    AdamW, Event, GaussianObjective, Layout, MaskedObjective, Objective, Recipe, Text, Texts,
    Training,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../dlm-runtime/tests/fixtures/models/llama-tiny");
    let text = |first: u32| Text {
        prompt: vec![first, 21, 22],
        answer: (0..9).map(|k| 30 + (first + 7 * k) % 200).collect(),
        ended: true,
        source: String::new(),
    };
    let (train, shares) = (vec![text(40), text(90)], vec![(2, 1.0)]);
    let texts = Texts { held_out: train.clone(), train, shares, sha256: String::new() };
    for objective in [
        Objective::Masked(MaskedObjective::default()),
        Objective::Gaussian(GaussianObjective::default()),
    ] {
        let recipe = Recipe {
            base: None,
            seed: 0,
            tokens: 64 * 200,
            rank: 8,
            alpha: 16.0,
            objective,
            optimiser: AdamW { rate: 5e-3, ..AdamW::default() },
            layout: Layout { length: 32, multiple: 8, step_tokens: 64 },
            accumulate: 1,
            checkpoint_every: 200,
            validate_every: 100,
            validate_on: 2,
        };
        let source =
            Source { id: "tiny".into(), revision: None, folder: folder.into(), adapter: None };
        let plan = recipe.objective.plan(&recipe);
        let (device, dtype) = (DeviceChoice::Cpu, DtypeChoice::F32);
        let mut trainee = Trainee::load(source, device, dtype, plan, Key::new(0))?;
        let out = tempfile::tempdir()?;
        let folder = out.path().to_path_buf();
        let (recipe, texts, inputs, standing) = (&recipe, &texts, serde_json::Value::Null, None);
        let training = Training { recipe, texts, end: 2, inputs, folder, force: false, standing };
        training.run(&mut trainee, &mut |_| true, &mut |event| {
            if let Event::Validated(rows) = event {
                rows.iter().for_each(|row| {
                    println!("step {:3}, t = {:.2}: {:.3} nats", row.step, row.t, row.cross_entropy)
                });
            }
        })?;
    }
    Ok(())
}
