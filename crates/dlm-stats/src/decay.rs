//! Decays fitted by least squares.

use std::f64::consts::LN_2;

use serde::{Deserialize, Serialize};

use crate::{Curve, Error, Family, check};

/// A decay fitted to points, and how well it fits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// The fitted curve.
    pub curve: Curve,
    /// The sum of squares of what the curve leaves of the values.
    pub residual: f64,
    /// The number of points.
    pub points: usize,
    /// Akaike's information criterion, for residuals that are independent and
    /// normal: `n ln(residual / n) + 2k` with k = 4 parameters, three of the
    /// curve and the residuals' variance. The smaller one is the better fit; only
    /// fits of the same points compare.
    pub aic: f64,
}

/// The decay of a family that fits the values `y` at the distances `x` best, in
/// the sense of least squares.
///
/// The parameters `a` and `c` enter linearly and are solved for exactly; what is
/// left is one search, over the half-life `h`, common to both families:
///
/// ```text
/// exponential  g(x) = 2^(−x/h)                        τ = h / ln 2
/// power        g(x) = (1 + x)^(−b)                    b = ln 2 / ln(1 + h)
/// R(h) = min_{a,c} Σ (y − a g(x) − c)²                a = cov(g, y) / var g,  c = mean y − a mean g
/// ```
///
/// The search looks at 160 half-lives in equal ratios, from a tenth of the
/// smallest gap between distances to twenty times their span, and then bisects
/// the derivative `dR/dh ∝ −a Σ (y − a g − c) dg/dh` around the best. A best at
/// either end says that the distances do not show the half-life, which is an
/// error.
///
/// # Errors
///
/// Inputs that differ in length, fewer than five points, fewer than four distinct
/// distances, distances below 0, numbers that are not finite,
/// [`Error::Constant`] for values that are all equal, and
/// [`Error::HalfLifeTooShort`] or [`Error::HalfLifeTooLong`].
///
/// Source of the method: Golub and Pereyra, *The differentiation of
/// pseudo-inverses and nonlinear least squares problems whose variables separate*
/// (1973).
///
/// ```
/// use dlm_stats::{Family, fit};
///
/// let x: Vec<f64> = (0..50).map(f64::from).collect();
/// let y: Vec<f64> = x.iter().map(|x| 0.8 * (-x / 6.0).exp() + 0.1).collect();
/// let found = fit(Family::Exponential, &x, &y)?;
/// assert!((found.curve.half_life() - 6.0 * 2_f64.ln()).abs() < 1e-9);
/// # Ok::<(), dlm_stats::Error>(())
/// ```
pub fn fit(family: Family, x: &[f64], y: &[f64]) -> Result<Fit, Error> {
    const GRID: usize = 160;
    let (shortest, longest) = reach(x, y)?;
    let problem = Problem { family, x, y };
    if problem.squares_about_mean() <= problem.rounding() {
        return Err(Error::Constant { what: "values" });
    }

    let ratio = (longest / shortest).ln() / (GRID - 1) as f64;
    let half_life = |point: usize| shortest * (ratio * point as f64).exp();
    let residuals: Vec<f64> =
        (0..GRID).map(|point| problem.solve(half_life(point)).residual).collect();
    let best = (0..GRID).min_by(|&i, &k| residuals[i].total_cmp(&residuals[k])).unwrap_or(0);
    if best == 0 {
        return Err(Error::HalfLifeTooShort { family, bound: shortest });
    }
    if best == GRID - 1 {
        return Err(Error::HalfLifeTooLong { family, bound: longest });
    }

    let (mut low, mut high) = (half_life(best - 1), half_life(best + 1));
    let solved = loop {
        let middle = (low * high).sqrt();
        let solved = problem.solve(middle);
        if middle <= low || middle >= high || solved.slope == 0.0 {
            break solved;
        }
        if solved.slope > 0.0 {
            high = middle;
        } else {
            low = middle;
        }
    };
    Ok(Fit {
        curve: solved.curve,
        residual: solved.residual,
        points: x.len(),
        aic: problem.aic(solved.residual, 4),
    })
}

/// The better of both families by [`Fit::aic`].
///
/// Where only one family has a fit, that is the better one.
///
/// # Errors
///
/// [`Error::Flat`] where a constant (k = 2 parameters) has no larger AIC than
/// the better decay, and the exponential's error where neither family has a fit.
///
/// ```
/// use dlm_stats::{Curve, fit_better};
///
/// let x: Vec<f64> = (0..50).map(f64::from).collect();
/// let y: Vec<f64> = x.iter().map(|x| 2.0 / (1.0 + x).sqrt()).collect();
/// assert!(matches!(fit_better(&x, &y)?.curve, Curve::Power { .. }));
/// # Ok::<(), dlm_stats::Error>(())
/// ```
pub fn fit_better(x: &[f64], y: &[f64]) -> Result<Fit, Error> {
    let better = match (fit(Family::Exponential, x, y), fit(Family::Power, x, y)) {
        (Ok(exponential), Ok(power)) if power.aic < exponential.aic => power,
        (Err(_), Ok(power)) => power,
        (exponential, _) => exponential?,
    };
    let problem = Problem { family: Family::Exponential, x, y };
    let constant = problem.aic(problem.squares_about_mean(), 2);
    if constant <= better.aic { Err(Error::Flat) } else { Ok(better) }
}

/// The shortest and the longest half-life that the distances can show.
fn reach(x: &[f64], y: &[f64]) -> Result<(f64, f64), Error> {
    check::same_length("values of y", y.len(), x.len())?;
    check::enough("points", x.len(), 5)?;
    check::finite("x", x)?;
    check::finite("y", y)?;
    let mut sorted = x.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.dedup();
    check::enough("distinct distances", sorted.len(), 4)?;
    let (first, last) = (sorted[0], sorted[sorted.len() - 1]);
    if first < 0.0 {
        return Err(Error::OutOfRange { what: "a distance", value: first, range: "from 0" });
    }
    let gap = sorted.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
    Ok((gap / 10.0, 20.0 * (last - first)))
}

/// The points, and the family that is fitted to them.
struct Problem<'a> {
    family: Family,
    x: &'a [f64],
    y: &'a [f64],
}

/// The best curve of one half-life `h`.
struct Solved {
    curve: Curve,
    residual: f64,
    /// Has the sign of dR/dh.
    slope: f64,
}

impl Problem<'_> {
    fn solve(&self, h: f64) -> Solved {
        let n = self.x.len() as f64;
        let g: Vec<f64> = self.x.iter().map(|&x| self.shape(x, h)).collect();
        let (g_mean, y_mean) = (g.iter().sum::<f64>() / n, self.y.iter().sum::<f64>() / n);
        let variance: f64 = g.iter().map(|g| (g - g_mean).powi(2)).sum();
        let covariance: f64 = g.iter().zip(self.y).map(|(g, y)| (g - g_mean) * (y - y_mean)).sum();
        // A shape that has decayed to nothing before the first distance is flat.
        let a = if variance > f64::MIN_POSITIVE { covariance / variance } else { 0.0 };
        let c = y_mean - a * g_mean;

        let (mut residual, mut slope) = (0.0, 0.0);
        for ((&x, g), y) in self.x.iter().zip(&g).zip(self.y) {
            let left = y - a * g - c;
            residual += left * left;
            slope -= a * left * g * self.shape_growth(x);
        }
        let curve = match self.family {
            Family::Exponential => Curve::Exponential { a, tau: h / LN_2, c },
            Family::Power => Curve::Power { a, b: LN_2 / h.ln_1p(), c },
        };
        Solved { curve, residual, slope }
    }

    /// `g(x)`: 1 at distance 0 and ½ at distance `h`.
    fn shape(&self, x: f64, h: f64) -> f64 {
        match self.family {
            Family::Exponential => (-LN_2 * x / h).exp(),
            Family::Power => (-LN_2 * x.ln_1p() / h.ln_1p()).exp(),
        }
    }

    /// d ln g / dh up to a positive factor that does not depend on `x`.
    fn shape_growth(&self, x: f64) -> f64 {
        match self.family {
            Family::Exponential => x,
            Family::Power => x.ln_1p(),
        }
    }

    fn squares_about_mean(&self) -> f64 {
        let mean = self.y.iter().sum::<f64>() / self.y.len() as f64;
        self.y.iter().map(|y| (y - mean).powi(2)).sum()
    }

    /// The sum of squares that rounding alone can make of such values: a mean of
    /// n values is exact to n roundings of the largest.
    fn rounding(&self) -> f64 {
        let n = self.y.len() as f64;
        let largest = self.y.iter().fold(0.0_f64, |largest, y| largest.max(y.abs()));
        n * (n * f64::EPSILON * largest).powi(2)
    }

    /// Residuals below rounding are taken as rounding: no fit is infinitely good.
    fn aic(&self, residual: f64, parameters: usize) -> f64 {
        let n = self.y.len() as f64;
        n * (residual.max(self.rounding()) / n).ln() + 2.0 * parameters as f64
    }
}
