//! Trajectories that the published sampling code recorded, met state for state.

mod cases;
mod mdlm;
mod published;
