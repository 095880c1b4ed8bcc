//! What a network is told of the rows that it is asked about.

use std::error::Error as _;

use dlm_core::{Ask, Candidate, MaskPredictor, Query, Shaping};
use tch::{Kind, Tensor};

use super::{LoadOptions, Model};
use crate::{
    DeviceChoice, DtypeChoice, Error, Source,
    network::{Network, Pack, Place},
};

/// A network whose logits are changed, row by row, by what it is told of the row.
struct Told {
    inner: Option<Box<dyn Network>>,
    change: fn(Tensor, Place) -> Result<(), Error>,
}

impl Told {
    /// `model` with its network so changed.
    fn of(mut model: Model, change: fn(Tensor, Place) -> Result<(), Error>) -> Model {
        // The network's tensors may lie in the model's files, so it stays with them.
        let inner = std::mem::replace(&mut model.network, Box::new(Self { inner: None, change }));
        model.network = Box::new(Self { inner: Some(inner), change });
        model
    }

    fn inner(&self) -> &dyn Network {
        self.inner.as_deref().unwrap()
    }
}

impl Network for Told {
    fn hidden(&self, pack: &Pack) -> Result<Tensor, Error> {
        assert_eq!(pack.times.len(), pack.sequences.len());
        assert!(pack.times.iter().all(|&time| time == Some(0.25) || time.is_none()));
        self.inner().hidden(pack)
    }

    fn logits(&self, hidden: &Tensor) -> Result<Tensor, Error> {
        self.inner().logits(hidden)
    }

    fn embeddings(&self) -> &Tensor {
        self.inner().embeddings()
    }

    fn parametrise(&self, logits: Tensor, places: &[Place]) -> Result<Tensor, Error> {
        assert_eq!((logits.size()[0], logits.kind()), (places.len() as i64, Kind::Float));
        let mut rows = (0..).zip(places);
        rows.try_for_each(|(row, &place)| (self.change)(logits.f_get(row)?, place))?;
        Ok(logits)
    }

    fn products(&self) -> Vec<(i64, i64)> {
        self.inner().products()
    }
}

fn dream() -> Model {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models/dream-tiny");
    let source = Source { id: folder.into(), revision: None, folder: folder.into(), adapter: None };
    let (device, dtype) = (DeviceChoice::Cpu, DtypeChoice::F32);
    Model::load(source, LoadOptions { device, dtype, ..LoadOptions::default() }).unwrap()
}

/// `ln p` of every token at every answer.
fn distributions(model: &mut Model, query: Query<'_>, guidance: f64) -> Vec<Vec<f64>> {
    let shaping = Shaping { guidance, ..Shaping::default() };
    let ask = Ask { top_k: model.vocab(), shaping, ..Ask::default() };
    let row = |candidate: &Candidate| {
        let mut row = vec![0.0; candidate.top.len()];
        candidate.top.iter().for_each(|r| row[r.token as usize] = f64::from(r.log_probability));
        row
    };
    model.predict(&[query], &ask).unwrap().candidates[0].iter().map(row).collect()
}

#[test]
fn a_network_is_told_the_token_at_each_row_and_the_time() {
    // Ten times the time, added to the logit of the token that stands there.
    let mut told = Told::of(dream(), |row, place| {
        let logit = row.f_narrow(0, i64::from(place.token), 1)?;
        let _ = { logit }.f_add_scalar_(10.0 * place.time.unwrap_or(0.0))?;
        Ok(())
    });
    let mut plain = dream();
    let mask = plain.mask().unwrap();
    let (tokens, without) = ([5, 6, mask, 7, mask], [8, mask, mask, 7, mask]);
    let query = Query {
        shadows: &[0, 3],
        unconditional: Some(&without),
        time: Some(0.25),
        ..Query::new(&tokens, &[0, 2, 1])
    };
    // The token at each answer, with the condition and without it; shadows hide theirs.
    let places = [(5, 8), (mask, mask), (6, mask), (mask, mask), (mask, mask)];
    for guidance in [0.0, 1.5] {
        let ours = distributions(&mut told, query, guidance);
        let mut expected = distributions(&mut plain, query, guidance);
        for ((conditional, unconditional), row) in places.into_iter().zip(&mut expected) {
            row[conditional as usize] += 2.5 * (guidance + 1.0);
            row[unconditional as usize] -= 2.5 * guidance;
            let sum = row.iter().map(|l| l.exp()).sum::<f64>().ln();
            row.iter_mut().for_each(|l| *l -= sum);
        }
        for (answer, (ours, expected)) in ours.iter().zip(&expected).enumerate() {
            let pairs = ours.iter().zip(expected);
            let largest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(largest < 1e-4, "w = {guidance}, answer {answer}: off by {largest}");
        }
    }
    let timeless = Query { time: None, ..query };
    assert_eq!(distributions(&mut told, timeless, 0.0), distributions(&mut plain, timeless, 0.0));
}

#[test]
fn what_a_network_rules_out_has_no_probability_and_something_has_to_be_left() {
    // What stands there, for certain.
    let mut certain = Told::of(dream(), |mut row, place| {
        let _ = row.f_fill_(f64::NEG_INFINITY)?;
        let _ = row.f_narrow(0, i64::from(place.token), 1)?.f_fill_(-3.0)?;
        Ok(())
    });
    let tokens = [5, 6, 7];
    let query = Query { uniforms: &[0.9, 0.1], ..Query::new(&tokens, &[2, 0]) };
    let banned = [(5, f32::NEG_INFINITY)];
    let ask = Ask { temperature: 0.7, top_k: 2, neighbours: true, ..Ask::default() };
    let answers = certain.predict(&[query], &ask).unwrap().candidates.remove(0);
    for (answer, token) in answers.iter().zip([7, 5]) {
        assert_eq!((answer.token, answer.log_probability), (token, 0.0));
        assert_eq!((answer.entropy, answer.margin), (0.0, 1.0));
        assert_eq!(answer.top[1].log_probability, f32::NEG_INFINITY);
    }
    assert!((answers[0].next_divergence.unwrap() - std::f32::consts::LN_2).abs() < 1e-6);

    let shaping = Shaping { biases: &banned, ..Shaping::default() };
    let error = certain.predict(&[query], &Ask { shaping, ..ask }).unwrap_err();
    let error = error.source().unwrap().to_string();
    assert!(error.starts_with("sequence 0, position 0: every token is ruled out"), "{error}");
}
