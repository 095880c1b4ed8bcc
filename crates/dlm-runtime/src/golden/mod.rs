//! Logits against what the reference implementations answered, checkpoint by
//! checkpoint; tests/fixtures/README.md says where the numbers come from.

mod mdlm;
mod mixture;

use std::path::{Path, PathBuf};

use tch::{Device, Kind, Tensor};

use crate::{DeviceChoice, DtypeChoice, Hub, LoadOptions, Model, Source, network::Pack};

/// What the reference itself is uncertain by, with room for another order of sums.
const F32_TOLERANCE: f64 = 1e-3;

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

fn model(name: &str, dtype: DtypeChoice) -> Model {
    load(name, LoadOptions { dtype, ..LoadOptions::default() })
}

/// A fixture, on the processor.
fn load(name: &str, options: LoadOptions) -> Model {
    let folder = fixture(&format!("models/{name}"));
    let mut quiet = |_: &crate::Download<'_>| ();
    let hub = &mut Hub::from_env(&mut quiet);
    let source = Source::find(&folder.to_string_lossy(), None, hub).unwrap();
    Model::load(source, LoadOptions { device: DeviceChoice::Cpu, ..options }).unwrap()
}

/// Tensors of a golden file.
struct Golden(PathBuf);

impl Golden {
    fn tensor(&self, name: &str) -> Option<Tensor> {
        let tensors = Tensor::read_safetensors(&self.0).unwrap();
        tensors.into_iter().find(|(found, _)| found == name).map(|(_, tensor)| tensor)
    }

    fn rows(&self, name: &str) -> Option<Vec<Vec<i64>>> {
        let tensor = self.tensor(name)?;
        Some((0..tensor.size()[0]).map(|i| Vec::try_from(&tensor.get(i)).unwrap()).collect())
    }
}

/// Our logits and the golden ones at every real token of every row.
fn compare(model: &Model, golden: &Golden, key: &str) -> (Tensor, Tensor) {
    let ids = golden.rows("input_ids").unwrap();
    let masks = golden.rows("attention_mask");
    let segments = golden.rows("token_type_ids");
    let expected = golden.tensor(key).unwrap();
    let shown = golden.tensor("positions");
    let real = |row: usize| -> Vec<usize> {
        let mask = masks.as_ref().map(|masks| &masks[row]);
        (0..ids[row].len()).filter(|&i| mask.is_none_or(|mask| mask[i] == 1)).collect()
    };
    let sequences: Vec<Vec<u32>> = (0..ids.len())
        .map(|row| real(row).into_iter().map(|i| ids[row][i] as u32).collect())
        .collect();
    let slices: Vec<&[u32]> = sequences.iter().map(Vec::as_slice).collect();
    let mut pack = Pack::new(&slices, Device::Cpu).unwrap();
    pack.segments = segments.map(|segments| {
        let of = |row: usize| real(row).into_iter().map(move |i| (row, i)).collect::<Vec<_>>();
        let types: Vec<i64> =
            (0..ids.len()).flat_map(of).map(|(row, i)| segments[row][i]).collect();
        Tensor::from_slice(&types)
    });
    let ours = model.network().logits(&model.network().hidden(&pack).unwrap()).unwrap();
    let ours = ours.to_kind(Kind::Float);
    if let Some(shown) = shown {
        return (ours.index_select(0, &shown), expected.get(0));
    }
    let kept: Vec<Tensor> = (0..ids.len())
        .map(|row| {
            let index: Vec<i64> = real(row).into_iter().map(|i| i as i64).collect();
            expected.get(row as i64).index_select(0, &Tensor::from_slice(&index))
        })
        .collect();
    (ours, Tensor::cat(&kept, 0))
}

fn largest(difference: &Tensor) -> f64 {
    difference.abs().max().double_value(&[])
}

#[test]
fn f32_logits_agree_with_the_reference() {
    let cases: [(&str, &[&str]); 10] = [
        (
            "llada-tiny",
            &[
                "text", "one", "masked", "infill", "batch", "leftpad", "rightpad", "long",
                "probe128",
            ],
        ),
        ("llada-gqa", &["masked", "batch", "leftpad", "long"]),
        ("llada-tied", &["masked", "batch", "leftpad", "long"]),
        ("llada-moe-tiny", &["masked", "leftpad"]),
        ("dream-tiny", &["text", "masked", "batch", "leftpad", "rightpad", "long", "probe128"]),
        ("bert-tiny", &["masked", "rightpad", "pair"]),
        ("bert-tiny-legacy", &["masked"]),
        ("llada-tiny-sharded", &["masked", "batch"]),
        ("llama-tiny", &["rightpad"]),
        ("llama-tiny-biased", &["rightpad"]),
    ];
    for (name, cases) in cases {
        let model = model(name, DtypeChoice::F32);
        let goldens = name.strip_suffix("-sharded").unwrap_or(name);
        for case in cases {
            let golden = Golden(fixture(&format!("golden/{goldens}/logits_{case}.safetensors")));
            let (ours, expected) = compare(&model, &golden, "logits");
            assert_eq!(ours.size(), expected.size(), "{name} {case}");
            let difference = largest(&(ours - expected));
            assert!(difference < F32_TOLERANCE, "{name} {case}: {difference}");
        }
    }
}

#[test]
fn bf16_weights_agree_in_f32_and_roughly_in_bf16() {
    for (name, case) in [
        ("llada-tiny-bf16", "masked"),
        ("llada-tiny-bf16", "leftpad"),
        ("dream-tiny-bf16", "masked"),
        ("dream-tiny-bf16", "leftpad"),
        ("bert-tiny-bf16", "masked"),
    ] {
        let golden = Golden(fixture(&format!("golden/{name}/logits_{case}.safetensors")));
        let (ours, expected) =
            compare(&model(name, DtypeChoice::F32), &golden, "logits_f32_compute");
        let difference = largest(&(ours - expected));
        assert!(difference < F32_TOLERANCE, "{name} {case}, f32: {difference}");

        let (ours, expected) = compare(&model(name, DtypeChoice::Bf16), &golden, "logits_bf16");
        let difference = (&ours - &expected).abs();
        let agree = ours.argmax(-1, false).eq_tensor(&expected.argmax(-1, false));
        let agree = agree.to_kind(Kind::Float).mean(Kind::Float).double_value(&[]);
        let (median, most) = (difference.median().double_value(&[]), largest(&difference));
        assert!(
            median <= 0.1 && most <= 2.5 && 0.9 <= agree,
            "{name} {case}: {median} {most} {agree}"
        );
    }
}
