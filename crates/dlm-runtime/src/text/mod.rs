//! Between text and token ids: tokenizer, special tokens, chat template.

mod chat;
mod tokenizer;

pub use tokenizer::TextCodec;
