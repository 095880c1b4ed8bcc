//! The tokenizer: GGUF's lists of tokens and merges as `tokenizer.json`.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::file::Gguf;

/// The tokenizer as the GGUF file states it, checked: tokens occur once, and
/// every merge joins two tokens into a third.
pub(crate) struct Tokenizer<'a> {
    /// Texts by token id, in the byte-level alphabet.
    pub(crate) tokens: &'a [String],
    /// The tokens that are found in a text before it is split, by id.
    added: Vec<AddedToken<'a>>,
    /// Pairs to join, the most urgent first.
    merges: Vec<(&'a str, &'a str)>,
}

impl<'a> Tokenizer<'a> {
    /// Reads a byte-level BPE (Radford et al., 2019) with SmolLM's splitting.
    pub(crate) fn read(gguf: &'a Gguf) -> Result<Self, Error> {
        for (key, supported) in [("tokenizer.ggml.model", "gpt2"), ("tokenizer.ggml.pre", "smollm")]
        {
            let found = gguf.required::<&str>(key)?;
            if found != supported {
                return Err(gguf.unsupported(key, found, supported));
            }
        }
        for key in [
            "tokenizer.ggml.add_bos_token",
            "tokenizer.ggml.add_eos_token",
            "tokenizer.ggml.add_space_prefix",
        ] {
            if gguf.optional(key)? == Some(true) {
                return Err(gguf.unsupported(key, true, "false"));
            }
        }

        let tokens = gguf.required::<&[String]>("tokenizer.ggml.tokens")?;
        let vocabulary: BTreeSet<&str> = tokens.iter().map(String::as_str).collect();
        if vocabulary.len() != tokens.len() {
            return Err(gguf.malformed("tokenizer.ggml.tokens", "has a token twice"));
        }
        let added = added_tokens(gguf, tokens)?;
        let merges = merges(gguf, &vocabulary)?;
        Ok(Self { tokens, added, merges })
    }

    /// The tokenizer in the format of the `tokenizers` library.
    pub(crate) fn file(&self) -> impl Serialize + '_ {
        let bytes =
            Step::ByteLevel { add_prefix_space: false, trim_offsets: true, use_regex: true };
        File {
            version: "1.0",
            truncation: None,
            padding: None,
            added_tokens: &self.added,
            normalizer: None,
            pre_tokenizer: Step::Sequence {
                pretokenizers: vec![Step::Digits { individual_digits: true }, bytes.clone()],
            },
            post_processor: None,
            decoder: bytes,
            model: Model {
                kind: "BPE",
                dropout: None,
                unk_token: None,
                continuing_subword_prefix: None,
                end_of_word_suffix: None,
                fuse_unk: false,
                byte_fallback: false,
                ignore_merges: false,
                vocab: self.tokens,
                merges: &self.merges,
            },
        }
    }
}

/// The control and user-defined tokens.
fn added_tokens<'a>(gguf: &Gguf, tokens: &'a [String]) -> Result<Vec<AddedToken<'a>>, Error> {
    const KEY: &str = "tokenizer.ggml.token_type";
    const NORMAL: i64 = 1;
    const CONTROL: i64 = 3;
    const USER_DEFINED: i64 = 4;
    const UNUSED: i64 = 5;

    let types = gguf.required::<&[i64]>(KEY)?;
    if types.len() != tokens.len() {
        let problem = format!("has {} entries for {} tokens", types.len(), tokens.len());
        return Err(gguf.malformed(KEY, problem));
    }
    let mut added = Vec::new();
    for (id, (content, kind)) in tokens.iter().zip(types).enumerate() {
        match *kind {
            NORMAL | UNUSED => {}
            CONTROL | USER_DEFINED => added.push(AddedToken {
                id,
                content,
                single_word: false,
                lstrip: false,
                rstrip: false,
                normalized: false,
                special: *kind == CONTROL,
            }),
            other => {
                let supported = "normal (1), control (3), user-defined (4) or unused (5)";
                return Err(gguf.unsupported(KEY, other, supported));
            }
        }
    }
    Ok(added)
}

fn merges<'a>(
    gguf: &'a Gguf,
    vocabulary: &BTreeSet<&str>,
) -> Result<Vec<(&'a str, &'a str)>, Error> {
    const KEY: &str = "tokenizer.ggml.merges";
    let mut pairs = Vec::new();
    let mut joined = String::new();
    for (rank, merge) in gguf.required::<&[String]>(KEY)?.iter().enumerate() {
        let pair = merge.split_once(' ').filter(|(left, right)| {
            joined.clear();
            joined.extend([*left, *right]);
            [*left, *right, &joined].iter().all(|text| vocabulary.contains(text))
        });
        let problem = || format!("has at rank {rank} {merge:?}, which does not join two tokens");
        pairs.push(pair.ok_or_else(|| gguf.malformed(KEY, problem()))?);
    }
    Ok(pairs)
}

#[derive(Serialize)]
struct File<'a> {
    version: &'static str,
    truncation: Option<()>,
    padding: Option<()>,
    added_tokens: &'a [AddedToken<'a>],
    normalizer: Option<()>,
    pre_tokenizer: Step,
    post_processor: Option<()>,
    decoder: Step,
    model: Model<'a>,
}

#[derive(Serialize)]
struct AddedToken<'a> {
    id: usize,
    content: &'a str,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
    special: bool,
}

#[derive(Clone, Serialize)]
#[serde(tag = "type")]
enum Step {
    Sequence { pretokenizers: Vec<Step> },
    Digits { individual_digits: bool },
    ByteLevel { add_prefix_space: bool, trim_offsets: bool, use_regex: bool },
}

#[derive(Serialize)]
struct Model<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    dropout: Option<f32>,
    unk_token: Option<&'a str>,
    continuing_subword_prefix: Option<&'a str>,
    end_of_word_suffix: Option<&'a str>,
    fuse_unk: bool,
    byte_fallback: bool,
    ignore_merges: bool,
    #[serde(serialize_with = "ids_by_text")]
    vocab: &'a [String],
    merges: &'a [(&'a str, &'a str)],
}

fn ids_by_text<S: Serializer>(tokens: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(tokens.iter().enumerate().map(|(id, text)| (text, id)))
}
