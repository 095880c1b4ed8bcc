//! How a measure falls off with the distance from the prompt.

use dlm_stats::{Bootstrap, Curve, Family, Table as Cells, fit, fit_better, half_life};

use super::paragraph::{rounded, with_interval};
use crate::{Estimates, Table};

/// The decays of some measures, as a table; their half-lives join the estimates.
pub(super) fn fit_all(
    measures: &[(&'static str, &Cells)],
    bootstrap: &Bootstrap,
    estimates: &mut Estimates,
) -> Table {
    let rows = measures.iter().map(|&(name, cells)| row(name, cells, bootstrap, estimates));
    Table {
        title: "Decay with the distance from the prompt".to_string(),
        note: "Exponential a·exp(−x/τ) + c and power a·(1 + x)^(−b) + c, fitted to the mean \
               curve; the better one by AIC. The half-life is the distance at which half of the \
               fall is done. An empty cell: the curve is no decay of that kind."
            .to_string(),
        columns: ["measure", "better", "AIC lead", "near value", "asymptote", "half-life"]
            .map(String::from)
            .to_vec(),
        rows: rows.collect(),
        cell_notes: Vec::new(),
    }
}

fn row(
    name: &'static str,
    cells: &Cells,
    bootstrap: &Bootstrap,
    estimates: &mut Estimates,
) -> Vec<String> {
    let all: Vec<usize> = (0..cells.units()).collect();
    let means = cells.means(&all);
    let points = means.iter().enumerate().filter_map(|(x, mean)| Some((x as f64, (*mean)?)));
    let (x, y): (Vec<f64>, Vec<f64>) = points.unzip();
    let mut fits: Vec<_> = [Family::Exponential, Family::Power]
        .into_iter()
        .filter_map(|family| Some((family, fit(family, &x, &y).ok()?)))
        .collect();
    fits.sort_by(|a, b| a.1.aic.total_cmp(&b.1.aic));
    // A constant that explains a curve as well is no decay.
    let decays = fit_better(&x, &y).is_ok();
    let Some((family, best)) = fits.first().filter(|_| decays) else {
        return [name, "", "", "", "", ""].map(String::from).to_vec();
    };
    let distances: Vec<f64> = (0..cells.positions()).map(|x| x as f64).collect();
    let estimate = format!("{name}_half_life");
    let meaning = "distance from the first mask at which half of the fall is done";
    estimates.add_if_any(&estimate, meaning, half_life(*family, &distances, cells, bootstrap));
    let (kind, asymptote) = match best.curve {
        Curve::Exponential { c, .. } => ("exponential", c),
        Curve::Power { c, .. } => ("power", c),
    };
    let lead = fits.get(1).map_or(String::new(), |other| rounded(other.1.aic - best.aic));
    let life = with_interval(estimates, &estimate);
    let near = rounded(best.curve.at(0.0));
    vec![name.to_string(), kind.to_string(), lead, near, rounded(asymptote), life]
}
