//! Devices and kinds of number that are asked for by name.

use dlm_runtime::{DeviceChoice, DtypeChoice, Error, LoadOptions, Model, Source};

use crate::support::{fixture, says};

#[test]
fn devices_and_numbers_that_do_not_exist_are_refused() {
    for text in ["", "gpu", "mps", "CUDA", "cuda:", "cuda:x", "cuda:-1", "cuda 0", "cpu:0"] {
        let problem = text.parse::<DeviceChoice>().unwrap_err();
        says(&problem, &[text, "auto, cpu, cuda or cuda:N"]);
    }
    assert_eq!("cuda:3".parse(), Ok(DeviceChoice::Cuda(3)));
    says(&"f16".parse::<DtypeChoice>().unwrap_err(), &["f16", "bf16"]);
    says(&"int8".parse::<DtypeChoice>().unwrap_err(), &["int8", "auto, f32 or bf16"]);
}

#[test]
fn a_cuda_device_that_is_not_there_is_refused() {
    let folder = fixture("models/bert-tiny");
    let source = Source { id: "bert-tiny".into(), revision: None, folder, adapter: None };
    let options = LoadOptions { device: DeviceChoice::Cuda(99), ..LoadOptions::default() };
    let error = Model::load(source, options).err().unwrap();
    assert!(matches!(error, Error::Device { .. }), "{error:?}");
    says(&error, &["cuda:99"]);
    let remedies = ["--device cpu", "cargo xtask setup --cuda", "the first is cuda:0"];
    assert!(remedies.iter().any(|remedy| error.to_string().contains(remedy)), "{error}");
}
