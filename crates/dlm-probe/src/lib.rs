//! The single-pass probe: what a masked model predicts at every masked position.
