//! The presets: all different, and all can be written down.

#[path = "fakes/hashed.rs"]
mod hashed;
#[path = "fakes/journal.rs"]
mod journal;

use dlm_core::Canvas;
use dlm_discrete::{
    jump::{self, JumpSampler},
    presets::Preset,
    unmasking::{Filling, UnmaskingSampler, presets},
};
use dlm_rng::Key;
use hashed::Hashed;
use journal::Journal;

/// What a preset does to a few long canvases.
fn trajectory(sampler: &UnmaskingSampler) -> Journal {
    let mut model = Hashed::new(50, 50, 9);
    let mut canvases = vec![Canvas::continuation(&[1, 2, 3], 140, 50).unwrap(); 2];
    let mut keys: Vec<Key> = (0..2).map(|i| Key::new(6).sequence(i)).collect();
    let frequencies: Vec<f32> = (0..50).map(|v| 1.0 / (v + 2) as f32).collect();
    let mut journal = Journal::default();
    let filling = Filling { frequencies: &frequencies, ..Filling::new(sampler, &mut model) };
    filling.run(&mut canvases, &mut keys, &mut journal).unwrap();
    journal
}

/// What a jump preset does to them.
fn jumps(sampler: &JumpSampler) -> Journal {
    let mut model = Hashed::new(50, 50, 9);
    let mut canvases = vec![Canvas::continuation(&[1, 2, 3], 140, 50).unwrap(); 2];
    let keys: Vec<Key> = (0..2).map(|i| Key::new(6).sequence(i)).collect();
    let mut journal = Journal::default();
    sampler.fill(&mut model, &mut canvases, &keys, &mut journal).unwrap();
    journal
}

#[test]
fn no_two_presets_do_the_same() {
    let masked = presets::ALL.iter().map(|p| (p.name, trajectory(&(p.sampler)())));
    let jumping = jump::presets::ALL.iter().map(|p| (p.name, jumps(&(p.sampler)())));
    let all: Vec<_> = masked.chain(jumping).collect();
    for (i, (a, first)) in all.iter().enumerate() {
        for (b, second) in &all[i + 1..] {
            // On masks with the log-linear schedule (t − s)·dσ/dt is e^(σ_t − σ_s) − 1, so
            // there score entropy's two rules are one.
            let is_one = (*a, *b) == ("sedd-euler", "sedd-analytic");
            assert_eq!(first == second, is_one, "{a} and {b}");
        }
    }
}

#[test]
fn every_preset_can_be_written_down_and_read_again() {
    for preset in presets::ALL {
        let sampler = (preset.sampler)();
        let json = serde_json::to_string(&sampler).unwrap();
        let back: UnmaskingSampler = serde_json::from_str(&json).unwrap();
        assert_eq!(back, sampler, "{}: {json}", preset.name);
        let text = toml::to_string(&sampler).unwrap();
        let back: UnmaskingSampler = toml::from_str(&text).unwrap();
        assert_eq!(back, sampler, "{}: {text}", preset.name);
    }
    for preset in jump::presets::ALL {
        let sampler = (preset.sampler)();
        let json = serde_json::to_string(&sampler).unwrap();
        let back: JumpSampler = serde_json::from_str(&json).unwrap();
        assert_eq!(back, sampler, "{}: {json}", preset.name);
        let text = toml::to_string(&sampler).unwrap();
        let back: JumpSampler = toml::from_str(&text).unwrap();
        assert_eq!(back, sampler, "{}: {text}", preset.name);
    }
}

#[test]
fn every_preset_is_found_under_its_name_and_only_under_it() {
    for preset in presets::ALL {
        let found = presets::find(preset.name).unwrap();
        assert_eq!((found.sampler)(), (preset.sampler)());
        assert_eq!(presets::ALL.iter().filter(|p| p.name == preset.name).count(), 1);
        (preset.sampler)().validate(100).unwrap();
    }
    for (asked, nearest) in [
        ("lada", "llada"),
        ("entropy_bounded", "entropy-bounded"),
        ("remdm-config", "remdm-conf"),
        ("KLASS", "klass"),
    ] {
        let unknown = presets::find(asked).unwrap_err();
        assert_eq!(unknown.nearest, nearest, "{unknown}");
        let message = unknown.to_string();
        assert!(message.contains(asked) && message.contains("wino"), "{message}");
    }
}

/// A name belongs to one preset of one kind.
#[test]
fn both_kinds_are_found_in_one_place() {
    let names: Vec<&str> = dlm_discrete::presets::all().map(Preset::name).collect();
    for name in &names {
        assert_eq!(names.iter().filter(|other| other == &name).count(), 1, "{name}");
        match dlm_discrete::presets::find(name).unwrap() {
            Preset::Unmasking(found) => assert_eq!(found.name, *name),
            Preset::Jump(found) => {
                assert_eq!(found.name, *name);
                (found.sampler)().validate().unwrap();
            }
        }
    }
    for (asked, nearest) in [("lada", "llada"), ("seddeuler", "sedd-euler"), ("flw", "flow")] {
        let unknown = dlm_discrete::presets::find(asked).unwrap_err();
        assert_eq!(unknown.nearest, nearest, "{unknown}");
        let message = unknown.to_string();
        assert!(message.contains("wino") && message.contains("duo-psi"), "{message}");
    }
}

/// The tables on the crate's first page have a row for every preset and none besides.
#[test]
fn the_first_page_lists_every_preset() {
    let page = include_str!("../src/lib.rs");
    let rows = page.lines().filter_map(|line| line.strip_prefix("//! | `")?.split('`').next());
    let listed: Vec<&str> = rows.collect();
    let names: Vec<&str> = dlm_discrete::presets::all().map(Preset::name).collect();
    assert_eq!(listed, names);
}
