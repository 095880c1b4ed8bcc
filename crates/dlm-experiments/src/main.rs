//! The program `dlm`.

fn main() {}
