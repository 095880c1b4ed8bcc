//! Checkpoints of the Hugging Face hub, downloaded into its usual cache.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use hf_hub::{
    Cache, Repo, RepoType,
    api::{
        Progress,
        sync::{Api, ApiBuilder, ApiError},
    },
};

use super::{
    source::SIDE_FILES,
    weights::{INDEX, SINGLE, stays_inside, weight_files},
};
use crate::Error;

/// How often a file is asked for before a passing failure is taken as lasting.
const TRIES: usize = 4;

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
        // hf-hub's own retries append to the wrong place where a resumed download
        // fails before its first byte, so they are left out.
        let mut builder = ApiBuilder::from_cache(self.cache.clone())
            .with_progress(false)
            .with_retries(0)
            .with_token(self.token.clone());
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_string());
        }
        let api = builder.build().map_err(|error| hub(explain(&error)))?;
        let repo = Repo::model(id.to_string());
        let info = match api.repo(repo.clone()).info() {
            Ok(info) => info,
            Err(error) => return self.cached(&repo).ok_or_else(|| hub(explain(&error))),
        };
        if !is_commit(&info.sha) {
            return Err(hub(format!("the hub's answer names {:?} as a commit", info.sha)));
        }
        let listed = |name: &str| info.siblings.iter().any(|file| file.rfilename == name);
        let side_files = SIDE_FILES.into_iter().filter(|file| listed(file));
        let Some(weights) = [SINGLE, INDEX].into_iter().find(|file| listed(file)) else {
            return Err(hub(format!("it holds neither {SINGLE} nor {INDEX}")));
        };
        if !listed(SIDE_FILES[0]) {
            return Err(hub(format!("it holds no {}: it is no checkpoint", SIDE_FILES[0])));
        }
        let mut remote = Remote {
            folder: self.cache.repo(repo.clone()).pointer_path(&info.sha),
            repo: Repo::with_revision(id.to_string(), RepoType::Model, info.sha.clone()),
            cache: &self.cache,
            observe: &mut *self.observe,
            api,
        };
        for file in side_files.chain([weights]) {
            remote.fetch(file).map_err(|problem| hub(format!("{file}: {problem}")))?;
        }
        let folder = remote.folder.clone();
        for shard in weight_files(&folder)? {
            let file = shard.strip_prefix(&folder).unwrap_or(&shard).to_string_lossy();
            remote.fetch(&file).map_err(|problem| hub(format!("{file}: {problem}")))?;
        }
        // Without this the cache would not know, offline, which snapshot is the last.
        self.cache
            .repo(repo)
            .create_ref(&info.sha)
            .map_err(|error| hub(format!("the cache cannot be written: {error}")))?;
        Ok(Snapshot { folder, revision: info.sha })
    }

    fn cached(&self, repo: &Repo) -> Option<Snapshot> {
        let config = self.cache.repo(repo.clone()).get(SIDE_FILES[0])?;
        let folder = config.parent()?.to_path_buf();
        let whole = weight_files(&folder).ok()?.iter().all(|file| file.exists());
        let revision = folder.file_name()?.to_string_lossy().into_owned();
        whole.then_some(Snapshot { folder, revision })
    }
}

/// One commit of a repository, and where it lies in the cache.
struct Remote<'a> {
    api: Api,
    repo: Repo,
    cache: &'a Cache,
    folder: PathBuf,
    observe: &'a mut dyn FnMut(&Download<'_>),
}

impl Remote<'_> {
    /// Sees to it that a file is in the folder; goes on where a try before stopped.
    fn fetch(&mut self, file: &str) -> Result<(), String> {
        if self.folder.join(file).exists() {
            return Ok(());
        }
        let mut pause = Duration::from_millis(250);
        for _ in 1..TRIES {
            match self.try_fetch(file) {
                Err(Failure::Hub(error)) if is_passing(&error) => {}
                done => return done.map_err(Failure::explain),
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
        self.try_fetch(file).map_err(Failure::explain)
    }

    fn try_fetch(&mut self, file: &str) -> Result<(), Failure> {
        let repo = self.api.repo(self.repo.clone());
        let metadata = self.api.metadata(&repo.url(file))?;
        let size = metadata.size() as u64;
        if metadata.commit_hash() != self.repo.revision() || !stays_inside(metadata.etag()) {
            return Err(Failure::Answer("the hub's headers name another commit or no file".into()));
        }
        let blob = self.cache.repo(self.repo.clone()).blob_path(metadata.etag());
        let place = self.folder.join(file);
        if length(&blob) == Some(size) {
            return link(&blob, &place).map_err(|error| Failure::Hub(error.into()));
        }
        // Nothing is left to ask for, so the hub would refuse to go on from here.
        let part = blob.with_extension("part");
        if length(&part).is_some_and(|length| size <= length) {
            std::fs::remove_file(&part).map_err(|error| Failure::Hub(error.into()))?;
        }
        let progress = Observed { observe: &mut *self.observe, file, done: 0, total: 0 };
        repo.download_with_progress(file, progress)?;
        // A connection that is closed early can look like the end of the file.
        let found = length(&place).unwrap_or(0);
        if found != size {
            let _ = (std::fs::remove_file(&place), std::fs::remove_file(&blob));
            return Err(Failure::Answer(format!(
                "{found} bytes came and {size} were announced; run the same command again"
            )));
        }
        Ok(())
    }
}

/// Why a file could not be fetched.
enum Failure {
    /// What hf-hub says.
    Hub(ApiError),
    /// What is wrong with what it brought.
    Answer(String),
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Hub(error)
    }
}

impl Failure {
    fn explain(self) -> String {
        match self {
            Self::Hub(error) => explain(&error),
            Self::Answer(problem) => problem,
        }
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

/// Whether the same request may do better in a moment.
fn is_passing(error: &ApiError) -> bool {
    match error {
        ApiError::RequestError(request) => {
            !matches!(**request, ureq::Error::StatusCode(400..=499) | ureq::Error::HostNotFound)
        }
        ApiError::IoError(_) => true,
        _ => false,
    }
}

/// Whether `text` can be a commit, and so a folder of the cache.
fn is_commit(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric())
}

fn length(path: &Path) -> Option<u64> {
    path.metadata().ok().map(|metadata| metadata.len())
}

/// Shows a file that another commit brought already in this one's folder.
fn link(blob: &Path, place: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(place.parent().unwrap_or(place))?;
    std::fs::hard_link(blob, place)
}

fn explain(error: &ApiError) -> String {
    let ApiError::RequestError(request) = error else {
        return format!("{error}; run the same command again to go on where it stopped");
    };
    match **request {
        ureq::Error::StatusCode(401 | 403) => "access is refused: the repository is gated or \
             private, or does not exist; check the spelling, accept its terms on its page, then \
             set HF_TOKEN to a token that may read it"
            .to_string(),
        ureq::Error::StatusCode(404) => "not found: check the spelling of owner/name".to_string(),
        ref other => {
            format!("{other}; check the connection, or give a folder that holds the checkpoint")
        }
    }
}
