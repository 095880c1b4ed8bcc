//! `probe-aggregate`: the same shift over many prompts, as curves with intervals.

mod across_prompts;
#[cfg(test)]
mod tests;

use dlm_probe::PositionRow;
use dlm_stats::{
    Bins, Bootstrap, Estimate, MannKendall, Reliability, Table as Cells, hamed_rao_decaying, holm,
    mann_kendall, wilson,
};

use self::across_prompts::AcrossPrompts;
use super::{
    Experiment, decay_fits, ending,
    measures::{self, MEASURES, Measure},
    paragraph::with_interval,
    probe_settings::ProbeSettings,
    windows::{Windows, window_mean},
};
use crate::{
    Error, Estimates, Family, Folder,
    figures::{Curve, Panel, Point},
    probe_data::Unit,
    probing::{FILES, Probing},
    showing::Caption,
    stage::Stage,
    summary::Findings,
};

const FIGURE: &str = "curves";
/// A position with fewer prompts than this has no curve.
const LEAST_PROMPTS: usize = 5;
/// A trend is significant below this, after Holm's correction over prompts.
const SIGNIFICANCE: f64 = 0.05;

/// The experiment.
pub(super) struct ProbeAggregate {
    settings: ProbeSettings,
    probing: Probing,
}

impl ProbeAggregate {
    pub(super) fn new(stage: &mut Stage) -> Result<Self, Error> {
        let settings = ProbeSettings::read(stage)?;
        Ok(Self { probing: settings.probing(stage, true)?, settings })
    }
}

impl Experiment for ProbeAggregate {
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

    /// Estimates, curves and figure over all prompts.
    fn analyse(&self, stage: &mut Stage, folder: &Folder) -> Result<Findings, Error> {
        let probed = self.probing.read(folder)?;
        let prompts = measures::by_prompt(probed.rows());
        let masks = prompts.iter().map(Vec::len).min().unwrap_or(0);
        if prompts.iter().any(|rows| rows.len() != masks) {
            let problem = "the prompts differ in their number of masks, so no curve runs over them";
            return Err(Error::Argument(problem.to_string()));
        }
        let windows = Windows::new(&self.settings, masks);
        let bootstrap = stage.bootstrap();
        let Seen { mut estimates, curves, tables } =
            Seen::new(&probed.units, &prompts, &windows, &bootstrap)?;
        let decaying: Vec<(&'static str, &Cells)> = tables
            .iter()
            .filter(|(name, _)| ["top1_prob", "entropy", "kl_unigram", "js_next"].contains(name))
            .map(|(name, cells)| (*name, cells))
            .collect();
        let mut shown = vec![decay_fits::fit_all(&decaying, &bootstrap, &mut estimates)];
        let find = |name: &str| curves.iter().find(|(n, _)| *n == name).map_or(&[][..], |(_, c)| c);
        let adapter = stage.models.need(Family::Masked)?.description().adapter;
        shown.extend(ending::table(adapter.as_deref(), find("eos_mass"))?);

        let title = format!("{} prompts, {masks} masks, one pass each", prompts.len());
        let caption = "Means over prompts with 95 % intervals, by distance from the first mask. Bands \
                       of prompt information and distinct tokens leave groups of prompts out.";
        let caption = Caption::new(FIGURE, title, caption);
        let figure = caption.curves(folder, "position from the first mask", &panels(find))?;
        Ok(Findings {
            finding: finding(&estimates, prompts.len()),
            method: format!(
                "Each of {} prompts is followed by {masks} masks and seen in one forward pass. \
                 Intervals resample prompts ({} resamples); {}. A prompt shows a trend where \
                 Mann–Kendall finds one below {SIGNIFICANCE} after Holm's correction over prompts, its \
                 variance corrected for neighbouring positions that go together beyond a decay \
                 (Hamed and Rao 1998); the share without that correction stands beside. Prompt information is the Jensen–Shannon divergence of \
                 predictions across prompts; its interval leaves out one group of prompts at a time.",
                prompts.len(),
                bootstrap.resamples,
                windows.describe()
            ),
            figures: vec![figure],
            tables: shown,
            estimates,
            ..Findings::default()
        })
    }
}

/// What all prompts say.
struct Seen {
    estimates: Estimates,
    /// By measure, along the positions.
    curves: Vec<(&'static str, Vec<Option<Estimate>>)>,
    tables: Vec<(&'static str, Cells)>,
}

impl Seen {
    /// Of `prompts`, each with its rows, which are those of `units`.
    ///
    /// # Errors
    ///
    /// Where rows make no table.
    fn new(
        units: &[Unit],
        prompts: &[Vec<&PositionRow>],
        windows: &Windows,
        bootstrap: &Bootstrap,
    ) -> Result<Self, Error> {
        let mut estimates = Estimates::default();
        let (mut curves, mut tables) = (Vec::new(), Vec::new());
        for measure in MEASURES {
            shift(&mut estimates, measure, prompts, windows, bootstrap);
            let cells = measures::table(prompts, measure).map_err(failed(measure.name))?;
            curves.push((measure.name, bootstrap.curve(&cells, LEAST_PROMPTS).unwrap_or_default()));
            tables.push((measure.name, cells));
        }
        for name in ["top1_prob", "kl_unigram"] {
            trend(&mut estimates, measures::named(name), prompts);
        }
        calibration(&mut estimates, prompts, bootstrap);
        let masks = prompts.first().map_or(0, Vec::len);
        curves.extend(AcrossPrompts::new(units, masks).estimate(&mut estimates, windows));
        Ok(Self { estimates, curves, tables })
    }
}

/// Near, far and change of one measure, resampling prompts.
fn shift(
    estimates: &mut Estimates,
    measure: Measure,
    prompts: &[Vec<&PositionRow>],
    windows: &Windows,
    bootstrap: &Bootstrap,
) {
    let near: Vec<Option<f64>> =
        prompts.iter().map(|rows| window_mean(rows, measure, &windows.near)).collect();
    let far: Vec<Option<f64>> =
        prompts.iter().map(|rows| window_mean(rows, measure, &windows.far)).collect();
    let change = near.iter().zip(&far).map(|(near, far)| Some((*far)? - (*near)?)).collect();
    for (suffix, values) in [("near", near), ("far", far), ("change", change)] {
        let present: Vec<f64> = values.into_iter().flatten().collect();
        let name = format!("{}_{suffix}", measure.name);
        let meaning = match suffix {
            "change" => format!("{}, far minus near", measure.meaning),
            _ => format!("{}, {suffix}", measure.meaning),
        };
        estimates.add_if_any(&name, &meaning, bootstrap.mean(&present));
    }
}

/// The share of prompts along which a measure falls for certain, with and without regard to
/// neighbours that go together.
fn trend(estimates: &mut Estimates, measure: Measure, prompts: &[Vec<&PositionRow>]) {
    type Test = fn(&[f64]) -> Result<MannKendall, dlm_stats::Error>;
    let along = |rows: &Vec<&PositionRow>| rows.iter().map(|row| (measure.of)(row)).collect();
    let series: Option<Vec<Vec<f64>>> = prompts.iter().map(along).collect();
    let Some(series) = series else { return };
    for (suffix, how, test) in [
        (
            "falling_share",
            "correlation of neighbours taken into account",
            hamed_rao_decaying as Test,
        ),
        ("falling_share_uncorrected", "neighbours taken for independent", mann_kendall),
    ] {
        let tests: Result<Vec<MannKendall>, _> = series.iter().map(|values| test(values)).collect();
        let Ok(tests) = tests else { return };
        let p: Vec<f64> = tests.iter().map(|test| test.p).collect();
        let Ok(adjusted) = holm(&p) else { return };
        let falls =
            tests.iter().zip(adjusted).filter(|(t, p)| t.s < 0 && *p < SIGNIFICANCE).count();
        let name = format!("{}_{suffix}", measure.name);
        let meaning = format!("share of prompts along which it falls, {how}: {}", measure.meaning);
        estimates.add_if_any(&name, &meaning, wilson(falls, tests.len(), 0.95));
    }
}

/// How far the best token's probability is from its chance of being the answer's.
fn calibration(estimates: &mut Estimates, prompts: &[Vec<&PositionRow>], bootstrap: &Bootstrap) {
    let graded = |rows: &Vec<&PositionRow>| -> Vec<(f64, bool)> {
        let pair = |row: &&PositionRow| Some((f64::from(row.top1_prob), row.gold_rank? == 0));
        rows.iter().filter_map(pair).collect()
    };
    let graded: Vec<Vec<(f64, bool)>> =
        prompts.iter().map(graded).filter(|pairs| !pairs.is_empty()).collect();
    let error = |chosen: &[usize]| {
        let pairs = chosen.iter().flat_map(|&prompt| &graded[prompt]);
        let (confidence, correct): (Vec<f64>, Vec<bool>) = pairs.copied().unzip();
        Reliability::new(&confidence, &correct, Bins::EqualMass(10))
            .map_or(f64::NAN, |table| table.expected_calibration_error())
    };
    let meaning = "expected calibration error of the best token against the reference answer's, over the positions that answers reach";
    let estimate = bootstrap.statistic(graded.len(), error);
    estimates.add_if_any("calibration_error", meaning, estimate);
}

fn panels<'a>(find: impl Fn(&str) -> &'a [Option<Estimate>]) -> Vec<Panel> {
    let panel = |title: &str, y_label: &str, names: &[(&str, &str)]| Panel {
        title: title.to_string(),
        y_label: y_label.to_string(),
        y_from_zero: true,
        curves: names
            .iter()
            .map(|(name, label)| Curve { label: (*label).to_string(), points: points(find(name)) })
            .collect(),
    };
    vec![
        panel(
            "Sharpness",
            "probability",
            &[("top1_prob", "best token"), ("top_k_mass", "listed tokens"), ("margin", "margin")],
        ),
        panel("Entropy", "nats", &[("entropy", "entropy")]),
        panel("Distance from the unigram distribution", "nats", &[("kl_unigram", "KL")]),
        panel(
            "What the mass is on",
            "probability",
            &[
                ("frequent_mass", "frequent tokens"),
                ("punctuation_mass", "punctuation"),
                ("eos_mass", "end of sequence"),
            ],
        ),
        panel("Information about the prompt", "nats", &[("prompt_information", "JS over prompts")]),
        panel("Distinct best tokens over prompts", "share", &[("distinct_top1", "distinct")]),
        panel("Difference to the next position", "nats", &[("js_next", "JS to the next")]),
        panel("Reference answer", "nats", &[("gold_nll", "−ln p")]),
        panel("Reference answer among the best 10", "share", &[("gold_in_top10", "share")]),
    ]
}

fn points(curve: &[Option<Estimate>]) -> Vec<Point> {
    let point = |(x, estimate): (usize, &Option<Estimate>)| {
        let Estimate { value, lower, upper, .. } = (*estimate)?;
        Some(Point { x: x as f64, value, lower, upper })
    };
    curve.iter().enumerate().filter_map(point).collect()
}

fn finding(estimates: &Estimates, prompts: usize) -> String {
    let show = |name: &str| with_interval(estimates, name);
    format!(
        "Over {prompts} prompts the best token's probability goes from {} near the prompt to {} \
         at the far end, the entropy from {} to {} nats, and the divergence from plain word \
         frequencies from {} to {} nats. End-of-sequence, punctuation and frequent tokens hold {} \
         near and {} far. What a prediction tells about its prompt goes from {} to {} nats. The \
         best token's probability falls for certain along {} of the prompts, by a test that takes \
         into account that neighbouring positions go together (Hamed and Rao 1998); without that it \
         would along {}.",
        show("top1_prob_near"),
        show("top1_prob_far"),
        show("entropy_near"),
        show("entropy_far"),
        show("kl_unigram_near"),
        show("kl_unigram_far"),
        show("ordinary_mass_near"),
        show("ordinary_mass_far"),
        show("prompt_information_near"),
        show("prompt_information_far"),
        show("top1_prob_falling_share"),
        show("top1_prob_falling_share_uncorrected"),
    )
}

fn failed(name: &str) -> impl FnOnce(dlm_stats::Error) -> Error {
    let name = name.to_string();
    |source| Error::Estimate { name, source }
}
