//! `probe-example`: one prompt, every mask's best tokens, as in the paper's figure.

use std::ops::Range;

use dlm_probe::{PositionRow, ProbeRow};
use dlm_stats::{Bootstrap, Estimate, Stretch, block_length};

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
        let (estimates, blocks) = estimates(rows, &windows, &stage.bootstrap());
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
             tokens from {} to {}. {}",
            show("top1_prob_near"),
            show("top1_prob_far"),
            show("entropy_near"),
            show("entropy_far"),
            show("ordinary_mass_near"),
            show("ordinary_mass_far"),
            blocks.in_words(),
        );
        Ok(Findings {
            finding,
            method: format!(
                "The prompt goes through the chat template, {} masks follow it, the network runs \
                 once. There is one prompt only, so intervals resample positions, in circular blocks \
                 as long as the correlation of neighbours asks for (Politis and Romano 1992): they say how \
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

/// How many neighbouring positions were drawn together, over all measures.
#[derive(Clone, Debug, Default)]
struct Blocks {
    near: Vec<usize>,
    far: Vec<usize>,
}

impl Blocks {
    fn in_words(&self) -> String {
        let range = |lengths: &[usize]| match (lengths.iter().min(), lengths.iter().max()) {
            (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
            (one, _) => one.map_or(String::new(), ToString::to_string),
        };
        if self.near.is_empty() || self.far.is_empty() {
            return "A single position has no interval.".to_string();
        }
        format!(
            "Neighbouring positions go together, so intervals draw blocks of {} of the near ones and \
             of {} of the far ones; few blocks make rough intervals.",
            range(&self.near),
            range(&self.far)
        )
    }
}

/// Near, far and change of every measure.
fn estimates(
    rows: &[&PositionRow],
    windows: &Windows,
    bootstrap: &Bootstrap,
) -> (Estimates, Blocks) {
    let (mut estimates, mut blocks) = (Estimates::default(), Blocks::default());
    for measure in MEASURES {
        add(&mut estimates, &mut blocks, measure, rows, windows, bootstrap);
    }
    (estimates, blocks)
}

/// Near, far and change of one measure, resampling blocks of positions.
fn add(
    estimates: &mut Estimates,
    blocks: &mut Blocks,
    measure: Measure,
    rows: &[&PositionRow],
    windows: &Windows,
    bootstrap: &Bootstrap,
) {
    let values = |window: &Range<usize>| -> Vec<f64> {
        rows[window.clone()].iter().filter_map(|row| (measure.of)(row)).collect()
    };
    let (near, far) = (values(&windows.near), values(&windows.far));
    let mean = |values: &[f64], chosen: &[usize]| {
        chosen.iter().map(|&i| values[i]).sum::<f64>() / chosen.len() as f64
    };
    let stretch = |values: &[f64], blocks: &mut Vec<usize>| -> Result<Stretch, dlm_stats::Error> {
        let block = block_length(values)?;
        blocks.push(block);
        Ok(Stretch { length: values.len(), block })
    };
    let (first, last) = (stretch(&near, &mut blocks.near), stretch(&far, &mut blocks.far));
    let alone = |values: &[f64], stretch: Result<Stretch, dlm_stats::Error>| {
        bootstrap.circular_blocks(&[stretch?], |chosen| mean(values, chosen))
    };
    let both = [near.clone(), far.clone()].concat();
    let change = |first: Stretch, last: Stretch| {
        bootstrap.circular_blocks(&[first, last], |chosen| {
            let (a, b) = chosen.split_at(near.len());
            mean(&both, b) - mean(&both, a)
        })
    };
    let change = first.clone().and_then(|first| change(first, last.clone()?));
    let mut add = |suffix: &str, estimate: Result<Estimate, dlm_stats::Error>| {
        let name = format!("{}_{suffix}", measure.name);
        let meaning = format!("{}, {suffix}; interval over blocks of positions", measure.meaning);
        estimates.add_if_any(&name, &meaning, estimate);
    };
    add("near", alone(&near, first));
    add("far", alone(&far, last));
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

/// A row of position.csv that tests write: entropy, probability of the best token, divergence
/// from the unigram distribution, and mass on ordinary tokens.
#[cfg(test)]
pub(super) fn row_for_test(
    prompt: usize,
    position: usize,
    [entropy, top1_prob, kl_unigram, ordinary]: [f64; 4],
) -> PositionRow {
    PositionRow {
        prompt,
        position,
        top1_token: 1,
        top1_prob: top1_prob as f32,
        top_k_mass: top1_prob as f32,
        margin: 0.1,
        entropy: entropy as f32,
        kl_unigram: Some(kl_unigram as f32),
        js_next: None,
        eos_mass: Some(ordinary as f32),
        punctuation_mass: Some(0.0),
        frequent_mass: Some(0.0),
        gold_token: None,
        gold_rank: None,
        gold_logprob: None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use dlm_probe::PositionRow;
    use dlm_stats::{Bootstrap, Method};

    use super::{Blocks, estimates, row_for_test};
    use crate::{
        Estimates, Spec, Summary, Verdict,
        experiments::{probe_settings::ProbeSettings, windows::Windows},
        summary::Findings,
    };

    const MASKS: usize = 128;

    /// What is estimated of one prompt whose position `x`, from 0 to 1, has entropy, probability
    /// and ordinary mass `of(x)`, each up or down by a little.
    fn found(of: impl Fn(f64) -> [f64; 3]) -> (Estimates, Blocks) {
        let row = |position: usize| {
            let [entropy, top1, ordinary] = of(position as f64 / (MASKS - 1) as f64);
            let little = 0.001 * (position * 37 % 17) as f64;
            row_for_test(0, position, [entropy + little, top1 + little, 1.0, ordinary + little])
        };
        let rows: Vec<PositionRow> = (0..MASKS).map(row).collect();
        let rows: Vec<&PositionRow> = rows.iter().collect();
        let settings = ProbeSettings { masks: MASKS, top_k: 3, near: 0.0625, far: 0.25 };
        let method = Method::Expanded;
        let bootstrap = Bootstrap { resamples: 400, method, ..Bootstrap::default() };
        estimates(&rows, &Windows::new(&settings, MASKS), &bootstrap)
    }

    fn verdict(of: impl Fn(f64) -> [f64; 3]) -> Verdict {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs/probe-example.toml");
        let findings = Findings { estimates: found(of).0, ..Findings::default() };
        Summary::new(&Spec::read(Path::new(path)).unwrap(), &findings, String::new()).verdict
    }

    fn far(x: f64) -> f64 {
        f64::from(u8::from(0.5 < x))
    }

    #[test]
    fn rows_decide_all_three_verdicts() {
        let shift = |entropy: f64, top1: f64, ordinary: f64| {
            verdict(|x| [1.0 + entropy * far(x), 0.8 + top1 * far(x), 0.1 + ordinary * far(x)])
        };
        assert_eq!(shift(3.0, -0.5, 0.5), Verdict::Supported);
        for (entropy, top1, ordinary) in [(0.2, -0.5, 0.5), (3.0, 0.1, 0.5), (3.0, -0.5, 0.0)] {
            assert_eq!(shift(entropy, top1, ordinary), Verdict::NotSupported);
        }
        // Half of the near positions are as uncertain as the far ones.
        let torn = |x: f64| if x < 4.0 / 128.0 { 0.0 } else { 3.0 };
        assert_eq!(verdict(|x| [torn(x), 0.8 - 0.5 * far(x), far(x)]), Verdict::Undecided);
    }

    /// Of near positions whose entropy drifts, single draws make an interval of
    /// Of near positions whose entropy drifts, single draws make an interval of
    /// 2·1.96·σ/√8 at most; blocks of four make a wider one.
    #[test]
    fn neighbours_that_go_together_widen_the_interval() {
        let (estimates, blocks) = found(|x| [100.0 * x.min(0.06), 0.5, 0.5]);
        let near = estimates.get("entropy_near").unwrap();
        let slope = 100.0 / 127.0;
        let deviation = slope * (63.0_f64 / 12.0).sqrt();
        assert!((near.value - 3.5 * slope).abs() < 0.02, "{near:?}");
        let singly = 2.0 * 1.96 * deviation / 8.0_f64.sqrt();
        assert!(1.2 * singly < near.upper - near.lower, "{near:?} {singly}");
        assert_eq!(near.units, 2);
        assert!(blocks.near.contains(&4) && blocks.in_words().contains("to 4 of the near"));
    }
}
