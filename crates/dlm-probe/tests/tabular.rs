//! The probe on a model whose predictions can be written down.

use dlm_core::Canvas;
use dlm_probe::{Lexicon, Probe, Subject, Vocabulary};
use dlm_testkit::{Counted, Tabular};

/// Words of three tokens over {a, b}; the first decides the second, the third is free.
fn table() -> Tabular {
    let mut joint = vec![0.0; 8];
    for (word, p) in [(0b000, 0.15), (0b001, 0.45), (0b110, 0.1), (0b111, 0.3)] {
        joint[word] = p;
    }
    Tabular::new(3, 2, joint).unwrap()
}

fn lexicon() -> Lexicon {
    let texts = vec![Some("a".to_string()), Some("!".to_string())];
    let vocabulary = Vocabulary { texts, special: vec![], end_of_sequence: vec![] };
    Lexicon::new(vocabulary, &[2, 1]).unwrap()
}

fn subject(prompt: usize, first: u32, answer: &[u32]) -> Subject {
    let canvas = Canvas::continuation(&[first], 2, 2).unwrap();
    Subject { prompt, canvas, answer: answer.to_vec() }
}

#[test]
fn every_number_of_a_row_is_the_table_s() {
    let lexicon = lexicon();
    let probe = Probe { top_k: 2, lexicon: Some(&lexicon), mixture: true };
    let mut model = Counted::new(table());
    let reading = probe.run(&mut model, &[subject(0, 0, &[0, 1]), subject(1, 1, &[])]).unwrap();
    assert_eq!(model.nfe, 2);

    let tokens: Vec<_> = reading
        .tokens
        .iter()
        .map(|row| (row.prompt, row.position, row.rank, row.token_id, row.token.as_str()))
        .collect();
    assert_eq!(
        tokens[..4],
        [(0, 0, 0, 0, "a"), (0, 0, 1, 1, "!"), (0, 1, 0, 1, "!"), (0, 1, 1, 0, "a")]
    );

    // After `a` the second token is certain, the third is (1/4, 3/4).
    let [certain, free] = &reading.positions[..2] else { panic!("two positions a prompt") };
    assert_eq!((certain.prompt, certain.position, certain.top1_token), (0, 0, 0));
    assert!(certain.entropy.abs() < 1e-6 && (certain.margin - 1.0).abs() < 1e-6);
    // u = (2.5, 1.5)/4 and KL(p ‖ u) = −ln u(a).
    assert!((certain.kl_unigram.unwrap() - (4.0f32 / 2.5).ln()).abs() < 1e-6);
    assert_eq!((certain.gold_rank, free.gold_rank), (Some(0), Some(0)));
    assert!((free.top1_prob - 0.75).abs() < 1e-6 && (free.margin - 0.5).abs() < 1e-6);
    assert!((free.punctuation_mass.unwrap() - 0.75).abs() < 1e-6);
    assert!((free.frequent_mass.unwrap() - 0.25).abs() < 1e-6);
    assert!((free.top_k_mass - 1.0).abs() < 1e-6);
    // JS((1,0), (1/4,3/4)) = H(5/8,3/8) − H(1/4,3/4)/2.
    assert!((certain.js_next.unwrap() - 0.380_397).abs() < 1e-5);
    assert_eq!(free.js_next, None);

    // No reference answer, no gold columns.
    assert_eq!(reading.positions[2].gold_rank, None);
    // Summed over both prompts the second token is a coin.
    assert_eq!(reading.mixture.unwrap().sum[..2], [1.0, 1.0]);
}

#[test]
fn without_a_lexicon_statistics_about_words_are_absent() {
    let probe = Probe { top_k: 1, lexicon: None, mixture: true };
    let reading = probe.run(&mut table(), &[subject(7, 0, &[])]).unwrap();
    let row = &reading.positions[0];
    assert_eq!((row.prompt, row.kl_unigram, row.eos_mass), (7, None, None));
    assert_eq!(reading.tokens[0].token, "");
}

#[test]
fn canvases_with_unlike_numbers_of_masks_have_no_mixture() {
    let whole =
        Subject { prompt: 1, canvas: Canvas::infill(vec![0, 0, 2], 2).unwrap(), answer: vec![] };
    let probe = Probe { top_k: 1, lexicon: None, mixture: true };
    let reading = probe.run(&mut table(), &[subject(0, 0, &[]), whole]).unwrap();
    assert_eq!(reading.mixture, None);
    assert_eq!(reading.positions.len(), 3);
}
