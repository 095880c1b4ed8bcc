//! Estimates with intervals, trend tests, decay fits and divergences.
