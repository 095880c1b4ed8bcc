//! Bounds and densities against laws that are known in closed form.

mod bound;
mod flow;
mod refusals;
mod straight;
mod threads;
