//! The nouns that diffusion language models and samplers agree on, and nothing that runs.
