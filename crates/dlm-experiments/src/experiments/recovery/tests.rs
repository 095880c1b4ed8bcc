//! What experiments on known texts do where no prompt has an answer.

use std::{fs, path::Path};

use serde_json::json;

use crate::{
    ComputeArguments, Folder, Prompts, Scale, Spec,
    experiments::of,
    folder::Opened,
    stage::{Sources, Stage},
    summary::Findings,
};

/// What an experiment finds at smoke scale with prompts that have no answer.
fn without_answers(id: &str) -> Findings {
    let folder = tempfile::tempdir().unwrap();
    let (prompts, out) = (folder.path().join("prompts.jsonl"), folder.path().join(id));
    fs::write(&prompts, "{\"prompt\": \"Why?\"}\n{\"prompt\": \"How?\"}\n").unwrap();
    let prompts = Prompts::jsonl(&prompts).unwrap();
    let specs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs");
    let spec = Spec::read(&Path::new(specs).join(format!("{id}.toml"))).unwrap();
    let sizes = spec.sizes(Scale::Smoke).unwrap();
    let sources = Sources::find(sizes, None, None, ComputeArguments::default()).unwrap();
    let models = sources.load().unwrap();
    let mut stage = Stage::new(spec, Scale::Smoke, models, Some(prompts), &out);
    let mut experiment = of(&mut stage).unwrap();
    let Ok(Opened::Open(mut folder)) = Folder::open(&out, &json!(id), false) else {
        panic!("the folder is new");
    };
    for unit in 0..experiment.units() {
        experiment.measure(unit, &mut stage, &mut folder).unwrap();
        folder.finish_unit(experiment.files()).unwrap();
    }
    experiment.analyse(&mut stage, &folder).unwrap()
}

#[test]
fn prompts_without_answers_leave_the_oracle_part_and_are_said_to_be_missing() {
    for (id, estimate, texts) in [
        ("information-decay", "oracle_distance_change", "masked_spread"),
        ("dependency", "oracle_information_lost", "pair_information_adjacent"),
        ("information-aware", "oracle_invalid_change", "spread_change"),
    ] {
        let found = without_answers(id);
        assert!(found.estimates.get(estimate).is_some(), "{id}");
        assert!(found.estimates.get(texts).is_none(), "{id}");
        let omitted = found.omitted.join(" ");
        assert!(omitted.contains("has a reference answer"), "{id}: {omitted}");
        assert!(omitted.contains("prompts.jsonl"), "{id}: {omitted}");
    }
}
