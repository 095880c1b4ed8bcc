//! Tokens with a role: `tokenizer_config.json` and `special_tokens_map.json`.

use serde::Serialize;

use crate::error::Error;
use crate::file::Gguf;

/// The tokens with a role.
pub(crate) struct SpecialTokens<'a> {
    pub(crate) bos: SpecialToken<'a>,
    pub(crate) eos: SpecialToken<'a>,
    pub(crate) unknown: Option<SpecialToken<'a>>,
    pub(crate) pad: Option<SpecialToken<'a>>,
}

/// A token with a role.
pub(crate) struct SpecialToken<'a> {
    pub(crate) id: u64,
    pub(crate) text: &'a str,
}

impl<'a> SpecialTokens<'a> {
    /// Reads the roles of `tokens`.
    pub(crate) fn read(gguf: &Gguf, tokens: &'a [String]) -> Result<Self, Error> {
        let role = |name: &str| -> Result<Option<SpecialToken<'a>>, Error> {
            let key = role_key(name);
            let Some(id) = gguf.optional::<u64>(&key)? else { return Ok(None) };
            match usize::try_from(id).ok().and_then(|id| tokens.get(id)) {
                Some(text) => Ok(Some(SpecialToken { id, text })),
                None => Err(gguf.malformed(&key, format!("is {id}, beyond the last token"))),
            }
        };
        let required = |name: &str| {
            role(name)?.ok_or_else(|| Error::MissingMetadata {
                path: gguf.path().to_owned(),
                key: role_key(name),
            })
        };
        Ok(Self {
            bos: required("bos")?,
            eos: required("eos")?,
            unknown: role("unknown")?,
            pad: role("padding")?,
        })
    }
}

fn role_key(name: &str) -> String {
    format!("tokenizer.ggml.{name}_token_id")
}

/// `special_tokens_map.json`: the texts of the tokens with a role.
#[derive(Serialize)]
pub(crate) struct SpecialTokensMap<'a> {
    bos_token: &'a str,
    eos_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pad_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unk_token: Option<&'a str>,
}

impl<'a> SpecialTokensMap<'a> {
    /// The map of these tokens.
    pub(crate) fn new(special: &SpecialTokens<'a>) -> Self {
        Self {
            bos_token: special.bos.text,
            eos_token: special.eos.text,
            pad_token: special.pad.as_ref().map(|token| token.text),
            unk_token: special.unknown.as_ref().map(|token| token.text),
        }
    }
}

/// `tokenizer_config.json`: how Transformers wraps `tokenizer.json`, and the
/// template of a conversation.
#[derive(Serialize)]
pub(crate) struct TokenizerConfig<'a> {
    add_prefix_space: bool,
    #[serde(flatten)]
    special: SpecialTokensMap<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_template: Option<&'a str>,
    clean_up_tokenization_spaces: bool,
    /// Without it the fast tokenizer returns token types, which Llama refuses.
    model_input_names: [&'static str; 2],
    model_max_length: u64,
    /// The class that takes `tokenizer.json` as it is; the GPT-2 ones may
    /// rebuild the splitting of texts without the digits.
    tokenizer_class: &'static str,
}

impl<'a> TokenizerConfig<'a> {
    /// The configuration of a tokenizer for texts of at most `context` tokens.
    pub(crate) fn new(
        gguf: &'a Gguf,
        special: &SpecialTokens<'a>,
        context: u64,
    ) -> Result<Self, Error> {
        Ok(Self {
            add_prefix_space: false,
            special: SpecialTokensMap::new(special),
            chat_template: gguf.optional("tokenizer.chat_template")?,
            clean_up_tokenization_spaces: false,
            model_input_names: ["input_ids", "attention_mask"],
            model_max_length: context,
            tokenizer_class: "PreTrainedTokenizerFast",
        })
    }
}
