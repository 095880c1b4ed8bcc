//! GGUF files read and written out in the Hugging Face layout.
