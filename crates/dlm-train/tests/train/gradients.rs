//! Gradients against finite differences, on a tiny base in f32.

use crate::support::{
    GAUSSIAN, MASKED, direction, examples, loss_and_gradient, recipe, stir, texts, trainee,
};
use dlm_rng::Key;

/// Directional derivatives along random directions within one slot or all of them.
#[test]
fn gradients_are_what_finite_differences_say() {
    let alone = "kind = \"gaussian\"\nself_conditioning = 0.0";
    // No gradient is taken of the first pass, which knows nothing of what it predicts: only
    // what reads the prediction has one that differences see.
    let conditioned = "kind = \"gaussian\"\nself_conditioning = 1.0";
    for objective in [MASKED, alone, conditioned] {
        let recipe = recipe(objective, 1);
        let mut trainee = trainee(&recipe);
        stir(&mut trainee, 0.05);
        let theta = trainee.parameters().detach().copy();
        let examples = examples(&texts(5, 0), &recipe);
        let key = Key::new(3);
        let (_, gradient) = loss_and_gradient(&recipe.objective, &mut trainee, &examples, key);
        let mut start = 0;
        let mut checked = Vec::new();
        for slot in trainee.slots().to_vec() {
            let here = (start, slot.numbers());
            start += slot.numbers();
            if objective == conditioned && !slot.name.contains("previous") {
                continue;
            }
            // A few of each kind: an A and a B of the first and the last block, and all else.
            let chosen = [
                "layers.0.self_attn.q",
                "layers.0.mlp.down",
                "layers.2.self_attn.v",
                "layers.2.mlp.gate",
                "embed_tokens",
                "latent_input",
            ];
            if chosen.iter().any(|part| slot.name.contains(part)) {
                checked.push((slot.name.clone(), here));
            }
        }
        if objective != conditioned {
            checked.push(("all".to_string(), (0, start)));
        }
        for (name, (start, numbers)) in checked {
            let along = theta.zeros_like();
            let mut own = along.narrow(0, start, numbers);
            own.copy_(&direction(numbers as usize, 9));
            let along = &along / along.norm();
            let mut value = |step: f64| {
                trainee.set_parameters(&(&theta + &along * step)).unwrap();
                loss_and_gradient(&recipe.objective, &mut trainee, &examples, key).0
            };
            // Richardson's rule takes the cubic term out, so a step may be large enough for
            // f32.
            let central =
                |h: f64, value: &mut dyn FnMut(f64) -> f64| (value(h) - value(-h)) / (2.0 * h);
            let h = 0.08;
            let expected = (4.0 * central(h / 2.0, &mut value) - central(h, &mut value)) / 3.0;
            let found = f64::try_from(gradient.dot(&along)).unwrap();
            let size = f64::try_from(gradient.narrow(0, start, numbers).norm()).unwrap();
            let numbers = numbers as f64;
            // A random direction meets the gradient at an angle; its length in one direction
            // is about this.
            let scale = size / numbers.sqrt();
            assert!(
                (found - expected).abs() <= 0.02 * found.abs().max(scale),
                "{objective}: {name}: {found} and by differences {expected}"
            );
        }
    }
}

/// Parts of a step add up to the step.
#[test]
fn the_gradient_of_parts_is_the_gradient_of_the_whole() {
    for objective in [MASKED, GAUSSIAN] {
        let recipe = recipe(objective, 1);
        let mut trainee = trainee(&recipe);
        stir(&mut trainee, 0.05);
        let examples = examples(&texts(6, 0), &recipe);
        let key = Key::new(8);
        let (whole, gradient) = loss_and_gradient(&recipe.objective, &mut trainee, &examples, key);
        let tokens = examples.iter().map(|example| example.tokens.len()).sum();
        let (mut value, mut sum) = (0.0, gradient.zeros_like());
        for (k, piece) in examples.chunks(2).enumerate() {
            let part =
                dlm_train::Part { examples: piece, first: 2 * k, texts: examples.len(), tokens };
            let loss = recipe.objective.loss(&trainee, part, key).unwrap();
            let theta = trainee.parameters();
            sum += tch::Tensor::run_backward(&[&loss.surrogate], &[theta], false, false).remove(0);
            trainee.bind().unwrap();
            value += loss.value;
        }
        assert!((value - whole).abs() < 1e-5 * whole.abs(), "{value} and {whole}");
        let off = f64::try_from((&sum - &gradient).norm() / gradient.norm()).unwrap();
        assert!(off < 1e-4, "{off}");
    }
}

/// The logits for a position come out of the row before it: the first position of an answer
/// is predicted from the prompt's last row, which nothing behind it can change but through
/// attention.
#[test]
fn the_shift_reads_each_token_from_the_row_before() {
    let recipe = recipe(MASKED, 1);
    let trainee = trainee(&recipe);
    let example = &examples(&texts(1, 0), &recipe)[0];
    let answer = example.answer.clone();
    let mut ids: Vec<i64> = example.tokens.iter().map(|&id| i64::from(id)).collect();
    ids[answer.start + 2] = 16;
    let h = trainee.embed(&tch::Tensor::from_slice(&ids)).unwrap();
    let hidden = trainee.hidden(h, &[ids.len()]).unwrap();
    let logits = hidden.linear::<tch::Tensor>(trainee.head(), None);
    let _ = logits.narrow(1, 16, 1).fill_(f64::NEG_INFINITY);
    let row = logits.get(answer.start as i64 + 1).log_softmax(0, tch::Kind::Double);
    let wanted = -row.double_value(&[i64::from(example.tokens[answer.start + 2])]);
    let masked = dlm_train::Masked { t: 0.5, positions: vec![answer.start + 2] };
    let dlm_train::Objective::Masked(objective) = &recipe.objective else { unreachable!() };
    let part = crate::support::part(std::slice::from_ref(example));
    let loss = objective.loss_of(&trainee, part, &[masked]).unwrap();
    assert!((loss.read.nll - wanted).abs() < 1e-5);
    assert!((loss.value - 2.0 * wanted / example.tokens.len() as f64).abs() < 1e-6);
}
