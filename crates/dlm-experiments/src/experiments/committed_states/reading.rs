//! What two runs that differ by a token make of all others: nats to judges and to the model
//! itself.

use dlm_core::{Ask, Canvas, MaskPredictor, Query, TokenId};
use dlm_runtime::Model;
use serde::{Deserialize, Serialize};

use super::{PairRow, swapping::Swap};
use crate::{Error, evaluation::causal, generation::Speech, judging::NgramJudge};

/// Another token than the swapped one: a row of position.csv.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct OtherRow {
    pub(super) prompt: usize,
    pub(super) preset: String,
    /// Counted from the first mask.
    pub(super) position: usize,
    /// Positions from the swapped token, negative before it.
    pub(super) distance: i64,
    /// What stands there without and with the wrong token.
    pub(super) baseline_token: TokenId,
    pub(super) swapped_token: TokenId,
    /// `−ln p` of these to the masked model with the token hidden and all others seen; only of
    /// the preset that the rules look at, because every token is a pass of its own.
    pub(super) baseline_own: Option<f64>,
    pub(super) swapped_own: Option<f64>,
    /// That of the swapped run's token with the right token put back.
    pub(super) restored_own: Option<f64>,
    /// `−ln p` of these to the judge, all before them seen; absent without a judge.
    pub(super) baseline_nats: Option<f64>,
    pub(super) swapped_nats: Option<f64>,
    /// Those of the baseline's token behind the wrong token alone.
    pub(super) spliced_nats: Option<f64>,
    /// Those of the swapped run's token with the right token put back.
    pub(super) restored_nats: Option<f64>,
}

/// Two runs to be read.
pub(super) struct Reading<'a> {
    pub(super) prompt: usize,
    pub(super) preset: &'a str,
    /// The masks they started from.
    pub(super) canvas: &'a Canvas,
    pub(super) swap: &'a Swap,
    pub(super) ends: &'a [TokenId],
}

impl Reading<'_> {
    /// What is said of the pair; `texts` are those of all tokens, and `ngram` what the n-gram
    /// judge makes of the text as it was, with the wrong token, and with the right one put back.
    pub(super) fn pair(&self, texts: &[String], ngram: [Option<f64>; 3]) -> PairRow {
        let Swap { position, from_step, right, probability, wrong, baseline, swapped } = self.swap;
        let text = |token: TokenId| texts.get(token as usize).cloned().unwrap_or_default();
        PairRow {
            prompt: self.prompt,
            preset: self.preset.to_string(),
            position: *position,
            from_step: *from_step,
            right_token: *right,
            right_text: text(*right),
            right_prob: *probability,
            wrong_token: *wrong,
            wrong_text: text(*wrong),
            final_token: swapped.tokens[*position],
            baseline_length: self.before_end(&baseline.tokens),
            swapped_length: self.before_end(&swapped.tokens),
            baseline_nfe: baseline.nfe,
            swapped_nfe: swapped.nfe,
            baseline_ngram: ngram[0],
            swapped_ngram: ngram[1],
            restored_ngram: ngram[2],
        }
    }

    /// All other tokens before both ends, of which nothing is said yet.
    pub(super) fn others(&self) -> Vec<OtherRow> {
        let (baseline, swapped) = (&self.swap.baseline.tokens, &self.swap.swapped.tokens);
        let row = |position: usize| OtherRow {
            prompt: self.prompt,
            preset: self.preset.to_string(),
            position,
            distance: position as i64 - self.swap.position as i64,
            baseline_token: baseline[position],
            swapped_token: swapped[position],
            baseline_own: None,
            swapped_own: None,
            restored_own: None,
            baseline_nats: None,
            swapped_nats: None,
            spliced_nats: None,
            restored_nats: None,
        };
        (0..self.common()).filter(|&at| at != self.swap.position).map(row).collect()
    }

    /// Adds what the masked model makes of them.
    ///
    /// # Errors
    ///
    /// Where the network fails.
    pub(super) fn own(
        &self,
        model: &mut dyn MaskPredictor,
        rows: &mut [OtherRow],
    ) -> Result<(), Error> {
        let places: Vec<usize> = rows.iter().map(|row| row.position).collect();
        let before = self.hidden(model, &self.swap.baseline.tokens, &places)?;
        let after = self.hidden(model, &self.swap.swapped.tokens, &places)?;
        let restored = self.hidden(model, &self.restored(), &places)?;
        for (index, row) in rows.iter_mut().enumerate() {
            row.baseline_own = before.get(index).copied();
            row.swapped_own = after.get(index).copied();
            row.restored_own = restored.get(index).copied();
        }
        Ok(())
    }

    /// Adds what the judge makes of them.
    ///
    /// # Errors
    ///
    /// Where the judge fails.
    pub(super) fn judged(&self, judge: &mut Model, rows: &mut [OtherRow]) -> Result<(), Error> {
        let Swap { position, wrong, baseline, swapped, .. } = self.swap;
        let mut spliced = baseline.tokens.clone();
        spliced[*position] = *wrong;
        let before = self.read(judge, &baseline.tokens)?;
        let after = self.read(judge, &swapped.tokens)?;
        let spliced = self.read(judge, &spliced)?;
        let restored = self.read(judge, &self.restored())?;
        for row in rows {
            row.baseline_nats = before.get(row.position).copied();
            row.swapped_nats = after.get(row.position).copied();
            row.spliced_nats = spliced.get(row.position).copied();
            row.restored_nats = restored.get(row.position).copied();
        }
        Ok(())
    }

    /// Nats a byte to the n-gram judge of the text as it was, with the wrong token, and with the
    /// right one put back; none of an empty text.
    ///
    /// # Errors
    ///
    /// Where a text cannot be spelled.
    pub(super) fn counted(
        &self,
        judge: &NgramJudge,
        model: &Model,
    ) -> Result<[Option<f64>; 3], Error> {
        let speech = Speech::new(model, self.ends);
        let nats = |tokens: &[TokenId]| -> Result<Option<f64>, Error> {
            Ok(judge.judge(&speech.text(model, tokens)?).per_unit())
        };
        let Swap { baseline, swapped, .. } = self.swap;
        Ok([nats(&baseline.tokens)?, nats(&swapped.tokens)?, nats(&self.restored())?])
    }

    /// The swapped run's tokens with the right one put back.
    fn restored(&self) -> Vec<TokenId> {
        let mut tokens = self.swap.swapped.tokens.clone();
        tokens[self.swap.position] = self.swap.right;
        tokens
    }

    /// Tokens that both texts have before their ends.
    fn common(&self) -> usize {
        let Swap { baseline, swapped, .. } = self.swap;
        self.before_end(&baseline.tokens).min(self.before_end(&swapped.tokens))
    }

    fn before_end(&self, tokens: &[TokenId]) -> usize {
        tokens.iter().position(|token| self.ends.contains(token)).unwrap_or(tokens.len())
    }

    /// `−ln p` of the tokens at `places` with itself hidden. Each is hidden in a canvas of its
    /// own: in a shared one, what the network makes of its neighbours would have seen it.
    fn hidden(
        &self,
        model: &mut dyn MaskPredictor,
        tokens: &[TokenId],
        places: &[usize],
    ) -> Result<Vec<f64>, Error> {
        let response = self.canvas.response();
        let mut whole = self.canvas.tokens().to_vec();
        response.iter().zip(tokens).for_each(|(&at, &token)| whole[at] = token);
        let without = |&place: &usize| {
            let (mut canvas, at) = (whole.clone(), response[place]);
            canvas[at] = self.canvas.mask();
            (canvas, [at], [Some(tokens[place])])
        };
        let canvases: Vec<_> = places.iter().map(without).collect();
        let queries: Vec<Query<'_>> = canvases
            .iter()
            .map(|(canvas, at, targets)| Query { targets, ..Query::new(canvas, at) })
            .collect();
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        let prediction = model.predict(&queries, &Ask::default())?;
        let nats = prediction.candidates.into_iter().flatten().map(|candidate| {
            candidate.target.map_or(f64::NAN, |target| -f64::from(target.log_probability))
        });
        Ok(nats.collect())
    }

    /// `−ln p` of each of the first tokens, those that both texts have, given those before.
    fn read(&self, judge: &mut Model, tokens: &[TokenId]) -> Result<Vec<f64>, Error> {
        let start = self.canvas.response()[0];
        let mut whole = self.canvas.tokens()[..start].to_vec();
        whole.extend(&tokens[..self.common()]);
        if whole.len() == start {
            return Ok(Vec::new());
        }
        let read = causal::by_token(judge, &whole, start..whole.len())?;
        Ok(read.into_iter().map(|(nats, _)| nats).collect())
    }
}
