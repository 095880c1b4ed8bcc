//! `estimates.csv`: every number with its interval.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::name_of;

const COLUMNS: [&str; 7] = ["name", "value", "lower", "upper", "level", "units", "meaning"];

/// One estimate; a value that could not be estimated is absent.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) name: String,
    pub(crate) value: Option<f64>,
    pub(crate) lower: Option<f64>,
    pub(crate) upper: Option<f64>,
    /// The interval's confidence, such as 0.95.
    pub(crate) level: Option<f64>,
    /// How many independent units, such as prompts, it rests on.
    pub(crate) units: Option<u64>,
    pub(crate) meaning: String,
}

impl Estimate {
    /// Reads the file at `path`.
    pub(crate) fn read_all(path: &Path) -> Result<Vec<Self>> {
        let shown = name_of(path);
        let mut reader =
            csv::Reader::from_path(path).with_context(|| format!("cannot read {shown}"))?;
        let headers = reader.headers().with_context(|| format!("{shown}: first line"))?.clone();
        // A missing column would read as absent values.
        if let Some(missing) = COLUMNS.iter().find(|name| !headers.iter().any(|h| h == **name)) {
            bail!("{shown}: field `{missing}` is missing from the first line");
        }
        let mut estimates = Vec::new();
        for row in reader.deserialize() {
            estimates.push(row.map_err(|error: csv::Error| named(path, &headers, error))?);
        }
        Ok(estimates)
    }
}

/// The error with the column it is about, where the reader knows it.
fn named(path: &Path, headers: &csv::StringRecord, error: csv::Error) -> anyhow::Error {
    let column = match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => {
            err.field().and_then(|index| headers.get(usize::try_from(index).ok()?))
        }
        _ => None,
    };
    match column {
        Some(column) => anyhow::anyhow!("{}: field `{column}`: {error}", name_of(path)),
        None => anyhow::anyhow!("{}: {error}", name_of(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Estimate>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("estimates.csv");
        std::fs::write(&path, text).unwrap();
        Estimate::read_all(&path)
    }

    #[test]
    fn an_absent_value_is_not_zero() {
        let text = "name,value,lower,upper,level,units,meaning\na,0.5,,,0.95,100,\"x, y\"\n";
        let estimates = read(text).unwrap();
        assert_eq!((estimates[0].value, estimates[0].lower), (Some(0.5), None));
        assert_eq!(estimates[0].meaning, "x, y");
    }

    #[test]
    fn what_is_malformed_is_named() {
        let header = "name,value,lower,upper,level,units,meaning\n";
        let cases = [
            (format!("{header}a,high,,,,,\n"), "field `value`"),
            (format!("{header}a,1\n"), "found record with 2 fields"),
            ("name,value\na,1\n".to_string(), "field `lower` is missing"),
        ];
        for (text, part) in cases {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("estimates.csv"), "{error}");
        }
    }
}
