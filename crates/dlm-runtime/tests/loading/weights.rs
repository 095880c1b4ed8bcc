//! Weights that are damaged, or that are those of another model.

use dlm_runtime::{Error, TensorProblem};
use safetensors::Dtype;
use serde_json::json;

use crate::{
    WEIGHTS,
    checkpoint::{Checkpoint, malformed, refusal},
    support::says,
    tensor_file::{filled, rewrite},
};

const INDEX: &str = "model.safetensors.index.json";

#[test]
fn a_folder_without_weights_is_refused() {
    let checkpoint = Checkpoint::copy_of("bert-tiny");
    let error = refusal(checkpoint.remove(WEIGHTS));
    assert!(matches!(&error, Error::MissingFile { file, .. } if file == WEIGHTS), "{error:?}");
    says(&error, &[WEIGHTS, INDEX]);
}

#[test]
fn truncated_weights_are_refused_wherever_the_file_ends() {
    let checkpoint = Checkpoint::copy_of("bert-tiny");
    let whole = checkpoint.read(WEIGHTS);
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    for end in [0, 1, 7, 8, 9, header / 2, header - 1, header, header + 1, whole.len() - 1] {
        header_is_refused(checkpoint.write(WEIGHTS, &whole[..end]));
    }
    header_is_refused(checkpoint.write(WEIGHTS, [&whole[..], b"more"].concat()));
}

#[test]
fn a_header_that_is_no_header_is_refused() {
    let checkpoint = Checkpoint::copy_of("bert-tiny");
    let file = |header: &str| [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
    let entry = |shape: &str, start: usize, end: usize| {
        format!(r#"{{"x":{{"dtype":"F32","shape":{shape},"data_offsets":[{start},{end}]}}}}"#)
    };
    let headers = [
        file("not JSON"),
        file("[]"),
        file(r#"{"x":7}"#),
        file(&entry("[1]", 0, 4)),
        file(&entry("[2]", 4, 0)),
        file(&entry("[-1]", 0, 4)),
        file(&entry("[4611686018427387904,4611686018427387904]", 0, 4)),
        [&u64::MAX.to_le_bytes()[..], b"{}"].concat(),
        [0xffu8; 64].to_vec(),
    ];
    for bytes in headers {
        header_is_refused(checkpoint.write(WEIGHTS, bytes));
    }
}

#[test]
fn weights_that_cannot_be_read_are_named() {
    let checkpoint = Checkpoint::copy_of("bert-tiny");
    checkpoint.remove(WEIGHTS);
    std::fs::create_dir(checkpoint.file(WEIGHTS)).unwrap();
    let error = refusal(&checkpoint);
    assert!(matches!(error, Error::Read { .. }), "{error:?}");
    says(&error, &[WEIGHTS, "is a file"]);
}

#[test]
fn all_misfits_of_the_tensors_are_listed_at_once() {
    let checkpoint = Checkpoint::copy_of("bert-tiny");
    let bias = |part: &str| format!("bert.encoder.layer.0.{part}.bias");
    let [absent, short, whole] =
        ["output.dense", "intermediate.dense", "attention.self.query"].map(bias);
    rewrite(&checkpoint.file(WEIGHTS), |tensors| {
        tensors.remove(&absent);
        tensors.insert(short.clone(), filled(&[127]));
        tensors.insert(whole.clone(), (Dtype::I32, vec![64], vec![0; 256]));
        tensors.insert("bert.surprise".into(), filled(&[3]));
    });
    let error = refusal(&checkpoint);
    let Error::Tensors { problems, .. } = &error else { panic!("{error:?}") };
    let file = checkpoint.file(WEIGHTS);
    let expected = [
        TensorProblem::Dtype { name: whole, found: "I32".into(), file: file.clone() },
        TensorProblem::Shape {
            name: short,
            expected: vec![128],
            found: vec![127],
            file: file.clone(),
        },
        TensorProblem::Missing { name: absent, expected: vec![64] },
        TensorProblem::Extra { name: "bert.surprise".into(), file: file.clone() },
    ];
    assert_eq!(problems.len(), expected.len(), "{error}");
    for problem in &expected {
        assert!(problems.contains(problem), "{problem:?} is not in {problems:?}");
        says(&error, &[&problem.to_string()]);
    }
    says(&error, &[&file.to_string_lossy(), "belong together", "[127]", "[128]"]);
}

#[test]
fn a_long_list_of_misfits_is_cut_short() {
    let checkpoint = Checkpoint::copy_of("bert-tiny");
    let error = refusal(checkpoint.set("config.json", "hidden_size", json!(32)));
    let Error::Tensors { problems, .. } = &error else { panic!("{error:?}") };
    assert!(30 < problems.len());
    says(&error, &[&format!("and {} more", problems.len() - 12)]);
    assert_eq!(error.to_string().lines().count(), 14);
}

#[test]
fn a_missing_shard_is_named() {
    let shard = "model-00002-of-00003.safetensors";
    let checkpoint = Checkpoint::copy_of("llada-tiny-sharded");
    let error = refusal(checkpoint.remove(shard));
    assert!(matches!(&error, Error::MissingFile { file, .. } if file == shard), "{error:?}");
    says(&error, &[shard, "download"]);
}

#[test]
fn an_index_that_leaves_the_folder_is_refused() {
    let checkpoint = Checkpoint::copy_of("llada-tiny-sharded");
    for file in ["../x", "/etc/passwd", "", "a/../../x", "..", "."] {
        checkpoint.set(INDEX, "weight_map", json!({ "tensor": file }));
        let error = refusal(&checkpoint);
        assert!(matches!(error, Error::Malformed { .. }), "{file}: {error:?}");
        says(&error, &[INDEX, "weight_map.tensor", &format!("{file:?}"), "refused"]);
    }
}

#[test]
fn a_malformed_index_is_refused() {
    let cases = [
        ("{", "JSON"),
        ("[]", "JSON"),
        ("{}", "weight_map"),
        (r#"{"weight_map": []}"#, "weight_map"),
        (r#"{"weight_map": {"tensor": 3}}"#, "weight_map.tensor"),
    ];
    let checkpoint = Checkpoint::copy_of("llada-tiny-sharded");
    for (text, field) in cases {
        malformed(&refusal(checkpoint.write(INDEX, text)), INDEX, field);
    }
}

#[track_caller]
fn header_is_refused(checkpoint: &Checkpoint) {
    let error = refusal(checkpoint);
    malformed(&error, WEIGHTS, "header");
    says(&error, &["download"]);
}
