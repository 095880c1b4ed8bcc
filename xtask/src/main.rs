//! Project automation: `cargo xtask <task>`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "talking to its user is its job")]

mod answers;
mod arguments;
mod bench;
mod check;
mod corpus;
mod list;
mod registry;
mod report;
mod reproduce;
mod results;
mod scale;
mod setup;
mod steps;
mod tidy;
mod train;
mod verify;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use arguments::{
    Arguments, CorpusArgs, Part, ReproduceArgs, ResultsArgs, SetupArgs, Task, TrainArgs,
};
use registry::EXPERIMENTS;
use setup::{Flavour, Options};
use steps::{Outcome, Steps};
use train::Family;
use workspace::Workspace;

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            error.chain().skip(1).for_each(|cause| eprintln!("  because: {cause}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs a task; returns whether all went well.
fn run(task: Task) -> Result<bool> {
    let workspace = Workspace::here()?;
    match task {
        Task::List(args) => {
            print!("{}", list::text(&workspace.root, &workspace.results(args.out.as_deref())?)?);
            Ok(true)
        }
        Task::Setup(args) => set_up(&workspace, &args),
        Task::Corpus(CorpusArgs { check, record }) => {
            print!("{}", corpus::ensure(&workspace, corpus::Wish { check, record })?);
            Ok(true)
        }
        Task::Train(args) => train_all(&workspace, &args),
        Task::Reproduce(args) => reproduce_all(&workspace, &args),
        Task::Report(args) => write_report(&workspace, &args),
        Task::Verify(args) => verify_all(&workspace, &args),
        Task::Test => {
            setup::ensure_libtorch(&workspace, Options::default())?;
            let steps = check::run(&workspace);
            print!("\n{}", steps.table());
            Ok(all_passed(&steps))
        }
        Task::Bench { arguments } => {
            setup::ensure_libtorch(&workspace, Options::default())?;
            Ok(bench::run(&workspace, &arguments) == Outcome::Passed)
        }
        Task::Tidy => {
            let found = tidy::check(&workspace)?;
            found.iter().for_each(|violation| println!("{violation}"));
            Ok(found.is_empty())
        }
    }
}

fn set_up(workspace: &Workspace, args: &SetupArgs) -> Result<bool> {
    let flavour = match (args.cuda, args.cpu) {
        (true, _) => Some(Flavour::Cuda),
        (_, true) => Some(Flavour::Cpu),
        _ => None,
    };
    let options = Options { flavour, keep_downloads: args.keep_downloads };
    if args.only != Some(Part::Model) {
        println!("{}", setup::ensure_libtorch(workspace, options)?);
    }
    if args.only != Some(Part::Libtorch) {
        println!("{}", setup::ensure_model(workspace, options)?);
    }
    Ok(true)
}

fn reproduce_all(workspace: &Workspace, args: &ReproduceArgs) -> Result<bool> {
    setup::ensure_libtorch(workspace, Options::default())?;
    if args.needs_default_model() {
        setup::ensure_model(workspace, Options::default())?;
    }
    let out = args.results(workspace)?;
    let dlm = reproduce::build(workspace)?;
    let experiments = registry::select(&args.ids);
    let passed_on = args.passed_on(workspace)?;
    let steps = reproduce::run(workspace, &dlm, &experiments, args.scale, &out, &passed_on);
    print!("\n{}", reproduce::summary(&steps, &out.join(args.scale.name())));
    let report = report::write(&out, args.scale, &ids())?;
    println!("report: {}", report.display());
    Ok(all_passed(&steps))
}

fn train_all(workspace: &Workspace, args: &TrainArgs) -> Result<bool> {
    setup::ensure_libtorch(workspace, Options::default())?;
    setup::ensure_model(workspace, Options::default())?;
    corpus::ensure(workspace, corpus::Wish { check: false, record: false })?;
    let dlm = reproduce::build(workspace)?;
    let families = match args.families.as_slice() {
        [] => &[Family::Masked, Family::Gaussian],
        named => named,
    };
    let out = args.out.clone().unwrap_or_else(|| workspace.root.join(".training"));
    let wish = train::Wish {
        families,
        scale: args.scale,
        minutes: args.minutes,
        onward: args.onward,
        distill: args.distill,
        out,
    };
    let steps = train::run(workspace, &dlm, &wish);
    print!("\n{}", steps.table());
    Ok(all_passed(&steps))
}

fn write_report(workspace: &Workspace, args: &ResultsArgs) -> Result<bool> {
    let out = workspace.results(args.out.as_deref())?;
    println!("{}", report::write(&out, args.scale, &ids())?.display());
    Ok(true)
}

fn verify_all(workspace: &Workspace, args: &ResultsArgs) -> Result<bool> {
    let folder = workspace.results(args.out.as_deref())?.join(args.scale.name());
    let mut good = true;
    for id in ids() {
        match verify::experiment(&folder, id) {
            Ok(files) => println!("{id}: {files} files as the manifest lists them"),
            Err(error) => {
                good = false;
                println!("{error:#}");
            }
        }
    }
    Ok(good)
}

/// Names what failed, last, where it is not overlooked.
fn all_passed(steps: &Steps) -> bool {
    let failed = steps.failed();
    if !failed.is_empty() {
        eprintln!("failed: {}", failed.join(", "));
    }
    failed.is_empty()
}

fn ids() -> Vec<&'static str> {
    EXPERIMENTS.iter().map(|experiment| experiment.id).collect()
}
