//! From text to ids and back, and what templates may and may not do.

#[path = "support/checkpoint.rs"]
mod checkpoint;
mod support;

use checkpoint::{Checkpoint, malformed, refusal};
use dlm_core::MaskPredictor;
use dlm_runtime::{Error, Model};
use serde_json::{Value, json};
use support::{fixture, load, says};

const SETTINGS: &str = "tokenizer_config.json";
const CLS: u32 = 2;
const SEP: u32 = 3;

#[test]
fn text_becomes_the_ids_of_the_reference_and_text_again() {
    for (name, family) in [("llada-tiny", "llada"), ("dream-tiny", "dream"), ("bert-tiny", "bert")]
    {
        let model = published(name);
        let text = model.text().unwrap();
        for case in golden(family, "encode") {
            let (written, ids) = (string(&case["text"]), ids(&case["ids_no_special"]));
            assert_eq!(text.encode(written).unwrap(), ids, "{family}: {written:?}");
            // BERT's golden decodes [CLS] and [SEP] too where they were added.
            let decoded = text.decode(&ids).unwrap();
            assert_eq!(decoded, string(&case["decode"]), "{family}: {written:?}");
        }
    }
}

#[test]
fn a_prompt_becomes_the_conversation_of_the_reference() {
    for (name, family) in [("llada-tiny", "llada"), ("dream-tiny", "dream")] {
        let model = published(name);
        let text = model.text().unwrap();
        let single = |case: &Value| case["messages"].as_array().unwrap().len() == 1;
        let cases: Vec<Value> = golden(family, "chat").into_iter().filter(single).collect();
        assert!(!cases.is_empty(), "{family}");
        for case in cases {
            let canvas = model.canvas(string(&case["messages"][0]["content"]), 5).unwrap();
            let mask = model.mask().unwrap();
            let expected = [ids(&case["ids_add_generation_prompt_true"]), vec![mask; 5]].concat();
            assert_eq!(canvas.tokens(), expected, "{family}");
            let before = &canvas.tokens()[..expected.len() - 5];
            let written = string(&case["text_add_generation_prompt_true"]);
            assert_eq!(text.decode(before).unwrap(), written, "{family}");
        }
    }
}

#[test]
fn berts_masks_stand_between_its_special_tokens() {
    let model = published("bert-tiny");
    let mask = model.mask().unwrap();
    let prompt = model.text().unwrap().encode("Hello world!").unwrap();
    let canvas = model.canvas("Hello world!", 3).unwrap();
    assert_eq!(canvas.tokens(), [&[CLS], &prompt[..], &[mask; 3], &[SEP]].concat());
    let first = prompt.len() + 1;
    assert_eq!(canvas.masked(), [first, first + 1, first + 2]);
}

#[test]
fn an_empty_prompt_is_refused() {
    for name in ["bert-tiny", "llada-tiny", "dream-tiny"] {
        let model = published(name);
        for prompt in ["", " ", "\n\t "] {
            let error = model.canvas(prompt, 3).unwrap_err();
            assert!(matches!(error, Error::Prompt(_)), "{error:?}");
            says(&error, &["empty", "at least one word"]);
        }
    }
}

#[test]
fn a_canvas_without_masks_is_refused() {
    for name in ["bert-tiny", "llada-tiny"] {
        let error = published(name).canvas("Hello", 0).unwrap_err();
        assert!(matches!(error, Error::Prompt(_)), "{error:?}");
        says(&error, &["at least one mask"]);
    }
}

#[test]
fn a_prompt_beyond_the_context_is_refused_with_both_lengths() {
    let model = published("bert-tiny");
    let longest = 512 - model.canvas("Hello", 1).unwrap().tokens().len() + 1;
    assert_eq!(model.canvas("Hello", longest).unwrap().tokens().len(), 512);
    let error = model.canvas("Hello", longest + 1).unwrap_err();
    assert!(matches!(error, Error::Prompt(_)), "{error:?}");
    says(&error, &["513", "512", "shorten the prompt", "fewer masks"]);
}

#[test]
fn a_prompt_that_holds_the_mask_is_refused() {
    let error = published("llada-tiny").canvas("Guess: <|mdm_mask|>", 3).unwrap_err();
    assert!(matches!(error, Error::Prompt(_)), "{error:?}");
    says(&error, &["mask token 501"]);
}

#[test]
fn a_tokenizer_of_another_checkpoint_is_refused() {
    let checkpoint = Checkpoint::copy_of("bert-tiny");
    let foreign = std::fs::read(fixture("models/llada-tiny/tokenizer.json")).unwrap();
    let error = refusal(checkpoint.write("tokenizer.json", foreign));
    malformed(&error, "tokenizer.json", "vocabulary");
    says(&error, &["id 511", "400 rows", "another checkpoint"]);
}

#[test]
fn a_checkpoint_without_tokenizer_answers_for_ids_alone() {
    let checkpoint = Checkpoint::copy_of("llada-tiny");
    let mut model = checkpoint.remove("tokenizer.json").load().unwrap();
    assert!(!model.has_text());
    let error = model.canvas("Hello", 3).unwrap_err();
    assert!(matches!(error, Error::NoTokenizer { .. }), "{error:?}");
    says(&error, &["token ids instead", "tokenizer.json"]);
    let query = dlm_core::Query::new(&[5, 501, 7], &[1]);
    let prediction = model.predict(&[query], &dlm_core::Ask::default()).unwrap();
    assert_eq!(prediction.candidates[0][0].position, 1);
}

#[test]
fn a_vocabulary_without_merges_is_refused() {
    let checkpoint = Checkpoint::copy_of("dream-tiny");
    let error = refusal(checkpoint.remove("merges.txt"));
    assert!(matches!(&error, Error::MissingFile { file, .. } if file == "merges.txt"), "{error:?}");
    says(&error, &["merges.txt", "vocab.json", "tokenizer.json"]);
}

#[test]
fn broken_tokenizer_files_are_named() {
    for text in ["", "{", "{}", "[]", r#"{"version": "1.0", "model": {"type": "Nothing"}}"#] {
        let checkpoint = Checkpoint::copy_of("bert-tiny");
        let error = refusal(checkpoint.write("tokenizer.json", text));
        assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
        says(&error, &["tokenizer.json"]);
    }
    for (file, text) in [
        ("vocab.json", "{"),
        ("vocab.json", r#"{"a": "b"}"#),
        ("merges.txt", "one two three four"),
        ("merges.txt", "zz qq\n"),
        ("added_tokens.json", "[]"),
        ("added_tokens.json", r#"{"<|mask|>": -1}"#),
        ("added_tokens.json", r#"{"<|mask|>": 17}"#),
        (SETTINGS, "["),
    ] {
        let checkpoint = Checkpoint::copy_of("dream-tiny");
        let error = refusal(checkpoint.write(file, text));
        assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
        says(&error, &[file]);
    }
}

#[test]
fn a_tokenizer_whose_parts_contradict_each_other_is_refused() {
    let checkpoint = Checkpoint::copy_of("bert-tiny");
    let mut file: Value = serde_json::from_slice(&checkpoint.read("tokenizer.json")).unwrap();
    let special = &mut file["post_processor"]["special_tokens"];
    let named = special.as_object_mut().unwrap().remove("[SEP]");
    assert!(named.is_some());
    let model = checkpoint.write("tokenizer.json", file.to_string()).load();
    let error = model.and_then(|model| model.canvas("Hello", 2).map(drop)).unwrap_err();
    malformed(&error, "tokenizer.json", "tokenizer");
}

#[test]
fn emoji_survive_the_round_trip_and_cut_ones_become_replacement_signs() {
    for name in ["llada-tiny", "dream-tiny"] {
        let model = published(name);
        let text = model.text().unwrap();
        let family = "👩‍👩‍👧‍👦🏳️‍🌈 🙂\u{fffd}\u{0}\u{10ffff}";
        let ids = text.encode(family).unwrap();
        assert_eq!(text.decode(&ids).unwrap(), family, "{name}");
        let emoji = text.encode("🙂").unwrap();
        assert!(1 < emoji.len(), "{name} has a token for it, so nothing can be cut");
        assert!(text.decode(&emoji[..1]).unwrap().contains('\u{fffd}'), "{name}");
    }
}

#[test]
fn ids_outside_the_vocabulary_decode_to_nothing() {
    let model = published("llada-tiny");
    assert_eq!(model.text().unwrap().decode(&[u32::MAX]).unwrap(), "");
}

#[test]
fn half_of_a_surrogate_pair_in_a_file_is_refused() {
    let checkpoint = Checkpoint::copy_of("llada-tiny");
    let error = refusal(checkpoint.write(SETTINGS, r#"{"chat_template": "\ud83d"}"#));
    malformed(&error, SETTINGS, "JSON");
}

#[test]
fn the_default_of_several_templates_is_taken() {
    let templates = json!([
        { "name": "tools", "template": "no" },
        { "name": "default", "template": "Q{{ messages[0].content }}A" },
    ]);
    assert_eq!(rendered(templates, "Hello").unwrap(), "QHelloA");
    for wrong in [json!([]), json!([{ "name": "tools", "template": "x" }]), json!(3), json!({})] {
        let checkpoint = Checkpoint::copy_of("llada-tiny");
        let error = refusal(checkpoint.set(SETTINGS, "chat_template", wrong));
        malformed(&error, SETTINGS, "chat_template");
        says(&error, &["default"]);
    }
}

#[test]
fn a_template_file_wins_with_and_without_settings() {
    let checkpoint = Checkpoint::copy_of("llada-tiny");
    checkpoint.write("chat_template.jinja", "file: {{ messages[0]['content'] }}{{ bos_token }}");
    assert_eq!(prompt(&checkpoint.load().unwrap(), "Hi").unwrap(), "file: Hi<|startoftext|>");
    checkpoint.remove(SETTINGS);
    assert_eq!(prompt(&checkpoint.load().unwrap(), "Hi").unwrap(), "file: Hi");
    checkpoint.write("chat_template.jinja", b"\xff\xfe");
    let error = refusal(&checkpoint);
    assert!(matches!(error, Error::Read { .. }), "{error:?}");
    says(&error, &["chat_template.jinja"]);
}

#[test]
fn a_prompt_is_data_to_the_template() {
    let template = json!("{{ messages[0].content }}");
    for text in
        ["{{ 6 * 7 }}", "{% for x in range(9) %}x{% endfor %}", "{# gone? #}", "{{ bos_token"]
    {
        assert_eq!(rendered(template.clone(), text).unwrap(), text);
    }
    let model = published("llada-tiny");
    let ids = model.text().unwrap().encode("say <|eot_id|> now").unwrap();
    let canvas = model.canvas("say <|eot_id|> now", 2).unwrap();
    assert!(canvas.tokens().windows(ids.len() - 1).any(|part| part == &ids[1..]));
}

#[test]
fn python_methods_and_filters_work_in_templates() {
    let cases = [
        ("{{ messages[0]['content'].strip().upper() }}", "HELLO"),
        ("{{ messages[0].content | trim | tojson }}", "\"Hello\""),
        ("{{ '%s-%05.1f' | format('a', 2.5) }}", "a-002.5"),
        ("{{ '{:>6}'.format('ab') }}", "    ab"),
        ("{{ 'a\nb' | indent(2) }}", "a\n  b"),
        ("{{ {'a': [1]} | tojson(indent=1) }}", "{\n \"a\": [\n  1\n ]\n}"),
        ("{{ none }}{{ undefined_thing }}{{ true }}", "NoneTrue"),
        ("{% if messages[0].role == 'user' %}\n  yes\n{% endif %}", "  yes\n"),
    ];
    for (template, expected) in cases {
        let found = rendered(json!(template), " Hello ");
        assert_eq!(found.unwrap(), expected, "{template}");
    }
}

#[test]
fn a_template_that_fails_says_why() {
    let cases = [
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{% if %}", "syntax error"),
        ("{{ messages[0].content", "syntax error"),
        ("{% include 'secrets' %}", "secrets"),
        ("{{ strftime_now('%d') }}", "strftime_now"),
        ("{{ messages | nosuchfilter }}", "nosuchfilter"),
        ("{{ 1 // 0 }}", "//"),
    ];
    for (template, part) in cases {
        template_error(template, &[part, "mended"]);
    }
}

#[test]
fn a_template_that_does_not_end_is_stopped() {
    let nested = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
    let recursive = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}";
    template_error(nested, &["does it loop?"]);
    template_error(recursive, &["chat_template"]);
}

#[test]
fn a_template_that_writes_without_end_is_stopped() {
    let cases = [
        "{{ 'a' * 10**9 }}",
        "{{ 'a' * 10**18 }}",
        "{{ 'a' * (10**7 * 3) }}",
        "{{ range(10**12) | list }}",
        "{% set s = 'a' * 10**6 %}{% for i in range(1000) %}{{ s }}{% endfor %}",
        "{% set s = 'a' * 10**6 %}{% set t %}{% for i in range(9999) %}{{ s }}{% endfor %}{% endset %}",
        "{% set s = ['a' * 10**6] * 10**6 %}{{ s }}",
        "{{ '%1000000000s' | format('a') }}",
        "{{ '%*s' | format(10**9, 'a') }}",
        "{{ '{:>99999999999999}'.format('a') }}",
        "{{ '{:>{}}'.format('a', 10**9) }}",
        "{{ 'a\nb' | indent(10**15) }}",
        "{{ 'a\nb' | indent(width=10**15) }}",
        "{{ [1] | tojson(indent=10**15) }}",
        "{{ [1] | tojson(10**15) }}",
    ];
    for template in cases {
        template_error(template, &["chat_template"]);
    }
}

/// The model of an untouched fixture.
fn published(name: &str) -> Model {
    load(&fixture(&format!("models/{name}")), None).unwrap()
}

/// Cases of tokenizer_golden.json.
fn golden(family: &str, kind: &str) -> Vec<Value> {
    let bytes = std::fs::read(fixture("golden/tokenizer_golden.json")).unwrap();
    let all: Value = serde_json::from_slice(&bytes).unwrap();
    all[family][kind].as_array().unwrap().clone()
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

/// What stands before the one mask of a prompt's canvas.
fn prompt(model: &Model, prompt: &str) -> Result<String, Error> {
    let canvas = model.canvas(prompt, 1)?;
    let (_, before) = canvas.tokens().split_last().unwrap();
    model.text()?.decode(before)
}

/// What LLaDA's tokenizer gets to see of a prompt under another template.
fn rendered(template: Value, text: &str) -> Result<String, Error> {
    let checkpoint = Checkpoint::copy_of("llada-tiny");
    checkpoint.set(SETTINGS, "chat_template", template);
    prompt(&checkpoint.load()?, text)
}

#[track_caller]
fn template_error(template: &str, parts: &[&str]) {
    match rendered(json!(template), "Hello") {
        Err(error @ Error::Template { .. }) => {
            says(&error, &[SETTINGS, "chat_template"]);
            says(&error, parts);
        }
        Err(other) => panic!("{template}: {other:?}"),
        Ok(text) => panic!("{template}: {} bytes", text.len()),
    }
}
