//! Where a checkpoint comes from: a folder, or a repository of the hub.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{adapter, hub::Hub, weights::weight_files};
use crate::Error;

/// Files beside the weights that say what a checkpoint is; all but the first may
/// be absent.
pub(crate) const SIDE_FILES: [&str; 9] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "chat_template.jinja",
];

/// A checkpoint on disk and, where there is one, the adapter on top of it.
#[derive(Clone, Debug)]
pub struct Source {
    /// What the user called it: a path or a hub id.
    pub id: String,
    /// The commit of the hub repository; absent for a folder.
    pub revision: Option<String>,
    /// The folder that holds the files.
    pub folder: PathBuf,
    /// The adapter's folder.
    pub adapter: Option<PathBuf>,
}

/// A file a prediction depends on.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ModelFile {
    /// Its name within the checkpoint, or `adapter/…`.
    pub name: String,
    /// Its SHA-256, lowercase hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

impl Source {
    /// Resolves `model`, an existing folder or else a hub id `owner/name`, which is
    /// downloaded from `hub`.
    ///
    /// # Errors
    ///
    /// Where the folder does not exist, the hub refuses, or `adapter` is no folder.
    pub fn find(model: &str, adapter: Option<&Path>, hub: &mut Hub<'_>) -> Result<Self, Error> {
        let folder = PathBuf::from(model);
        let (folder, revision) = if folder.is_dir() {
            (folder, None)
        } else if Hub::is_id(model) {
            let snapshot = hub.download(model)?;
            (snapshot.folder, Some(snapshot.revision))
        } else {
            let remedy = "give the folder of a checkpoint, or a hub id such as owner/name";
            return Err(Error::MissingFile {
                folder,
                file: "config.json".to_string(),
                remedy: remedy.to_string(),
            });
        };
        if let Some(path) = adapter.filter(|path| !path.is_dir()) {
            return Err(Error::MissingFile {
                folder: path.to_path_buf(),
                file: adapter::FILES[0].to_string(),
                remedy: "give the folder of an adapter in PEFT's layout".to_string(),
            });
        }
        Ok(Self {
            id: model.to_string(),
            revision,
            folder,
            adapter: adapter.map(Path::to_path_buf),
        })
    }

    /// Every file that a prediction depends on, hashed.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read.
    pub fn files(&self) -> Result<Vec<ModelFile>, Error> {
        let mut named: Vec<(String, PathBuf)> = Vec::new();
        let sides = SIDE_FILES.iter().map(|name| self.folder.join(name));
        for path in sides.filter(|path| path.exists()).chain(weight_files(&self.folder)?) {
            let name = path.strip_prefix(&self.folder).unwrap_or(&path);
            named.push((name.to_string_lossy().into_owned(), path));
        }
        for (folder, name) in self.adapter.iter().flat_map(|f| adapter::FILES.map(|n| (f, n))) {
            named.push((format!("adapter/{name}"), folder.join(name)));
        }
        let beside = self.adapter.iter().map(|folder| folder.join(adapter::LATENT_INPUT));
        for path in beside.filter(|path| path.exists()) {
            named.push((format!("adapter/{}", adapter::LATENT_INPUT), path));
        }
        named.into_iter().map(|(name, path)| digest(name, &path)).collect()
    }
}

fn digest(name: String, path: &Path) -> Result<ModelFile, Error> {
    let read = |source| Error::Read { path: path.to_path_buf(), source };
    let mut file = File::open(path).map_err(read)?;
    let mut hash = Sha256::new();
    let bytes = io::copy(&mut file, &mut Sink(&mut hash)).map_err(read)?;
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(ModelFile { name, sha256, bytes })
}

/// Feeds what is written to a hash.
struct Sink<'a>(&'a mut Sha256);

impl io::Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
