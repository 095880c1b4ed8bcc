//! Cross-entropy through the head, with a gradient that needs no row of logits kept.

use dlm_core::TokenId;
use tch::{Kind, Tensor, no_grad};

use crate::{
    Error,
    objective::{Loss, Measured},
};

/// Rows of logits that exist at one time.
const PIECE: i64 = 512;

/// What turns hidden states into logits: `l = W·h + b`.
pub(crate) struct Head<'a> {
    /// `W [vocab, width]`.
    pub(crate) weight: &'a Tensor,
    /// A token that has no probability.
    pub(crate) ruled_out: Option<TokenId>,
    /// `b = T·x`, what is known of each token beside the network: vectors
    /// `T [vocab, width]`, and `x [rows, width]` with a row for each hidden state.
    pub(crate) evidence: Option<(&'a Tensor, &'a Tensor)>,
}

impl Head<'_> {
    /// Logits in f32 of `rows` of the hidden states from `start` on.
    fn logits(&self, hidden: &Tensor, start: i64, rows: i64) -> Result<Tensor, Error> {
        let piece = |x: &Tensor| x.f_narrow(0, start, rows);
        let mut logits = piece(hidden)?.f_linear::<Tensor>(self.weight, None)?;
        logits = logits.f_to_kind(Kind::Float)?;
        if let Some((table, x)) = self.evidence {
            let known = piece(x)?.f_linear::<Tensor>(table, None)?;
            logits = logits.f_add_(&known.f_to_kind(Kind::Float)?)?;
        }
        if let Some(token) = self.ruled_out {
            let _ = logits.f_narrow(1, i64::from(token), 1)?.f_fill_(f64::NEG_INFINITY)?;
        }
        Ok(logits)
    }

    /// `softmax(l)·T`, the mean vector of each position's token, `[rows, width]`, without a
    /// gradient; `table` is `T`.
    pub(crate) fn mean(&self, hidden: &Tensor, table: &Tensor) -> Result<Tensor, Error> {
        no_grad(|| {
            let mean = |(start, rows)| -> Result<Tensor, Error> {
                let p = self.logits(hidden, start, rows)?.f_softmax(1, None::<Kind>)?;
                Ok(p.f_to_kind(table.kind())?.f_matmul(table)?)
            };
            let means = pieces(hidden.size()[0]).map(mean).collect::<Result<Vec<_>, Error>>()?;
            Ok(Tensor::f_cat(&means, 0)?)
        })
    }
}

/// `Σ_i w_i·(−ln softmax(l_i)[y_i])` of the hidden states `h [rows, width]`, with targets
/// `y [rows]` and weights `w [rows]`.
///
/// The gradient of a row by `h` is `w·(p − onehot(y))·W`, which is formed piece by piece in
/// the forward pass: rows as long as the vocabulary, kept for a backward pass, would be most
/// of the memory of training a small model.
pub(crate) fn cross_entropy(
    hidden: &Tensor,
    head: &Head<'_>,
    targets: &Tensor,
    weights: &Tensor,
) -> Result<Loss, Error> {
    let rows = hidden.size()[0];
    if rows == 0 {
        // Nothing was asked, which happens to short answers at small times.
        let surrogate = hidden.f_sum(Kind::Float)?;
        return Ok(Loss { surrogate, value: 0.0, read: Measured::default() });
    }
    let wants_gradient = hidden.requires_grad();
    let (mut gradients, mut losses, mut hits) = (Vec::new(), Vec::new(), Vec::new());
    no_grad(|| {
        for (start, size) in pieces(rows) {
            let piece = |x: &Tensor| x.f_narrow(0, start, size);
            let wanted = piece(targets)?.f_unsqueeze(1)?;
            let logits = head.logits(hidden, start, size)?;
            let largest = logits.f_amax([1i64].as_slice(), true)?;
            let given = logits.f_gather(1, &wanted, false)?;
            hits.push(given.f_eq_tensor(&largest)?);
            let mut p = logits.f_softmax(1, None::<Kind>)?;
            // ln Σ exp(l) off the largest, as `p` of it says: one pass over the vocabulary less.
            let sum = largest.f_sub(&p.f_amax([1i64].as_slice(), true)?.f_log_()?)?;
            losses.push(sum.f_sub(&given)?);
            if wants_gradient {
                let ones = wanted.f_ones_like()?.f_to_kind(Kind::Float)?.f_neg()?;
                p = p.f_scatter_add_(1, &wanted, &ones)?;
                let gradient = p.f_to_kind(head.weight.kind())?.f_matmul(head.weight)?;
                let weight = piece(weights)?.f_unsqueeze(1)?.f_to_kind(head.weight.kind())?;
                gradients.push(gradient.f_mul(&weight)?);
            }
        }
        Ok::<_, Error>(())
    })?;
    let losses = Tensor::f_cat(&losses, 0)?.f_squeeze_dim(1)?.f_to_kind(Kind::Double)?;
    let right = Tensor::f_cat(&hits, 0)?.f_sum(Kind::Double)?;
    let surrogate = match wants_gradient {
        true => hidden.f_mul(&Tensor::f_cat(&gradients, 0)?)?.f_sum(Kind::Float)?,
        false => hidden.f_sum(Kind::Float)?,
    };
    Ok(Loss {
        surrogate,
        value: f64::try_from(&losses.f_dot(&weights.f_to_kind(Kind::Double)?)?)?,
        read: Measured {
            nll: f64::try_from(&losses.f_sum(Kind::Double)?)?,
            right: f64::try_from(&right)?,
            count: rows as f64,
        },
    })
}

/// Where each piece of `rows` begins, and how many it has.
fn pieces(rows: i64) -> impl Iterator<Item = (i64, i64)> {
    (0..rows).step_by(PIECE as usize).map(move |start| (start, PIECE.min(rows - start)))
}
