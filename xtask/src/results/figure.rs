//! A figure of an experiment and the data that it was drawn from.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::{ensure_within, name_of, read_json, read_text};

/// A picture in the folder of results, as `summary.json` lists it.
#[derive(Debug, Deserialize)]
pub(crate) struct Figure {
    /// An SVG file.
    pub(crate) file: String,
    pub(crate) title: String,
    pub(crate) caption: String,
    #[serde(default)]
    kind: Kind,
    /// The file with what the picture shows.
    pub(crate) data: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    #[default]
    Picture,
    HeatMap,
    Curves,
    Trajectory,
}

/// A figure with the contents of its files.
pub(crate) struct Shown {
    pub(crate) file: String,
    pub(crate) title: String,
    pub(crate) caption: String,
    /// The text of the SVG file.
    pub(crate) svg: String,
    pub(crate) data: Data,
    /// Where the data lie.
    pub(crate) data_file: Option<String>,
}

/// What a figure shows.
pub(crate) enum Data {
    /// Nothing beyond the picture.
    Absent,
    HeatMap(HeatMap),
    Curves(Vec<CurvePoint>),
    Trajectory(Trajectory),
}

/// What a model predicts at each masked position.
#[derive(Debug, Deserialize)]
pub(crate) struct HeatMap {
    pub(crate) prompt: Option<String>,
    pub(crate) positions: Vec<Position>,
}

/// The prediction at one position.
#[derive(Debug, Deserialize)]
pub(crate) struct Position {
    pub(crate) position: u64,
    /// In nats.
    pub(crate) entropy: Option<f64>,
    /// The most probable tokens, best first.
    pub(crate) top: Vec<Candidate>,
}

/// A token that might stand at a position.
#[derive(Debug, Deserialize)]
pub(crate) struct Candidate {
    /// Its text, which may hold anything.
    pub(crate) token: String,
    pub(crate) id: u64,
    pub(crate) probability: f64,
}

/// A point of a curve, with its interval where it has one.
#[derive(Debug, Deserialize)]
pub(crate) struct CurvePoint {
    pub(crate) panel: String,
    pub(crate) curve: String,
    pub(crate) x: f64,
    pub(crate) value: Option<f64>,
    pub(crate) lower: Option<f64>,
    pub(crate) upper: Option<f64>,
}

/// How samples came to be, step by step.
#[derive(Debug, Deserialize)]
pub(crate) struct Trajectory {
    pub(crate) samples: Vec<Sample>,
}

/// One sample: `length` positions, all masked before the first step.
#[derive(Debug, Deserialize)]
pub(crate) struct Sample {
    pub(crate) title: String,
    pub(crate) prompt: Option<String>,
    pub(crate) length: usize,
    pub(crate) steps: Vec<Step>,
}

/// What one step changed.
#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    /// Network evaluations up to and with this step.
    pub(crate) nfe: u64,
    pub(crate) changes: Vec<Change>,
}

/// One position gets a token, or is masked again.
#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    pub(crate) position: usize,
    /// None: masked again.
    pub(crate) token: Option<String>,
    /// What the model gave the token.
    pub(crate) probability: Option<f64>,
}

impl Figure {
    /// Checks that its paths stay in the folder; `summary` names the file that
    /// lists them.
    pub(super) fn check(&self, summary: &str) -> Result<()> {
        let field = format!("{summary}: field `figures`");
        self.files().try_for_each(|name| ensure_within(name, &field))
    }

    /// The picture and its data.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.file.as_str()).chain(self.data.as_deref())
    }
}

impl Shown {
    /// Reads the files of `figure` in `folder`.
    pub(super) fn read(folder: &Path, figure: &Figure) -> Result<Self> {
        Ok(Self {
            file: figure.file.clone(),
            title: figure.title.clone(),
            caption: figure.caption.clone(),
            svg: read_text(&folder.join(&figure.file))?,
            data: match &figure.data {
                Some(name) => Data::read(&folder.join(name), figure.kind)?,
                None => Data::Absent,
            },
            data_file: figure.data.clone(),
        })
    }
}

impl Data {
    fn read(path: &Path, kind: Kind) -> Result<Self> {
        Ok(match kind {
            Kind::Picture => Self::Absent,
            Kind::HeatMap => Self::HeatMap(HeatMap::read(path)?),
            Kind::Curves => Self::Curves(read_curves(path)?),
            Kind::Trajectory => Self::Trajectory(Trajectory::read(path)?),
        })
    }
}

impl HeatMap {
    fn read(path: &Path) -> Result<Self> {
        let map: Self = read_json(path)?;
        for candidate in map.positions.iter().flat_map(|position| &position.top) {
            ensure_probability(candidate.probability, path)?;
        }
        Ok(map)
    }
}

impl Trajectory {
    fn read(path: &Path) -> Result<Self> {
        let trajectory: Self = read_json(path)?;
        for sample in &trajectory.samples {
            for change in sample.steps.iter().flat_map(|step| &step.changes) {
                ensure!(
                    change.position < sample.length,
                    "{}: field `position`: {} lies beyond the {} positions of {:?}",
                    name_of(path),
                    change.position,
                    sample.length,
                    sample.title
                );
                change.probability.map_or(Ok(()), |p| ensure_probability(p, path))?;
            }
        }
        Ok(trajectory)
    }
}

fn read_curves(path: &Path) -> Result<Vec<CurvePoint>> {
    let name = name_of(path);
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {name}"))?;
    let columns = ["panel", "curve", "x", "value", "lower", "upper"];
    let headers = reader.headers().with_context(|| format!("{name}: first line"))?;
    // A missing column would read as absent values.
    if let Some(missing) = columns.iter().find(|column| !headers.iter().any(|h| h == **column)) {
        bail!("{name}: field `{missing}` is missing from the first line");
    }
    reader.deserialize().collect::<Result<_, _>>().with_context(|| name)
}

/// Sums of single-precision probabilities may pass 1 by a rounding error.
fn ensure_probability(p: f64, path: &Path) -> Result<()> {
    let within = (0.0..=1.00001).contains(&p);
    ensure!(within, "{}: field `probability`: {p} does not lie in 0..=1", name_of(path));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, text: &str) -> Result<Data> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        std::fs::write(&path, text).unwrap();
        Data::read(&path, kind)
    }

    #[test]
    fn an_absent_bound_is_not_zero() {
        let text = "panel,curve,x,value,lower,upper\np,c,1,0.5,,\n";
        let Ok(Data::Curves(points)) = read(Kind::Curves, text) else { panic!("no curves") };
        assert_eq!((points[0].value, points[0].lower), (Some(0.5), None));
    }

    #[test]
    fn a_token_may_hold_anything() {
        let text = r#"{"prompt": null, "positions": [{"position": 3, "entropy": null, "top":
            [{"token": "\u0000</script>", "id": 5, "probability": 1.0}]}]}"#;
        let Ok(Data::HeatMap(map)) = read(Kind::HeatMap, text) else { panic!("no heat map") };
        assert_eq!(map.positions[0].top[0].token, "\0</script>");
    }

    #[test]
    fn what_is_malformed_is_named() {
        let change = |position: usize, p: f64| {
            format!(
                r#"{{"samples": [{{"title": "t", "prompt": "p", "length": 2, "steps": [{{"nfe": 1,
                "changes": [{{"position": {position}, "token": null, "probability": {p}}}]}}]}}]}}"#
            )
        };
        let cases = [
            (Kind::Curves, "panel,curve,x,value,lower\n".to_string(), "`upper` is missing"),
            (Kind::HeatMap, r#"{"prompt": 1}"#.to_string(), "data: field `prompt`"),
            (Kind::Trajectory, change(2, 0.5), "2 lies beyond the 2 positions"),
            (Kind::Trajectory, change(1, 1.5), "`probability`: 1.5 does not lie"),
        ];
        for (kind, text, part) in cases {
            let error = format!("{:#}", read(kind, &text).err().unwrap());
            assert!(error.contains(part), "{error}");
        }
        assert!(read(Kind::Trajectory, &change(1, 0.5)).is_ok());
    }
}
