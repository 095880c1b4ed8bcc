//! Converts a GGUF file: `cargo run -p dlm-gguf --example convert -- model.gguf folder`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [gguf, folder] = arguments.as_slice() else {
        eprintln!("usage: convert MODEL.gguf FOLDER");
        return ExitCode::FAILURE;
    };
    let mut progress = |done: u64, total: u64| eprint!("\r{:3}%", 100 * done / total.max(1));
    match dlm_gguf::convert(gguf, folder, &mut progress) {
        Ok(report) => {
            eprintln!();
            println!("{}: {} parameters", report.folder.display(), report.parameters);
            for (kind, count) in &report.tensors {
                println!("  from {count} tensors in {kind:?}");
            }
            for file in &report.files {
                println!("  {:>12} bytes  {}", file.bytes, file.name);
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("\n{error}");
            ExitCode::FAILURE
        }
    }
}
