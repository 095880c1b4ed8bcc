//! A GGUF file written out as a folder in the Hugging Face layout.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::{Config, GenerationConfig};
use crate::error::Error;
use crate::file::Gguf;
use crate::llama::Llama;
use crate::special_tokens::{SpecialTokens, SpecialTokensMap, TokenizerConfig};
use crate::tensor_type::TensorType;
use crate::tokenizer::Tokenizer;
use crate::weights;

/// What a conversion wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The folder.
    pub folder: PathBuf,
    /// Its files, by name.
    pub files: Vec<WrittenFile>,
    /// Elements of all tensors together.
    pub parameters: u64,
    /// Tensors by the type they had in the GGUF file.
    pub tensors: BTreeMap<TensorType, usize>,
}

/// A file in the written folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Writes the Llama network in `gguf` to the new folder `folder`, in the
/// Hugging Face layout: `config.json`, `generation_config.json`,
/// `model.safetensors`, `special_tokens_map.json`, `tokenizer.json` and
/// `tokenizer_config.json`.
///
/// The weights are the dequantised ones in single precision, exactly, with the
/// rows of the query and key projections back in half-split order. The same
/// file gives the same bytes each time. `progress(done, total)` is told the
/// elements written so far, after every tensor.
///
/// The files are written to a folder beside it, called `folder` with `.part`
/// at the end, which is renamed when whole and removed on an error. One that an
/// interrupted conversion left behind is replaced.
///
/// # Errors
/// Where the file is not a Llama network with a SmolLM tokenizer in good order
/// (every variant of [`Error`]), where `folder` exists, or where it cannot be
/// written.
pub fn convert(
    gguf: &Path,
    folder: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, Error> {
    if folder.symlink_metadata().is_ok() {
        return Err(Error::OutputExists { path: folder.to_owned() });
    }
    let mut gguf = Gguf::open(gguf)?;
    let tokenizer = Tokenizer::read(&gguf)?;
    let special = SpecialTokens::read(&gguf, tokenizer.tokens)?;
    let network = Llama::read(&gguf, tokenizer.tokens.len() as u64)?;
    let moves = network.moves(&gguf)?;
    let tokenizer_config = TokenizerConfig::new(&gguf, &special, network.context)?;

    let part = PartFolder::create(folder)?;
    part.write("config.json", &Config::new(&network, &special))?;
    part.write("generation_config.json", &GenerationConfig::new(&special))?;
    part.write("special_tokens_map.json", &SpecialTokensMap::new(&special))?;
    part.write("tokenizer.json", &tokenizer.file())?;
    part.write("tokenizer_config.json", &tokenizer_config)?;
    let weights = part.path.join("model.safetensors");
    let parameters = weights::write(&mut gguf, &moves, &weights, progress)?;

    let files = part.files()?;
    part.rename(folder)?;
    let mut tensors = BTreeMap::new();
    for info in gguf.tensors().values() {
        *tensors.entry(info.kind).or_default() += 1;
    }
    Ok(Report { folder: folder.to_owned(), files, parameters, tensors })
}

/// A folder that is not whole yet. Dropped, it is removed.
struct PartFolder {
    path: PathBuf,
}

impl PartFolder {
    /// Makes an empty folder beside the `whole` one, and the folders above.
    fn create(whole: &Path) -> Result<Self, Error> {
        // Put together from its components it has no slash at the end.
        let mut path = whole.components().collect::<PathBuf>().into_os_string();
        path.push(".part");
        let path = PathBuf::from(path);
        let unwritable = |source| Error::Write { path: path.clone(), source };
        if path.exists() {
            fs::remove_dir_all(&path).map_err(unwritable)?;
        }
        fs::create_dir_all(&path).map_err(unwritable)?;
        Ok(Self { path })
    }

    /// Writes `content` as indented JSON.
    fn write(&self, name: &str, content: &impl Serialize) -> Result<(), Error> {
        let path = self.path.join(name);
        let written = File::create(&path).and_then(|file| {
            let mut out = BufWriter::new(file);
            serde_json::to_writer_pretty(&mut out, content)?;
            out.write_all(b"\n")?;
            out.into_inner()?.sync_all()
        });
        written.map_err(|source| Error::Write { path, source })
    }

    fn files(&self) -> Result<Vec<WrittenFile>, Error> {
        let list = || -> std::io::Result<Vec<WrittenFile>> {
            let mut files = Vec::new();
            for entry in fs::read_dir(&self.path)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                files.push(WrittenFile { name, bytes: entry.metadata()?.len() });
            }
            files.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(files)
        };
        list().map_err(|source| Error::Write { path: self.path.clone(), source })
    }

    fn rename(self, whole: &Path) -> Result<(), Error> {
        fs::rename(&self.path, whole)
            .map_err(|source| Error::Write { path: whole.to_owned(), source })
    }
}

impl Drop for PartFolder {
    /// After the rename there is nothing to remove; a folder that cannot be
    /// removed is replaced by the next conversion.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
