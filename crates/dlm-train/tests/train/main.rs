//! Training, on a tiny base in f32: gradients, expectations, and whole trainings.

mod bound;
mod gradients;
mod support;
mod training;
