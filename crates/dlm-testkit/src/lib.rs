//! Models whose laws are known, for tests, benches and smoke runs.
