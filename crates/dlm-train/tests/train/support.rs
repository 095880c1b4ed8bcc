//! A tiny base in f32 and texts for it.

use std::path::PathBuf;

use dlm_rng::Key;
use dlm_runtime::{DeviceChoice, DtypeChoice, Source, Trainee};
use dlm_train::{Example, Objective, Recipe, Text, Texts};
use tch::Tensor;

/// A recipe for `objective`, given in TOML, with small sizes.
pub(crate) fn recipe(objective: &str, steps: u64) -> Recipe {
    let tokens = 64 * steps;
    toml::from_str(&format!(
        "tokens = {tokens}\nrank = 4\nalpha = 8.0\nvalidate_every = 5\ncheckpoint_every = 4\n\
         validate_on = 3\n\
         [objective]\n{objective}\n\
         [optimiser]\nrate = 1e-2\nwarm_up = 3\naverage = 0.9\nfall = \"linear\"\n\
         [layout]\nlength = 32\nmultiple = 8\nstep_tokens = 64\n"
    ))
    .unwrap()
}

/// The masked objective with mask 16.
pub(crate) const MASKED: &str = "kind = \"masked\"";

/// The Gaussian objective.
pub(crate) const GAUSSIAN: &str = "kind = \"gaussian\"";

/// The tiny base's folder.
pub(crate) fn base() -> PathBuf {
    let folder = "/../dlm-runtime/tests/fixtures/models/llama-tiny";
    PathBuf::from(env!("CARGO_MANIFEST_DIR").to_string() + folder)
}

/// The tiny base as `recipe` trains it.
pub(crate) fn trainee(recipe: &Recipe) -> Trainee {
    trainee_from(recipe, None).unwrap()
}

/// The same, going on from an adapter.
pub(crate) fn trainee_from(
    recipe: &Recipe,
    adapter: Option<PathBuf>,
) -> Result<Trainee, dlm_runtime::Error> {
    let source = Source { id: "llama-tiny".into(), revision: None, folder: base(), adapter };
    let plan = recipe.objective.plan(recipe);
    dlm_runtime::set_threads(Some(1));
    Trainee::load(source, DeviceChoice::Cpu, DtypeChoice::F32, plan, Key::new(5))
}

/// Moves θ somewhere: where every `B` is zero, no `A` has a gradient.
pub(crate) fn stir(trainee: &mut Trainee, size: f64) {
    let theta = trainee.parameters().detach();
    let noise = direction(theta.numel(), 77) * size;
    trainee.set_parameters(&(theta + noise)).unwrap();
}

/// Normal numbers.
pub(crate) fn direction(numbers: usize, seed: u64) -> Tensor {
    let mut stream = Key::new(seed).stream();
    let values: Vec<f32> = (0..numbers).map(|_| stream.normal() as f32).collect();
    Tensor::from_slice(&values)
}

/// Texts of random tokens, `train` and `held_out` many.
pub(crate) fn texts(train: u64, held_out: u64) -> Texts {
    let text = |k| {
        let mut stream = Key::new(k).stream();
        let mut tokens = |n| (0..n).map(|_| 20 + stream.below(300) as u32).collect::<Vec<_>>();
        let (prompt, answer) = (tokens(3 + k as usize % 3), tokens(6 + k as usize % 7));
        Text { prompt, answer, ended: true, source: format!("made-up:{k}") }
    };
    let train: Vec<Text> = (0..train).map(text).collect();
    Texts {
        shares: vec![(train.len(), 1.0)],
        train,
        held_out: (1000..1000 + held_out).map(text).collect(),
        sha256: "none".into(),
    }
}

/// The texts on their canvases, longest first.
pub(crate) fn examples(texts: &Texts, recipe: &Recipe) -> Vec<Example> {
    let lay = |(k, text)| Example::lay(text, recipe.layout, 2, Key::new(k)).unwrap();
    let mut examples: Vec<Example> = (0..).zip(&texts.train).map(lay).collect();
    examples.sort_by_key(|example| std::cmp::Reverse(example.tokens.len()));
    examples
}

/// The whole of `examples` as one part.
pub(crate) fn part(examples: &[Example]) -> dlm_train::Part<'_> {
    let tokens = examples.iter().map(|example| example.tokens.len()).sum();
    dlm_train::Part { examples, first: 0, texts: examples.len(), tokens }
}

/// The loss's value and its gradient by θ.
pub(crate) fn loss_and_gradient(
    objective: &Objective,
    trainee: &mut Trainee,
    examples: &[Example],
    key: Key,
) -> (f64, Tensor) {
    let loss = objective.loss(trainee, part(examples), key).unwrap();
    let theta = trainee.parameters();
    let gradient = Tensor::run_backward(&[&loss.surrogate], &[theta], false, false).remove(0);
    trainee.bind().unwrap();
    (loss.value, gradient)
}
