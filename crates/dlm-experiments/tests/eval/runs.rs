//! Which texts count, and that a run is what its inputs say.

use std::fs;

use serde_json::{Value, json};

use crate::{
    Evaluation, Measure, dlm,
    models::{fixture, random},
    rows,
};

const FLAGS: &str = "--samples 3 --gen-length 8 --temperature 1 --bound-samples 2 --seed 1";

fn texts() -> Evaluation {
    let row = |letter: char| json!({"prompt": "why", "response": letter.to_string().repeat(5)});
    Evaluation::of_rows(&('a'..'f').map(row).collect::<Vec<_>>())
}

/// The lines of the texts that count.
fn lines(evaluation: &Evaluation) -> Vec<usize> {
    let mut lines: Vec<usize> = evaluation.rows().iter().map(|row| row.line).collect();
    lines.dedup();
    lines
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let (base, adapter) = (random(), fixture("llama-tiny-adapter"));
    let model = [base.path(), adapter.as_path()];
    let (first, second, other) = (texts(), texts(), texts());
    let table = first.run(&model, FLAGS);
    second.run(&model, FLAGS);
    other.run(&model, &FLAGS.replace("--seed 1", "--seed 2"));
    assert_eq!(first.files(), second.files());
    assert_ne!(first.files(), other.files());

    // Title, sentence and the table's head, then a line for each measure.
    assert_eq!(first.files()[3].lines().count(), 6 + first.measures().len());
    assert!(table.starts_with("# ") && table.contains("| bound on nats per token |"), "{table}");
    let again = second.run(&model, FLAGS);
    assert!(again.contains("is up to date") && again.contains("| rep-4 of samples |"), "{again}");
    let manifest = fs::read(second.out.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["inputs"]["family"], "masked");
    assert_eq!((&manifest["prompts"]["count"], &manifest["seed"]), (&json!(5), &json!(1)));
}

#[test]
fn the_probe_is_that_of_dlm_probe_near_and_far() {
    #[derive(serde::Deserialize)]
    struct Position {
        prompt: usize,
        position: usize,
        top1_prob: f64,
        entropy: f64,
    }
    let (evaluation, base, adapter) = (texts(), random(), fixture("llama-tiny-adapter"));
    let model = [base.path(), adapter.as_path()];
    let prompts = evaluation.data.with_file_name("prompts.jsonl");
    let list: String =
        (0..11).map(|n| format!("{}\n", json!({"prompt": format!("why {n}")}))).collect();
    fs::write(&prompts, list).unwrap();
    evaluation.run(&model, &format!("{FLAGS} --probe {}", prompts.display()));
    let out = evaluation.data.with_file_name("probe");
    let mut probe = dlm("probe", &model);
    assert!(
        probe.arg("--prompts").arg(&prompts).arg("--out").arg(&out).status().unwrap().success()
    );
    let positions: Vec<Position> = rows(&out.join("position.csv"));
    assert_eq!(positions.iter().map(|row| row.prompt).max(), Some(10));
    let measures = evaluation.measures();
    for (window, places) in [("1 to 8", 0..8), ("97 to 128", 96..128)] {
        let mean = |of: fn(&Position) -> f64| {
            let here = positions.iter().filter(|row| places.contains(&row.position)).map(of);
            here.clone().sum::<f64>() / here.count() as f64
        };
        let found = |what: &str| &measures[&format!("probe's {what} at masks {window}")];
        let close = |found: &Measure, mean: f64| {
            assert_eq!(found.n, 11);
            assert!((found.value.unwrap() - mean).abs() < 1e-5, "{found:?} {mean}");
        };
        close(found("best token's probability"), mean(|row| row.top1_prob));
        close(found("entropy"), mean(|row| row.entropy));
    }
    // The rest is what it is without a probe.
    let without = texts();
    without.run(&model, FLAGS);
    let others = evaluation.rows().into_iter().filter(|row| !row.measure.starts_with("probe"));
    assert_eq!(others.collect::<Vec<_>>(), without.rows());
    assert_eq!(evaluation.samples(), without.samples());
}

#[test]
fn a_run_that_was_killed_goes_on_after_its_last_whole_unit() {
    let (evaluation, base) = (texts(), random());
    evaluation.run(&[base.path()], FLAGS);
    let whole = evaluation.files();
    // Undo the end: two texts are there, and a third was being written.
    let path = |file: &str| evaluation.out.join(file);
    let manifest: Value =
        serde_json::from_slice(&fs::read(path("manifest.json")).unwrap()).unwrap();
    let rows = &whole[1];
    // A head and two rows a text.
    let length: usize = rows.split_inclusive('\n').take(5).map(str::len).sum();
    fs::write(path("rows.csv"), &rows[..length + 7]).unwrap();
    let progress =
        json!({"inputs": manifest["inputs"], "units": 2, "lengths": {"rows.csv": length}});
    fs::write(path("progress.json"), progress.to_string()).unwrap();
    fs::remove_file(path("manifest.json")).unwrap();
    evaluation.run(&[base.path()], FLAGS);
    assert_eq!(evaluation.files(), whole);
    assert!(path("manifest.json").exists() && !path("progress.json").exists());
}

#[test]
fn only_what_is_held_out_counts_where_any_row_says_so() {
    let row = |held_out: Value, response: &str| json!({"prompt": "why", "response": response, "held_out": held_out});
    let evaluation = Evaluation::of_rows(&[
        row(json!(false), "no"),
        row(json!(true), "yes"),
        json!({"prompt": "why", "response": "unmarked"}),
        row(json!(true), ""),
        row(json!(true), "so"),
        row(json!(true), "and so"),
    ]);
    let base = random();
    let said = evaluation.run(&[base.path()], "--samples 0 --limit 2");
    assert_eq!(lines(&evaluation), [2, 5]);
    assert!(said.contains("2 texts") && said.contains("4 of its 6 rows are held out"), "{said}");
    assert!(said.contains("1 with empty answers"), "{said}");

    let unmarked = texts();
    let said = unmarked.run(&[base.path()], "--samples 0");
    assert_eq!(lines(&unmarked), [1, 2, 3, 4, 5]);
    assert!(said.contains("none says whether it is held out"), "{said}");
}

#[test]
fn ids_are_the_answer_where_they_are_given() {
    let base = random();
    let (prompt, response) = ("why", "so");
    let given = Evaluation::of_rows(&[
        json!({"prompt": prompt, "response": "another", "tokens": [38, 34], "ended": true}),
    ]);
    let spelt = Evaluation::of_rows(&[json!({"prompt": prompt, "response": response})]);
    for evaluation in [&given, &spelt] {
        evaluation.run(&[base.path()], "--samples 0");
    }
    assert_eq!(given.rows(), spelt.rows());
    // One text has no interval.
    let measure = &given.measures()["nats per token"];
    assert!(measure.value.is_some() && measure.low.is_none() && measure.high.is_none());
}
