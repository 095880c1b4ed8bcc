//! Which checkpoints are found, and what a source says of its files.

use dlm_runtime::{Download, Error, Hub, Source};

use crate::support::{fixture, load, says};

#[test]
fn every_published_layout_loads() {
    let layouts = [
        ("llada-tiny", "LLaDA"),
        ("llada-tiny-sharded", "LLaDA"),
        ("llada-moe-tiny", "LLaDA-MoE"),
        ("mdlm-tiny", "MDLM"),
        ("mdlm-notime", "MDLM"),
        ("dream-tiny", "Dream"),
        ("bert-tiny", "BERT"),
        ("bert-tiny-legacy", "BERT"),
        ("llama-tiny", "Llama"),
    ];
    for (name, family) in layouts {
        let model = load(&fixture(&format!("models/{name}")), None).unwrap();
        assert_eq!(model.description().family, family, "{name}");
        assert!(0 < model.description().parameters, "{name}");
    }
}

#[test]
fn a_source_lists_what_a_prediction_depends_on() {
    let mut quiet = |_: &Download<'_>| ();
    let mut hub = Hub::from_env(&mut quiet);
    let folder = fixture("models/llada-tiny-sharded");
    let source = Source::find(&folder.to_string_lossy(), None, &mut hub).unwrap();
    let files = source.files().unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    for name in ["config.json", "tokenizer.json", "model-00003-of-00003.safetensors"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    for file in &files {
        assert_eq!(file.bytes, std::fs::metadata(folder.join(&file.name)).unwrap().len());
        assert_eq!(file.sha256.len(), 64);
    }
}

#[test]
fn a_name_that_is_neither_folder_nor_hub_id_is_refused() {
    for name in ["nowhere", "a/b/c", "./nowhere/at/all", "../x", "a/..", "owner/na me", "", "/"] {
        let mut quiet = |_: &Download<'_>| ();
        let mut hub = Hub::at("http://127.0.0.1:9", "nowhere".into(), None, &mut quiet);
        match Source::find(name, None, &mut hub).map(|source| load(&source.folder, None).err()) {
            Err(error @ Error::MissingFile { .. }) => says(&error, &[name, "owner/name"]),
            // The root of the file system is a folder without a checkpoint.
            Ok(Some(error @ Error::MissingFile { .. })) => says(&error, &["config.json"]),
            other => panic!("{name}: {other:?}"),
        }
    }
}
