//! A whole sampler from a file, with help for misspelt names.

use std::path::Path;

use serde_json::Value;

use super::Sampler;
use crate::Error;

/// Reads a sampler from TOML, or from JSON where the file's name ends in `.json`. Its
/// `process`, which manifests write, may be absent: then it is unmasking.
///
/// # Errors
///
/// Where the file cannot be read or is no sampler; the message of an unknown name ends with
/// the known one that is most like it.
pub(super) fn read(path: &Path) -> Result<Sampler, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
    let (format, read) = match path.extension().is_some_and(|extension| extension == "json") {
        true => ("JSON", json(&text)),
        false => ("TOML", toml(&text)),
    };
    read.map_err(|problem| {
        let problem = match nearest(&problem) {
            Some(name) => format!("{}; did you mean `{name}`?", problem.trim_end()),
            None => problem,
        };
        Error::malformed(path, format, problem)
    })
}

fn json(text: &str) -> Result<Sampler, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match value.get("process") {
        Some(_) => serde_json::from_value(value).map_err(|error| error.to_string()),
        // Read from the text, an error knows its line.
        None => serde_json::from_str(text).map(Sampler::Unmasking).map_err(|e| e.to_string()),
    }
}

fn toml(text: &str) -> Result<Sampler, String> {
    let value: Value = toml::from_str(text).map_err(|error| error.to_string())?;
    match value.get("process") {
        Some(_) => serde_json::from_value(value).map_err(|error| error.to_string()),
        None => toml::from_str(text).map(Sampler::Unmasking).map_err(|e| e.to_string()),
    }
}

/// The known name most like the unknown one, in a message that quotes the unknown name
/// first and all known ones after it.
fn nearest(problem: &str) -> Option<&str> {
    let unknown = problem.find("unknown field").or(problem.find("unknown variant"))?;
    let mut quoted = problem[unknown..].split('`').skip(1).step_by(2);
    let wrong = quoted.next()?;
    let alike = |name: &&str| (strsim::jaro_winkler(name, wrong) * 1e6) as u32;
    quoted.max_by_key(alike)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use dlm_discrete::{jump, unmasking::presets};

    use super::{Sampler, read};

    #[test]
    fn every_preset_is_read_back_from_both_formats() {
        let folder = tempfile::tempdir().unwrap();
        let (toml, json) = (folder.path().join("s.toml"), folder.path().join("s.json"));
        for preset in presets::ALL {
            let sampler = (preset.sampler)();
            fs::write(&toml, toml::to_string(&sampler).unwrap()).unwrap();
            fs::write(&json, serde_json::to_string(&sampler).unwrap()).unwrap();
            let sampler = Sampler::Unmasking(sampler);
            assert_eq!(read(&toml).unwrap(), sampler, "{}", preset.name);
            assert_eq!(read(&json).unwrap(), sampler, "{}", preset.name);
            // As a manifest has it.
            fs::write(&json, serde_json::to_string(&sampler).unwrap()).unwrap();
            assert_eq!(read(&json).unwrap(), sampler, "{}", preset.name);
        }
        for preset in jump::presets::ALL {
            let sampler = Sampler::Jump((preset.sampler)());
            fs::write(&toml, toml::to_string(&sampler).unwrap()).unwrap();
            fs::write(&json, serde_json::to_string(&sampler).unwrap()).unwrap();
            assert_eq!(read(&toml).unwrap(), sampler, "{}", preset.name);
            assert_eq!(read(&json).unwrap(), sampler, "{}", preset.name);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_by_the_nearest_known_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.toml");
        let whole = "order = { by = \"entropy\" }\ncommit = { rule = \"even-split\" }\n";
        for (text, name) in [
            (format!("{whole}block_lenght = 8\n"), "`block_length`?"),
            (format!("{whole}[tokens]\ntemprature = 1.0\n"), "`temperature`?"),
            (whole.replace("entropy", "entrpy"), "`entropy`?"),
            (whole.replace("even-split", "evensplit"), "`even-split`?"),
            (format!("process = \"unmaskin\"\n{whole}"), "`unmasking`?"),
            (format!("process = \"unmasking\"\nstpes = 3\n{whole}"), "`steps`?"),
        ] {
            fs::write(&path, text).unwrap();
            let message = read(&path).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains("s.toml"), "{message}");
        }
    }
}
