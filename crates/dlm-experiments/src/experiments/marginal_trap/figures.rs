//! Figures: distances on the chain, and invalid pairs by temperature.

use dlm_stats::{Bootstrap, Estimate};

use super::{
    ONE_BY_ONE, TOGETHER, WHOLE,
    agreement::Kind,
    findings::{Series, Shares},
    oracle::{self, EXACT, ORDERS},
};
use crate::{
    Error, Family, Figure, Folder,
    figures::{Curve, Panel, Point},
    showing::Caption,
};

/// Distances of transitions from the chain against tokens a step.
pub(super) fn oracle(series: &[Series], folder: &Folder) -> Result<Figure, Error> {
    let panel = |title: &str, y_label: &str, of: fn(&Series) -> Option<Estimate>| {
        let found = |order: &str, together: Option<usize>| {
            let is = |s: &&Series| s.order == order && s.together == together;
            series.iter().find(is).and_then(of)
        };
        let curve = |order: &str| {
            let at = |n: usize| {
                let together = (order != EXACT).then_some(n);
                found(order, together).map(|estimate| point(n as f64, estimate))
            };
            let points = oracle::TOGETHER.into_iter().filter_map(at).collect();
            Curve { label: order.to_string(), points }
        };
        let orders = ORDERS.iter().map(|(order, _)| *order).chain([EXACT]);
        let (title, y_label) = (title.to_string(), y_label.to_string());
        Panel { title, y_label, curves: orders.map(curve).collect(), y_from_zero: true }
    };
    let panels = [
        panel("Kullback–Leibler divergence", "nats a transition", |series| series.kl),
        panel("total variation", "share of transitions", |series| series.tv),
    ];
    let caption = "A perfect network writes words of a Markov chain, so many tokens a step; how \
                   far the transitions of these words are from those of the chain. Words drawn \
                   from the chain itself lie above 0 only because there are finitely many. Left \
                   to right draws neighbours together, which depend on each other most.";
    let title = "Tokens drawn together with a perfect network";
    Caption::new("chain", title, caption).curves(folder, "tokens a step", &panels)
}

/// Shares of invalid pairs against temperature, all sentences and by kind.
pub(super) fn pairs(
    shares: &Shares<'_>,
    bootstrap: &Bootstrap,
    folder: &Folder,
) -> Result<Figure, Error> {
    let temperatures = shares.temperatures();
    let panel = |kind: Option<Kind>| {
        let curve = |(label, family, drawn): (&str, Family, &'static str)| {
            let at = |&t: &f64| {
                let share = bootstrap.mean(&shares.of(kind, family, drawn, t)).ok()?;
                Some(point(t, share))
            };
            let points = temperatures.iter().filter_map(at).collect();
            Curve { label: label.to_string(), points }
        };
        let curves = [
            ("masked, together", Family::Masked, TOGETHER),
            ("masked, one by one", Family::Masked, ONE_BY_ONE),
            ("base, whole sentence", Family::Autoregressive, WHOLE),
            ("Gaussian, side by side", Family::Gaussian, TOGETHER),
        ];
        let curves: Vec<Curve> = curves.map(curve).into();
        Panel {
            title: kind.map_or("all sentences", Kind::name).to_string(),
            y_label: "invalid share of listed pairs".to_string(),
            curves: curves.into_iter().filter(|curve| !curve.points.is_empty()).collect(),
            y_from_zero: true,
        }
    };
    let panels: Vec<Panel> = std::iter::once(None).chain(Kind::ALL.map(Some)).map(panel).collect();
    let caption = "Two open places, two words at each that agree in pairs: the probability of a \
                   pair that does not. Together means from both marginals, one by one that the \
                   second word sees the first; the base weighs whole sentences. Bands are 95 % intervals over sentences. The \
                   Gaussian family has no temperature and stands at 1.";
    let title = "Invalid pairs, drawn together and one by one";
    Caption::new("pairs", title, caption).curves(folder, "temperature", &panels)
}

fn point(x: f64, estimate: Estimate) -> Point {
    let Estimate { value, lower, upper, .. } = estimate;
    Point { x, value, lower, upper }
}
