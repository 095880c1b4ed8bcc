//! One forward pass over a prompt and 16 masks: the three most probable tokens at
//! each. `cargo run --release --example top_tokens -- FOLDER [ADAPTER] [PROMPT]`

#![allow(clippy::print_stdout)]

use dlm_core::{Ask, MaskPredictor, Query};
use dlm_runtime::{Download, Hub, LoadOptions, Model, Source};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which checkpoint?")?;
    let adapter = arguments.next();
    let prompt = arguments.next().unwrap_or("What is the capital of France?".to_string());

    let mut quiet = |_: &Download<'_>| ();
    let adapter = adapter.as_deref().map(std::path::Path::new);
    let source = Source::find(&folder, adapter, &mut Hub::from_env(&mut quiet))?;
    let mut model = Model::load(source, LoadOptions::default())?;

    let canvas = model.canvas(&prompt, 16)?;
    let positions = canvas.masked();
    let query = Query::new(canvas.tokens(), &positions);
    let ask = Ask { top_k: 3, ..Ask::default() };
    for candidate in &model.predict(&[query], &ask)?.candidates[0] {
        let mut line = format!("{:4}", candidate.position);
        for ranked in &candidate.top {
            let token = model.text()?.decode(&[ranked.token])?;
            line.push_str(&format!("  {token:?} {:.3}", ranked.log_probability.exp()));
        }
        println!("{line}");
    }
    Ok(())
}
