//! `probe-example`: one prompt, every mask's best tokens, as in the paper's figure.

use dlm_probe::{PositionRow, ProbeRow};
use dlm_stats::{Bootstrap, Estimate};

use super::{
    Experiment,
    measures::{self, MEASURES, Measure},
    paragraph::with_interval,
    probe_settings::ProbeSettings,
    windows::Windows,
};
use crate::{
    Error, Estimates, Family, Folder, Prompt, Table,
    probing::{FILES, Probing, TOKENS},
    showing::{Caption, Position, Token},
    stage::Stage,
    summary::Findings,
};

const HEAT_MAP: &str = "heat-map";

/// The experiment.
pub(super) struct ProbeExample {
    settings: ProbeSettings,
    probing: Probing,
}

impl ProbeExample {
    pub(super) fn new(stage: &mut Stage) -> Result<Self, Error> {
        let settings = ProbeSettings::read(stage)?;
        Ok(Self { probing: settings.probing(stage, false)?, settings })
    }
}

impl Experiment for ProbeExample {
    fn units(&self) -> usize {
        self.probing.units()
    }

    fn files(&self) -> &'static [&'static str] {
        &FILES
    }

    fn measure(
        &mut self,
        unit: usize,
        stage: &mut Stage,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        self.probing.measure(unit, stage.models.need(Family::Masked)?, folder)
    }

    /// Estimates, table and heat map of the first prompt.
    fn analyse(&self, stage: &mut Stage, folder: &Folder) -> Result<Findings, Error> {
        let probed = self.probing.read(folder)?;
        let prompts = measures::by_prompt(probed.rows());
        let Some(rows) = prompts.first() else {
            return Err(Error::Argument("there is no prompt to look at".to_string()));
        };
        let windows = Windows::new(&self.settings, rows.len());
        let bootstrap = stage.bootstrap();
        let mut estimates = Estimates::default();
        for measure in MEASURES {
            add(&mut estimates, measure, rows, &windows, &bootstrap);
        }

        let positions = positions(folder, rows)?;
        let caption = format!(
            "One forward pass over the prompt and {} masks. Positions count from the first mask; \
             the colour is the probability.",
            rows.len()
        );
        let caption = Caption::new(HEAT_MAP, "The most probable tokens at every mask", caption);
        let prompt = stage.prompts()?.list.first().map(Prompt::shown);
        let figure = caption.heat_map(folder, prompt.as_deref(), &positions)?;

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
            figures: vec![figure],
            tables: vec![table(&positions)],
            estimates,
            ..Findings::default()
        })
    }
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
fn positions(folder: &Folder, rows: &[&PositionRow]) -> Result<Vec<Position>, Error> {
    let ranked: Vec<ProbeRow> = folder.read_rows(TOKENS)?;
    let tokens = |position: usize| {
        let here = |row: &&ProbeRow| row.prompt == 0 && row.position == position;
        ranked.iter().filter(here).map(token).collect()
    };
    let position = |row: &&PositionRow| Position {
        position: row.position,
        entropy: Some(row.entropy.into()),
        top: tokens(row.position),
    };
    Ok(rows.iter().map(position).collect())
}

fn token(row: &ProbeRow) -> Token {
    Token { token: row.token.clone(), id: row.token_id, probability: row.prob.into() }
}

fn table(positions: &[Position]) -> Table {
    let ranks = positions.first().map_or(0, |position| position.top.len());
    let heads = (1..=ranks).flat_map(|rank| [format!("token {rank}"), format!("p {rank}")]);
    let row = |position: &Position| {
        let tokens = position.top.iter();
        let cells = tokens.flat_map(|t| [t.shown(), format!("{:.3}", t.probability)]);
        std::iter::once(position.position.to_string()).chain(cells).collect()
    };
    Table {
        title: "Best tokens by position".to_string(),
        note: "Positions count from the first mask.".to_string(),
        columns: std::iter::once("position".to_string()).chain(heads).collect(),
        rows: positions.iter().map(row).collect(),
        cell_notes: Vec::new(),
    }
}
