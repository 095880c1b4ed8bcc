//! Checkpoints to ask: the fixtures, edited copies of them, and one made by formula.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use dlm_rng::{Key, Purpose};
use dlm_runtime::{DeviceChoice, DtypeChoice, Error, LoadOptions, Model, Source};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A file or folder below tests/fixtures.
pub(crate) fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

/// The model in `folder`, in f32 on the processor.
pub(crate) fn open(folder: &Path, adapter: Option<&Path>, batch_tokens: Option<usize>) -> Model {
    load(folder, adapter, LoadOptions { batch_tokens, ..LoadOptions::default() }).unwrap()
}

/// The same with other options, or why not.
pub(crate) fn load(
    folder: &Path,
    adapter: Option<&Path>,
    options: LoadOptions,
) -> Result<Model, Error> {
    let source = Source {
        id: folder.display().to_string(),
        revision: None,
        folder: folder.to_path_buf(),
        adapter: adapter.map(Path::to_path_buf),
    };
    let (device, dtype) = (DeviceChoice::Cpu, DtypeChoice::F32);
    Model::load(source, LoadOptions { device, dtype, ..options })
}

/// A fixture by its name; `base+adapter` puts an adapter on a base.
pub(crate) fn named(name: &str, batch_tokens: Option<usize>) -> Model {
    let folder = |name: &str| fixture(&format!("models/{name}"));
    match name.split_once('+') {
        None => open(&folder(name), None, batch_tokens),
        Some((base, adapter)) => open(&folder(base), Some(&folder(adapter)), batch_tokens),
    }
}

/// A tensor of f32.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

impl Array {
    /// One row of a matrix, or of a stack of matrices laid flat.
    pub(crate) fn row(&self, index: usize) -> &[f32] {
        let width = self.shape[self.shape.len() - 1];
        &self.values[index * width..(index + 1) * width]
    }

    /// The same, to be changed.
    pub(crate) fn row_mut(&mut self, index: usize) -> &mut [f32] {
        let width = self.shape[self.shape.len() - 1];
        &mut self.values[index * width..(index + 1) * width]
    }
}

/// The f32 tensors of a safetensors file.
pub(crate) fn arrays(path: &Path) -> BTreeMap<String, Array> {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let floats = file.iter().filter(|(_, view)| view.dtype() == Dtype::F32);
    let array = |view: TensorView<'_>| Array {
        shape: view.shape().to_vec(),
        values: view.data().as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect(),
    };
    floats.map(|(name, view)| (name.to_string(), array(view))).collect()
}

/// The token ids of a golden file, sequence by sequence, pads dropped.
pub(crate) fn sequences(path: &Path) -> Vec<Vec<u32>> {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let whole = |name: &str| -> Option<Vec<Vec<i64>>> {
        let view = file.tensor(name).ok()?;
        let values = view.data().as_chunks().0.iter().map(|&eight| i64::from_le_bytes(eight));
        let values: Vec<i64> = values.collect();
        Some(values.chunks(view.shape()[1]).map(<[i64]>::to_vec).collect())
    };
    let real = whole("attention_mask");
    let keep = |row: usize, i: usize| real.as_ref().is_none_or(|real| real[row][i] == 1);
    let sequence = |(row, ids): (usize, Vec<i64>)| {
        let ids = ids.into_iter().enumerate().filter(|&(i, _)| keep(row, i));
        ids.map(|(_, id)| id as u32).collect()
    };
    whole("input_ids").unwrap().into_iter().enumerate().map(sequence).collect()
}

/// A checkpoint in memory, to be edited and written.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    /// The JSON files, by name.
    pub(crate) json: BTreeMap<String, Value>,
    /// The tensors, by name.
    pub(crate) tensors: BTreeMap<String, Array>,
    /// What the tensors' file is called.
    file: &'static str,
}

impl Checkpoint {
    /// A model among the fixtures, without its tokenizer.
    pub(crate) fn model(name: &str) -> Self {
        Self::read(name, "model.safetensors", &["config.json"])
    }

    /// An adapter among the fixtures.
    pub(crate) fn adapter(name: &str) -> Self {
        let json = ["adapter_config.json", "diffusion_config.json"];
        Self::read(name, "adapter_model.safetensors", &json)
    }

    fn read(name: &str, file: &'static str, json: &[&str]) -> Self {
        let folder = fixture(&format!("models/{name}"));
        let value = |name: &&str| {
            let text = std::fs::read_to_string(folder.join(name)).unwrap();
            (name.to_string(), serde_json::from_str(&text).unwrap())
        };
        let json = json.iter().map(value).collect();
        Self { json, tensors: arrays(&folder.join(file)), file }
    }

    /// A LLaDA network of one block, width 32 and `vocab` tokens, the last its mask.
    pub(crate) fn wide(vocab: usize) -> Self {
        let (width, inner) = (32, 64);
        let mut tensors = BTreeMap::new();
        let mut add = |name: &str, shape: &[usize], scale: f64, mean: f64| {
            let mut stream =
                Key::new(5).purpose(Purpose::Test).position(tensors.len() as u64).stream();
            let count = shape.iter().product();
            let values = (0..count).map(|_| (mean + scale * stream.normal()) as f32).collect();
            let name = format!("model.transformer.{name}.weight");
            tensors.insert(name, Array { shape: shape.to_vec(), values });
        };
        add("wte", &[vocab, width], 0.5, 0.0);
        add("ln_f", &[width], 0.1, 1.0);
        add("blocks.0.attn_norm", &[width], 0.1, 1.0);
        add("blocks.0.ff_norm", &[width], 0.1, 1.0);
        for name in ["q_proj", "k_proj", "v_proj", "attn_out"] {
            add(&format!("blocks.0.{name}"), &[width, width], 0.4, 0.0);
        }
        add("blocks.0.ff_proj", &[inner, width], 0.4, 0.0);
        add("blocks.0.up_proj", &[inner, width], 0.4, 0.0);
        add("blocks.0.ff_out", &[width, inner], 0.3, 0.0);
        let config = json!({
            "architectures": ["LLaDAModelLM"], "activation_type": "silu", "block_type": "llama",
            "layer_norm_type": "rms", "rope": true, "d_model": width, "n_heads": 2,
            "n_layers": 1, "mlp_hidden_size": inner, "vocab_size": vocab,
            "weight_tying": true, "max_sequence_length": 512, "mask_token_id": vocab - 1,
        });
        let json = BTreeMap::from([("config.json".to_string(), config)]);
        Self { json, tensors, file: "model.safetensors" }
    }

    /// The tensor called `name`.
    pub(crate) fn tensor(&mut self, name: &str) -> &mut Array {
        self.tensors.get_mut(name).unwrap()
    }

    /// Writes all files into a folder that lasts as long as what is given back.
    pub(crate) fn write(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, value) in &self.json {
            std::fs::write(folder.path().join(name), value.to_string()).unwrap();
        }
        let bytes: Vec<(&str, &[usize], Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, array)| {
                let bytes = array.values.iter().flat_map(|value| value.to_le_bytes()).collect();
                (name.as_str(), array.shape.as_slice(), bytes)
            })
            .collect();
        let views = bytes.iter().map(|(name, shape, bytes)| {
            (*name, TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap())
        });
        let file = safetensors::serialize(views, None).unwrap();
        std::fs::write(folder.path().join(self.file), file).unwrap();
        folder
    }
}
