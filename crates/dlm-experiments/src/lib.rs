//! Specs become runs, runs become artefacts: the program `dlm`.
