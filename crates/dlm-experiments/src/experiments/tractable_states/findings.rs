//! From draws to findings: p values of many tests, random numbers, distances over time.

use dlm_stats::{Estimate, holm};
use statrs::distribution::{Beta, ContinuousCDF};

use super::{AT_ONCE, CurvePoint, Row, STEP_BY_STEP, Settings};
use crate::{
    Error, Estimates, Figure, Folder, Table,
    experiments::paragraph::rounded,
    figures::{Curve, Panel, Point},
    showing::Caption,
    summary::Findings,
};

/// Groups of processes, each with a panel.
const GROUPS: [(&str, &str); 4] = [
    ("absorbing", "tokens, absorbing noise"),
    ("uniform", "tokens, uniform noise"),
    ("matrices", "tokens, matrices"),
    ("gaussian", "vectors, Gaussian noise"),
];

pub(super) fn of(
    settings: &Settings,
    rows: &[Row],
    curves: &[CurvePoint],
    folder: &Folder,
) -> Result<Findings, Error> {
    let estimates = estimates(rows)?;
    let figures = vec![distances(curves, folder)?, p_values(rows, folder)?];
    let number = |name: &str| estimates.get(name).map_or("none".to_string(), |e| rounded(e.value));
    let share = estimates.get("draws_share").map_or(f64::NAN, |e| 1.0 / e.value);
    let finding = format!(
        "Of {} tests on {} forward processes, the smallest p value is {} after Holm's correction \
         ({} among processes on tokens, {} among Gaussian ones). A state drawn at once takes one \
         random number; its chain of {} steps takes {:.0} times as many.",
        tests(rows),
        by_process(rows).len(),
        number("least_p"),
        number("discrete_least_p"),
        number("gaussian_least_p"),
        settings.steps,
        share,
    );
    let method = format!(
        "Each process takes one clean value to a time in two ways, {} times each: in one draw of \
         q(x_t | x₀), and through {} transitions q(x_k | x_(k−1)). Both samples are compared with \
         the closed form: states that can be counted by Pearson's chi-squared test, real numbers \
         by Kolmogorov's. Holm's correction is over all tests. No network is asked. The tests can \
         find a difference of about 1/√draws; they cannot prove equality.",
        settings.draws, settings.steps,
    );
    let tables = vec![table(rows)];
    Ok(Findings { estimates, finding, method, figures, tables, ..Findings::default() })
}

/// Tests that had something to tell apart.
fn tests(rows: &[Row]) -> usize {
    rows.iter().filter(|row| row.p.is_some()).count()
}

fn estimates(rows: &[Row]) -> Result<Estimates, Error> {
    let mut estimates = Estimates::default();
    let tested: Vec<(&Row, f64)> = rows.iter().filter_map(|row| Some((row, row.p?))).collect();
    let p: Vec<f64> = tested.iter().map(|(_, p)| *p).collect();
    let name = "least_p".to_string();
    let adjusted = holm(&p).map_err(|source| Error::Estimate { name, source })?;
    let families = [("", ""), ("discrete_", "discrete"), ("gaussian_", "gaussian")];
    for (prefix, family) in families {
        let is_of = |row: &Row| family.is_empty() || row.family == family;
        let chosen = tested.iter().zip(&adjusted).filter(|((row, _), _)| is_of(row));
        let chosen: Vec<f64> = chosen.map(|(_, p)| *p).collect();
        let least = chosen.iter().copied().reduce(f64::min);
        let of = if family.is_empty() { "all".to_string() } else { format!("the {family}") };
        let meaning = format!(
            "smallest p value of {of} tests, after Holm's correction over all tests; exact"
        );
        if let Some(least) = least {
            estimates.add(&format!("{prefix}least_p"), &meaning, exact(least, chosen.len()));
        }
        let numbers = |way: &str| -> f64 {
            let rows = rows.iter().filter(|row| is_of(row) && row.drawn == way);
            rows.map(|row| row.numbers as f64).sum()
        };
        let (at_once, chain) = (numbers(AT_ONCE), numbers(STEP_BY_STEP));
        if 0.0 < chain {
            let meaning = format!(
                "random numbers of drawing at once over those of the chain, {of} processes; exact"
            );
            let units = rows.iter().filter(|row| is_of(row)).count() / 2;
            let share = exact(at_once / chain, units);
            estimates.add(&format!("{prefix}draws_share"), &meaning, share);
        }
    }
    Ok(estimates)
}

/// A number that is no estimate of another: it has no interval.
fn exact(value: f64, units: usize) -> Estimate {
    Estimate { value, lower: value, upper: value, level: 1.0, units }
}

/// The rows of each process, in the order of the file.
fn by_process(rows: &[Row]) -> Vec<&[Row]> {
    rows.chunk_by(|a, b| a.process == b.process).collect()
}

/// Distances from the closed form, in units of what they are where nothing differs.
fn distances(curves: &[CurvePoint], folder: &Folder) -> Result<Figure, Error> {
    let panel = |(group, title): (&str, &str)| {
        let of_group: Vec<&CurvePoint> = curves.iter().filter(|p| p.group == group).collect();
        let curve = |way: &str| Curve { label: way.to_string(), points: spread(&of_group, way) };
        Panel {
            title: title.to_string(),
            y_label: "distance / expected".to_string(),
            curves: vec![curve(STEP_BY_STEP), curve(AT_ONCE)],
            y_from_zero: true,
        }
    };
    let panels: Vec<Panel> = GROUPS.into_iter().map(panel).collect();
    let caption = "How far the states of a chain are from the closed form, as it goes on, beside \
                   states drawn at once: total variation, for vectors Kolmogorov's distance, \
                   divided by what either is on average for draws of the closed form itself. \
                   Lines are means over the processes of a group, bands go from the smallest to \
                   the largest. A chain that drifts away would rise above 1.";
    let title = "Distance of simulated chains from their closed forms";
    Caption::new("distance", title, caption).curves(folder, "time t", &panels)
}

/// Mean, smallest and largest ratio over the processes at each time.
fn spread(points: &[&CurvePoint], way: &str) -> Vec<Point> {
    let mut ratios: Vec<(f64, f64)> = points
        .iter()
        .filter(|point| point.drawn == way && 0.0 < point.expected)
        .map(|point| (point.time, point.distance / point.expected))
        .collect();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let alike = ratios.chunk_by(|a, b| a.0 == b.0);
    let point = |chunk: &[(f64, f64)]| Point {
        x: chunk[0].0,
        value: chunk.iter().map(|(_, ratio)| ratio).sum::<f64>() / chunk.len() as f64,
        lower: chunk.iter().map(|(_, ratio)| *ratio).fold(f64::INFINITY, f64::min),
        upper: chunk.iter().map(|(_, ratio)| *ratio).fold(0.0, f64::max),
    };
    alike.map(point).collect()
}

/// All p values in order, beside where those of true equalities lie.
fn p_values(rows: &[Row], folder: &Folder) -> Result<Figure, Error> {
    let panel = |way: &str| {
        let of_way = rows.iter().filter(|row| row.drawn == way);
        let mut p: Vec<f64> = of_way.filter_map(|row| row.p).collect();
        p.sort_by(f64::total_cmp);
        let n = p.len();
        let place = |rank: usize| (rank + 1) as f64 / (n + 1) as f64;
        let found =
            |(rank, &p): (usize, &f64)| Point { x: place(rank), value: p, lower: p, upper: p };
        let due = |rank: usize| {
            // The k-th of n uniform numbers follows Beta(k, n − k + 1).
            let law = Beta::new((rank + 1) as f64, (n - rank) as f64).ok();
            let quantile = |q: f64| law.map_or(place(rank), |law| law.inverse_cdf(q));
            Point {
                x: place(rank),
                value: place(rank),
                lower: quantile(0.025),
                upper: quantile(0.975),
            }
        };
        Panel {
            title: format!("drawn {way}"),
            y_label: "p value".to_string(),
            curves: vec![
                Curve {
                    label: "found".to_string(),
                    points: p.iter().enumerate().map(found).collect(),
                },
                Curve {
                    label: "where nothing differs".to_string(),
                    points: (0..n).map(due).collect(),
                },
            ],
            y_from_zero: true,
        }
    };
    let caption = "The p values of all tests from the smallest to the largest, before any \
                   correction. Where no process differs from its closed form they lie along the \
                   diagonal, each in the band with a chance of 95 %; a process that differs would \
                   pull the left end down to 0.";
    let panels = [panel(STEP_BY_STEP), panel(AT_ONCE)];
    let title = "p values of all tests, in order";
    Caption::new("p-values", title, caption).curves(folder, "rank / (tests + 1)", &panels)
}

fn table(rows: &[Row]) -> Table {
    let number = |value: f64| rounded(value);
    let row = |rows: &[Row]| {
        let least = rows.iter().filter_map(|row| row.p).reduce(f64::min);
        let of = |way: &'static str| rows.iter().filter(move |row| row.drawn == way);
        let numbers = |way| of(way).map(|row| row.numbers as f64).sum::<f64>();
        let draws = |way| of(way).map(|row| row.draws as f64).sum::<f64>();
        let worst = |way| of(way).map(|row| row.distance / row.expected).fold(0.0, f64::max);
        vec![
            rows[0].process.clone(),
            rows.iter().filter(|row| row.p.is_some()).count().to_string(),
            least.map_or(String::new(), |p| format!("{p:.4}")),
            number(worst(STEP_BY_STEP)),
            number(worst(AT_ONCE)),
            number(numbers(AT_ONCE) / draws(AT_ONCE)),
            number(numbers(STEP_BY_STEP) / draws(STEP_BY_STEP)),
        ]
    };
    let columns = [
        "process",
        "tests",
        "least p, uncorrected",
        "largest distance / expected, step by step",
        "at once",
        "random numbers a state, at once",
        "step by step",
    ];
    Table {
        title: "Processes".to_string(),
        note: "A chain's mask stays a mask and takes no further random number, so absorbing \
               chains need fewer than they have steps."
            .to_string(),
        columns: columns.map(String::from).to_vec(),
        rows: by_process(rows).into_iter().map(row).collect(),
        cell_notes: Vec::new(),
    }
}
