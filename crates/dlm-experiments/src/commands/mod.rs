//! The commands of `dlm`, one file each.

mod bench;
mod inspect;
mod probe;
mod run;

pub use bench::{BenchArguments, bench};
pub use inspect::inspect;
pub use probe::{ProbeArguments, probe};
pub use run::{RunArguments, run};
