//! `dlm bench`: what this machine can do, and what share of it a probe reaches.

use std::{fmt::Write, time::Instant};

use clap::{Args, Subcommand};
use dlm_probe::{Probe, Subject};
use dlm_runtime::{Model, ceiling, matmul_flop, square};

use crate::{Error, ModelArguments, commands::probe::PromptSource, probing, reference_text};

/// Flags of `dlm bench`.
#[derive(Clone, Debug, Args)]
pub struct BenchArguments {
    /// What to measure.
    #[command(subcommand)]
    pub what: Bench,
}

/// What can be measured.
#[derive(Clone, Debug, Subcommand)]
pub enum Bench {
    /// The rate of the model's own matrix products, alone.
    Ceiling(ModelArguments),
    /// The probe, writing nothing, and its share of the ceiling.
    Probe {
        /// Which model.
        #[command(flatten)]
        model: ModelArguments,
        /// What to probe.
        #[command(flatten)]
        source: PromptSource,
        /// Masks appended to each prompt.
        #[arg(long, default_value_t = 128, value_name = "N")]
        masks: usize,
        /// Tokens listed at each position.
        #[arg(long, default_value_t = 3, value_name = "K")]
        top_k: usize,
        /// How often to repeat it; the mean time counts.
        #[arg(long, default_value_t = 3, value_name = "N")]
        repeats: usize,
    },
}

/// Measures and reports.
///
/// # Errors
///
/// Where the model or the prompts are at fault.
pub fn bench(arguments: &BenchArguments) -> Result<String, Error> {
    match &arguments.what {
        Bench::Ceiling(model) => report_ceiling(&model.load()?, 1.0),
        Bench::Probe { model, source, masks, top_k, repeats } => {
            let prompts = source.read()?;
            let mut model = model.load()?;
            let (prompts, masks) = (&prompts, *masks);
            let run = probing::ProbeRun { prompts, masks, top_k: *top_k, mixture: true };
            let subjects = probing::subjects(&model, run)?;
            report_probe(&mut model, &subjects, *top_k, *repeats)
        }
    }
}

fn report_ceiling(model: &Model, asked_share: f64) -> Result<String, Error> {
    let measured = ceiling(model, asked_share)?;
    let mut text = String::new();
    for product in &measured.products {
        let (rows, into, out) = (product.rows, product.into, product.out);
        let (gflops, times) = (product.gflops, product.times);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{rows:>6} x {into:>5} x {out:>6}  {gflops:8.1} GFLOP/s  x{times}");
    }
    let _ = writeln!(text, "square 1024              {:8.1} GFLOP/s", square(1024, model)?);
    let _ = writeln!(text, "weighted by FLOP         {:8.1} GFLOP/s", measured.gflops);
    Ok(text)
}

fn report_probe(
    model: &mut Model,
    subjects: &[Subject],
    top_k: usize,
    repeats: usize,
) -> Result<String, Error> {
    let lexicon = reference_text::lexicon(model)?;
    let probe = Probe { top_k, lexicon: lexicon.as_ref(), mixture: true };
    let tokens: usize = subjects.iter().map(|subject| subject.canvas.tokens().len()).sum();
    let asked: usize = subjects.iter().map(|subject| subject.canvas.masked().len()).sum();
    let share = asked as f64 / tokens as f64;
    let before = ceiling(model, share)?.gflops;
    let start = Instant::now();
    for unit in (0..repeats.max(1)).flat_map(|_| subjects.chunks(probing::UNIT)) {
        probe.run(model, unit)?;
    }
    let seconds = start.elapsed().as_secs_f64() / repeats.max(1) as f64;
    // The machine may be shared: its ceiling is that of the time around the run.
    let ceiling = (before + ceiling(model, share)?.gflops) / 2.0;
    let gflop = matmul_flop(model, tokens as u64, asked as u64) / 1e9;
    let rate = gflop / seconds;
    let prompts = subjects.len();
    Ok(format!(
        "{prompts} prompts, {tokens} tokens, {asked} masks: {seconds:.2} s, {:.1} ms a prompt\n\
         {gflop:.0} GFLOP of matrix products at {rate:.1} GFLOP/s, {:.0} % of the ceiling of \
         {ceiling:.1}\n",
        1e3 * seconds / prompts as f64,
        100.0 * rate / ceiling,
    ))
}
