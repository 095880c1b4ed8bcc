//! The program `dlm`: diffusion language models, measured.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use dlm_experiments::{ModelArguments, commands};

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
        Command::Inspect(arguments) => commands::inspect(&arguments),
        Command::Run(arguments) => commands::run(&arguments),
        Command::Bench(arguments) => commands::bench(&arguments),
    };
    match done {
        Ok(text) => {
            println!("{}", text.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
