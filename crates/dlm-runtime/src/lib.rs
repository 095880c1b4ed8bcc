//! Diffusion language models on libtorch: weights, tokenizers, networks, readout.
