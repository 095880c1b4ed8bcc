//! LLaDA-MoE's parts against the reference's.

use tch::{Device, Kind, Tensor};

use super::{F32_TOLERANCE, Golden, fixture, largest, model};
use crate::{
    DtypeChoice,
    checkpoint::{Config, Loader, Weights},
    network::{Pack, llada_moe},
};

#[test]
fn hidden_states_after_the_last_norm_agree() {
    let golden = Golden(fixture("golden/llada-moe-tiny/logits_masked.safetensors"));
    let ids: Vec<u32> = golden.rows("input_ids").unwrap()[0].iter().map(|&id| id as u32).collect();
    let model = model("llada-moe-tiny", DtypeChoice::F32);
    let ours = model.network().hidden(&Pack::new(&[&ids], Device::Cpu).unwrap()).unwrap();
    let expected = golden.tensor("hidden_states").unwrap().get(2).get(0);
    let difference = largest(&(ours - expected));
    assert!(difference < F32_TOLERANCE, "{difference}");
}

#[test]
fn a_mixture_sends_tokens_where_the_reference_does() {
    let golden = Golden(fixture("golden/llada-moe-tiny/moe_block_layer0.safetensors"));
    let folder = fixture("models/llada-moe-tiny");
    let config = Config::read(&folder.join("config.json")).unwrap();
    let weights = Weights::open(&[folder.join("model.safetensors")]).unwrap();
    let loader = Loader::new(&weights, None, Device::Cpu, Kind::Float);
    let mixture = llada_moe::mixture(&config, &loader, "model.layers.0").unwrap();
    let of = |name: &str| golden.tensor(name).unwrap();
    let x = of("hidden").get(0);

    let (weights, experts) = mixture.route(&x).unwrap();
    assert_eq!(experts, of("topk_index"));
    let difference = largest(&(weights - of("topk_weight")));
    assert!(difference < 1e-6, "router: {difference}");
    let difference = largest(&(mixture.apply(&x).unwrap() - of("out").get(0)));
    assert!(difference < 1e-5, "experts: {difference}");

    // A token's answer does not hang on which others are there.
    for token in 0..x.size()[0] {
        let alone = mixture.apply(&x.narrow(0, token, 1)).unwrap();
        let difference = largest(&(alone - of("out").get(0).narrow(0, token, 1)));
        assert!(difference < 1e-5, "token {token} alone: {difference}");
    }
    let none = Tensor::zeros([0, x.size()[1]], (Kind::Float, Device::Cpu));
    assert_eq!(mixture.apply(&none).unwrap().size(), none.size());
}
