//! `dlm eval` as a user runs it, on tiny checkpoints.

mod laws;
mod models;
mod refusals;
mod runs;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use dlm_experiments::evaluation::{TextRow, WrittenRow};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tempfile::TempDir;

/// A file of texts and the folder of its evaluation.
struct Evaluation {
    _folder: TempDir,
    data: PathBuf,
    out: PathBuf,
}

/// A row of eval.csv.
#[derive(Debug, Deserialize)]
struct Measure {
    measure: String,
    value: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    n: usize,
}

impl Evaluation {
    fn of(data: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (file, out) = (folder.path().join("texts.jsonl"), folder.path().join("out"));
        fs::write(&file, data).unwrap();
        Self { _folder: folder, data: file, out }
    }

    /// A line for each text.
    fn of_rows(rows: &[Value]) -> Self {
        Self::of(&rows.iter().map(|row| format!("{row}\n")).collect::<String>())
    }

    fn run(&self, model: &[&Path], flags: &str) -> String {
        let output = self.output(model, flags);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn refusal(&self, model: &[&Path], flags: &str) -> String {
        let output = self.output(model, flags);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && !error.contains("panicked"), "{error}");
        assert!(!self.out.exists(), "{error}");
        error
    }

    /// Evaluates `model`, a folder and perhaps that of an adapter.
    fn output(&self, model: &[&Path], flags: &str) -> Output {
        let mut dlm = dlm("eval", model);
        dlm.arg("--data").arg(&self.data).arg("--out").arg(&self.out);
        dlm.args(flags.split_whitespace()).output().unwrap()
    }

    fn measures(&self) -> BTreeMap<String, Measure> {
        let rows: Vec<Measure> = rows(&self.out.join("eval.csv"));
        rows.into_iter().map(|row| (row.measure.clone(), row)).collect()
    }

    fn rows(&self) -> Vec<TextRow> {
        rows(&self.out.join("rows.csv"))
    }

    fn samples(&self) -> Vec<WrittenRow> {
        rows(&self.out.join("samples.csv"))
    }

    /// All files but the manifest, which holds times; the file of texts goes unnamed.
    fn files(&self) -> Vec<String> {
        let read = |file: &str| {
            let text = fs::read_to_string(self.out.join(file)).unwrap();
            text.replace(self.data.to_str().unwrap(), "texts.jsonl")
        };
        ["eval.csv", "rows.csv", "samples.csv", "eval.md"].map(read).to_vec()
    }
}

/// A command of the program on `model`, a folder and perhaps that of an adapter.
fn dlm(command: &str, model: &[&Path]) -> Command {
    let mut dlm = Command::new(env!("CARGO_BIN_EXE_dlm"));
    dlm.args([command, "--threads", "1"]);
    for (flag, folder) in ["--model", "--adapter"].iter().zip(model) {
        dlm.arg(flag).arg(folder);
    }
    dlm
}

fn rows<R: DeserializeOwned>(path: &Path) -> Vec<R> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}
