//! Checkpoints that come over the network: whole, in parts, or not at all.

#[path = "support/hub_server.rs"]
mod hub_server;
mod support;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use dlm_runtime::{Download, Error, Hub, LoadOptions, Model, Source};
use hub_server::{HubServer, ID};
use support::{fixture, load, says};

const WEIGHTS: &str = "model.safetensors";

#[test]
fn a_repository_is_downloaded_once_and_loads() {
    let server = serve("llada-tiny");
    let cache = Cache::new();
    let source = cache.find(&server).unwrap();
    assert_eq!(source.id, ID);
    assert_eq!(source.revision.as_deref(), Some(server.state().commit.as_str()));
    let published = fixture("models/llada-tiny");
    for file in ["config.json", "tokenizer.json", "tokenizer_config.json", WEIGHTS] {
        assert_eq!(bytes(&source.folder, file), bytes(&published, file), "{file}");
    }
    let model = Model::load(source, LoadOptions::default()).unwrap();
    assert!(model.has_text());
    assert_eq!(model.description().revision, Some(server.state().commit.clone()));

    server.take_requests("");
    cache.find(&server).unwrap();
    let again = server.take_requests("");
    assert_eq!(again.len(), 1, "{again:?}");
    assert!(again[0].path.starts_with("/api/models/"), "{again:?}");
}

#[test]
fn progress_is_told_file_by_file() {
    let server = serve("bert-tiny");
    let mut seen: Vec<(String, u64, u64)> = Vec::new();
    let mut observe = |download: &Download<'_>| {
        seen.push((download.file.to_string(), download.done, download.total));
    };
    let cache = Cache::new();
    let mut hub = Hub::at(&server.endpoint(), cache.folder(), None, &mut observe);
    Source::find(ID, None, &mut hub).unwrap();
    let size = server.state().files[WEIGHTS].len() as u64;
    let weights: Vec<_> = seen.iter().filter(|(file, _, _)| file == WEIGHTS).collect();
    assert!(weights.is_sorted_by_key(|(_, done, _)| done), "{weights:?}");
    assert!(weights.iter().all(|(_, _, total)| *total == size), "{weights:?}");
    assert_eq!(weights.last().unwrap().1, size);
}

#[test]
fn a_sharded_repository_loads() {
    let server = serve("llada-tiny-sharded");
    let cache = Cache::new();
    let source = cache.find(&server).unwrap();
    let files = source.files().unwrap();
    assert_eq!(files.iter().filter(|file| file.name.ends_with(".safetensors")).count(), 3);
    Model::load(source, LoadOptions::default()).unwrap();
}

#[test]
fn shards_may_lie_in_a_folder_of_their_own() {
    let server = serve("llada-tiny-sharded");
    let index = "model.safetensors.index.json";
    let text = String::from_utf8(server.state().files[index].clone()).unwrap();
    let text = text.replace("\"model-0", "\"parts/model-0");
    let files: Vec<(String, Vec<u8>)> =
        server.state().files.iter().map(|(name, bytes)| (name.clone(), bytes.clone())).collect();
    for (name, bytes) in files.into_iter().filter(|(name, _)| name.ends_with(".safetensors")) {
        server.state().files.remove(&name);
        server.state().files.insert(format!("parts/{name}"), bytes);
    }
    server.state().files.insert(index.into(), text.into());
    let cache = Cache::new();
    let source = cache.find(&server).unwrap();
    let names: Vec<String> = source.files().unwrap().into_iter().map(|file| file.name).collect();
    assert!(names.contains(&"parts/model-00003-of-00003.safetensors".to_string()), "{names:?}");
    Model::load(source, LoadOptions::default()).unwrap();
}

#[test]
fn an_index_that_leaves_the_repository_is_refused() {
    let server = serve("llada-tiny-sharded");
    let index = "model.safetensors.index.json";
    server.state().files.insert(index.into(), br#"{"weight_map": {"t": "../x"}}"#.to_vec());
    let error = Cache::new().find(&server).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    says(&error, &[index, "weight_map.t", "../x", "refused"]);
    assert!(server.take_requests("x").is_empty());
}

#[test]
fn a_cut_download_goes_on_where_it_stopped() {
    let server = serve("llada-tiny");
    server.state().cuts = (1, WEIGHTS);
    let cache = Cache::new();
    let source = cache.find(&server).unwrap();
    assert_eq!(bytes(&source.folder, WEIGHTS), server.state().files[WEIGHTS]);
    let half = server.state().files[WEIGHTS].len() / 2;
    assert_eq!(ranges(&server), ["bytes=0-".to_string(), format!("bytes={half}-")]);
}

#[test]
fn a_download_given_up_goes_on_at_the_next_call() {
    let server = serve("llada-tiny");
    let cache = Cache::new();
    server.state().cuts = (usize::MAX, WEIGHTS);
    let error = cache.find(&server).unwrap_err();
    assert!(matches!(error, Error::Hub { .. }), "{error:?}");
    says(&error, &[ID, WEIGHTS, "run the same command again"]);
    let tries = ranges(&server).len();
    assert!(1 < tries, "{tries}");

    server.state().cuts.0 = 0;
    let source = cache.find(&server).unwrap();
    assert_eq!(bytes(&source.folder, WEIGHTS), server.state().files[WEIGHTS]);
    let ranges = ranges(&server);
    assert_eq!(ranges.len(), 1);
    assert_ne!(ranges[0], "bytes=0-");
}

#[test]
fn a_part_that_is_whole_already_does_not_stop_the_download() {
    let server = serve("bert-tiny");
    let cache = Cache::new();
    let source = cache.find(&server).unwrap();
    let place = source.folder.join(WEIGHTS);
    let blob = place.canonicalize().unwrap();
    std::fs::rename(&blob, blob.with_extension("part")).unwrap();
    std::fs::remove_file(&place).unwrap();
    cache.find(&server).unwrap();
    assert_eq!(bytes(&source.folder, WEIGHTS), server.state().files[WEIGHTS]);
}

#[test]
fn half_a_file_is_not_taken_for_the_whole() {
    let server = serve("bert-tiny");
    let cache = Cache::new();
    server.state().half = true;
    let error = cache.find(&server).unwrap_err();
    assert!(matches!(error, Error::Hub { .. }), "{error:?}");
    let size = server.state().files["config.json"].len();
    says(&error, &["config.json", &format!("{} bytes came and {size}", size / 2), "again"]);
    server.state().half = false;
    let source = cache.find(&server).unwrap();
    load(&source.folder, None).unwrap();
}

#[test]
fn a_server_that_cannot_resume_does_not_spoil_the_file() {
    let server = serve("bert-tiny");
    let cache = Cache::new();
    (server.state().cuts, server.state().ignores_range) = ((1, WEIGHTS), true);
    let error = cache.find(&server).unwrap_err();
    says(&error, &[WEIGHTS, "were announced", "run the same command again"]);
    let source = cache.find(&server).unwrap();
    assert_eq!(bytes(&source.folder, WEIGHTS), server.state().files[WEIGHTS]);
}

#[test]
fn a_new_commit_brings_only_what_changed() {
    let server = serve("bert-tiny");
    let cache = Cache::new();
    let old = cache.find(&server).unwrap();
    server.state().commit = "f00d".repeat(10);
    server.state().files.get_mut("config.json").unwrap().push(b'\n');
    server.take_requests("");
    let new = cache.find(&server).unwrap();
    assert_ne!(old.folder, new.folder);
    assert_eq!(bytes(&new.folder, "config.json"), server.state().files["config.json"]);
    assert!(ranges(&server).is_empty());
    load(&new.folder, None).unwrap();
}

#[test]
fn the_token_is_sent_and_a_refusal_names_it() {
    let server = serve("bert-tiny");
    let cache = Cache::new();
    let mut quiet = |_: &Download<'_>| ();
    let token = Some("hf_secret".to_string());
    let mut hub = Hub::at(&server.endpoint(), cache.folder(), token, &mut quiet);
    Source::find(ID, None, &mut hub).unwrap();
    let requests = server.take_requests("");
    for request in requests.iter().filter(|request| !request.path.starts_with("/cdn/")) {
        assert_eq!(request.authorization.as_deref(), Some("Bearer hf_secret"), "{request:?}");
    }
    for status in [401, 403] {
        server.state().status = Some(status);
        let error = Cache::new().find(&server).unwrap_err();
        assert!(matches!(&error, Error::Hub { repo, .. } if repo == ID), "{error:?}");
        says(&error, &[ID, "gated", "HF_TOKEN", "spelling"]);
        assert!(!error.to_string().contains("hf_secret"));
    }
}

#[test]
fn a_repository_that_is_not_there_is_named() {
    let server = serve("bert-tiny");
    let mut quiet = |_: &Download<'_>| ();
    let cache = Cache::new();
    let mut hub = Hub::at(&server.endpoint(), cache.folder(), None, &mut quiet);
    let error = Source::find("owner/other", None, &mut hub).unwrap_err();
    says(&error, &["owner/other", "not found", "spelling"]);
}

#[test]
fn a_repository_without_a_checkpoint_says_what_it_lacks() {
    for (file, parts) in [("config.json", "config.json"), (WEIGHTS, "model.safetensors.index.json")]
    {
        let server = serve("bert-tiny");
        server.state().files.remove(file);
        let error = Cache::new().find(&server).unwrap_err();
        assert!(matches!(error, Error::Hub { .. }), "{error:?}");
        says(&error, &[ID, file, parts]);
    }
}

#[test]
fn a_server_in_trouble_is_named_as_the_cause() {
    let server = serve("bert-tiny");
    server.state().status = Some(500);
    says(&Cache::new().find(&server).unwrap_err(), &[ID, "500", "check the connection"]);
}

#[test]
fn commits_that_would_leave_the_cache_are_refused() {
    for commit in ["../../../outside", "", "a/b", ".."] {
        let server = serve("bert-tiny");
        server.state().commit = commit.into();
        let cache = Cache::new();
        let error = cache.find(&server).unwrap_err();
        assert!(matches!(error, Error::Hub { .. }), "{error:?}");
        says(&error, &[ID, "commit"]);
        assert_eq!(std::fs::read_dir(cache.0.path()).unwrap().count(), 0, "{commit}");
    }
    let server = serve("bert-tiny");
    server.state().file_commit = Some("../../../outside".into());
    says(&Cache::new().find(&server).unwrap_err(), &["config.json", "another commit"]);
}

#[test]
fn without_a_connection_the_last_snapshot_serves() {
    let server = serve("bert-tiny");
    let cache = Cache::new();
    let online = cache.find(&server).unwrap();
    let nobody = "http://127.0.0.1:9";
    drop(server);
    let offline = cache.find_at(nobody).unwrap();
    assert_eq!((offline.folder, offline.revision), (online.folder.clone(), online.revision));
    load(&online.folder, None).unwrap();

    let error = Cache::new().find_at(nobody).unwrap_err();
    assert!(matches!(error, Error::Hub { .. }), "{error:?}");
    says(&error, &[ID, "check the connection", "folder"]);

    std::fs::remove_file(online.folder.join(WEIGHTS)).unwrap();
    assert!(cache.find_at(nobody).is_err(), "half a snapshot is none");
}

#[test]
fn the_environment_names_hub_cache_and_token() {
    const CHILD: &str = "DLM_HUB_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let mut quiet = |_: &Download<'_>| ();
        let source = Source::find(ID, None, &mut Hub::from_env(&mut quiet)).unwrap();
        assert!(source.folder.starts_with(std::env::var("HF_HOME").unwrap()));
        load(&source.folder, None).unwrap();
        return;
    }
    let server = serve("bert-tiny");
    let home = tempfile::tempdir().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_environment_names_hub_cache_and_token"])
        .env(CHILD, "1")
        .env("HF_ENDPOINT", server.endpoint() + "/")
        .env("HF_HOME", home.path())
        .env("HF_TOKEN", "hf_from_env")
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    let requests = server.take_requests("config.json");
    assert!(!requests.is_empty());
    assert_eq!(requests[0].authorization.as_deref(), Some("Bearer hf_from_env"));
}

/// A hub that holds a fixture.
fn serve(fixture_name: &str) -> HubServer {
    HubServer::of(&fixture(&format!("models/{fixture_name}")))
}

/// A cache that goes away with the test.
struct Cache(tempfile::TempDir);

impl Cache {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> PathBuf {
        self.0.path().to_path_buf()
    }

    fn find(&self, server: &HubServer) -> Result<Source, Error> {
        self.find_at(&server.endpoint())
    }

    fn find_at(&self, endpoint: &str) -> Result<Source, Error> {
        let mut quiet = |_: &Download<'_>| ();
        Source::find(ID, None, &mut Hub::at(endpoint, self.folder(), None, &mut quiet))
    }
}

fn bytes(folder: &Path, file: &str) -> Vec<u8> {
    std::fs::read(folder.join(file)).unwrap()
}

/// From where the weights were asked for, questions about their size left out.
fn ranges(server: &HubServer) -> Vec<String> {
    let requests = server.take_requests(&format!("/cdn/{WEIGHTS}"));
    requests.into_iter().filter_map(|r| r.range).filter(|range| range != "bytes=0-0").collect()
}
