//! What experiments there are, what they claim, and how far their results are.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::registry::{EXPERIMENTS, Spec};
use crate::results::State;
use crate::scale::Scale;

/// The list as text; `out` is the folder of results.
pub(crate) fn text(root: &Path, out: &Path) -> Result<String> {
    let mut text = String::new();
    for experiment in EXPERIMENTS {
        let spec = Spec::read(&root.join(experiment.spec()))?;
        let _ = writeln!(text, "{}", experiment.id);
        let _ = writeln!(text, "    claim    {}", spec.claim.trim().replace('\n', " "));
        let _ = writeln!(text, "    feeds    {}", spec.feeds.trim().replace('\n', " "));
        if !experiment.needs.is_empty() {
            let _ = writeln!(text, "    needs    {}", experiment.needs.join(", "));
        }
        for scale in Scale::ALL {
            let state = State::of(&out.join(scale.name()).join(experiment.id));
            let _ = writeln!(text, "    {:8} {state}", scale.name());
        }
    }
    Ok(text)
}
