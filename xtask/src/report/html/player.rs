//! The player of trajectories: its controls, the data it plays, and the same steps
//! as a table.

use std::collections::HashMap;

use maud::{Markup, html};
use serde::Serialize;

use super::colours::{LEVELS, level};
use super::heat_map::legend;
use super::policy::embedded;
use super::table::wide;
use crate::report::numbers::optional;
use crate::report::token::{LEGEND, raw, shown};
use crate::results::{Sample, Trajectory};

/// What assets/player.js plays. A token is written once and named by its number.
#[derive(Serialize)]
struct Recording<'a> {
    /// The steps of colour above the first.
    levels: u32,
    /// Each token as it is shown and in quotes.
    tokens: Vec<(String, String)>,
    samples: Vec<Recorded<'a>>,
}

#[derive(Serialize)]
struct Recorded<'a> {
    title: &'a str,
    prompt: &'a str,
    length: usize,
    steps: Vec<RecordedStep>,
}

#[derive(Serialize)]
struct RecordedStep {
    nfe: u64,
    /// Position, token or none where it is masked again, probability, colour.
    changes: Vec<(usize, Option<usize>, String, u32)>,
}

/// The player, which the script sets going.
pub(super) fn view(trajectory: &Trajectory) -> Markup {
    html! {
        div.player hidden {
            div.choice {
                label { "Sample " select.sample {} }
                label { "Colour " select.colour {
                    option value="confidence" { "confidence" }
                    option value="step" { "step of the token" }
                } }
            }
            p.prompt tabindex="0" { span.label { "Prompt" } " " span.said {} }
            div.cells role="listbox" aria-label="Positions of the sample" {}
            div.controls role="group" aria-label="Player" {
                button.back type="button" { span aria-hidden="true" { "◀" } " Back" }
                button.play type="button" { "Play" }
                button.forward type="button" { "Forward " span aria-hidden="true" { "▶" } }
                input.scrub type="range" min="0" value="0" aria-label="Step";
                label { "Speed " select.speed {
                    option value="0.25" { "¼×" }
                    option value="0.5" { "½×" }
                    option value="1" selected { "1×" }
                    option value="2" { "2×" }
                    option value="4" { "4×" }
                } }
            }
            p.status aria-live="polite" {}
            p.details aria-live="polite" {}
            (legend("Confidence", LEGEND))
            p.signs { "░ masked · ▒ masked again · below a token, the step that set it" }
            (embedded(&recording(trajectory)))
        }
    }
}

/// A row a step that changed anything, folded.
pub(super) fn table(trajectory: &Trajectory) -> Markup {
    html! {
        @for sample in &trajectory.samples {
            details.fold {
                summary { "Table: every step of “" (sample.title) "”" }
                (wide(&sample.title, html! {
                    thead { tr {
                        th.number scope="col" { "Step" }
                        th.number scope="col" { "Evaluations" }
                        th scope="col" { "Position, token, confidence" }
                    } }
                    tbody { (rows(sample)) }
                }))
            }
        }
    }
}

fn rows(sample: &Sample) -> Markup {
    html! {
        @for (index, step) in sample.steps.iter().enumerate() {
            tr {
                td.number { (index + 1) }
                td.number { (step.nfe) }
                td.changes { @for change in &step.changes {
                    span {
                        (change.position) " "
                        @if let Some(token) = &change.token {
                            bdi.token { (shown(token)) }
                        } @else {
                            "masked again"
                        }
                        " " span.p { (optional(change.probability)) }
                    }
                    " "
                } }
            }
        }
    }
}

fn recording(trajectory: &Trajectory) -> Recording<'_> {
    let mut tokens = Vec::new();
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut number_of = |token| {
        *numbers.entry(token).or_insert_with(|| {
            tokens.push((shown(token), raw(token)));
            tokens.len() - 1
        })
    };
    let mut samples = Vec::new();
    for sample in &trajectory.samples {
        let mut steps = Vec::new();
        for step in &sample.steps {
            let changes = step.changes.iter().map(|change| {
                let p = change.probability;
                let token = change.token.as_deref().map(&mut number_of);
                (change.position, token, optional(p), level(p.unwrap_or(0.0)))
            });
            steps.push(RecordedStep { nfe: step.nfe, changes: changes.collect() });
        }
        samples.push(Recorded {
            title: &sample.title,
            prompt: sample.prompt.as_deref().unwrap_or_default(),
            length: sample.length,
            steps,
        });
    }
    Recording { levels: LEVELS, tokens, samples }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_written_once() {
        let json = r#"{"samples": [{"title": "t", "prompt": null, "length": 2, "steps": [
            {"nfe": 1, "changes": [{"position": 0, "token": " a", "probability": 0.5},
                                   {"position": 1, "token": " a", "probability": 1.0}]},
            {"nfe": 2, "changes": [{"position": 0, "token": null, "probability": null}]}]}]}"#;
        let trajectory = serde_json::from_str(json).unwrap();
        let recording = serde_json::to_value(recording(&trajectory)).unwrap();
        assert_eq!(recording["tokens"], serde_json::json!([["·a", "\" a\""]]));
        let steps = &recording["samples"][0]["steps"];
        assert_eq!(steps[0]["changes"], serde_json::json!([[0, 0, "0.5", 20], [1, 0, "1", 40]]));
        assert_eq!(steps[1]["changes"], serde_json::json!([[0, null, "", 0]]));
    }
}
