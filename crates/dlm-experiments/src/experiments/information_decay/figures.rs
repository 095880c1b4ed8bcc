//! What is lost against noise, and against distance, as curves with intervals.

use dlm_stats::{Bootstrap, Estimate};

use super::{
    estimates::{Measured, by_level, shares_lost},
    oracle::Oracle,
    rows::Loss,
};
use crate::{
    Error, Figure, Folder,
    figures::{Curve, Panel, Point},
    showing::Caption,
};

/// Beyond this share lost, a spread is a quotient of two small numbers and is not drawn.
const MOST_LOST: f64 = 0.9;
/// Noise levels whose costs by distance are drawn.
const SHOWN: [f64; 3] = [0.5, 0.7, 0.9];

/// A number for each of some points, about some texts.
type Values<'a> = &'a (dyn Fn(&[&Loss]) -> Vec<f64> + Sync);

/// The figure over noise.
///
/// # Errors
///
/// Where it cannot be drawn or written.
pub(super) fn against_noise(
    measured: &Measured,
    bootstrap: &Bootstrap,
    folder: &Folder,
) -> Result<Figure, Error> {
    let parts = [
        ("masks", measured.masked.values().collect::<Vec<_>>()),
        ("Gaussian noise", measured.gaussian.values().collect()),
        ("masks on the chain", measured.words.iter().collect()),
    ];
    let panel = |title: &str, y_label: &str, values: Values<'_>, within: f64| Panel {
        title: title.to_string(),
        y_label: y_label.to_string(),
        curves: parts
            .iter()
            .filter(|(_, losses)| !losses.is_empty())
            .map(|(label, losses)| {
                let lost = shares_lost(losses);
                let kept = |index: usize| lost[index] <= within;
                let points = points(&measured.times, losses, bootstrap, values);
                let points = points.into_iter().filter(|(index, _)| kept(*index));
                Curve { label: (*label).to_string(), points: points.map(|(_, p)| p).collect() }
            })
            .collect(),
        y_from_zero: true,
    };
    let panels = [
        panel("What is missing", "nats a token", &|l| by_level(l, |level| level.missing), 2.0),
        panel("The share that is lost", "of what all noise loses", &shares_lost, 2.0),
        panel(
            "How unevenly it is recovered",
            "standard deviation over mean, within a text",
            &|l| by_level(l, |level| level.spread),
            MOST_LOST,
        ),
    ];
    let caption = "Means over texts, or words of the chain, with 95 % intervals. Visible tokens \
                   miss nothing. The spread ends where less than a tenth is recovered.";
    let title = "What noise takes, and how evenly";
    Caption::new("against-noise", title, caption).curves(folder, "noise t", &panels)
}

/// The figure over distance.
///
/// # Errors
///
/// Where it cannot be drawn or written.
pub(super) fn against_distance(
    measured: &Measured,
    oracle: &Oracle,
    far: usize,
    bootstrap: &Bootstrap,
    folder: &Folder,
) -> Result<Figure, Error> {
    let distances: Vec<f64> = (1..=far).map(|distance| distance as f64).collect();
    let curves = |losses: &[&Loss]| -> Vec<Curve> {
        let levels = measured.times.iter().enumerate().skip(1).filter(|(_, t)| SHOWN.contains(t));
        let curve = |(index, t): (usize, &f64)| {
            let costs = |losses: &[&Loss]| costs(losses, index - 1, far);
            let points = points(&distances, losses, bootstrap, &costs);
            let points = points.into_iter().map(|(_, point)| point).collect();
            Curve { label: format!("t = {t}"), points }
        };
        levels.map(curve).collect()
    };
    let panel = |title: &str, curves| Panel {
        title: title.to_string(),
        y_label: "nats a hidden token".to_string(),
        curves,
        y_from_zero: true,
    };
    let mut on_chain = curves(&measured.words.iter().collect::<Vec<_>>());
    let exact = oracle.given_one(far).into_iter().zip(&distances);
    let exact = exact.map(|(value, &x)| Point { x, value, lower: value, upper: value }).collect();
    on_chain.push(Curve { label: "one neighbour seen, exact".to_string(), points: exact });
    let mut panels = vec![panel("On a chain whose law is known", on_chain)];
    if !measured.masked.is_empty() {
        let texts = curves(&measured.masked.values().collect::<Vec<_>>());
        panels.insert(0, panel("The language model", texts));
    }
    let caption = format!(
        "What a hidden token costs by its distance to the nearest visible one, at single noise \
         levels, with 95 % intervals; {far} stands for {far} and more."
    );
    Caption::new("against-distance", "What distance costs under masks", caption).curves(
        folder,
        "distance to the nearest visible token",
        &panels,
    )
}

/// Mean nats of hidden tokens at each distance of a level.
fn costs(losses: &[&Loss], level: usize, far: usize) -> Vec<f64> {
    let cost = |index: usize| {
        let sums = losses.iter().map(|loss| loss.by_distance[level][index]);
        let (count, nats) = sums.fold((0.0, 0.0), |(n, m), sum| (n + sum.count, m + sum.nats));
        nats / count
    };
    (0..far).map(cost).collect()
}

/// Estimates at `xs` where there are any, with their index.
fn points(
    xs: &[f64],
    losses: &[&Loss],
    bootstrap: &Bootstrap,
    values: Values<'_>,
) -> Vec<(usize, Point)> {
    let of =
        |chosen: &[usize]| values(&chosen.iter().map(|&unit| losses[unit]).collect::<Vec<_>>());
    let Ok(found) = bootstrap.statistics(losses.len(), of) else { return Vec::new() };
    let point = |((index, estimate), &x): ((usize, Result<Estimate, _>), &f64)| {
        let Estimate { value, lower, upper, .. } = estimate.ok()?;
        Some((index, Point { x, value, lower, upper }))
    };
    found.into_iter().enumerate().zip(xs).filter_map(point).collect()
}
