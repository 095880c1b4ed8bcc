//! What is trained of a base, and from which numbers it starts.

use dlm_rng::{Key, Purpose};
use tch::{Device, Kind, Tensor};

use super::{Plan, Slot, peft};
use crate::{
    Error,
    network::{Decoder, latent_input, llama},
};

/// The slots of a plan in the order of θ, and what they start from.
///
/// First come the updates, `A` and `B` of each linear map in turn; then rows of the
/// embedding; then the parts that read noisy vectors.
#[derive(Default)]
pub(super) struct Start {
    pub(super) slots: Vec<Slot>,
    pub(super) values: Vec<Tensor>,
}

impl Start {
    pub(super) fn new(decoder: &Decoder, width: i64, plan: &Plan, key: Key) -> Result<Self, Error> {
        let mut start = Self::default();
        let key = key.purpose(Purpose::Weights);
        let modules = llama::modules(decoder.blocks.len());
        for (ordinal, (module, linear)) in (0..).zip(modules.zip(decoder.linears())) {
            let (into, out) = linear.shape();
            let name = |part: &str| format!("base_model.model.{module}.lora_{part}.weight");
            let bound = (into as f64).sqrt().recip();
            let a = uniform(&[plan.rank, into], bound, key.position(ordinal))?;
            start.push(name("A"), a);
            start.push(name("B"), zeros(&[out, plan.rank])?);
        }
        if !plan.rows.is_empty() {
            let ids: Vec<i64> = plan.rows.iter().map(|&id| i64::from(id)).collect();
            let ids = Tensor::f_from_slice(&ids)?.f_to_device(decoder.embedding.device())?;
            start.push(peft::ROWS, decoder.embedding.f_index_select(0, &ids)?);
        }
        if plan.latent {
            for (ordinal, (name, shape)) in latent_input::parts(width).into_iter().enumerate() {
                let values = match ordinal == latent_input::RANDOM_PART {
                    true => uniform(&shape, (3.0 / shape[1] as f64).sqrt(), key.position(u64::MAX)),
                    false => zeros(&shape),
                };
                start.push(name, values?);
            }
        }
        Ok(start)
    }

    fn push(&mut self, name: impl Into<String>, values: Tensor) {
        self.slots.push(Slot { name: name.into(), shape: values.size() });
        self.values.push(values);
    }
}

fn zeros(shape: &[i64]) -> Result<Tensor, Error> {
    Ok(Tensor::f_zeros(shape, (Kind::Float, Device::Cpu))?)
}

/// Numbers uniform in `±bound`.
fn uniform(shape: &[i64], bound: f64, key: Key) -> Result<Tensor, Error> {
    let mut stream = key.stream();
    let numbers = shape.iter().product::<i64>();
    let values: Vec<f32> =
        (0..numbers).map(|_| (bound * (2.0 * stream.uniform() - 1.0)) as f32).collect();
    Ok(Tensor::f_from_slice(&values)?.f_view(shape)?)
}
