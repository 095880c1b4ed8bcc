//! What `dlm generate` refuses, and what it remarks on.

use std::fs;

use serde_json::json;

use super::{ask, generate, generate_on, message, model, stderr, succeeds};

#[test]
fn files_of_others_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("theirs.csv"), "precious").unwrap();
    let output = generate_on(&model(), folder.path(), &["--prompt", "Why?"], "--gen-length 2");
    assert!(message(&output).contains("theirs.csv"));
    let notes = folder.path().join("notes.txt");
    fs::write(&notes, "precious\n").unwrap();
    let (_folder, out, output) = ask(&format!("--gen-length 2 --trace {}", notes.display()));
    assert!(message(&output).contains("no line of a trace") && !out.exists());
    assert_eq!(fs::read_to_string(&notes).unwrap(), "precious\n");
}

#[test]
fn arguments_that_make_no_sense_are_refused_with_a_remedy() {
    let all = (0..512).map(|id: u32| id.to_string()).collect::<Vec<_>>().join(",");
    for (flags, part) in [
        ("--gen-length 0", "--gen-length 0"),
        ("--samples 0", "--samples 0"),
        ("--batch 0", "--batch 0"),
        ("--limit 0", "--limit"),
        ("--steps 0", "steps is 0"),
        ("--block-length 0", "block_length is 0"),
        ("--steps 2 --block-length 4 --gen-length 12", "2 steps for 3 blocks"),
        ("--temperature -1", "temperature is -1"),
        ("--top-p 1.5", "top_p is 1.5"),
        ("--top-k 0", "top_k is 0"),
        ("--ban 512", "vocabulary of 512"),
        (&format!("--ban {all}"), "lift a ban"),
        ("--preset klas", "\"klass\""),
        ("--threshold 0.9", "--commit threshold"),
        ("--preset credit --temperature 1", "temperature to 0"),
        ("--gen-length 5000", "context has 4096"),
        ("--sampler /nonexistent.toml", "/nonexistent.toml"),
        ("--order sideways", "left-to-right"),
        ("--eos penalty", "--eos-penalty"),
    ] {
        let (_folder, out, output) = ask(flags);
        let message = message(&output);
        assert!(message.contains(part), "{flags}: {message}");
        assert!(!out.exists(), "{flags}");
    }
}

#[test]
fn rows_of_ids_that_do_not_fit_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.json");
    let long = vec![7; 4097];
    for (rows, parts) in [
        (json!([[489, 10], long]), ["prompt 1", "context has 4096"]),
        (json!([[489, 10], [512]]), ["prompt 1", "vocabulary of 512"]),
    ] {
        fs::write(&file, rows.to_string()).unwrap();
        let (_folder, _, output) =
            generate(&["--tokens", file.to_str().unwrap()], "--gen-length 2");
        let message = message(&output);
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
}

#[test]
fn what_a_run_cannot_make_use_of_is_said() {
    for (flags, part) in [
        ("--gen-length 4 --steps 9", "9 steps for 4 tokens"),
        ("--gen-length 4 --preset fast-dllm --order entropy", "negative --threshold"),
        ("--gen-length 4 --steps 2 --preset first-hitting", "one step a token"),
    ] {
        let (_folder, _, output) = ask(flags);
        succeeds(&output);
        assert!(stderr(&output).contains(part), "{flags}: {}", stderr(&output));
    }
}
