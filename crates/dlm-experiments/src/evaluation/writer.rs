//! What lets a model of any family write answers to prompts.

use dlm_core::{Canvas, TokenId};
use dlm_rng::Key;
use dlm_runtime::{Continuation, Continuer, Model, Opening};
use serde_json::{Value, json};

use super::{
    Writing,
    texts::{Text, Texts},
};
use crate::{
    Error, Family,
    generation::{Filler, SamplerArguments, Speech, sample_key},
};

/// Answers in the making.
pub(super) struct Writer {
    way: Way,
    /// Where answers end and what of them is heard.
    speech: Speech,
}

/// How answers are made.
#[expect(clippy::large_enum_variant, reason = "a run has one writer")]
enum Way {
    /// Token by token.
    Continuing(Continuation, Vec<Opening>),
    /// On canvases that start as masks.
    Filling(Filler, Vec<Canvas>, Vec<Key>),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Its tokens before the first that ends a text.
    pub(super) tokens: Vec<TokenId>,
    /// Whether one did.
    pub(super) ended: bool,
}

impl Written {
    /// The answer that `text` has itself, in the room that a model is given.
    pub(super) fn reference(text: &Text, room: usize) -> Self {
        let tokens: Vec<TokenId> = text.answer().iter().copied().take(room).collect();
        Self { ended: text.ended && tokens.len() < room, tokens }
    }
}

impl Writer {
    /// A writer of one answer for each of the first texts' prompts, with all settings and
    /// prompts checked.
    ///
    /// The randomness of answer `k` is that of `dlm generate`'s first sample, or of `dlm
    /// distill`'s answer, to the `k`-th prompt of a file.
    ///
    /// # Errors
    ///
    /// Where a setting makes no sense for this family, or a prompt leaves no room for an
    /// answer.
    pub(super) fn new(
        family: Family,
        model: &Model,
        writing: &Writing,
        texts: &Texts,
        seed: u64,
    ) -> Result<Self, Error> {
        let prompts = || texts.list.iter().take(writing.samples).enumerate();
        let refused =
            |place| move |error: dlm_runtime::Error| texts.refuse(place, error.to_string());
        match family {
            Family::Autoregressive => {
                let how = continuation(&writing.sampler, writing.gen_length)?;
                let continuer = Continuer::new(model, how)?;
                let opening = |(id, text): (usize, &Text)| {
                    let (tokens, key) = (text.opening().to_vec(), Key::new(seed));
                    let opening = Opening { id, tokens, key: key.sequence(id as u64) };
                    continuer.check(&opening).map_err(refused(id))?;
                    Ok(opening)
                };
                let openings = prompts().map(opening).collect::<Result<_, Error>>()?;
                let speech = Speech::new(model, &[]);
                Ok(Self { way: Way::Continuing(how, openings), speech })
            }
            Family::Masked | Family::Gaussian => {
                let canvas = |(place, text): (usize, &Text)| {
                    model.canvas(&text.prompt, writing.gen_length).map_err(refused(place))
                };
                let canvases: Vec<Canvas> = prompts().map(canvas).collect::<Result<_, Error>>()?;
                let filler = Filler::new(writing.sampler.sampler_for(model)?, model, &canvases)?;
                let keys = (0..canvases.len()).map(|place| sample_key(seed, place, 0)).collect();
                let speech = filler.speech(model);
                Ok(Self { way: Way::Filling(filler, canvases, keys), speech })
            }
        }
    }

    /// How many answers there are to write.
    pub(super) fn len(&self) -> usize {
        match &self.way {
            Way::Continuing(_, openings) => openings.len(),
            Way::Filling(_, canvases, _) => canvases.len(),
        }
    }

    /// All that the answers depend on besides the model and the prompts.
    pub(super) fn inputs(&self) -> Value {
        match &self.way {
            Way::Continuing(how, _) => json!({
                "temperature": how.temperature,
                "top_k": how.top_k,
            }),
            Way::Filling(filler, ..) => json!(filler.sampler()),
        }
    }

    /// Writes the answers of `places`.
    pub(super) fn write(
        &self,
        model: &mut Model,
        places: std::ops::Range<usize>,
    ) -> Result<Vec<Written>, Error> {
        match &self.way {
            Way::Continuing(how, openings) => {
                let answers = model.continue_batch(&openings[places], how)?;
                let written = answers.into_iter();
                Ok(written.map(|a| Written { tokens: a.tokens, ended: a.ended }).collect())
            }
            Way::Filling(filler, canvases, keys) => {
                let canvases = canvases[places.clone()].to_vec();
                let filled = filler.fill(model, canvases, &keys[places])?;
                let cut = |ids: Vec<TokenId>| {
                    let tokens = self.speech.before_end(&ids).to_vec();
                    Written { ended: tokens.len() < ids.len(), tokens }
                };
                Ok(filled.into_iter().map(cut).collect())
            }
        }
    }

    /// What tokens spell.
    pub(super) fn text(&self, model: &Model, tokens: &[TokenId]) -> Result<String, Error> {
        self.speech.text(model, tokens)
    }
}

/// The way of a causal model, to which only two of the flags apply.
fn continuation(flags: &SamplerArguments, max_tokens: usize) -> Result<Continuation, Error> {
    match flags.beyond_draw().first() {
        Some(flag) => Err(Error::Argument(format!(
            "{flag}: only diffusion models have it, and this one is continued token by token, \
             with --temperature and --top-k: leave {flag} out"
        ))),
        None => Ok(Continuation {
            temperature: flags.temperature.unwrap_or(0.0),
            top_k: flags.top_k,
            max_tokens,
            batch: None,
            scored: false,
        }),
    }
}
