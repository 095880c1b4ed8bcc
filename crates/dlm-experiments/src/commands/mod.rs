//! The commands of `dlm`, one file each.

mod bench;
mod distill;
mod eval;
mod generate;
mod inspect;
mod probe;
mod run;
mod score;
mod train;

pub use bench::{BenchArguments, bench};
pub use distill::{DistillArguments, distill};
pub use eval::{EvalArguments, eval};
pub use generate::{GenerateArguments, generate};
pub use inspect::inspect;
pub use probe::{ProbeArguments, probe};
pub use run::{RunArguments, run};
pub use score::{ScoreArguments, score};
pub use train::{TrainArguments, train};
