//! Small GGUF files, written by hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A metadata value as it is written.
#[derive(Clone)]
pub(crate) enum Entry {
    U8(u8),
    U32(u32),
    F32(f32),
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
    Signed(Vec<i32>),
    /// A type's number and bytes, whatever they are.
    Raw(u32, Vec<u8>),
}

/// A tensor as it is written: dimensions innermost first, a type's number, and
/// its bytes.
#[derive(Clone)]
pub(crate) struct Tensor {
    pub(crate) dimensions: Vec<u64>,
    pub(crate) code: u32,
    pub(crate) bytes: Vec<u8>,
}

/// A GGUF file that is not written yet.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) magic: [u8; 4],
    pub(crate) version: u32,
    pub(crate) metadata: BTreeMap<String, Entry>,
    pub(crate) tensors: Vec<(String, Tensor)>,
}

impl Draft {
    /// A file of version 3 with nothing in it.
    pub(crate) fn empty() -> Self {
        Self { magic: *b"GGUF", version: 3, metadata: BTreeMap::new(), tensors: Vec::new() }
    }

    /// This file with another value under `key`.
    pub(crate) fn with(mut self, key: &str, entry: Entry) -> Self {
        self.metadata.insert(key.to_owned(), entry);
        self
    }

    /// This file with one more tensor.
    pub(crate) fn with_tensor(
        mut self,
        name: &str,
        dimensions: &[u64],
        code: u32,
        bytes: &[u8],
    ) -> Self {
        let tensor = Tensor { dimensions: dimensions.to_vec(), code, bytes: bytes.to_vec() };
        self.tensors.push((name.to_owned(), tensor));
        self
    }

    /// This file without the tensor called `name`.
    pub(crate) fn without_tensor(mut self, name: &str) -> Self {
        self.tensors.retain(|(other, _)| other != name);
        self
    }

    /// The whole file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = self.header();
        for (_, tensor) in &self.tensors {
            out.resize(out.len().next_multiple_of(32), 0);
            out.extend(&tensor.bytes);
        }
        out
    }

    /// All but the tensor data.
    pub(crate) fn header(&self) -> Vec<u8> {
        let mut out = self.magic.to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, entry) in &self.metadata {
            out.extend(text(key));
            let (code, bytes) = entry.bytes();
            out.extend(code.to_le_bytes());
            out.extend(bytes);
        }
        let mut offset = 0u64;
        for (name, tensor) in &self.tensors {
            out.extend(text(name));
            out.extend((tensor.dimensions.len() as u32).to_le_bytes());
            out.extend(tensor.dimensions.iter().flat_map(|size| size.to_le_bytes()));
            out.extend(tensor.code.to_le_bytes());
            out.extend(offset.to_le_bytes());
            offset = (offset + tensor.bytes.len() as u64).next_multiple_of(32);
        }
        out
    }

    /// Writes the file into `folder`.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        write(folder, &self.bytes())
    }
}

impl Entry {
    /// A text.
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    fn bytes(&self) -> (u32, Vec<u8>) {
        match self {
            Self::U8(number) => (0, vec![*number]),
            Self::U32(number) => (4, number.to_le_bytes().to_vec()),
            Self::F32(number) => (6, number.to_le_bytes().to_vec()),
            Self::Bool(truth) => (7, vec![u8::from(*truth)]),
            Self::Text(content) => (8, text(content)),
            Self::Texts(list) => (9, items(8, list.len(), list.iter().flat_map(|t| text(t)))),
            Self::Signed(list) => {
                (9, items(5, list.len(), list.iter().flat_map(|number| number.to_le_bytes())))
            }
            Self::Raw(code, bytes) => (*code, bytes.clone()),
        }
    }
}

/// Writes `bytes` as `tiny.gguf` into `folder`.
pub(crate) fn write(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("tiny.gguf");
    std::fs::write(&path, bytes).unwrap();
    path
}

/// A list: its items' type, their number, then the items.
pub(crate) fn items(code: u32, count: usize, bytes: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut out = code.to_le_bytes().to_vec();
    out.extend((count as u64).to_le_bytes());
    out.extend(bytes);
    out
}

fn text(text: &str) -> Vec<u8> {
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend(text.as_bytes());
    out
}

/// Sizes of the tiny network.
pub(crate) const HIDDEN: u64 = 64;
pub(crate) const FEED_FORWARD: u64 = 32;
pub(crate) const HEADS: u64 = 4;
pub(crate) const KV_HEADS: u64 = 2;
pub(crate) const LAYERS: u64 = 2;

/// The control tokens, then the byte alphabet, then what the merges make.
pub(crate) fn tokens() -> Vec<String> {
    let mut tokens: Vec<String> =
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"].map(str::to_owned).into();
    tokens.extend(byte_alphabet().iter().map(char::to_string));
    tokens.extend(merges().iter().map(|merge| merge.replace(' ', "")));
    tokens
}

/// Joins, the most urgent first. The digits never meet: they are split before.
pub(crate) fn merges() -> Vec<String> {
    ["h e", "l l", "he ll", "hell o", "Ġ w", "2 0"].map(str::to_owned).into()
}

/// The printable character that stands for each byte (Radford et al., 2019).
pub(crate) fn byte_alphabet() -> [char; 256] {
    let mut next = 256;
    std::array::from_fn(|byte| {
        let code = match byte {
            33..=126 | 161..=172 | 174..=255 => byte as u32,
            _ => {
                next += 1;
                next - 1
            }
        };
        char::from_u32(code).unwrap()
    })
}

/// A whole Llama network with two layers, in all types that are decoded.
pub(crate) fn tiny_llama() -> Draft {
    let tokens = tokens();
    let vocabulary = tokens.len() as u64;
    let types = (0..tokens.len()).map(|id| if id < 3 { 3 } else { 1 }).collect();
    let mut draft = Draft::empty()
        .with("general.architecture", Entry::text("llama"))
        .with("llama.block_count", Entry::U32(LAYERS as u32))
        .with("llama.context_length", Entry::U32(128))
        .with("llama.embedding_length", Entry::U32(HIDDEN as u32))
        .with("llama.feed_forward_length", Entry::U32(FEED_FORWARD as u32))
        .with("llama.attention.head_count", Entry::U32(HEADS as u32))
        .with("llama.attention.head_count_kv", Entry::U32(KV_HEADS as u32))
        .with("llama.attention.layer_norm_rms_epsilon", Entry::F32(1e-5))
        .with("llama.rope.freq_base", Entry::F32(100_000.0))
        .with("llama.rope.dimension_count", Entry::U32((HIDDEN / HEADS) as u32))
        .with("llama.vocab_size", Entry::U32(vocabulary as u32))
        .with("tokenizer.ggml.model", Entry::text("gpt2"))
        .with("tokenizer.ggml.pre", Entry::text("smollm"))
        .with("tokenizer.ggml.tokens", Entry::Texts(tokens))
        .with("tokenizer.ggml.token_type", Entry::Signed(types))
        .with("tokenizer.ggml.merges", Entry::Texts(merges()))
        .with("tokenizer.ggml.add_bos_token", Entry::Bool(false))
        .with("tokenizer.ggml.bos_token_id", Entry::U32(1))
        .with("tokenizer.ggml.eos_token_id", Entry::U32(2))
        .with("tokenizer.ggml.unknown_token_id", Entry::U32(0))
        .with("tokenizer.ggml.padding_token_id", Entry::U32(2))
        .with("tokenizer.chat_template", Entry::text("{{ messages }}\n"));

    let mut add = |name: &str, dimensions: &[u64], code: u32| {
        let seed = draft.tensors.len() as u8;
        let bytes = noise(dimensions.iter().product(), code, seed);
        let tensor = Tensor { dimensions: dimensions.to_vec(), code, bytes };
        draft.tensors.push((name.to_owned(), tensor));
    };
    let kv_width = KV_HEADS * HIDDEN / HEADS;
    add("token_embd.weight", &[HIDDEN, vocabulary], 8);
    for layer in 0..LAYERS {
        for (name, dimensions, code) in [
            ("attn_norm", &[HIDDEN][..], 0),
            ("ffn_down", &[FEED_FORWARD, HIDDEN], 2),
            ("ffn_gate", &[HIDDEN, FEED_FORWARD], 1),
            ("ffn_up", &[HIDDEN, FEED_FORWARD], 30),
            ("ffn_norm", &[HIDDEN], 0),
            ("attn_k", &[HIDDEN, kv_width], 3),
            ("attn_output", &[HIDDEN, HIDDEN], 3),
            ("attn_q", &[HIDDEN, HIDDEN], 3),
            ("attn_v", &[HIDDEN, kv_width], 8),
        ] {
            add(&format!("blk.{layer}.{name}.weight"), dimensions, code);
        }
    }
    add("output_norm.weight", &[HIDDEN], 0);
    draft
}

/// Bytes of `elements` finite numbers in the type with this number: the byte
/// pattern counts on, with exponents that stay small.
fn noise(elements: u64, code: u32, seed: u8) -> Vec<u8> {
    let block: &dyn Fn(u8) -> Vec<u8> = &|i| {
        let quants = |count: u8| (0..count).map(move |j| j.wrapping_mul(37).wrapping_add(i));
        let scale = [i, 0x2c];
        match code {
            0 => vec![i, seed, i, 0x3e],
            1 => vec![i, 0x2c],
            30 => vec![i, 0x3e],
            2 => scale.into_iter().chain(quants(16)).collect(),
            3 => scale.into_iter().chain([seed, 0xa8]).chain(quants(16)).collect(),
            8 => scale.into_iter().chain(quants(32)).collect(),
            _ => Vec::new(),
        }
    };
    let blocks = if matches!(code, 0 | 1 | 30) { elements } else { elements / 32 };
    (0..blocks).flat_map(|i| block((i as u8).wrapping_mul(11).wrapping_add(seed))).collect()
}
