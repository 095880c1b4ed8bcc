//! The tokenizer of a checkpoint, with the template that turns a prompt into a chat.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use dlm_core::{Canvas, TokenId};
use serde_json::Value;
use tokenizers::{
    AddedToken, Tokenizer,
    decoders::byte_level::ByteLevel,
    models::bpe::BPE,
    normalizers::unicode::NFC,
    pre_tokenizers::{
        sequence::Sequence,
        split::{Split, SplitPattern},
    },
    tokenizer::SplitDelimiterBehavior,
};

use super::chat::ChatTemplate;
use crate::{Error, checkpoint::Config};

/// Qwen2's way of cutting text into words, which Dream inherits: contractions,
/// letters with one leading sign, single digits, signs, line ends, spaces.
const QWEN2_WORDS: &str = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/// Text to ids and back, as the checkpoint's authors do it.
pub struct TextCodec {
    tokenizer: Tokenizer,
    template: Option<ChatTemplate>,
    folder: PathBuf,
}

impl TextCodec {
    /// Reads the tokenizer in `folder`: tokenizer.json, or vocab.json with
    /// merges.txt and added_tokens.json; `None` where there is neither.
    ///
    /// # Errors
    ///
    /// Where a file is malformed, or where it knows more tokens than the
    /// embedding's `vocab` rows.
    pub(crate) fn open(folder: &Path, vocab: i64) -> Result<Option<Self>, Error> {
        let settings = Config::read_if_present(&folder.join("tokenizer_config.json"))?;
        let whole = folder.join("tokenizer.json");
        let (path, tokenizer) = if whole.exists() {
            // The library names no line of a file that is not JSON.
            Config::read(&whole)?;
            let tokenizer = guarded(|| Tokenizer::from_file(&whole))
                .map_err(|error| Error::malformed(&whole, "tokenizer", error.to_string()))?;
            (whole, tokenizer)
        } else if folder.join("vocab.json").exists() {
            (folder.join("vocab.json"), from_parts(folder)?)
        } else {
            return Ok(None);
        };
        let ids = tokenizer.get_vocab(true);
        if let Some((token, id)) = ids.iter().max_by_key(|(_, id)| **id)
            && vocab <= i64::from(*id)
        {
            let problem = format!(
                "token {token:?} has id {id} and the embedding has {vocab} rows: the tokenizer \
                 belongs to another checkpoint"
            );
            return Err(Error::malformed(path, "vocabulary", problem));
        }
        let template = ChatTemplate::find(folder, settings.as_ref())?;
        Ok(Some(Self { tokenizer, template, folder: folder.to_path_buf() }))
    }

    /// The id of the token that tokenizer_config.json or special_tokens_map.json
    /// calls `role`, such as `mask_token`.
    pub(crate) fn special(&self, role: &str) -> Result<Option<TokenId>, Error> {
        for file in ["tokenizer_config.json", "special_tokens_map.json"] {
            let Some(settings) = Config::read_if_present(&self.folder.join(file))? else {
                continue;
            };
            let content = match settings.get(role) {
                Some(Value::String(content)) => content.as_str(),
                Some(token) => match token.get("content").and_then(Value::as_str) {
                    Some(content) => content,
                    None => return Err(settings.complaint(role, "should name a token")),
                },
                None => continue,
            };
            let id = self.tokenizer.token_to_id(content).ok_or_else(|| {
                settings.complaint(role, format!("{content:?} is not in the vocabulary"))
            })?;
            return Ok(Some(id));
        }
        Ok(None)
    }

    /// Whether prompts are put into a conversation.
    pub fn has_template(&self) -> bool {
        self.template.is_some()
    }

    /// The ids of `text` alone, no special token added.
    ///
    /// # Errors
    ///
    /// Where the tokenizer fails.
    pub fn encode(&self, text: &str) -> Result<Vec<TokenId>, Error> {
        let encoding = guarded(|| self.tokenizer.encode_fast(text, false));
        let encoding = encoding.map_err(|e| self.failed(&e))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of `ids`, special tokens shown.
    ///
    /// # Errors
    ///
    /// Where the tokenizer fails.
    pub fn decode(&self, ids: &[TokenId]) -> Result<String, Error> {
        guarded(|| self.tokenizer.decode(ids, false)).map_err(|e| self.failed(&e))
    }

    /// The text of each of the first `vocab` ids; absent where an id has no token.
    pub fn texts(&self, vocab: usize) -> Vec<Option<String>> {
        let text = |id: u32| {
            self.tokenizer.id_to_token(id)?;
            self.tokenizer.decode(&[id], false).ok()
        };
        (0..vocab as u32).map(text).collect()
    }

    /// Ids that stand for no text, such as the start of a turn, with their names.
    pub fn special_tokens(&self) -> Vec<(TokenId, String)> {
        let added = self.tokenizer.get_added_tokens_decoder().into_iter();
        let special = added.filter(|(_, token)| token.special);
        let mut tokens: Vec<_> = special.map(|(id, token)| (id, token.content)).collect();
        tokens.sort_unstable();
        tokens
    }

    /// `prompt` as the user's turn of a conversation, `masks` masked positions where
    /// the answer will stand.
    ///
    /// Without a chat template the prompt stands alone; special tokens that the
    /// tokenizer puts behind a text, such as BERT's `[SEP]`, follow the masks.
    ///
    /// # Errors
    ///
    /// Where the prompt is empty or the template fails.
    pub fn canvas(&self, prompt: &str, masks: usize, mask: TokenId) -> Result<Canvas, Error> {
        let (before, after) = self.around(prompt)?;
        let canvas = Canvas::continuation(&before, masks, mask)
            .map_err(|error| Error::Prompt(error.to_string()))?;
        let tokens = [canvas.tokens(), &after].concat();
        Canvas::infill(tokens, mask).map_err(|error| Error::Prompt(error.to_string()))
    }

    /// `prompt` as the user's turn of a conversation, up to where the answer begins.
    ///
    /// # Errors
    ///
    /// Where the prompt is empty or the template fails.
    pub fn opening(&self, prompt: &str) -> Result<Vec<TokenId>, Error> {
        Ok(self.around(prompt)?.0)
    }

    /// What stands before an answer to `prompt`, and what behind it.
    fn around(&self, prompt: &str) -> Result<(Vec<TokenId>, Vec<TokenId>), Error> {
        if prompt.trim().is_empty() {
            return Err(Error::Prompt("the prompt is empty: give it at least one word".into()));
        }
        Ok(match &self.template {
            Some(template) => (self.encode(&template.render(prompt)?)?, Vec::new()),
            None => {
                let encoding = guarded(|| self.tokenizer.encode_fast(prompt, true));
                let encoding = encoding.map_err(|e| self.failed(&e))?;
                let special = encoding.get_special_tokens_mask();
                let text_end = special.iter().rposition(|&s| s == 0).map_or(0, |last| last + 1);
                let (before, after) = encoding.get_ids().split_at(text_end);
                (before.to_vec(), after.to_vec())
            }
        })
    }

    fn failed(&self, error: &tokenizers::Error) -> Error {
        Error::malformed(self.folder.join("tokenizer.json"), "tokenizer", error.to_string())
    }
}

/// Runs the library, which panics over files whose parts contradict each other, such
/// as a template of special tokens that lacks one.
fn guarded<T>(run: impl FnOnce() -> tokenizers::Result<T>) -> tokenizers::Result<T> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err("the file contradicts itself; download it again".into()))
}

/// A byte-level tokenizer from the files that Dream ships in place of a
/// tokenizer.json.
fn from_parts(folder: &Path) -> Result<Tokenizer, Error> {
    let [vocab, merges, added] =
        ["vocab.json", "merges.txt", "added_tokens.json"].map(|file| folder.join(file));
    if !merges.exists() {
        return Err(Error::MissingFile {
            folder: folder.to_path_buf(),
            file: "merges.txt".to_string(),
            remedy: "vocab.json is of no use without it; add it, or a tokenizer.json".to_string(),
        });
    }
    let malformed = |path: &Path, error: tokenizers::Error| {
        Error::malformed(path, "tokenizer", error.to_string())
    };
    // The library would complain about either file without saying which.
    Config::read(&vocab)?.entries()?;
    let bpe = BPE::from_file(&vocab.to_string_lossy(), &merges.to_string_lossy());
    let bpe = guarded(|| bpe.build()).map_err(|error| malformed(&merges, error))?;
    let mut tokenizer = Tokenizer::new(bpe);
    let words = SplitPattern::Regex(QWEN2_WORDS.to_string());
    let words = Split::new(words, SplitDelimiterBehavior::Isolated, false)
        .map_err(|error| malformed(&vocab, error))?;
    let bytes = ByteLevel::new(false, false, false);
    tokenizer
        .with_normalizer(Some(NFC))
        .map_err(|error| malformed(&vocab, error))?
        .with_pre_tokenizer(Some(Sequence::new(vec![words.into(), bytes.into()])))
        .with_decoder(Some(bytes));
    if let Some(added) = Config::read_if_present(&added)? {
        let special = special_contents(folder)?;
        let mut tokens = added.entries()?;
        tokens.sort_by_key(|(_, id)| *id);
        for (content, id) in tokens {
            let token = AddedToken::from(content.clone(), special(&content));
            let token = token.normalized(false);
            tokenizer.add_tokens([token]).map_err(|error| malformed(added.path(), error))?;
            if tokenizer.token_to_id(&content) != Some(id) {
                let problem = format!("should have id {id}, next to the ones before it");
                return Err(added.complaint(&content, problem));
            }
        }
    }
    Ok(tokenizer)
}

/// Which added tokens are special, as tokenizer_config.json says.
fn special_contents(folder: &Path) -> Result<impl Fn(&str) -> bool + use<>, Error> {
    let settings = Config::read_if_present(&folder.join("tokenizer_config.json"))?;
    let table = settings.and_then(|s| s.get("added_tokens_decoder").cloned());
    Ok(move |content: &str| {
        let entries = table.as_ref().and_then(Value::as_object);
        let entry = entries.and_then(|entries| {
            entries
                .values()
                .find(|entry| entry.get("content").and_then(Value::as_str) == Some(content))
        });
        entry.and_then(|entry| entry.get("special")).and_then(Value::as_bool).unwrap_or(true)
    })
}
