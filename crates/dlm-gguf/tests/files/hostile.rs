//! Files that are damaged or not what the conversion is for: each gives the
//! error that names it, and nothing is left behind.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use crate::fixture::{Draft, Entry, items, tiny_llama, tokens, write};
use dlm_gguf::{Array, Error, Gguf, Value, convert};

/// What converting `bytes` fails with; the folder then holds the file alone.
fn failure(bytes: &[u8]) -> Error {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), bytes);
    let error = convert(&path, &folder.path().join("model"), &mut |_, _| {}).unwrap_err();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{error} left something behind");
    let message = error.to_string();
    assert!(message.contains("tiny.gguf"), "{message} does not name the file");
    error
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = tiny_llama().bytes();
    let header = tiny_llama().header().len();
    for length in (0..header).chain((header..bytes.len()).step_by(1009)).chain([bytes.len() - 1]) {
        let error = Gguf::open(write(folder.path(), &bytes[..length])).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }), "at {length}: {error}");
    }
}

#[test]
fn a_changed_byte_gives_a_file_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    let bytes = tiny_llama().bytes();
    let path = write(folder.path(), &bytes);
    let mut file = File::options().write(true).open(&path).unwrap();
    let mut put = |at: usize, byte: u8| {
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.write_all(&[byte]).unwrap();
    };
    for at in 0..tiny_llama().header().len() {
        put(at, [0x00, 0x7f, 0xff][at % 3]);
        if let Ok(mut gguf) = Gguf::open(&path) {
            for name in gguf.tensors().keys().cloned().collect::<Vec<_>>() {
                gguf.tensor(&name).unwrap();
            }
        }
        // A conversion writes six files; every byte's would take too long.
        if at % 16 == 0 {
            let converted = convert(&path, &model, &mut |_, _| {}).is_ok();
            assert_eq!(model.exists(), converted, "byte {at}");
            assert!(!folder.path().join("model.part").exists(), "byte {at}");
            let _ = fs::remove_dir_all(&model);
        }
        put(at, bytes[at]);
    }
}

#[test]
fn magic_and_version_are_checked() {
    let draft = Draft { magic: *b"GGML", ..tiny_llama() };
    assert!(matches!(failure(&draft.bytes()), Error::NotGguf { found, .. } if &found == b"GGML"));
    // The last is version 3 in big-endian order.
    for version in [0, 1, 4, 0x0300_0000] {
        let error = failure(&Draft { version, ..tiny_llama() }.bytes());
        assert!(matches!(error, Error::UnsupportedVersion { version: v, .. } if v == version));
    }
    let folder = tempfile::tempdir().unwrap();
    for version in [2, 3] {
        let path = Draft { version, ..tiny_llama() }.write(folder.path());
        assert_eq!(Gguf::open(path).unwrap().tensors().len(), tiny_llama().tensors.len());
    }
}

#[test]
fn lengths_beyond_the_file_allocate_nothing() {
    for claimed in [1 << 20, 1 << 40, u64::MAX / 8, u64::MAX] {
        let string = claimed.to_le_bytes().to_vec();
        let list = [&8u32.to_le_bytes()[..], &claimed.to_le_bytes()].concat();
        for (code, bytes) in [(8, string), (9, list)] {
            let error = failure(&tiny_llama().with("zz", Entry::Raw(code, bytes)).bytes());
            assert!(
                matches!(error, Error::Truncated { ref field, .. } if field == "zz"),
                "{error}"
            );
        }
        // The numbers of tensors and of metadata entries.
        for at in [8, 16] {
            let mut bytes = tiny_llama().bytes();
            bytes[at..at + 8].copy_from_slice(&claimed.to_le_bytes());
            assert!(matches!(failure(&bytes), Error::Truncated { .. }));
        }
    }
}

#[test]
fn impossible_shapes_and_places_are_refused() {
    let cases: [(&[u64], u32); 8] = [
        (&[u64::MAX, 2], 0),
        (&[1 << 32, 1 << 32], 0),
        (&[1 << 62], 0),
        (&[0], 0),
        (&[32, 0], 3),
        (&[33], 3),
        (&[], 0),
        (&[1, 1, 1, 1, 1], 0),
    ];
    for (dimensions, code) in cases {
        let error = failure(&tiny_llama().with_tensor("odd", dimensions, code, &[0; 4]).bytes());
        assert!(matches!(error, Error::Malformed { ref field, .. } if field == "odd"), "{error}");
    }
    let error = failure(&tiny_llama().with_tensor("far", &[1 << 40], 0, &[0; 4]).bytes());
    assert!(matches!(error, Error::Truncated { ref field, .. } if field == "far"), "{error}");

    // The last eight bytes of the header are the last tensor's offset.
    let end = tiny_llama().header().len();
    for (offset, problem) in [(8u64, "aligned"), (0, "shares"), (u64::MAX - 31, "needs")] {
        let mut bytes = tiny_llama().bytes();
        bytes[end - 8..end].copy_from_slice(&offset.to_le_bytes());
        let message = failure(&bytes).to_string();
        assert!(message.contains(problem), "{message}");
    }
}

#[test]
fn names_and_keys_occur_once() {
    let twice = tiny_llama().with_tensor("output_norm.weight", &[1], 0, &[0; 4]);
    assert!(failure(&twice.bytes()).to_string().contains("output_norm.weight occurs twice"));
    let mut bytes = Draft::empty().with("ab", Entry::U8(1)).with("ac", Entry::U8(1)).bytes();
    let at = bytes.iter().rposition(|byte| *byte == b'c').unwrap();
    bytes[at] = b'b';
    assert!(failure(&bytes).to_string().contains("ab occurs twice"));
}

#[test]
fn metadata_of_every_type_are_read_and_others_refused() {
    let folder = tempfile::tempdir().unwrap();
    let list = |code, bytes: &[u8]| Entry::Raw(9, items(code, 1, bytes.iter().copied()));
    for (entry, expected) in [
        (Entry::U8(200), Value::Unsigned(200)),
        (Entry::Raw(1, vec![0xff]), Value::Signed(-1)),
        (Entry::Raw(2, vec![1, 2]), Value::Unsigned(0x201)),
        (Entry::Raw(3, vec![0xfe, 0xff]), Value::Signed(-2)),
        (Entry::Raw(5, vec![0, 0, 0, 0x80]), Value::Signed(i32::MIN.into())),
        (Entry::Raw(10, vec![0xff; 8]), Value::Unsigned(u64::MAX)),
        (Entry::Raw(11, vec![0xff; 8]), Value::Signed(-1)),
        (Entry::Raw(12, 0.1f64.to_le_bytes().to_vec()), Value::F64(0.1)),
        (Entry::F32(0.1), Value::F32(0.1)),
        (Entry::Bool(true), Value::Bool(true)),
        (list(0, &[7]), Value::Array(Array::Unsigned(vec![7]))),
        (list(1, &[0xff]), Value::Array(Array::Signed(vec![-1]))),
        (list(6, &1.5f32.to_le_bytes()), Value::Array(Array::F32(vec![1.5]))),
        (list(7, &[1]), Value::Array(Array::Bool(vec![true]))),
        (list(12, &1.5f64.to_le_bytes()), Value::Array(Array::F64(vec![1.5]))),
    ] {
        let path = Draft::empty().with("k", entry).write(folder.path());
        assert_eq!(Gguf::open(path).unwrap().metadata()["k"], expected);
    }
    for entry in [
        Entry::Raw(7, vec![2]),
        Entry::Raw(13, vec![0; 8]),
        Entry::Raw(8, [&1u64.to_le_bytes()[..], &[0xff]].concat()),
        list(9, &[0; 12]),
        list(13, &[0; 8]),
    ] {
        let error = failure(&Draft::empty().with("k", entry).bytes());
        assert!(matches!(error, Error::Malformed { ref field, .. } if field == "k"), "{error}");
    }
    let path = Draft::empty().with("k", Entry::text("ten")).write(folder.path());
    let gguf = Gguf::open(path).unwrap();
    assert!(matches!(gguf.required::<u64>("k"), Err(Error::MetadataType { .. })));
    assert!(matches!(gguf.required::<u64>("none"), Err(Error::MissingMetadata { .. })));
    assert_eq!(gguf.optional::<u64>("none").unwrap(), None);
}

#[test]
fn every_key_that_the_network_needs_is_missed() {
    for key in [
        "general.architecture",
        "llama.block_count",
        "llama.context_length",
        "llama.embedding_length",
        "llama.feed_forward_length",
        "llama.attention.head_count",
        "llama.attention.layer_norm_rms_epsilon",
        "tokenizer.ggml.model",
        "tokenizer.ggml.pre",
        "tokenizer.ggml.tokens",
        "tokenizer.ggml.token_type",
        "tokenizer.ggml.merges",
        "tokenizer.ggml.bos_token_id",
        "tokenizer.ggml.eos_token_id",
    ] {
        let mut draft = tiny_llama();
        draft.metadata.remove(key).unwrap();
        let error = failure(&draft.bytes());
        assert!(matches!(error, Error::MissingMetadata { key: ref k, .. } if k == key), "{error}");
    }
}

#[test]
fn what_is_not_converted_says_so() {
    for (key, entry) in [
        ("general.architecture", Entry::text("qwen2")),
        ("llama.rope.scaling.type", Entry::text("yarn")),
        ("llama.rope.dimension_count", Entry::U32(8)),
        ("llama.attention.value_length", Entry::U32(8)),
        ("tokenizer.ggml.model", Entry::text("llama")),
        ("tokenizer.ggml.pre", Entry::text("llama-bpe")),
        ("tokenizer.ggml.add_bos_token", Entry::Bool(true)),
        ("tokenizer.ggml.add_eos_token", Entry::Bool(true)),
        ("tokenizer.ggml.add_space_prefix", Entry::Bool(true)),
        ("tokenizer.ggml.token_type", Entry::Signed(vec![6; tokens().len()])),
    ] {
        let error = failure(&tiny_llama().with(key, entry).bytes());
        assert!(matches!(error, Error::Unsupported { key: ref k, .. } if k == key), "{error}");
    }
}

#[test]
fn metadata_that_contradict_each_other_are_refused() {
    let texts = |list: &[&str]| Entry::Texts(list.iter().map(|text| (*text).to_owned()).collect());
    for (key, entry) in [
        ("llama.vocab_size", Entry::U32(7)),
        ("llama.block_count", Entry::U32(0)),
        ("llama.attention.head_count", Entry::U32(3)),
        ("llama.attention.head_count_kv", Entry::U32(3)),
        ("llama.attention.key_length", Entry::U32(15)),
        ("llama.rope.freq_base", Entry::F32(f32::NAN)),
        ("llama.attention.layer_norm_rms_epsilon", Entry::F32(-1.0)),
        ("tokenizer.ggml.bos_token_id", Entry::U32(u32::MAX)),
        ("tokenizer.ggml.token_type", Entry::Signed(vec![1])),
        ("tokenizer.ggml.merges", texts(&["h e", "he"])),
        ("tokenizer.ggml.merges", texts(&["h q"])),
        ("tokenizer.ggml.merges", texts(&["h  e"])),
    ] {
        let mut draft = tiny_llama().with(key, entry);
        if key == "llama.attention.head_count" {
            draft.metadata.remove("llama.attention.head_count_kv");
        }
        let error = failure(&draft.bytes());
        assert!(matches!(error, Error::Malformed { ref field, .. } if field == key), "{error}");
    }
    let mut tokens = tokens();
    tokens[9] = tokens[8].clone();
    let error = failure(&tiny_llama().with("tokenizer.ggml.tokens", Entry::Texts(tokens)).bytes());
    assert!(error.to_string().contains("twice"), "{error}");
}

#[test]
fn the_tensors_are_those_of_the_network() {
    let name = "blk.1.attn_v.weight";
    let error = failure(&tiny_llama().without_tensor(name).bytes());
    assert!(matches!(error, Error::MissingTensor { ref tensor, .. } if tensor == name), "{error}");
    // So many layers that a list of them all would not fit.
    let deep = tiny_llama().with("llama.block_count", Entry::U32(u32::MAX));
    assert!(matches!(failure(&deep.bytes()), Error::MissingTensor { .. }));

    let name = "blk.0.attn_q.bias";
    let error = failure(&tiny_llama().with_tensor(name, &[1], 0, &[0; 4]).bytes());
    assert!(matches!(error, Error::UnexpectedTensor { ref tensor, .. } if tensor == name));

    let wide = tiny_llama().with("llama.feed_forward_length", Entry::U32(64));
    assert!(matches!(failure(&wide.bytes()), Error::TensorShape { .. }));

    let error = failure(&tiny_llama().with_tensor("odd", &[256], 14, &[0; 210]).bytes());
    assert!(matches!(error, Error::UnsupportedTensorType { code: 14, .. }), "{error}");

    let mut broken = tiny_llama();
    let (_, norm) = broken.tensors.last_mut().unwrap();
    norm.bytes[..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    assert!(failure(&broken.bytes()).to_string().contains("not finite"));

    let folder = tempfile::tempdir().unwrap();
    let mut gguf = Gguf::open(tiny_llama().write(folder.path())).unwrap();
    assert!(matches!(gguf.tensor("none"), Err(Error::MissingTensor { .. })));
}

#[test]
fn what_is_there_is_not_overwritten_and_leftovers_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = tiny_llama().write(folder.path());
    let (model, part) = (folder.path().join("model"), folder.path().join("model.part"));
    let run = || convert(&path, &model, &mut |_, _| {});

    fs::create_dir(&model).unwrap();
    assert!(matches!(run(), Err(Error::OutputExists { path }) if path == model));
    fs::remove_dir(&model).unwrap();

    // A slash at the end of the folder's name changes nothing.
    let slashed = folder.path().join("model/");
    fs::create_dir(&part).unwrap();
    fs::write(part.join("stale"), "half of something").unwrap();
    assert_eq!(convert(&path, &slashed, &mut |_, _| {}).unwrap().files.len(), 6);
    assert!(!part.exists() && !model.join("stale").exists());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Gguf::open(Path::new("nowhere.gguf")).unwrap_err();
    assert!(matches!(error, Error::Read { .. }));
    assert!(error.to_string().starts_with("nowhere.gguf"));
    let folder = tempfile::tempdir().unwrap();
    let path = tiny_llama().write(folder.path());
    fs::write(folder.path().join("file"), "").unwrap();
    let error = convert(&path, &folder.path().join("file/model"), &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, Error::Write { .. } | Error::OutputExists { .. }), "{error}");
}
