//! Training: a causal base becomes a masked or a Gaussian diffusion language model.

#![deny(missing_docs)]

mod batch;
mod checkpoint;
mod curve;
mod error;
mod example;
mod head;
mod objective;
mod optimiser;
mod order;
mod recipe;
mod standing;
mod texts;
mod trainer;

pub use batch::Part;
pub use curve::{StepRow, ValidationRow};
pub use error::Error;
pub use example::Example;
pub use objective::{
    GaussianObjective, Loss, Masked, MaskedObjective, Masking, Measured, Objective,
};
pub use optimiser::{AdamW, Fall};
pub use recipe::{Layout, Recipe};
pub use standing::Standing;
pub use texts::{DataFile, Text, Texts};
pub use trainer::{Event, Trained, Training, is_begun};
