//! What the head's output says about a place: three readings of the same network.

use std::{fmt, str::FromStr};

use tch::{Kind, Tensor};

use super::{
    super::{Place, RULED_OUT},
    sigma,
};
use crate::{Error, checkpoint::Config};

/// How the output `l` of MDLM's network is read, at a place where the token `x` stands at
/// noise level `σ`, over a vocabulary of `V` tokens with the mask among them.
///
/// The result goes the way of all logits: its softmax is a distribution, its exponential
/// a score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parametrisation {
    /// Substitution (Sahoo et al. 2024): `p = softmax(l)` over all tokens but the mask
    /// where a mask stands, and all mass on `x` where a token is already known.
    #[default]
    Subs,
    /// `p = softmax(l)`, the mask included, whatever stands there (Austin et al. 2021).
    D3pm,
    /// Score entropy (Lou et al. 2024): the logarithm of the ratio `p_t(v)/p_t(x)` is
    /// `l(v) − ln(e^σ − 1) − ln(V − 1)` for `v ≠ x`, and 0 for `x` itself. It needs the
    /// query's time, above 0.
    Sedd,
}

impl FromStr for Parametrisation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "subs" => Ok(Self::Subs),
            "d3pm" => Ok(Self::D3pm),
            "sedd" => Ok(Self::Sedd),
            _ => Err(format!("{text:?} is no parametrisation: use subs, d3pm or sedd")),
        }
    }
}

impl fmt::Display for Parametrisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subs => "subs",
            Self::D3pm => "d3pm",
            Self::Sedd => "sedd",
        })
    }
}

impl Parametrisation {
    /// The one that config.json names as `parameterization`, substitution if it names
    /// none.
    pub(crate) fn of(config: &Config) -> Result<Self, Error> {
        let field = "parameterization";
        let Some(name) = config.text(field)? else { return Ok(Self::default()) };
        name.parse().map_err(|_| config.complaint(field, "should be subs, d3pm or sedd"))
    }

    /// Reads `logits [places, V]`.
    pub(super) fn apply(
        self,
        logits: Tensor,
        places: &[Place],
        mask: u32,
    ) -> Result<Tensor, Error> {
        let logits = logits.f_to_kind(Kind::Float)?;
        match self {
            Self::Subs => substitute(logits, places, mask),
            Self::D3pm => Ok(logits),
            Self::Sedd => score(logits, places),
        }
    }
}

fn substitute(mut logits: Tensor, places: &[Place], mask: u32) -> Result<Tensor, Error> {
    let _ = logits.f_narrow(1, i64::from(mask), 1)?.f_fill_(RULED_OUT)?;
    let known = places.iter().enumerate().filter(|(_, place)| place.token != mask);
    let (rows, tokens): (Vec<i64>, Vec<i64>) =
        known.map(|(row, place)| (row as i64, i64::from(place.token))).unzip();
    if rows.is_empty() {
        return Ok(logits);
    }
    let device = logits.device();
    let rows = Tensor::f_from_slice(&rows)?.f_to_device(device)?;
    let tokens = Tensor::f_from_slice(&tokens)?.f_to_device(device)?;
    let certain = Tensor::f_zeros([1], (logits.kind(), device))?;
    logits = logits.f_index_fill_(0, &rows, RULED_OUT)?;
    Ok(logits.f_index_put_(&[Some(rows), Some(tokens)], &certain, false)?)
}

fn score(logits: Tensor, places: &[Place]) -> Result<Tensor, Error> {
    let device = logits.device();
    let others = (logits.size()[1] - 1) as f64;
    let shift = |place: &Place| {
        let time = place.time.filter(|time| 0.0 < *time).ok_or_else(|| {
            let problem = "scores are ratios at a time above 0: give every query its time";
            Error::Ask(problem.to_string())
        })?;
        Ok((sigma(time)?.exp_m1().ln() + others.ln()) as f32)
    };
    let shifts = places.iter().map(shift).collect::<Result<Vec<f32>, Error>>()?;
    let shifts = Tensor::f_from_slice(&shifts)?.f_to_device(device)?.f_unsqueeze(1)?;
    let tokens: Vec<i64> = places.iter().map(|place| i64::from(place.token)).collect();
    let tokens = Tensor::f_from_slice(&tokens)?.f_to_device(device)?.f_unsqueeze(1)?;
    Ok(logits.f_sub(&shifts)?.f_scatter_value_(1, &tokens, 0.0)?)
}
