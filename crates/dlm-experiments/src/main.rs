//! The program `dlm`: diffusion language models, measured.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{io::Write, process::ExitCode};

use clap::{Parser, Subcommand};
use dlm_experiments::{
    ModelArguments, commands,
    generation::{Listener, SampleRow},
};

/// Diffusion language models, measured.
#[derive(Parser)]
#[command(version, about)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Predict every masked position after a prompt, in one forward pass.
    Probe(commands::ProbeArguments),
    /// Continue prompts, or fill gaps, with a sampler.
    Generate(Box<commands::GenerateArguments>),
    /// Let a causal model answer prompts in large batches, for its adapters to learn from.
    Distill(Box<commands::DistillArguments>),
    /// Make a masked or a Gaussian diffusion model of a causal base: train an adapter.
    Train(Box<commands::TrainArguments>),
    /// Say how probable given answers are.
    Score(Box<commands::ScoreArguments>),
    /// Measure a model on held-out text: likelihoods, and what it writes.
    Eval(Box<commands::EvalArguments>),
    /// Say what a checkpoint is.
    Inspect(ModelArguments),
    /// Run an experiment from its spec.
    Run(commands::RunArguments),
    /// Measure speed.
    Bench(commands::BenchArguments),
}

fn main() -> ExitCode {
    let done = match Program::parse().command {
        Command::Probe(arguments) => commands::probe(&arguments),
        Command::Generate(arguments) => commands::generate(&arguments, &mut Speaker),
        Command::Distill(arguments) => {
            commands::distill(&arguments, &mut |line| eprintln!("{line}"))
        }
        Command::Train(arguments) => commands::train(&arguments, &mut |line| eprintln!("{line}")),
        Command::Score(arguments) => commands::score(&arguments),
        Command::Eval(arguments) => commands::eval(&arguments),
        Command::Inspect(arguments) => commands::inspect(&arguments),
        Command::Run(arguments) => commands::run(&arguments),
        Command::Bench(arguments) => commands::bench(&arguments),
    };
    match done {
        Ok(text) => {
            if !text.is_empty() {
                // Whoever reads it may have seen enough, as `head` has.
                let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Samples go to standard output, everything about them to standard error. Samples are on
/// disk by then, so nobody has to be there to read them.
struct Speaker;

impl Listener for Speaker {
    fn note(&mut self, note: &str) {
        eprintln!("{note}");
    }

    fn step(&mut self, line: &str) {
        eprintln!("{line}");
    }

    fn finished(&mut self, row: &SampleRow, samples: usize) {
        let mut out = std::io::stdout().lock();
        if 1 < samples {
            let _ = writeln!(out, "prompt {}, sample {}:", row.prompt, row.sample);
        }
        let _ = writeln!(out, "{}", row.text.trim_end());
    }
}
