//! `probe-example`: one prompt, every mask's best tokens, as in the paper's figure.

use dlm_probe::{PositionRow, ProbeRow};
use dlm_stats::{Bootstrap, Estimate};

use super::{
    measures::{self, MEASURES, Measure},
    paragraph::with_interval,
    windows::Windows,
};
use crate::{
    Error, Estimates, Figure, Spec, Table,
    figures::{Cell, heat_map},
    probing::{Probed, TOKENS},
    spec::Sizes,
    summary::Findings,
};

const HEAT_MAP: &str = "heat-map.svg";
/// Positions side by side in the heat map.
const PER_BAND: usize = 16;

/// Estimates, table and heat map of the first prompt.
pub(super) fn analyse(spec: &Spec, sizes: &Sizes, probed: &Probed) -> Result<Findings, Error> {
    let prompts = measures::by_prompt(probed.rows());
    let Some(rows) = prompts.first() else {
        return Err(Error::Argument("there is no prompt to look at".to_string()));
    };
    let windows = Windows::new(spec, rows.len());
    let bootstrap =
        Bootstrap { resamples: sizes.resamples, seed: spec.seed, ..Bootstrap::default() };
    let mut estimates = Estimates::default();
    for measure in MEASURES {
        add(&mut estimates, measure, rows, &windows, &bootstrap);
    }

    let ranked = read_tokens(probed)?;
    let cells: Vec<Vec<Cell>> = ranked.iter().map(|rows| rows.iter().map(cell).collect()).collect();
    let title = "The most probable tokens at every masked position";
    let caption = format!(
        "One forward pass over the prompt and {} masks. Positions count from the first mask; the \
         colour is the probability.",
        rows.len()
    );
    let svg = heat_map(title, &caption, &cells, PER_BAND)
        .map_err(|error| Error::Figure { name: HEAT_MAP.into(), problem: error.to_string() })?;
    probed.folder.write(HEAT_MAP, svg.as_bytes())?;

    let show = |name: &str| with_interval(&estimates, name);
    let finding = format!(
        "Next to the prompt the best token has probability {}, at the far end {}; the entropy \
         goes from {} to {} nats, and the mass on end-of-sequence, punctuation and frequent \
         tokens from {} to {}.",
        show("top1_prob_near"),
        show("top1_prob_far"),
        show("entropy_near"),
        show("entropy_far"),
        show("ordinary_mass_near"),
        show("ordinary_mass_far"),
    );
    Ok(Findings {
        finding,
        method: format!(
            "The prompt goes through the chat template, {} masks follow it, the network runs \
             once. There is one prompt only, so intervals resample positions: they say how \
             firmly near and far differ for this prompt and nothing about others; {}.",
            rows.len(),
            windows.describe()
        ),
        figures: vec![Figure { file: HEAT_MAP.to_string(), title: title.to_string(), caption }],
        tables: vec![table(&ranked)],
        files: vec![HEAT_MAP.to_string()],
        estimates,
    })
}

/// Near, far and change of one measure, resampling positions.
fn add(
    estimates: &mut Estimates,
    measure: Measure,
    rows: &[&PositionRow],
    windows: &Windows,
    bootstrap: &Bootstrap,
) {
    let values = |window: &std::ops::Range<usize>| -> Vec<f64> {
        rows[window.clone()].iter().filter_map(|row| (measure.of)(row)).collect()
    };
    let (near, far) = (values(&windows.near), values(&windows.far));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    // Each window is resampled by itself: the first draws choose among the near
    // positions, the next among the far ones. There are enough draws for both, and
    // their range is a multiple of either window, so that every choice is as likely.
    let draws = 2 * near.len() * far.len();
    let change = |chosen: &[usize]| {
        let (a, rest) = chosen.split_at(near.len());
        let a: Vec<f64> = a.iter().map(|i| near[i % near.len()]).collect();
        let b: Vec<f64> = rest[..far.len()].iter().map(|i| far[i % far.len()]).collect();
        mean(&b) - mean(&a)
    };
    let change = bootstrap.statistic(draws, change);
    let change = change.map(|change| Estimate { units: near.len() + far.len(), ..change });
    let mut add = |suffix: &str, estimate: Result<Estimate, dlm_stats::Error>| {
        let name = format!("{}_{suffix}", measure.name);
        let meaning = format!("{}, {suffix}; interval over positions", measure.meaning);
        estimates.add_if_any(&name, &meaning, estimate);
    };
    add("near", bootstrap.mean(&near));
    add("far", bootstrap.mean(&far));
    add("change", change);
}

/// The ranked tokens of the first prompt, position by position.
fn read_tokens(probed: &Probed) -> Result<Vec<Vec<ProbeRow>>, Error> {
    let path = probed.folder.file(TOKENS);
    let malformed = |error: csv::Error| Error::malformed(&path, "row", error.to_string());
    let mut positions: Vec<Vec<ProbeRow>> = Vec::new();
    for row in csv::Reader::from_path(&path).map_err(malformed)?.deserialize() {
        let row: ProbeRow = row.map_err(malformed)?;
        if row.prompt != 0 {
            break;
        }
        match positions.last_mut() {
            Some(ranked) if ranked[0].position == row.position => ranked.push(row),
            _ => positions.push(vec![row]),
        }
    }
    Ok(positions)
}

fn cell(row: &ProbeRow) -> Cell {
    let token = if row.token.is_empty() { row.token_id.to_string() } else { row.token.clone() };
    Cell { token, probability: f64::from(row.prob) }
}

fn table(ranked: &[Vec<ProbeRow>]) -> Table {
    let ranks = ranked.first().map_or(0, Vec::len);
    let heads = (1..=ranks).flat_map(|rank| [format!("token {rank}"), format!("p {rank}")]);
    let row = |rows: &Vec<ProbeRow>| {
        let cells = rows.iter().flat_map(|row| [cell(row).token, format!("{:.3}", row.prob)]);
        std::iter::once(rows[0].position.to_string()).chain(cells).collect()
    };
    Table {
        title: "Best tokens by position".to_string(),
        note: "Positions count from the first mask.".to_string(),
        columns: std::iter::once("position".to_string()).chain(heads).collect(),
        rows: ranked.iter().map(row).collect(),
    }
}
