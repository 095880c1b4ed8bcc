//! From logits to a vector that could be data.

use dlm_core::invert_cdf;
use serde::{Deserialize, Serialize};

use super::SimplexError;
use super::one_hot::first_largest;
use crate::nucleus::nucleus;

/// What becomes of logits, so that a step can take them for data.
///
/// The first three are those of SSD-LM (Han et al. 2023); TESS (Karimi Mahabadi et al. 2024)
/// uses the first or, where it is given a `top_p`, the second. The fourth stands in SSD-LM's
/// published code only, as `uneven`.
///
/// `p` is the softmax of the logits `ℓ`. The nucleus of mass `top_p`, in `(0, 1]`, holds the
/// likeliest tokens: one is in if those before it have less than `top_p` together, so the
/// likeliest is always in and the mass is at least `top_p`. Of equally likely tokens the lower
/// comes first. A token without probability is never in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Projection {
    /// `+K` at the likeliest token, `−K` elsewhere.
    Greedy {},
    /// `+K` at a token drawn from `p` within the nucleus, `−K` elsewhere. With `top_p = 1` and
    /// the exact posterior this draws from `q(w₀ | w_t)`.
    Sampled {
        /// Mass of the nucleus; 0.95.
        #[serde(default = "published_mass")]
        top_p: f64,
    },
    /// `+K` at all tokens of the nucleus, `−K` elsewhere (`even` in the code).
    MultiHot {
        /// Mass of the nucleus; 0.95.
        #[serde(default = "published_mass")]
        top_p: f64,
    },
    /// `max(ℓ − max ℓ + K, −K)` within the nucleus, `−K` elsewhere: `+K` at the likeliest, and
    /// the others as far below as their logits are.
    Shifted {
        /// Mass of the nucleus; 0.95.
        #[serde(default = "published_mass")]
        top_p: f64,
    },
}

impl Projection {
    /// Fails where `top_p` is outside `(0, 1]`.
    ///
    /// # Errors
    ///
    /// [`SimplexError::Parameter`].
    pub fn validate(self) -> Result<(), SimplexError> {
        match self {
            Self::Greedy {} => Ok(()),
            Self::Sampled { top_p } | Self::MultiHot { top_p } | Self::Shifted { top_p } => {
                match 0.0 < top_p && top_p <= 1.0 {
                    true => Ok(()),
                    false => {
                        let (field, range) = ("top_p", "(0, 1]");
                        Err(SimplexError::Parameter { field, value: top_p, range })
                    }
                }
            }
        }
    }

    /// Puts the projection in place of the logits of one position, `[vocab]`; `u`, in
    /// `[0, 1)`, decides what is drawn.
    ///
    /// Logits must be numbers or `−∞`, and not all `−∞`; false, and nothing changed, where they
    /// are not.
    #[must_use = "logits may make no distribution"]
    pub fn project(self, logits: &mut [f64], k: f64, u: f64) -> bool {
        let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if !most.is_finite() || logits.iter().any(|logit| logit.is_nan()) {
            return false;
        }
        let only = |logits: &mut [f64], token: usize| {
            logits.fill(-k);
            logits[token] = k;
        };
        match self {
            Self::Greedy {} => only(logits, first_largest(logits)),
            Self::Sampled { top_p } => {
                let Some(within) = nucleus(logits, top_p) else { return false };
                let p: Vec<f64> = within.iter().map(|&(_, p)| p).collect();
                only(logits, within[invert_cdf(&p, u)].0 as usize);
            }
            Self::MultiHot { top_p } => {
                let Some(within) = nucleus(logits, top_p) else { return false };
                logits.fill(-k);
                within.iter().for_each(|&(token, _)| logits[token as usize] = k);
            }
            Self::Shifted { top_p } => {
                let before = logits.to_vec();
                let Some(within) = nucleus(logits, top_p) else { return false };
                logits.fill(-k);
                for (token, _) in within {
                    let token = token as usize;
                    logits[token] = (before[token] - most + k).max(-k);
                }
            }
        }
        true
    }
}

/// The mass in SSD-LM's published scripts.
fn published_mass() -> f64 {
    0.95
}

#[cfg(test)]
mod tests {
    use super::Projection;

    const K: f64 = 5.0;
    /// The law of a token, in no order.
    const LAW: [f64; 4] = [0.05, 0.15, 0.5, 0.3];
    const GREEDY: Projection = Projection::Greedy {};

    /// Every projection of one row of logits: `+`, `−` or a number for each token.
    #[test]
    fn projections_are_what_their_names_say() {
        let logits = LAW.map(f64::ln);
        let (up, down) = (K, -K);
        let near = 0.3_f64.ln() - 0.5_f64.ln() + K;
        let cases: [(Projection, [f64; 4]); 8] = [
            (GREEDY, [down, down, up, down]),
            (Projection::MultiHot { top_p: 1e-9 }, [down, down, up, down]),
            (Projection::MultiHot { top_p: 0.49 }, [down, down, up, down]),
            (Projection::MultiHot { top_p: 0.51 }, [down, down, up, up]),
            (Projection::MultiHot { top_p: 0.81 }, [down, up, up, up]),
            (Projection::MultiHot { top_p: 1.0 }, [up; 4]),
            (Projection::Shifted { top_p: 0.51 }, [down, down, K, near]),
            (Projection::Sampled { top_p: 0.49 }, [down, down, up, down]),
        ];
        for (projection, expected) in cases {
            for u in [0.0, 0.5, 0.999] {
                let mut row = logits;
                assert!(projection.project(&mut row, K, u));
                let off = row.iter().zip(expected).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
                assert!(off < 1e-12, "{projection:?}: {row:?}");
            }
        }
        // A logit further below than 2K is cut off.
        let mut row = [0.0, -3.0, -30.0];
        assert!(Projection::Shifted { top_p: 1.0 }.project(&mut row, K, 0.0));
        assert_eq!(row, [5.0, 2.0, -5.0]);
    }

    /// A grid of `u` enumerates the draw: each token has its share of the nucleus.
    #[test]
    fn the_sampling_projection_draws_within_the_nucleus() {
        let nuclei = [(1.0, LAW), (0.9, [0.0, 3.0 / 19.0, 10.0 / 19.0, 6.0 / 19.0])];
        for (top_p, shares) in nuclei.into_iter().chain([(0.8, [0.0, 0.0, 0.625, 0.375])]) {
            let mut counts = [0.0; 4];
            for i in 0..10_000 {
                let mut row = LAW.map(|p| p.ln() + 7.0);
                let u = (f64::from(i) + 0.5) / 10_000.0;
                assert!(Projection::Sampled { top_p }.project(&mut row, K, u));
                let ups: Vec<usize> = (0..4).filter(|&i| row[i] == K).collect();
                assert_eq!((ups.len(), row.iter().sum::<f64>()), (1, -2.0 * K));
                counts[ups[0]] += 1e-4;
            }
            for (count, share) in counts.iter().zip(shares) {
                assert!((count - share).abs() < 2e-4, "{top_p}: {counts:?}");
            }
        }
    }

    #[test]
    fn ties_go_to_the_lower_token_and_what_is_impossible_stays_out() {
        let never = f64::NEG_INFINITY;
        for (projection, mut row, expected) in [
            (GREEDY, [1.0, 2.0, 2.0, never], [-K, K, -K, -K]),
            (Projection::MultiHot { top_p: 0.5 }, [0.0, 0.0, 0.0, never], [K, K, -K, -K]),
            (Projection::MultiHot { top_p: 1.0 }, [0.0, 0.0, 0.0, never], [K, K, K, -K]),
        ] {
            assert!(projection.project(&mut row, K, 0.9));
            assert_eq!(row, expected);
        }
    }
}
