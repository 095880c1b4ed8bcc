//! A whole file converted: every written file is what its readers expect.

use std::fs;
use std::path::Path;

use crate::fixture::{
    Draft, Entry, FEED_FORWARD, HEADS, HIDDEN, KV_HEADS, LAYERS, tiny_llama, tokens,
};
use dlm_gguf::{Gguf, Report, TensorType, WrittenFile, convert, half_split_rows};
use safetensors::SafeTensors;
use serde_json::{Value, json};
use tokenizers::Tokenizer;

/// Converts `draft` to `folder/model`.
fn converted(draft: &Draft, folder: &Path) -> Report {
    convert(&draft.write(folder), &folder.join("model"), &mut |_, _| {}).unwrap()
}

fn json_file(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join("model").join(name)).unwrap()).unwrap()
}

#[test]
fn the_report_names_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let draft = tiny_llama();
    let mut told = Vec::new();
    let model = folder.path().join("deep").join("model");
    let path = draft.write(folder.path());
    let report = convert(&path, &model, &mut |done, total| told.push((done, total))).unwrap();

    let expected: u64 =
        draft.tensors.iter().map(|(_, t)| t.dimensions.iter().product::<u64>()).sum();
    assert_eq!(report.parameters, expected);
    assert_eq!(told.len(), 1 + draft.tensors.len());
    assert_eq!((told[0], told[told.len() - 1]), ((0, expected), (expected, expected)));
    assert!(told.is_sorted());

    assert_eq!(report.tensors.values().sum::<usize>(), draft.tensors.len());
    assert_eq!(report.tensors[&TensorType::Q4_1], 3 * LAYERS as usize);
    assert_eq!(report.folder, model);
    for WrittenFile { name, bytes } in &report.files {
        assert_eq!(fs::metadata(model.join(name)).unwrap().len(), *bytes);
    }
    assert_eq!(
        report.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(),
        [
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer_config.json"
        ]
    );
    assert_eq!(fs::read_dir(model.parent().unwrap()).unwrap().count(), 1, "a part is left");
}

#[test]
fn the_same_file_gives_the_same_bytes() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let report = converted(&tiny_llama(), one.path());
    converted(&tiny_llama(), two.path());
    for file in report.files {
        let read = |folder: &Path| fs::read(folder.join("model").join(&file.name)).unwrap();
        assert_eq!(read(one.path()), read(two.path()), "{}", file.name);
    }
}

#[test]
fn the_configuration_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    converted(&tiny_llama(), folder.path());
    let config = json_file(folder.path(), "config.json");
    for (key, value) in [
        ("architectures", json!(["LlamaForCausalLM"])),
        ("model_type", json!("llama")),
        ("hidden_size", json!(HIDDEN)),
        ("intermediate_size", json!(FEED_FORWARD)),
        ("num_hidden_layers", json!(LAYERS)),
        ("num_attention_heads", json!(HEADS)),
        ("num_key_value_heads", json!(KV_HEADS)),
        ("head_dim", json!(HIDDEN / HEADS)),
        ("hidden_act", json!("silu")),
        ("max_position_embeddings", json!(128)),
        ("rms_norm_eps", json!(1e-5)),
        ("rope_theta", json!(100_000.0)),
        ("rope_scaling", json!(null)),
        ("attention_bias", json!(false)),
        ("mlp_bias", json!(false)),
        ("tie_word_embeddings", json!(true)),
        ("vocab_size", json!(tokens().len())),
        ("bos_token_id", json!(1)),
        ("eos_token_id", json!(2)),
        ("pad_token_id", json!(2)),
        ("torch_dtype", json!("float32")),
    ] {
        assert_eq!(config.get(key), Some(&value), "{key}");
    }
    assert_eq!(
        json_file(folder.path(), "generation_config.json"),
        json!({"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2})
    );
}

#[test]
fn the_weights_are_the_dequantised_ones_with_rotary_rows_restored() {
    let folder = tempfile::tempdir().unwrap();
    converted(&tiny_llama(), folder.path());
    let bytes = fs::read(folder.path().join("model/model.safetensors")).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(metadata.metadata().as_ref().unwrap()["format"], "pt");
    let written = SafeTensors::deserialize(&bytes).unwrap();
    let mut gguf = Gguf::open(folder.path().join("tiny.gguf")).unwrap();

    let mut names = vec![
        ("token_embd".to_owned(), "model.embed_tokens".to_owned(), None),
        ("output_norm".to_owned(), "model.norm".to_owned(), None),
    ];
    for layer in 0..LAYERS {
        for (from, to, heads) in [
            ("attn_norm", "input_layernorm", None),
            ("attn_q", "self_attn.q_proj", Some(HEADS)),
            ("attn_k", "self_attn.k_proj", Some(KV_HEADS)),
            ("attn_v", "self_attn.v_proj", None),
            ("attn_output", "self_attn.o_proj", None),
            ("ffn_norm", "post_attention_layernorm", None),
            ("ffn_gate", "mlp.gate_proj", None),
            ("ffn_up", "mlp.up_proj", None),
            ("ffn_down", "mlp.down_proj", None),
        ] {
            names.push((
                format!("blk.{layer}.{from}"),
                format!("model.layers.{layer}.{to}"),
                heads,
            ));
        }
    }
    assert_eq!(written.len(), names.len());
    for (from, to, heads) in names {
        let tensor = written.tensor(&format!("{to}.weight")).unwrap();
        let from = format!("{from}.weight");
        let mut expected = gguf.tensor(&from).unwrap();
        let info = &gguf.tensors()[&from];
        assert!(tensor.shape().iter().map(|size| *size as u64).eq(info.shape.iter().copied()));
        if let Some(heads) = heads {
            let restored = half_split_rows(&expected, heads as usize, HIDDEN as usize).unwrap();
            assert_ne!(restored, expected, "{from}: the test cannot tell the orders apart");
            expected = restored;
        }
        let bytes: Vec<u8> = expected.iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(tensor.data(), bytes, "{from}");
    }
}

#[test]
fn an_output_projection_of_its_own_becomes_the_head() {
    let folder = tempfile::tempdir().unwrap();
    let draft = tiny_llama();
    let embedding = draft.tensors[0].1.clone();
    let draft =
        draft.with_tensor("output.weight", &embedding.dimensions, embedding.code, &embedding.bytes);
    converted(&draft, folder.path());
    assert_eq!(json_file(folder.path(), "config.json")["tie_word_embeddings"], json!(false));
    let bytes = fs::read(folder.path().join("model/model.safetensors")).unwrap();
    let written = SafeTensors::deserialize(&bytes).unwrap();
    let (head, embedding) =
        (written.tensor("lm_head.weight"), written.tensor("model.embed_tokens.weight"));
    assert_eq!(head.unwrap().data(), embedding.unwrap().data());
}

#[test]
fn the_tokenizer_splits_digits_and_joins_by_rank() {
    let folder = tempfile::tempdir().unwrap();
    converted(&tiny_llama(), folder.path());
    let tokenizer = Tokenizer::from_file(folder.path().join("model/tokenizer.json")).unwrap();
    for (text, expected) in [
        ("hello", &["hello"][..]),
        ("hell", &["hell"]),
        ("hhe", &["h", "he"]),
        (" w hello", &["Ġw", "Ġ", "hello"]),
        ("2020", &["2", "0", "2", "0"]),
        ("w 20", &["w", "Ġ", "2", "0"]),
        ("é", &["Ã", "©"]),
        ("<|im_start|>hello<|im_end|>", &["<|im_start|>", "hello", "<|im_end|>"]),
    ] {
        let encoding = tokenizer.encode(text, true).unwrap();
        assert_eq!(encoding.get_tokens(), expected, "{text:?}");
    }
}

#[test]
fn every_token_keeps_its_id_and_every_text_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    converted(&tiny_llama(), folder.path());
    let tokenizer = Tokenizer::from_file(folder.path().join("model/tokenizer.json")).unwrap();
    let tokens = tokens();
    assert_eq!(tokenizer.get_vocab_size(true), tokens.len());
    for (id, token) in tokens.iter().enumerate() {
        assert_eq!(tokenizer.token_to_id(token), Some(id as u32), "{token}");
    }
    for text in ["hello world", "  a\t\n\n b ", "naïve 😀 你好", "1 234 ½", "it's", "\u{a0}\0"]
    {
        let ids = tokenizer.encode(text, false).unwrap().get_ids().to_vec();
        assert_eq!(tokenizer.decode(&ids, false).unwrap(), text);
    }
    let ids = tokenizer.encode("<|im_start|>hello<|im_end|>", false).unwrap().get_ids().to_vec();
    assert_eq!(tokenizer.decode(&ids, true).unwrap(), "hello");
}

#[test]
fn a_user_defined_token_is_found_but_not_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let types = (0..tokens().len()).map(|id| [4, 3, 3, 1][id.min(3)]).collect();
    let draft = tiny_llama().with("tokenizer.ggml.token_type", Entry::Signed(types));
    converted(&draft, folder.path());
    let tokenizer = Tokenizer::from_file(folder.path().join("model/tokenizer.json")).unwrap();
    let ids = tokenizer.encode("he<|endoftext|><|im_end|>", false).unwrap().get_ids().to_vec();
    assert_eq!(ids.len(), 3);
    assert_eq!(tokenizer.decode(&ids, true).unwrap(), "he<|endoftext|>");
}

#[test]
fn the_tokens_with_a_role_and_the_template_are_named() {
    let folder = tempfile::tempdir().unwrap();
    converted(&tiny_llama(), folder.path());
    let roles = json!({
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|im_end|>",
        "unk_token": "<|endoftext|>",
    });
    assert_eq!(json_file(folder.path(), "special_tokens_map.json"), roles);
    let config = json_file(folder.path(), "tokenizer_config.json");
    for (role, text) in roles.as_object().unwrap() {
        assert_eq!(config.get(role), Some(text));
    }
    assert_eq!(config["chat_template"], json!("{{ messages }}\n"));
    assert_eq!(config["tokenizer_class"], json!("PreTrainedTokenizerFast"));
    assert_eq!(config["model_input_names"], json!(["input_ids", "attention_mask"]));
    assert_eq!(config["model_max_length"], json!(128));
}
