//! Benchmarks: `cargo xtask bench [ARGS…]`.

use crate::steps::{Outcome, program};
use crate::workspace::Workspace;

/// Runs every benchmark; `arguments` go to the benchmark programs.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Outcome {
    program(workspace.cargo().args(["bench", "--workspace", "--"]).args(arguments))
}
