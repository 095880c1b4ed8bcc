//! Specs become runs, runs become artefacts.
//!
//! The program `dlm` is a thin layer over this library, in which the model of
//! `dlm-runtime` and the instruments of `dlm-probe` and `dlm-stats` meet:
//!
//! 1. a [`Spec`] says what is claimed, what is measured, and which estimates would
//!    decide the claim, before anything runs;
//! 2. [`probing`] runs the model and writes raw rows as they come, so that an
//!    interrupted run goes on where it stopped;
//! 3. an [experiment](experiments) turns rows into estimates, figures and a verdict;
//! 4. the manifest is written last, by rename: its presence means that all is whole.

#![deny(missing_docs)]

pub mod commands;
mod digest;
pub mod distillation;
mod error;
mod estimates;
pub mod evaluation;
pub mod experiments;
mod family;
mod figures;
mod folder;
pub mod generation;
mod judging;
mod loading;
mod manifest;
mod probe_data;
pub mod probing;
mod prompts;
mod reference_text;
mod rules;
pub mod scoring;
mod showing;
mod spec;
mod stage;
mod summary;
pub mod training;
mod units;

pub use error::Error;
pub use estimates::{Estimates, NamedEstimate};
pub use family::Family;
pub use folder::Folder;
pub use loading::{ComputeArguments, ModelArguments};
pub use manifest::Manifest;
pub use prompts::{Prompt, PromptBody, Prompts};
pub use rules::{Outcome, Rule, Verdict};
pub use spec::{Scale, Spec};
pub use summary::{CellNote, Figure, FigureKind, Summary, Table};

/// The examples of the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
