//! The probe on a model that can be written down: a first token that decides the
//! second, and a third that nobody can know.

#![allow(clippy::print_stdout)]

use dlm_core::Canvas;
use dlm_probe::{Lexicon, Probe, Subject, Vocabulary};
use dlm_testkit::Tabular;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut joint = vec![0.0; 8];
    for (word, p) in [(0b000, 0.25), (0b001, 0.25), (0b110, 0.25), (0b111, 0.25)] {
        joint[word] = p;
    }
    let mut model = Tabular::new(3, 2, joint)?;
    let texts = vec![Some("yes".to_string()), Some("!".to_string())];
    let vocabulary = Vocabulary { texts, ..Vocabulary::default() };
    let lexicon = Lexicon::new(vocabulary, &[9, 1])?;

    let canvas = Canvas::continuation(&[1], 2, model.mask())?;
    let probe = Probe { top_k: 2, lexicon: Some(&lexicon), mixture: true };
    let subject = Subject { prompt: 0, canvas, answer: Vec::new() };
    let reading = probe.run(&mut model, &[subject])?;
    for row in &reading.tokens {
        println!("position {} rank {}: {:3} {:.2}", row.position, row.rank, row.token, row.prob);
    }
    for row in &reading.positions {
        println!("position {}: entropy {:.2} nats", row.position, row.entropy);
    }
    Ok(())
}
