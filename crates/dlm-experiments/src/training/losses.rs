//! The losses of a training as a figure.

use std::{fs, path::Path};

use dlm_train::{StepRow, ValidationRow};
use serde::de::DeserializeOwned;

use crate::{
    Error,
    figures::{Curve, Panel, Point, curves},
};

/// Points of a curve at most: more would stand closer than a line is wide.
const POINTS: usize = 120;

/// Draws `curve.csv` and `validation.csv` of `folder` into `losses.svg`.
pub(super) fn draw(folder: &Path) -> Result<(), Error> {
    let steps: Vec<StepRow> = read(&folder.join("curve.csv"))?;
    let measured: Vec<ValidationRow> = read(&folder.join("validation.csv"))?;
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return Ok(()) };
    let panels = [
        Panel {
            title: "Loss while training".to_string(),
            y_label: "nats per token of the batch".to_string(),
            curves: vec![averaged("mean of neighbouring steps", &steps, |row| row.loss)],
            y_from_zero: true,
        },
        Panel {
            title: "Held-out cross-entropy".to_string(),
            y_label: "nats per predicted token".to_string(),
            curves: by_time(&measured, |row| row.cross_entropy),
            y_from_zero: true,
        },
        Panel {
            title: "Held-out accuracy".to_string(),
            y_label: "share of tokens that had the largest probability".to_string(),
            curves: by_time(&measured, |row| row.accuracy),
            y_from_zero: true,
        },
    ];
    let description = format!(
        "Over {} thousand tokens the loss goes from {:.3} to {:.3} nats per token.",
        last.tokens / 1000,
        first.loss,
        last.loss
    );
    let svg = curves("Losses of the training", &description, "thousand tokens", &panels)
        .map_err(|error| Error::Figure { name: "losses.svg".into(), problem: error.to_string() })?;
    let path = folder.join("losses.svg");
    fs::write(&path, svg).map_err(Error::write(&path))
}

fn read<R: DeserializeOwned>(path: &Path) -> Result<Vec<R>, Error> {
    let failed = |error: csv::Error| Error::malformed(path, "rows", error.to_string());
    let mut reader = csv::Reader::from_path(path).map_err(failed)?;
    reader.deserialize().collect::<Result<_, _>>().map_err(failed)
}

/// Means of neighbouring steps within two standard errors.
fn averaged(label: &str, rows: &[StepRow], of: fn(&StepRow) -> f64) -> Curve {
    let points = rows.chunks(rows.len().div_ceil(POINTS).max(1)).map(|rows| {
        let n = rows.len() as f64;
        let mean = |of: &dyn Fn(&StepRow) -> f64| rows.iter().map(of).sum::<f64>() / n;
        let value = mean(&|row| of(row));
        let variance = mean(&|row| (of(row) - value).powi(2));
        let error = 2.0 * (variance / (n - 1.0).max(1.0)).sqrt();
        let x = mean(&|row| row.tokens as f64 / 1000.0);
        Point { x, value, lower: value - error, upper: value + error }
    });
    Curve { label: label.to_string(), points: points.collect() }
}

/// A curve for each diffusion time.
fn by_time(rows: &[ValidationRow], of: fn(&ValidationRow) -> f64) -> Vec<Curve> {
    let mut times: Vec<f64> = rows.iter().map(|row| row.t).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let curve = |t: f64| {
        let own = rows.iter().filter(|row| row.t == t && of(row).is_finite());
        let point = |row: &ValidationRow| {
            let (x, value) = (row.tokens as f64 / 1000.0, of(row));
            Point { x, value, lower: value, upper: value }
        };
        Curve { label: format!("t = {t}"), points: own.map(point).collect() }
    };
    times.into_iter().map(curve).collect()
}
