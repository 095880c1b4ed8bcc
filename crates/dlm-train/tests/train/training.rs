//! Whole trainings of a tiny base.

use std::{fs, path::Path};

use crate::support::{self, GAUSSIAN, MASKED, base, recipe, texts, trainee};
use dlm_continuous::schedule::NoiseSchedule;
use dlm_core::{Ask, Candidate, Latent, Levels, MaskPredictor, Query};
use dlm_rng::{Key, Purpose};
use dlm_runtime::{Frame, LoadOptions, Model, NoisyQuery, Source, TensorLatent, Trainee};
use dlm_train::{Error, Event, Objective, Recipe, Standing, StepRow, Texts, Trained, Training};
use serde_json::json;

fn train(
    recipe: &Recipe,
    texts: &Texts,
    folder: &Path,
    steps: u64,
    rows: &mut Vec<StepRow>,
) -> Result<Trained, Error> {
    go_on(recipe, texts, folder, steps, rows, None)
}

/// The same, from where the training of `adapter` stands.
fn go_on(
    recipe: &Recipe,
    texts: &Texts,
    folder: &Path,
    steps: u64,
    rows: &mut Vec<StepRow>,
    adapter: Option<&Path>,
) -> Result<Trained, Error> {
    let standing = adapter.map(Standing::read).transpose()?;
    let folder = folder.to_path_buf();
    let inputs = json!({ "recipe": recipe, "texts": texts.sha256 });
    let training = Training { recipe, texts, end: 2, inputs, folder, force: false, standing };
    let mut left = steps;
    let more = &mut |_| {
        left = left.wrapping_sub(1);
        left != u64::MAX
    };
    let mut trainee = support::trainee_from(recipe, adapter.map(Path::to_path_buf))?;
    training.run(&mut trainee, more, &mut |event| {
        if let Event::Step { row, .. } = event {
            rows.push(**row);
        }
    })
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for place in ["", "adapter", "checkpoint"] {
        for entry in fs::read_dir(folder.join(place)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                files.push((name, fs::read(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn a_training_that_was_stopped_gives_the_same_bytes() {
    for objective in [MASKED, GAUSSIAN] {
        let (recipe, texts) = (recipe(objective, 12), texts(9, 4));
        let [whole, pieces] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let trained = train(&recipe, &texts, whole.path(), 99, &mut Vec::new()).unwrap();
        assert!(trained.whole && trained.steps == 12);
        for steps in [3, 0, 5, 1] {
            let trained = train(&recipe, &texts, pieces.path(), steps, &mut Vec::new()).unwrap();
            assert!(!trained.whole);
        }
        // A program that was killed between two checkpoints: later rows of the curve, half a
        // checkpoint, and half a line.
        let curve = pieces.path().join("curve.csv");
        let text = fs::read_to_string(&curve).unwrap();
        let last = text.lines().last().unwrap().replacen("8,", "9,", 1);
        fs::write(&curve, format!("{text}{last}\n10,6")).unwrap();
        fs::create_dir(pieces.path().join("checkpoint.part")).unwrap();
        fs::write(pieces.path().join("checkpoint.part/state.json"), "{").unwrap();
        let trained = train(&recipe, &texts, pieces.path(), 99, &mut Vec::new()).unwrap();
        assert!(trained.whole);
        let names = |files: &[(String, Vec<u8>)]| {
            files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        let (whole, pieces) = (files(whole.path()), files(pieces.path()));
        assert_eq!(names(&whole), names(&pieces));
        for ((name, whole), (_, pieces)) in whole.iter().zip(&pieces) {
            assert!(whole == pieces, "{objective}: {name} differs");
        }
    }
}

#[test]
fn the_checkpoint_before_is_used_where_renaming_was_cut_short() {
    let (recipe, texts) = (recipe(MASKED, 6), texts(9, 4));
    let folder = tempfile::tempdir().unwrap();
    train(&recipe, &texts, folder.path(), 4, &mut Vec::new()).unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::rename(path("checkpoint"), path("checkpoint.old")).unwrap();
    let mut rows = Vec::new();
    let trained = train(&recipe, &texts, folder.path(), 99, &mut rows).unwrap();
    assert_eq!((trained.steps, rows.len(), rows[0].step), (6, 2, 4));
    assert!(!path("checkpoint.old").exists() && path("checkpoint").exists());
}

#[test]
fn a_tiny_batch_is_learned_by_heart() {
    for objective in ["kind = \"masked\"\nmasking = { whole = 0.5 }", GAUSSIAN] {
        let mut recipe = recipe(objective, 600);
        recipe.optimiser.rate = 5e-3;
        recipe.rank = 16;
        recipe.alpha = 32.0;
        recipe.checkpoint_every = 600;
        recipe.validate_every = 600;
        let mut texts = texts(2, 1);
        texts.held_out = texts.train.clone();
        let folder = tempfile::tempdir().unwrap();
        let mut rows = Vec::new();
        train(&recipe, &texts, folder.path(), 999, &mut rows).unwrap();
        let mean = |rows: &[StepRow]| {
            rows.iter().map(|row| row.cross_entropy).sum::<f64>() / rows.len() as f64
        };
        let (first, last) = (mean(&rows[..10]), mean(&rows[580..]));
        assert!(last < 0.02 && 50.0 * last < first, "{objective}: from {first} to {last}");
        let measured = fs::read_to_string(folder.path().join("validation.csv")).unwrap();
        let last = measured.lines().last().unwrap().split(',').collect::<Vec<_>>();
        // t = 1: everything hidden, everything known by heart.
        assert_eq!(last[2], "1.0");
        assert!(last[3].parse::<f64>().unwrap() < 0.1, "{measured}");
    }
}

/// The tiny base with the adapter that a training left.
fn adapted(folder: &Path) -> Model {
    let adapter = Some(folder.join("adapter"));
    let source = Source { id: "llama-tiny".into(), revision: None, folder: base(), adapter };
    Model::load(source, LoadOptions::default()).unwrap()
}

/// The same unmerged, with the averaged parameters of the checkpoint.
fn averaged(recipe: &Recipe, folder: &Path) -> Trainee {
    let mut trainee = trainee(recipe);
    let shard = folder.join("checkpoint/rows-000.safetensors");
    let rows = tch::Tensor::read_safetensors(shard).unwrap();
    let average = rows.iter().find(|(name, _)| name == "average").unwrap();
    trainee.set_parameters(&average.1).unwrap();
    trainee
}

#[test]
fn the_gaussian_adapter_recognises_what_it_did_while_it_was_trained() {
    let (recipe, texts) = (recipe(GAUSSIAN, 10), texts(9, 4));
    let folder = tempfile::tempdir().unwrap();
    train(&recipe, &texts, folder.path(), 99, &mut Vec::new()).unwrap();
    let model = adapted(folder.path());
    assert!(model.is_gaussian() && model.mask().is_err());
    let trainee = averaged(&recipe, folder.path());
    let example = &support::examples(&texts, &recipe)[0];
    let (answer, tokens) = (example.answer.clone(), &example.tokens);
    let Objective::Gaussian(objective) = &recipe.objective else { unreachable!() };
    for t in [0.3, 0.6, 1.0] {
        let level = objective.schedule.level(t).unwrap();
        let key = Key::new(6);
        let examples = std::slice::from_ref(example);
        let expected = recipe.objective.measure(&trainee, examples, t, key).unwrap();
        // The same noise, by the numbers that the objective says it draws.
        let targets: Vec<i64> = tokens[answer.clone()].iter().map(|&id| i64::from(id)).collect();
        let clean = model.token_vectors().unwrap().exact();
        let clean = clean.index_select(0, &tch::Tensor::from_slice(&targets));
        let noise = answer.clone().flat_map(|position| {
            let key = key.purpose(Purpose::Noise).sequence(0).position(position as u64);
            let mut stream = key.stream();
            (0..64).map(|_| stream.normal() as f32).collect::<Vec<_>>()
        });
        let noise = tch::Tensor::from_slice(&noise.collect::<Vec<_>>()).view_as(&clean);
        let x = clean * level.alpha + noise * level.sigma;
        let x = TensorLatent::new(x.unsqueeze(0)).unwrap();
        let frames = [Frame { before: &tokens[..answer.start], after: &[] }];
        let levels = Levels::Shared(level);
        let query = NoisyQuery { frames: &frames, x: &x, levels: &levels, previous: None };
        let found = model.recognise(&query, &tokens[answer.clone()]).unwrap();
        let heard = &found[..example.end - answer.start];
        let nll: f64 = heard.iter().map(|(log_p, _)| -log_p).sum();
        let right = heard.iter().filter(|(_, right)| *right).count();
        // The file holds bf16.
        assert!(
            (nll - expected.nll).abs() < 0.02 * expected.nll.max(0.1),
            "{t}: {nll} {expected:?}"
        );
        assert!((right as f64 - expected.right).abs() <= 1.0, "{t}: {right} {expected:?}");
        // The mean is of the same distribution, and the best token the one that is right
        // where any is.
        let (mean, guesses) = model.denoise(&query).unwrap();
        assert_eq!(mean.shape(), x.shape());
        // Two tokens a position in one pass.
        let pairs: Vec<u32> = tokens[answer.clone()].iter().flat_map(|&v| [v, 16]).collect();
        let weighed = model.weigh(&query, &pairs, 2).unwrap();
        let sixteen = model.recognise(&query, &vec![16; answer.len()]).unwrap();
        for ((pair, first), second) in weighed.chunks_exact(2).zip(&found).zip(&sixteen) {
            assert_eq!((pair[0], pair[1]), (first.0, second.0));
        }
        for ((guess, (log_p, right)), &token) in
            guesses.iter().zip(&found).zip(&tokens[answer.clone()])
        {
            assert_eq!(guess.token == token, *right);
            assert!(!right || (f64::from(guess.probability).ln() - log_p).abs() < 1e-4);
            assert!((0.0..320f32.ln() + 1e-4).contains(&guess.entropy));
        }
    }
}

#[test]
fn the_adapter_is_the_network_that_was_trained() {
    let (recipe, texts) = (recipe(MASKED, 10), texts(9, 4));
    let folder = tempfile::tempdir().unwrap();
    train(&recipe, &texts, folder.path(), 99, &mut Vec::new()).unwrap();
    let mut model = adapted(folder.path());
    assert_eq!(model.mask().unwrap(), 16);
    let example = &support::examples(&texts, &recipe)[0];
    let mut tokens = example.tokens.clone();
    tokens[example.answer.start..].fill(16);
    let positions: Vec<usize> = example.answer.clone().collect();
    let targets: Vec<Option<u32>> =
        positions.iter().map(|&position| Some(example.tokens[position])).collect();
    let query = Query { targets: &targets, ..Query::new(&tokens, &positions) };
    let predicted = model.predict(&[query], &Ask::default()).unwrap();
    let log_p = |answer: &Candidate| f64::from(answer.target.unwrap().log_probability);
    let sum: f64 = -predicted.candidates[0].iter().map(log_p).sum::<f64>();
    let trainee = averaged(&recipe, folder.path());
    let Objective::Masked(objective) = &recipe.objective else { unreachable!() };
    let masked = dlm_train::Masked { t: 1.0, positions };
    let part = support::part(std::slice::from_ref(example));
    let nll = objective.loss_of(&trainee, part, &[masked]).unwrap().read.nll;
    // The file holds bf16.
    assert!((sum - nll).abs() < 0.01 * nll, "{sum} and {nll}");
}

#[test]
fn a_training_goes_on_from_an_adapter() {
    for objective in [MASKED, GAUSSIAN] {
        let (recipe, texts) = (recipe(objective, 10), texts(9, 4));
        let folder = tempfile::tempdir().unwrap();
        train(&recipe, &texts, folder.path(), 99, &mut Vec::new()).unwrap();
        let saved = averaged(&recipe, folder.path()).parameters().detach();
        let adapter = folder.path().join("adapter");
        let begun = support::trainee_from(&recipe, Some(adapter)).unwrap();
        // The file holds bf16, which keeps eight bits.
        let moved = (begun.parameters() - &saved).abs() - saved.abs() / 256.0;
        assert!(moved.max().double_value(&[]) <= 0.0, "{objective}");
        assert!(begun.parameters().requires_grad());
    }
}

#[test]
fn a_training_goes_on_where_its_adapter_stands() {
    let (recipe, texts) = (recipe(MASKED, 12), texts(9, 4));
    let [first, whole, pieces, other] = [(); 4].map(|()| tempfile::tempdir().unwrap());
    let mut uninterrupted = Vec::new();
    train(&recipe, &texts, whole.path(), 99, &mut uninterrupted).unwrap();
    train(&recipe, &texts, first.path(), 5, &mut Vec::new()).unwrap();
    let adapter = first.path().join("adapter");
    fs::remove_dir_all(whole.path()).unwrap();
    let mut rows = Vec::new();
    let trained = go_on(&recipe, &texts, whole.path(), 99, &mut rows, Some(&adapter)).unwrap();
    assert!(trained.whole && trained.steps == 12);
    for (row, expected) in rows.iter().zip(&uninterrupted[5..]) {
        // The same texts in the same order, and the same rate but for the warm-up.
        assert_eq!((row.step, row.tokens), (expected.step, expected.tokens));
        assert_eq!(row.rate, recipe.optimiser.rate_at(row.step, 12, row.step - 5));
    }
    assert_eq!(rows.len(), 7);
    let standing = Standing::read(&whole.path().join("adapter")).unwrap();
    assert_eq!(
        (standing.steps, standing.tokens, &standing.begun[..]),
        (12, trained.tokens, &[0, 5][..])
    );
    // What the optimiser remembers is counted from there after a stop, too.
    for steps in [2, 99] {
        go_on(&recipe, &texts, pieces.path(), steps, &mut Vec::new(), Some(&adapter)).unwrap();
    }
    assert_eq!(files(whole.path()), files(pieces.path()));
    // Other texts are read from their beginning.
    let texts = Texts { sha256: "other".to_string(), ..texts };
    let mut rows = Vec::new();
    go_on(&recipe, &texts, other.path(), 1, &mut rows, Some(&adapter)).unwrap();
    let tokens = |rows: &[StepRow], step: usize| rows[step].tokens - rows[step - 1].tokens;
    assert_eq!(rows[0].tokens - uninterrupted[4].tokens, uninterrupted[0].tokens);
    assert_ne!(tokens(&uninterrupted, 5), uninterrupted[0].tokens);
}

#[test]
fn an_adapter_without_a_standing_cannot_be_gone_on_with() {
    let (recipe, texts) = (recipe(MASKED, 2), texts(9, 4));
    let folder = tempfile::tempdir().unwrap();
    train(&recipe, &texts, folder.path(), 99, &mut Vec::new()).unwrap();
    let adapter = folder.path().join("adapter");
    let path = adapter.join("standing.json");
    let told = fs::read_to_string(&path).unwrap();
    fs::write(&path, told.replace("\"begun\": [\n    0\n  ]", "\"begun\": [3]")).unwrap();
    let refused = |adapter: &Path| Standing::read(adapter).unwrap_err().to_string();
    assert!(
        refused(&adapter).contains("standing.json: JSON: begun should"),
        "{}",
        refused(&adapter)
    );
    fs::remove_file(&path).unwrap();
    assert!(refused(&adapter).contains("standing.json: file: is not there"));
}

#[test]
fn an_adapter_that_does_not_fit_is_refused_and_the_misfit_named() {
    let (mut recipe, texts) = (recipe(MASKED, 2), texts(9, 4));
    let folder = tempfile::tempdir().unwrap();
    train(&recipe, &texts, folder.path(), 99, &mut Vec::new()).unwrap();
    let adapter = folder.path().join("adapter");
    let refused = |recipe: &Recipe| {
        let begun = support::trainee_from(recipe, Some(adapter.clone()));
        begun.err().expect("a misfit").to_string()
    };
    let gaussian = support::recipe(GAUSSIAN, 2);
    assert!(refused(&gaussian).contains("trainable_token_indices"), "{}", refused(&gaussian));
    recipe.rank = 5;
    assert!(refused(&recipe).contains("adapter_config.json: r: should be 5"));
    recipe.rank = 4;
    recipe.alpha = 9.0;
    assert!(refused(&recipe).contains("lora_alpha: should be 9"));
    recipe.alpha = 8.0;
    // As an adapter of a base with other sizes would have it.
    let path = adapter.join("adapter_model.safetensors");
    let mut tensors = tch::Tensor::read_safetensors(&path).unwrap();
    let (first, last) = (tensors[0].0.clone(), tensors.pop().unwrap().0);
    tensors[0].1 = tensors[0].1.narrow(0, 0, 1);
    tch::Tensor::write_safetensors(&tensors, &path).unwrap();
    let told = refused(&recipe);
    assert!(told.contains(&first) && told.contains(&format!("{last} [")), "{told}");
}

#[test]
fn other_inputs_are_refused_and_named() {
    let texts = texts(9, 4);
    let folder = tempfile::tempdir().unwrap();
    train(&recipe(MASKED, 6), &texts, folder.path(), 2, &mut Vec::new()).unwrap();
    let error = train(&recipe(MASKED, 7), &texts, folder.path(), 2, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, Error::OtherTraining { .. }));
    assert!(error.to_string().contains("another recipe"), "{error}");
}

#[test]
fn a_loss_that_is_no_number_stops_the_training_and_names_the_texts() {
    let (mut recipe, texts) = (recipe(MASKED, 40), texts(9, 4));
    recipe.optimiser.rate = 1e30;
    recipe.optimiser.warm_up = 1;
    let folder = tempfile::tempdir().unwrap();
    let mut rows = Vec::new();
    let error = train(&recipe, &texts, folder.path(), 99, &mut rows).unwrap_err();
    let Error::NotFinite { step, texts: named, .. } = &error else { panic!("{error}") };
    assert_eq!(*step, rows.len() as u64);
    let known: Vec<&str> = texts.train.iter().map(|text| text.source.as_str()).collect();
    assert!(!named.is_empty() && named.iter().all(|text| known.contains(&text.as_str())));
    assert!(error.to_string().contains(&named[0]), "{error}");
}

#[test]
fn a_prompt_that_fills_every_canvas_is_an_error() {
    let (recipe, mut texts) = (recipe(MASKED, 4), texts(3, 2));
    texts.train.iter_mut().for_each(|text| text.prompt = vec![20; 32]);
    let folder = tempfile::tempdir().unwrap();
    let error = train(&recipe, &texts, folder.path(), 9, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("layout.length"), "{error}");
}
