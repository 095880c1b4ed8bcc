//! Checkpoints of the Hugging Face hub, downloaded into its usual cache.

use std::path::PathBuf;

use hf_hub::{
    Cache, Repo, RepoType,
    api::{
        Progress,
        sync::{Api, ApiBuilder, ApiError},
    },
};

use super::{source::SIDE_FILES, weights::weight_files};
use crate::Error;

/// The hub, or a mirror of it.
///
/// `HF_ENDPOINT` names another host, `HF_HOME` another cache, and `HF_TOKEN` the
/// access token, as for every program that talks to the hub.
pub struct Hub<'a> {
    endpoint: Option<String>,
    cache: Cache,
    token: Option<String>,
    observe: &'a mut dyn FnMut(&Download<'_>),
}

/// How far the download of one file has come.
#[derive(Clone, Copy, Debug)]
pub struct Download<'a> {
    /// The file's name in its repository.
    pub file: &'a str,
    /// Bytes on disk, those of an earlier, interrupted try included.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// A downloaded repository.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) folder: PathBuf,
    pub(crate) revision: String,
}

impl<'a> Hub<'a> {
    /// The hub that the environment names; `observe` is told of every file's progress.
    pub fn from_env(observe: &'a mut dyn FnMut(&Download<'_>)) -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let cache = Cache::from_env();
        let token = variable("HF_TOKEN").or_else(|| cache.token());
        Self { endpoint: variable("HF_ENDPOINT"), cache, token, observe }
    }

    /// A hub at `endpoint` with its own cache, whatever the environment says.
    pub fn at(
        endpoint: &str,
        cache: PathBuf,
        token: Option<String>,
        observe: &'a mut dyn FnMut(&Download<'_>),
    ) -> Self {
        Self { endpoint: Some(endpoint.to_string()), cache: Cache::new(cache), token, observe }
    }

    /// Whether `text` looks like `owner/name`.
    pub(crate) fn is_id(text: &str) -> bool {
        let allowed = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        text.split('/').count() == 2 && text.split('/').all(allowed)
    }

    /// Downloads what a checkpoint consists of; what is there already stays.
    ///
    /// Without a connection the last downloaded snapshot serves.
    pub(crate) fn download(&mut self, id: &str) -> Result<Snapshot, Error> {
        let hub = |problem: String| Error::Hub { repo: id.to_string(), problem };
        let mut builder = ApiBuilder::from_cache(self.cache.clone())
            .with_progress(false)
            .with_retries(3)
            .with_token(self.token.clone());
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_string());
        }
        let api = builder.build().map_err(|error| hub(explain(&error)))?;
        let repo = Repo::model(id.to_string());
        let api_repo = api.repo(repo.clone());
        let info = match api_repo.info() {
            Ok(info) => info,
            Err(error) => return self.cached(&repo).ok_or_else(|| hub(explain(&error))),
        };
        let listed = |name: &str| info.siblings.iter().any(|file| file.rfilename == name);
        let pinned = Repo::with_revision(id.to_string(), RepoType::Model, info.sha.clone());

        let Some(folder) = self.fetch(&api, &pinned, SIDE_FILES[0])?.parent().map(PathBuf::from)
        else {
            return Err(hub("the cache has no folder".to_string()));
        };
        for file in SIDE_FILES.iter().filter(|file| listed(file)) {
            self.fetch(&api, &pinned, file)?;
        }
        let weights = ["model.safetensors", "model.safetensors.index.json"];
        let Some(weights) = weights.into_iter().find(|file| listed(file)) else {
            return Err(hub("it holds no model.safetensors and no index of shards".to_string()));
        };
        self.fetch(&api, &pinned, weights)?;
        for shard in weight_files(&folder)? {
            let shard = shard.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.fetch(&api, &pinned, &shard)?;
        }
        // Without this the cache would not know, offline, which snapshot is the last.
        self.cache
            .repo(repo)
            .create_ref(&info.sha)
            .map_err(|error| hub(format!("the cache cannot be written: {error}")))?;
        Ok(Snapshot { folder, revision: info.sha })
    }

    fn fetch(&mut self, api: &Api, repo: &Repo, file: &str) -> Result<PathBuf, Error> {
        if let Some(path) = self.cache.repo(repo.clone()).get(file) {
            return Ok(path);
        }
        let progress = Observed { observe: &mut *self.observe, file, done: 0, total: 0 };
        let repo = api.repo(repo.clone());
        repo.download_with_progress(file, progress).map_err(|error| Error::Hub {
            repo: repo.url(""),
            problem: format!("{file}: {}", explain(&error)),
        })
    }

    fn cached(&self, repo: &Repo) -> Option<Snapshot> {
        let config = self.cache.repo(repo.clone()).get(SIDE_FILES[0])?;
        let folder = config.parent()?.to_path_buf();
        let whole = weight_files(&folder).ok()?.iter().all(|file| file.exists());
        let revision = folder.file_name()?.to_string_lossy().into_owned();
        whole.then_some(Snapshot { folder, revision })
    }
}

/// Passes hf-hub's own reports on.
struct Observed<'a> {
    observe: &'a mut dyn FnMut(&Download<'_>),
    file: &'a str,
    done: u64,
    total: u64,
}

impl Progress for Observed<'_> {
    fn init(&mut self, size: usize, _filename: &str) {
        (self.done, self.total) = (0, size as u64);
    }

    fn update(&mut self, size: usize) {
        self.done += size as u64;
        (self.observe)(&Download { file: self.file, done: self.done, total: self.total });
    }

    fn finish(&mut self) {}
}

fn explain(error: &ApiError) -> String {
    let ApiError::RequestError(request) = error else {
        return format!("{error}; run the same command again to go on where it stopped");
    };
    match **request {
        ureq::Error::StatusCode(401 | 403) => "access is refused: it is gated or private; accept \
             its terms on its page, then set HF_TOKEN to a token that may read it"
            .to_string(),
        ureq::Error::StatusCode(404) => "not found: check the spelling of owner/name".to_string(),
        ref other => {
            format!("{other}; check the connection, or give a folder that holds the checkpoint")
        }
    }
}
