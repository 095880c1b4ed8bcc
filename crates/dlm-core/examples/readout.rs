//! What leaves a network: a row of logits becomes a candidate.

#![allow(clippy::print_stdout)]

use dlm_core::{Ask, Canvas, DenseLogits, ModelError, Query};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Four tokens, of which 3 is the mask: "0 _ _".
    let canvas = Canvas::continuation(&[0], 2, 3)?;
    let positions = canvas.masked();
    let logits: [f32; 8] = [2.0, 1.0, 0.0, -9.0, 0.1, 0.0, 0.1, -9.0];
    let logits = DenseLogits::new(logits.to_vec(), 4)?;

    // The same rows, once greedily and once drawn with one uniform number each.
    let greedy = logits.read(&Query::new(canvas.tokens(), &positions), &Ask::default())?;
    let ask = Ask { temperature: 1.0, top_k: 2, neighbours: true, ..Ask::default() };
    let uniforms = [0.7, 0.4];
    let query = Query { uniforms: &uniforms, ..Query::new(canvas.tokens(), &positions) };
    let drawn: Result<_, ModelError> = logits.read(&query, &ask);
    for (greedy, drawn) in greedy.iter().zip(drawn?) {
        println!(
            "position {}: best {} (p {:.2}), drawn {}, entropy {:.2} nats, to the next {:?}",
            greedy.position,
            greedy.token,
            greedy.probability(),
            drawn.token,
            drawn.entropy,
            drawn.next_divergence
        );
    }
    Ok(())
}
