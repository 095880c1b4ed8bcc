//! What is refused when a checkpoint is loaded, and how the message helps.

#[path = "support/checkpoint.rs"]
mod checkpoint;
mod support;
#[path = "support/tensor_file.rs"]
mod tensor_file;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use checkpoint::Checkpoint;
use dlm_core::{Ask, MaskPredictor, Query};
use dlm_rng::{Key, Stream};
use dlm_runtime::{
    DeviceChoice, DtypeChoice, Error, Hub, LoadOptions, Model, Source, TensorProblem,
};
use safetensors::Dtype;
use serde_json::{Value, json};
use support::{fixture, load, says};
use tensor_file::{filled, rewrite};

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const Q_PROJ: &str = "model.layers.0.self_attn.q_proj";

#[test]
fn every_published_layout_loads() {
    for name in ["llada-tiny", "llada-tiny-sharded", "dream-tiny", "bert-tiny", "bert-tiny-legacy"]
    {
        let model = load(&fixture(&format!("models/{name}")), None).unwrap();
        assert!(0 < model.description().parameters, "{name}");
    }
    let model = llama().load().unwrap();
    assert_eq!(model.description().family, "Llama");
}

#[test]
fn a_source_lists_what_a_prediction_depends_on() {
    let mut quiet = |_: &dlm_runtime::Download<'_>| ();
    let mut hub = Hub::from_env(&mut quiet);
    let folder = fixture("models/llada-tiny-sharded");
    let source = Source::find(&folder.to_string_lossy(), None, &mut hub).unwrap();
    let files = source.files().unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    for name in ["config.json", "tokenizer.json", "model-00003-of-00003.safetensors"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    for file in &files {
        assert_eq!(file.bytes, std::fs::metadata(folder.join(&file.name)).unwrap().len());
        assert_eq!(file.sha256.len(), 64);
    }
}

#[test]
fn a_name_that_is_neither_folder_nor_hub_id_is_refused() {
    let long = "a/b/c";
    for name in ["nowhere", long, "./nowhere/at/all", "../x", "a/..", "owner/na me", "", "/"] {
        let mut quiet = |_: &dlm_runtime::Download<'_>| ();
        let mut hub = Hub::at("http://127.0.0.1:9", "nowhere".into(), None, &mut quiet);
        match Source::find(name, None, &mut hub).map(|source| load(&source.folder, None).err()) {
            Err(error @ Error::MissingFile { .. }) => says(&error, &[name, "owner/name"]),
            // The root of the file system is a folder without a checkpoint.
            Ok(Some(error @ Error::MissingFile { .. })) => says(&error, &["config.json"]),
            other => panic!("{name}: {other:?}"),
        }
    }
}

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
fn an_index_that_leaves_the_folder_is_refused() {
    for file in ["../x", "/etc/passwd", "", "a/../../x", "..", "."] {
        let checkpoint = Checkpoint::copy_of("llada-tiny-sharded");
        checkpoint.set(INDEX, "weight_map", json!({ "tensor": file }));
        let error = refusal(&checkpoint);
        assert!(matches!(error, Error::Malformed { .. }), "{file}: {error:?}");
        says(&error, &[INDEX, "weight_map.tensor", &format!("{file:?}"), "refused"]);
    }
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
fn a_malformed_index_is_refused() {
    let cases = [
        ("{", "JSON"),
        ("[]", "JSON"),
        ("{}", "weight_map"),
        (r#"{"weight_map": []}"#, "weight_map"),
        (r#"{"weight_map": {"tensor": 3}}"#, "weight_map.tensor"),
    ];
    for (text, field) in cases {
        let checkpoint = Checkpoint::copy_of("llada-tiny-sharded");
        malformed(&refusal(checkpoint.write(INDEX, text)), INDEX, field);
    }
}

#[test]
fn a_configuration_that_is_no_object_is_refused() {
    for text in ["", "{", "[]", "3", "null", "\u{feff}{}"] {
        let checkpoint = Checkpoint::copy_of("bert-tiny");
        let error = refusal(checkpoint.write("config.json", text));
        malformed(&error, "config.json", "JSON");
        says(&error, &["download"]);
    }
    let nested = "[".repeat(100_000);
    let checkpoint = Checkpoint::copy_of("bert-tiny");
    malformed(&refusal(checkpoint.write("config.json", nested)), "config.json", "JSON");
    let error = refusal(checkpoint.remove("config.json"));
    assert!(matches!(&error, Error::MissingFile { file, .. } if file == "config.json"));
    says(&error, &["config.json", "Hugging Face layout"]);
}

#[test]
fn sizes_have_to_be_whole_positive_and_sane() {
    for field in ["hidden_size", "num_hidden_layers", "vocab_size", "intermediate_size"] {
        let wrong = [
            json!(-1),
            json!(0),
            json!(1.5),
            json!("64"),
            json!([]),
            json!(i64::MAX),
            json!(1e300),
        ];
        for value in wrong {
            let checkpoint = Checkpoint::copy_of("bert-tiny");
            let error = refusal(checkpoint.set("config.json", field, value));
            malformed(&error, "config.json", field);
            says(&error, &["whole number from 1 to"]);
        }
        let checkpoint = Checkpoint::copy_of("bert-tiny");
        let error = refusal(checkpoint.set("config.json", field, Value::Null));
        malformed(&error, "config.json", field);
        says(&error, &["missing"]);
    }
}

#[test]
fn a_configuration_of_millions_of_layers_allocates_nothing() {
    let cases = [
        ("bert-tiny", ["num_hidden_layers", "vocab_size"]),
        ("dream-tiny", ["num_hidden_layers", "vocab_size"]),
        ("llada-tiny", ["n_layers", "embedding_size"]),
    ];
    for (name, field) in cases.into_iter().flat_map(|(name, fields)| fields.map(|f| (name, f))) {
        let checkpoint = Checkpoint::copy_of(name);
        let error = refusal(checkpoint.set("config.json", field, json!(1 << 24)));
        assert!(matches!(error, Error::Tensors { .. }), "{name} {field}: {error}");
    }
}

#[test]
fn settings_that_would_be_ignored_are_refused() {
    let cases = [
        ("llada-tiny", "activation_type", json!("gelu")),
        ("llada-tiny", "alibi", json!(true)),
        ("llada-tiny", "n_heads", json!(5)),
        ("llada-tiny", "n_kv_heads", json!(3)),
        ("llada-tiny", "rms_norm_eps", json!(-1.0)),
        ("llada-tiny", "weight_tying", json!("yes")),
        ("dream-tiny", "hidden_act", json!("relu")),
        ("dream-tiny", "rope_scaling", json!({ "type": "yarn" })),
        ("dream-tiny", "use_sliding_window", json!(true)),
        ("dream-tiny", "num_attention_heads", json!(3)),
        ("bert-tiny", "hidden_act", json!("relu")),
        ("bert-tiny", "position_embedding_type", json!("relative_key")),
        ("bert-tiny", "num_attention_heads", json!(7)),
        ("bert-tiny", "mask_token_id", json!(-3)),
        ("bert-tiny", "mask_token_id", json!("[MASK]")),
        ("bert-tiny", "eos_token_id", json!(1.5)),
    ];
    for (name, field, value) in cases {
        let checkpoint = Checkpoint::copy_of(name);
        let error = refusal(checkpoint.set("config.json", field, value));
        malformed(&error, "config.json", field);
    }
}

#[test]
fn an_unknown_architecture_is_refused_with_those_that_are_known() {
    for architectures in [json!(["GPT2LMHeadModel"]), json!([]), json!("x"), json!([3])] {
        let checkpoint = Checkpoint::copy_of("bert-tiny");
        let error = refusal(checkpoint.set("config.json", "architectures", architectures));
        assert!(matches!(error, Error::UnknownArchitecture { .. }), "{error:?}");
        says(&error, &["config.json", "architectures", "LLaDAModelLM", "BertForMaskedLM"]);
    }
}

#[test]
fn the_mask_is_sought_in_config_then_adapter_then_tokenizer() {
    let base = Checkpoint::copy_of("dream-tiny");
    let adapter = adapter(json!({}), json!({ "mask_token_id": 7 }));
    let mask = |adapter: Option<&Path>| load(&base.file(""), adapter).unwrap().mask().unwrap();
    base.set("tokenizer_config.json", "mask_token", json!("<|im_start|>"));
    assert_eq!(mask(Some(adapter.path())), 495, "config.json comes first");
    base.set("config.json", "mask_token_id", Value::Null);
    assert_eq!(mask(Some(adapter.path())), 7, "then diffusion_config.json");
    assert_eq!(mask(None), 489, "then tokenizer_config.json");
}

#[test]
fn without_a_mask_there_is_no_canvas() {
    let checkpoint = Checkpoint::copy_of("bert-tiny");
    checkpoint.set("tokenizer_config.json", "mask_token", Value::Null);
    let model = checkpoint.load().unwrap();
    assert_eq!(model.description().mask, None);
    let error = model.canvas("hello", 3).unwrap_err();
    assert!(matches!(error, Error::NoMask { .. }), "{error:?}");
    says(&error, &["config.json", "mask_token_id", "tokenizer_config.json", "--adapter"]);

    let llama = llama();
    let error = llama.load().unwrap().mask().unwrap_err();
    assert!(matches!(error, Error::NoMask { .. }), "{error:?}");
}

#[test]
fn a_mask_outside_the_embedding_is_refused_where_it_stands() {
    let checkpoint = Checkpoint::copy_of("dream-tiny");
    let adapter = adapter(json!({}), json!({ "mask_token_id": 512 }));
    checkpoint.set("config.json", "mask_token_id", Value::Null);
    let error = load(&checkpoint.file(""), Some(adapter.path())).err().unwrap();
    malformed(&error, "diffusion_config.json", "mask_token_id");
    let error = refusal(checkpoint.set("config.json", "mask_token_id", json!(512)));
    malformed(&error, "config.json", "mask_token_id");
    says(&error, &["512 rows"]);
}

#[test]
fn a_mask_that_the_tokenizer_does_not_know_is_refused() {
    let checkpoint = Checkpoint::copy_of("bert-tiny");
    for (value, problem) in [(json!("[HOLE]"), "not in the vocabulary"), (json!(3), "name a token")]
    {
        let error = refusal(checkpoint.set("tokenizer_config.json", "mask_token", value));
        malformed(&error, "tokenizer_config.json", "mask_token");
        says(&error, &[problem]);
    }
}

#[test]
fn an_adapter_makes_a_causal_base_a_diffusion_model() {
    let settings = json!({
        "mask_token_id": 11, "attention": "bidirectional", "logits": "in_place", "eos_token_id": [2]
    });
    let adapter = adapter(json!({}), settings);
    let model = load(&llama().file(""), Some(adapter.path())).unwrap();
    let description = model.description();
    assert_eq!(
        (description.mask, description.causal, description.shifted, description.end_of_sequence),
        (Some(11), false, false, Some(2))
    );
}

#[test]
fn a_file_that_an_adapter_lacks_is_named() {
    for file in ["adapter_config.json", "adapter_model.safetensors", "diffusion_config.json"] {
        let adapter = adapter(json!({}), json!({}));
        std::fs::remove_file(adapter.path().join(file)).unwrap();
        let error = adapted(adapter.path());
        assert!(matches!(&error, Error::MissingFile { file: f, .. } if f == file), "{error:?}");
        says(&error, &[file]);
    }
    let error = adapted(Path::new("no/such/adapter"));
    assert!(matches!(error, Error::MissingFile { .. }), "{error:?}");
    says(&error, &["no/such/adapter", "adapter_config.json", "PEFT"]);
}

#[test]
fn an_adapter_that_would_be_merged_wrongly_is_refused() {
    let cases = [
        ("use_dora", json!(true)),
        ("peft_type", json!("IA3")),
        ("bias", json!("all")),
        ("fan_in_fan_out", json!(true)),
        ("modules_to_save", json!(["lm_head"])),
        ("r", json!(0)),
        ("r", Value::Null),
        ("lora_alpha", json!(-4)),
    ];
    for (field, value) in cases {
        let adapter = adapter(json!({ field: value }), json!({}));
        malformed(&adapted(adapter.path()), "adapter_config.json", field);
    }
    let patterns =
        [("rank_pattern", json!({ "q_proj": -1 })), ("alpha_pattern", json!({ "q_proj": "x" }))];
    for (field, value) in patterns {
        let adapter = adapter(json!({ field: value }), json!({}));
        malformed(&adapted(adapter.path()), "adapter_config.json", &format!("{field}.q_proj"));
    }
    for (field, value) in [("attention", "sideways"), ("logits", "upside down")] {
        let adapter = adapter(json!({}), json!({ field: value }));
        malformed(&adapted(adapter.path()), "diffusion_config.json", field);
    }
}

#[test]
fn an_adapter_of_another_rank_or_base_is_refused_tensor_by_tensor() {
    let a = format!("base_model.model.{Q_PROJ}.lora_A.weight");
    let b = format!("base_model.model.{Q_PROJ}.lora_B.weight");
    let expect = |change: &dyn Fn(&mut BTreeMap<String, tensor_file::Raw>), parts: &[&str]| {
        let adapter = adapter(json!({}), json!({}));
        rewrite(&adapter.path().join("adapter_model.safetensors"), change);
        let error = adapted(adapter.path());
        assert!(matches!(error, Error::Tensors { .. }), "{error:?}");
        says(&error, &["adapter_model.safetensors"]);
        says(&error, parts);
    };
    expect(&|t| drop(t.insert(a.clone(), filled(&[3, 64]))), &[&a, "[3, 64]", "[2, 64]"]);
    expect(&|t| drop(t.insert(a.clone(), filled(&[2, 4096]))), &[&a, "[2, 4096]", "[2, 64]"]);
    expect(&|t| drop(t.remove(&b)), &[&b, "is missing"]);
    let elsewhere = a.replace("layers.0", "layers.30");
    expect(
        &|t| drop(t.insert(elsewhere.clone(), filled(&[2, 64]))),
        &[&elsewhere, "belongs to no part", "belong together"],
    );
    expect(&|t| drop(t.insert(a.clone(), (Dtype::I8, vec![2, 64], vec![1; 128]))), &[&a, "I8"]);
}

#[test]
fn trained_rows_have_to_be_rows_of_the_embedding() {
    let name = "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta";
    let with = |rows: Value, shape: &[usize]| {
        let adapter = adapter(json!({ "trainable_token_indices": rows }), json!({}));
        rewrite(&adapter.path().join("adapter_model.safetensors"), |tensors| {
            tensors.insert(name.into(), filled(shape));
        });
        load(&llama().file(""), Some(adapter.path()))
    };
    assert!(with(json!({ "embed_tokens": [0, 511] }), &[2, 64]).is_ok());
    assert!(with(json!([5]), &[1, 64]).is_ok());
    for rows in [json!([512]), json!([-1]), json!([1, 2]), json!("x"), json!({}), Value::Null] {
        let error = with(rows, &[1, 64]).err().unwrap();
        malformed(&error, "adapter_config.json", "trainable_token_indices");
        says(&error, &["embed_tokens", "512"]);
    }
    assert!(matches!(with(json!([1]), &[1, 63]).err().unwrap(), Error::Tensors { .. }));
    assert!(matches!(with(json!([1]), &[]).err().unwrap(), Error::Malformed { .. }));
}

#[test]
fn devices_and_numbers_that_do_not_exist_are_refused() {
    for text in ["", "gpu", "mps", "CUDA", "cuda:", "cuda:x", "cuda:-1", "cuda 0", "cpu:0"] {
        let problem = text.parse::<DeviceChoice>().unwrap_err();
        says(&problem, &[text, "auto, cpu, cuda or cuda:N"]);
    }
    assert_eq!("cuda:3".parse(), Ok(DeviceChoice::Cuda(3)));
    says(&"f16".parse::<DtypeChoice>().unwrap_err(), &["f16", "bf16"]);
    says(&"int8".parse::<DtypeChoice>().unwrap_err(), &["int8", "auto, f32 or bf16"]);
}

#[test]
fn a_cuda_device_that_is_not_there_is_refused() {
    let checkpoint = Checkpoint::copy_of("bert-tiny");
    let mut quiet = |_: &dlm_runtime::Download<'_>| ();
    let mut hub = Hub::from_env(&mut quiet);
    let folder = checkpoint.file("");
    let source = Source::find(&folder.to_string_lossy(), None, &mut hub).unwrap();
    let options = LoadOptions { device: DeviceChoice::Cuda(99), ..LoadOptions::default() };
    let error = Model::load(source, options).err().unwrap();
    assert!(matches!(error, Error::Device { .. }), "{error:?}");
    says(&error, &["cuda:99"]);
    let remedies = ["--device cpu", "cargo xtask setup --cuda", "the first is cuda:0"];
    assert!(remedies.iter().any(|remedy| error.to_string().contains(remedy)), "{error}");
}

#[test]
fn no_damage_to_a_configuration_makes_it_panic() {
    for name in ["bert-tiny", "llada-tiny", "dream-tiny"] {
        damage(&Checkpoint::copy_of(name), "config.json", <[u8]>::len, 100);
    }
}

#[test]
fn no_damage_to_a_header_makes_it_panic() {
    let header = |bytes: &[u8]| 8 + bytes[0] as usize + 256 * bytes[1] as usize;
    damage(&Checkpoint::copy_of("bert-tiny"), WEIGHTS, header, 150);
}

#[test]
fn no_damage_to_a_tokenizer_makes_it_panic() {
    damage(&Checkpoint::copy_of("bert-tiny"), "tokenizer.json", <[u8]>::len, 150);
    damage(&Checkpoint::copy_of("llada-tiny"), "tokenizer.json", <[u8]>::len, 50);
    for file in ["vocab.json", "merges.txt", "added_tokens.json", "tokenizer_config.json"] {
        damage(&Checkpoint::copy_of("dream-tiny"), file, <[u8]>::len, 50);
    }
}

#[test]
fn no_damage_to_an_adapter_makes_it_panic() {
    let base = llama();
    let folder = adapter(json!({}), json!({ "mask_token_id": 7, "attention": "causal" }));
    for file in ["adapter_config.json", "diffusion_config.json", "adapter_model.safetensors"] {
        let path = folder.path().join(file);
        let good = std::fs::read(&path).unwrap();
        for seed in 0..100 {
            std::fs::write(&path, damaged(&good, good.len(), &mut Key::new(seed).stream()))
                .unwrap();
            let outcome = catch_unwind(|| load(&base.file(""), Some(folder.path())).is_ok());
            assert!(outcome.is_ok(), "{file}, seed {seed}");
        }
        std::fs::write(&path, good).unwrap();
    }
}

/// Loads and asks the checkpoint with one file damaged in ever new ways.
fn damage(checkpoint: &Checkpoint, file: &str, part: impl Fn(&[u8]) -> usize, rounds: u64) {
    let good = checkpoint.read(file);
    for seed in 0..rounds {
        checkpoint.write(file, damaged(&good, part(&good), &mut Key::new(seed).stream()));
        let ask = || -> Option<()> {
            let mut model = checkpoint.load().ok()?;
            let canvas = model.canvas("Hello, how are you?", 4).ok()?;
            let positions = canvas.masked();
            let query = Query::new(canvas.tokens(), &positions);
            model.predict(&[query], &Ask::default()).ok().map(drop)
        };
        assert!(catch_unwind(AssertUnwindSafe(ask)).is_ok(), "{file}, seed {seed}");
    }
}

/// `bytes` with a few of the first `part` changed, or cut short.
fn damaged(bytes: &[u8], part: usize, draws: &mut Stream) -> Vec<u8> {
    /// Signs that keep JSON whole more often than not.
    const SIGNS: &[u8] = b"0123456789-.e\"{}[],: tfn";
    let mut below = |bound: usize| draws.below(bound as u64) as usize;
    let mut bytes = bytes.to_vec();
    match below(4) {
        0 => bytes.truncate(below(part)),
        1 => bytes[below(part)] ^= 1 << below(8),
        _ => {
            for _ in 0..=below(3) {
                bytes[below(part)] = SIGNS[below(SIGNS.len())];
            }
        }
    }
    bytes
}

/// A causal Llama without tokenizer and mask, cut from Dream's fixture.
fn llama() -> Checkpoint {
    let checkpoint = Checkpoint::copy_of("dream-tiny");
    checkpoint.set("config.json", "architectures", json!(["LlamaForCausalLM"]));
    checkpoint.set("config.json", "mask_token_id", Value::Null);
    for file in ["vocab.json", "merges.txt", "added_tokens.json", "tokenizer_config.json"] {
        checkpoint.remove(file);
    }
    rewrite(&checkpoint.file(WEIGHTS), |tensors| tensors.retain(|name, _| !name.ends_with("bias")));
    checkpoint
}

/// A rank-2 adapter of one matrix of [`llama`], with some settings replaced.
fn adapter(config: Value, diffusion: Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = json!({ "peft_type": "LORA", "r": 2, "lora_alpha": 4, "bias": "none" });
    for (field, value) in config.as_object().unwrap() {
        settings[field] = value.clone();
    }
    let write = |file: &str, value: Value| {
        std::fs::write(folder.path().join(file), value.to_string()).unwrap();
    };
    write("adapter_config.json", settings);
    write("diffusion_config.json", diffusion);
    let name = |part: &str| format!("base_model.model.{Q_PROJ}.{part}.weight");
    let tensors = [(name("lora_A"), filled(&[2, 64])), (name("lora_B"), filled(&[64, 2]))].into();
    tensor_file::write(&folder.path().join("adapter_model.safetensors"), &tensors);
    folder
}

/// Why [`llama`] cannot be loaded with an adapter.
fn adapted(adapter: &Path) -> Error {
    load(&llama().file(""), Some(adapter)).err().expect("the adapter should be refused")
}

/// Why a checkpoint cannot be loaded.
#[track_caller]
fn refusal(checkpoint: &Checkpoint) -> Error {
    checkpoint.load().err().expect("the checkpoint should be refused")
}

#[track_caller]
fn header_is_refused(checkpoint: &Checkpoint) {
    let error = refusal(checkpoint);
    malformed(&error, WEIGHTS, "header");
    says(&error, &["download"]);
}

/// Asserts that `error` is about a field of a file.
#[track_caller]
fn malformed(error: &Error, file: &str, field: &str) {
    match error {
        Error::Malformed { path, field: found, .. } if found == field => {
            assert!(path.ends_with(file), "{error}");
        }
        _ => panic!("{file} {field}: {error:?}"),
    }
    says(error, &[file, field]);
}
