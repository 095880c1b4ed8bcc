//! What it costs to turn hidden states into tokens: this crate's readout against
//! float64 Gumbel noise over the vocabulary, the way published samplers draw.
//!
//! Both start from hidden states of width 32 at 128 positions, so that the network's
//! body is next to nothing; the row `1 position` says how little, and the row `head`
//! what the last matrix alone costs, which every way pays. Both give a token and its
//! probability; the readout also gives entropy, margin and the best three. A sampler
//! asks only for what is still masked in its block, say for 32 positions of 128, where
//! the published way computes all.
//! Memory is the growth of the process's peak resident size during one call, after a
//! call for one position, each in a fresh process (Linux only).
//!
//! After criterion's own figures a table compares the ways. For it they take turns,
//! and the fastest turn of each counts: a machine that is busy is busy for all.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::{
    collections::BTreeMap,
    env, fs,
    hint::black_box,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use criterion::Criterion;
use dlm_core::{Ask, MaskPredictor, Query};
use dlm_rng::{Key, Purpose};
use dlm_runtime::{DeviceChoice, DtypeChoice, LoadOptions, Model, Source};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::json;
use tch::{Device, Kind, Tensor};

type Failure = Box<dyn std::error::Error>;

/// Llama-sized vocabularies between a toy's and LLaDA's own.
const VOCABS: [usize; 3] = [512, 49_152, 126_464];
const POSITIONS: usize = 128;
const BLOCK: usize = 32;
const WIDTH: usize = 32;

/// Logits that the readout holds at once.
const HEAD_BYTES: usize = 26 << 20;

/// Tells a child process whose memory to measure: a way's name, a vocabulary, a folder.
const MEMORY: &str = "DLM_READOUT_MEMORY";

/// A way from hidden states to tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// This crate, asked for one position: what the body costs.
    OnePosition,
    /// The last matrix alone, as many rows at a time as the readout takes.
    Head,
    /// This crate, most probable tokens.
    Best,
    /// This crate, tokens drawn at temperature 1.
    Drawn,
    /// The same for the positions of one block.
    Block,
    /// Argmax and softmax, as published samplers do at temperature 0.
    Argmax,
    /// Gumbel noise that somebody else has drawn.
    NoiseGiven,
    /// Gumbel noise, drawn as part of the work.
    Gumbel,
}

const WAYS: [(Way, &str); 8] = [
    (Way::OnePosition, "readout, 1 position"),
    (Way::Head, "head"),
    (Way::Best, "readout, T = 0"),
    (Way::Drawn, "readout, T = 1"),
    (Way::Block, "readout, T = 1, 32 positions"),
    (Way::Argmax, "argmax + softmax, T = 0"),
    (Way::NoiseGiven, "Gumbel, T = 1, noise given"),
    (Way::Gumbel, "Gumbel, T = 1"),
];

/// Everything a way needs, made beforehand.
struct Bench {
    model: Model,
    tokens: Vec<u32>,
    positions: Vec<usize>,
    uniforms: Vec<f64>,
    hidden: Tensor,
    head: Tensor,
    vocab: usize,
}

impl Bench {
    fn open(folder: &Path, vocab: usize) -> Result<Self, Failure> {
        let source = Source {
            id: "readout".to_string(),
            revision: None,
            folder: folder.to_path_buf(),
            adapter: None,
        };
        let (device, dtype) = (DeviceChoice::Cpu, DtypeChoice::F32);
        let model = Model::load(source, LoadOptions { device, dtype, ..LoadOptions::default() })?;
        let uniform = |i: usize| Key::new(1).position(i as u64).uniform();
        Ok(Self {
            model,
            tokens: vec![vocab as u32 - 1; POSITIONS],
            positions: (0..POSITIONS).collect(),
            uniforms: (0..POSITIONS).map(uniform).collect(),
            hidden: normal(2, &[POSITIONS, WIDTH])?,
            head: normal(0, &[vocab, WIDTH])?,
            vocab,
        })
    }

    /// What the timed part of `way` finds ready.
    fn prepare(&self, way: Way, positions: usize) -> Result<Option<Tensor>, Failure> {
        if way == Way::NoiseGiven { self.noise(positions).map(Some) } else { Ok(None) }
    }

    /// One call of `way` for the first `positions` positions.
    fn run(&mut self, way: Way, positions: usize, given: Option<&Tensor>) -> Result<(), Failure> {
        match way {
            Way::OnePosition => self.read(1, 1.0),
            Way::Head => {
                let piece = ((HEAD_BYTES / (4 * self.vocab)).max(1) as i64).min(positions as i64);
                let hidden = self.hidden.f_narrow(0, 0, positions as i64)?;
                for hidden in hidden.f_split(piece, 0)? {
                    let _ = black_box(hidden.f_linear::<Tensor>(&self.head, None)?);
                }
                Ok(())
            }
            Way::Best => self.read(positions, 0.0),
            Way::Drawn => self.read(positions, 1.0),
            Way::Block => self.read(positions.min(BLOCK), 1.0),
            Way::Argmax => self.gumbel(positions, None),
            Way::NoiseGiven => self.gumbel(positions, given),
            Way::Gumbel => {
                let noise = self.noise(positions)?;
                self.gumbel(positions, Some(&noise))
            }
        }
    }

    /// This crate's way.
    fn read(&mut self, positions: usize, temperature: f64) -> Result<(), Failure> {
        let query = Query {
            uniforms: &self.uniforms[..positions],
            ..Query::new(&self.tokens, &self.positions[..positions])
        };
        let ask = Ask { temperature, top_k: 3, ..Ask::default() };
        black_box(self.model.predict(&[query], &ask)?);
        Ok(())
    }

    /// `argmax eˡ / (−ln u)ᵀ` in f64 with `T = 1`, and its probability from a softmax
    /// in f32.
    fn gumbel(&self, positions: usize, noise: Option<&Tensor>) -> Result<(), Failure> {
        let hidden = self.hidden.f_narrow(0, 0, positions as i64)?;
        let logits = hidden.f_linear::<Tensor>(&self.head, None)?;
        let token = match noise {
            None => logits.f_argmax(-1, true)?,
            Some(noise) => {
                let scores = logits.f_to_kind(Kind::Double)?.f_exp()?;
                let scores = scores.f_div(&noise.f_log()?.f_neg()?.f_pow_tensor_scalar(1.0)?)?;
                scores.f_argmax(-1, true)?
            }
        };
        let confidence = logits.f_softmax(-1, Kind::Float)?.f_gather(1, &token, false)?;
        let tokens = Vec::<i64>::try_from(&token.f_view([-1])?)?;
        let confidences = Vec::<f32>::try_from(&confidence.f_view([-1])?)?;
        black_box((tokens, confidences));
        Ok(())
    }

    /// One uniform number for each token of the vocabulary at each position.
    fn noise(&self, positions: usize) -> Result<Tensor, Failure> {
        let shape = [positions as i64, self.vocab as i64];
        let noise = Tensor::f_empty(shape, (Kind::Double, Device::Cpu))?;
        for position in 0..positions {
            let mut stream = Key::new(3).position(position as u64).stream();
            let row: Vec<f64> = (0..self.vocab).map(|_| stream.uniform()).collect();
            noise.f_narrow(0, position as i64, 1)?.f_copy_(&Tensor::f_from_slice(&row)?)?;
        }
        Ok(noise)
    }
}

fn main() -> Result<(), Failure> {
    if let Ok(job) = env::var(MEMORY) {
        println!("{}", growth(&job)?);
        return Ok(());
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut table = BTreeMap::new();
    for vocab in VOCABS {
        let folder = tempfile::tempdir()?;
        write_checkpoint(folder.path(), vocab)?;
        let mut bench = Bench::open(folder.path(), vocab)?;
        for (way, name) in WAYS {
            time(&mut criterion, &mut bench, way, name)?;
        }
        for (way, time) in take_turns(&mut bench)? {
            table.insert((vocab, way), (time, memory(way, vocab, folder.path())));
        }
    }
    criterion.final_summary();
    print(&table);
    Ok(())
}

/// Criterion's measurement of one way.
fn time(criterion: &mut Criterion, bench: &mut Bench, way: Way, name: &str) -> Result<(), Failure> {
    let given = bench.prepare(way, POSITIONS)?;
    let mut failure = None;
    let mut group = criterion.benchmark_group(format!("V = {}", bench.vocab));
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    group.bench_function(name, |bencher| {
        bencher.iter(|| failure = bench.run(way, POSITIONS, given.as_ref()).err());
    });
    group.finish();
    failure.map_or(Ok(()), Err)
}

/// The fastest turn of each way.
fn take_turns(bench: &mut Bench) -> Result<BTreeMap<Way, Duration>, Failure> {
    const TURNS: usize = 8;
    let given = bench.prepare(Way::NoiseGiven, POSITIONS)?;
    let mut best = BTreeMap::new();
    for (way, _) in [WAYS; TURNS].concat() {
        let start = Instant::now();
        bench.run(way, POSITIONS, given.as_ref())?;
        let elapsed = start.elapsed();
        best.entry(way)
            .and_modify(|best: &mut Duration| *best = elapsed.min(*best))
            .or_insert(elapsed);
    }
    Ok(best)
}

/// Bytes that one call of `way` needs, measured by a process of its own.
fn memory(way: Way, vocab: usize, folder: &Path) -> Option<u64> {
    let index = WAYS.iter().position(|(other, _)| *other == way)?;
    let job = format!("{index} {vocab} {}", folder.display());
    let output = Command::new(env::current_exe().ok()?).env(MEMORY, job).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// How much the peak resident size grows during one call.
fn growth(job: &str) -> Result<u64, Failure> {
    let mut words = job.splitn(3, ' ');
    let mut word = || words.next().ok_or("a word of the job is missing");
    let (way, vocab) = (WAYS[word()?.parse::<usize>()?].0, word()?.parse()?);
    let mut bench = Bench::open(Path::new(word()?), vocab)?;
    let given = bench.prepare(way, 1)?;
    bench.run(way, 1, given.as_ref())?;
    let given = bench.prepare(way, POSITIONS)?;
    // Sets the peak back to the present size.
    fs::write("/proc/self/clear_refs", "5")?;
    let before = status("VmRSS:")?;
    bench.run(way, POSITIONS, given.as_ref())?;
    Ok(status("VmHWM:")?.saturating_sub(before))
}

/// A size in /proc/self/status, in bytes.
fn status(field: &str) -> Result<u64, Failure> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kibibytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kibibytes.ok_or("the field is missing")?.parse::<u64>()? << 10)
}

fn print(table: &BTreeMap<(usize, Way), (Duration, Option<u64>)>) {
    println!("\n{POSITIONS} positions; × is against the readout that gives the same tokens");
    println!("{:>7}  {:<28} {:>11} {:>7} {:>11}", "V", "way", "time", "×", "memory");
    for ((vocab, way), (time, memory)) in table {
        let name = WAYS.iter().find(|(other, _)| other == way).map_or("", |(_, name)| name);
        let ours = match way {
            Way::OnePosition | Way::Head => None,
            Way::Best | Way::Argmax => table.get(&(*vocab, Way::Best)),
            Way::Drawn | Way::Block | Way::NoiseGiven | Way::Gumbel => {
                table.get(&(*vocab, Way::Drawn))
            }
        };
        let ratio = ours.map(|(ours, _)| time.as_secs_f64() / ours.as_secs_f64());
        let ratio = ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let memory = memory
            .map_or(String::new(), |bytes| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)));
        let time = format!("{:.3} ms", time.as_secs_f64() * 1e3);
        println!("{vocab:>7}  {name:<28} {time:>11} {ratio:>7} {memory:>11}");
    }
}

/// Standard normal numbers, which follow from `seed` and the shape.
fn normal(seed: u64, shape: &[usize]) -> Result<Tensor, Failure> {
    let mut stream = Key::new(seed).purpose(Purpose::Weights).stream();
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| 0.5 * stream.normal() as f32).collect();
    let shape: Vec<i64> = shape.iter().map(|&n| n as i64).collect();
    Ok(Tensor::f_from_slice(&values)?.f_view(shape.as_slice())?)
}

/// A LLaDA checkpoint of one block, as small as a network can be around its head.
fn write_checkpoint(folder: &Path, vocab: usize) -> Result<(), Failure> {
    let block = |name: &str| format!("blocks.0.{name}");
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("wte".to_string(), vec![vocab, WIDTH]),
        ("ln_f".to_string(), vec![WIDTH]),
        (block("attn_norm"), vec![WIDTH]),
        (block("ff_norm"), vec![WIDTH]),
    ];
    for name in ["q_proj", "k_proj", "v_proj", "attn_out", "ff_proj", "up_proj", "ff_out"] {
        shapes.push((block(name), vec![WIDTH, WIDTH]));
    }
    let mut files = Vec::new();
    for (seed, (name, shape)) in (0..).zip(shapes) {
        let values = Vec::<f32>::try_from(&normal(seed, &shape)?.f_view([-1])?)?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        files.push((format!("model.transformer.{name}.weight"), shape, bytes));
    }
    let mut views = Vec::new();
    for (name, shape, bytes) in &files {
        views.push((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?));
    }
    fs::write(folder.join("model.safetensors"), safetensors::serialize(views, None)?)?;
    let config = json!({
        "architectures": ["LLaDAModelLM"], "activation_type": "silu", "block_type": "llama",
        "layer_norm_type": "rms", "rope": true, "d_model": WIDTH, "n_heads": 1, "n_layers": 1,
        "mlp_hidden_size": WIDTH, "vocab_size": vocab, "weight_tying": true,
        "max_sequence_length": POSITIONS, "mask_token_id": vocab - 1,
    });
    Ok(fs::write(folder.join("config.json"), config.to_string())?)
}
