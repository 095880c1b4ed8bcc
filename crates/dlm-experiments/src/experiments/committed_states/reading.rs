//! What two runs that differ by a token make of all others: nats to a judge and to the
//! model itself.

use dlm_core::{Ask, Canvas, MaskPredictor, Query, TokenId};
use dlm_runtime::Model;
use serde::{Deserialize, Serialize};

use super::{PairRow, swapping::Swap};
use crate::{Error, evaluation::causal};

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
    /// `−ln p` of these to the masked model with the token hidden, all others seen.
    pub(super) baseline_own: f64,
    pub(super) swapped_own: f64,
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
    /// What is said of the pair; `texts` are those of all tokens.
    pub(super) fn pair(&self, texts: &[String]) -> PairRow {
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
        }
    }

    /// All other tokens before both ends, as the masked model sees them.
    ///
    /// # Errors
    ///
    /// Where the network fails.
    pub(super) fn own(&self, model: &mut dyn MaskPredictor) -> Result<Vec<OtherRow>, Error> {
        let (baseline, swapped) = (&self.swap.baseline.tokens, &self.swap.swapped.tokens);
        let (before, after) = (self.hidden(model, baseline)?, self.hidden(model, swapped)?);
        let row = |position: usize| OtherRow {
            prompt: self.prompt,
            preset: self.preset.to_string(),
            position,
            distance: position as i64 - self.swap.position as i64,
            baseline_token: baseline[position],
            swapped_token: swapped[position],
            baseline_own: before[position],
            swapped_own: after[position],
            baseline_nats: None,
            swapped_nats: None,
            spliced_nats: None,
            restored_nats: None,
        };
        Ok((0..self.common()).filter(|&at| at != self.swap.position).map(row).collect())
    }

    /// Adds what the judge makes of them.
    ///
    /// # Errors
    ///
    /// Where the judge fails.
    pub(super) fn judged(&self, judge: &mut Model, rows: &mut [OtherRow]) -> Result<(), Error> {
        let Swap { position, right, wrong, baseline, swapped, .. } = self.swap;
        let with = |tokens: &[TokenId], token: TokenId| {
            let mut tokens = tokens.to_vec();
            tokens[*position] = token;
            tokens
        };
        let before = self.read(judge, &baseline.tokens)?;
        let after = self.read(judge, &swapped.tokens)?;
        let spliced = self.read(judge, &with(&baseline.tokens, *wrong))?;
        let restored = self.read(judge, &with(&swapped.tokens, *right))?;
        for row in rows {
            row.baseline_nats = before.get(row.position).copied();
            row.swapped_nats = after.get(row.position).copied();
            row.spliced_nats = spliced.get(row.position).copied();
            row.restored_nats = restored.get(row.position).copied();
        }
        Ok(())
    }

    /// Tokens that both texts have before their ends.
    fn common(&self) -> usize {
        let Swap { baseline, swapped, .. } = self.swap;
        self.before_end(&baseline.tokens).min(self.before_end(&swapped.tokens))
    }

    fn before_end(&self, tokens: &[TokenId]) -> usize {
        tokens.iter().position(|token| self.ends.contains(token)).unwrap_or(tokens.len())
    }

    /// `−ln p` of each of `tokens` with itself hidden, in one pass.
    fn hidden(&self, model: &mut dyn MaskPredictor, tokens: &[TokenId]) -> Result<Vec<f64>, Error> {
        let mut whole = self.canvas.tokens().to_vec();
        self.canvas.response().iter().zip(tokens).for_each(|(&at, &token)| whole[at] = token);
        let query = Query { shadows: self.canvas.response(), ..Query::new(&whole, &[]) };
        let prediction = model.predict(&[query], &Ask::default())?;
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
