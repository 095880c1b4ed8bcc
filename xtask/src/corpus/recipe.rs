//! From archives to rows: what is read, made and written.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use anyhow::Result;

use super::archive;
use super::document::{Document, held_out, number};
use super::pairs::{self, Pair, Templates};
use super::passages;
use super::prompts::{Recipe, Subject};
use super::seen::Seen;
use super::sources::countries::{self, Country};
use super::sources::dictionary::{self, Word};
use super::sources::{addresses, bible, books, facts};
use super::sums::{self, Sum};
use super::templates::Entry;

/// Words that texts use at least this often are asked for.
const ASKED_FROM: u32 = 6;
/// One passage in this many of each source is asked about.
const PASSAGES_ONE_IN: &[(&str, u64)] =
    &[("addresses", 12), ("bible", 3), ("books", 6), ("countries", 1)];
/// One fact in this many is asked about.
const FACTS_ONE_IN: u64 = 3;
/// Lists whose entries may be what a fact is about.
const OF_FACTS: &[&str] =
    &["animal", "concept", "dish", "ingredient", "landscape", "person", "place", "plant", "thing"];

/// The path of the archive of each source, in the order of their names.
pub(crate) struct Archives<'a> {
    pub(crate) addresses: &'a Path,
    pub(crate) bible: &'a Path,
    pub(crate) books: &'a Path,
    pub(crate) countries: &'a Path,
    pub(crate) dictionary: &'a Path,
    pub(crate) facts: &'a Path,
}

/// Everything that the sources hold.
struct Material {
    /// By source, in the order in which they are written.
    documents: Vec<(&'static str, Vec<Document>)>,
    countries: Vec<Country>,
    words: Vec<Word>,
}

/// Makes the corpus in `out` from `archives` and the folder `data`.
pub(crate) fn make(archives: &Archives<'_>, data: &Path, out: &Path) -> Result<Vec<Sum>> {
    let material = Material::read(archives)?;
    let mut recipe = Recipe::read(&data.join("corpus"))?;
    let templates = Templates::read(&data.join("corpus/templates/pairs"))?;
    let seen = Seen::read(&data.join("prompts/prompts.jsonl"))?;

    let mut made = Vec::new();
    for (source, documents) in &material.documents {
        let rows = documents.iter().map(|document| {
            (document.row(), document.text.chars().count(), held_out(&document.document))
        });
        made.push(sums::write(out, &format!("text/{source}.jsonl"), rows)?);
    }

    let pairs = material.pairs(&recipe, &templates, &seen)?;
    let rows = pairs.iter().map(|pair| {
        let characters = pair.prompt.chars().count() + pair.response.chars().count();
        (pair, characters, pair.held_out)
    });
    made.push(sums::write(out, "pairs.jsonl", rows)?);

    recipe.derived = material.subjects();
    let prompts = recipe.prompts(&seen)?;
    let rows = prompts.iter().map(|row| (row, row.prompt.chars().count(), row.held_out));
    made.push(sums::write(out, "prompts.jsonl", rows)?);
    Ok(made)
}

impl Material {
    fn read(archives: &Archives<'_>) -> Result<Self> {
        let countries = countries::read(&archive::read(archives.countries, countries::wanted)?)?;
        let words = dictionary::read(&archive::read(archives.dictionary, dictionary::wanted)?)?;
        let addresses = archive::read(archives.addresses, addresses::wanted)?;
        let documents = vec![
            ("addresses", addresses::documents(&addresses)?),
            ("bible", bible::documents(&archive::read(archives.bible, bible::wanted)?)?),
            ("books", books::documents(&archive::read(archives.books, books::wanted)?)),
            ("countries", countries::documents(&countries)),
            ("facts", facts::documents(&archive::read(archives.facts, facts::wanted)?)),
        ];
        let documents = documents.into_iter().map(|(source, all)| (source, distinct(all)));
        Ok(Self { documents: documents.collect(), countries, words })
    }

    fn of(&self, source: &str) -> &[Document] {
        let found = self.documents.iter().find(|(name, _)| *name == source);
        found.map_or(&[], |(_, documents)| documents)
    }

    /// Countries that people can ask about.
    fn inhabited(&self) -> impl Iterator<Item = &Country> {
        self.countries.iter().filter(|country| country.is_inhabited())
    }

    /// Every pair once, and none whose prompt evaluates.
    fn pairs(&self, recipe: &Recipe, templates: &Templates, seen: &Seen) -> Result<Vec<Pair>> {
        let mut pairs = pairs::definitions(&self.words, templates)?;
        pairs.extend(pairs::about_countries(self.inhabited(), templates)?);
        let subjects: Vec<Entry> =
            OF_FACTS.iter().filter_map(|list| recipe.lists.get(*list)).flatten().cloned().collect();
        pairs.extend(pairs::facts(self.of("facts"), &subjects, templates)?);
        for (source, documents) in &self.documents {
            for document in documents.iter().filter(|_| *source != "facts") {
                pairs.extend(passages::pairs(document, templates)?);
            }
        }
        let mut told = HashSet::new();
        pairs.retain(|pair| {
            told.insert((pair.prompt.clone(), pair.response.clone())) && !seen.is_near(&pair.prompt)
        });
        Ok(pairs)
    }

    /// What prompts can ask about, by kind.
    fn subjects(&self) -> BTreeMap<&'static str, Vec<Subject>> {
        let asked = |word: &&Word| word.count >= ASKED_FROM && !word.word.contains(' ');
        let words = self.words.iter().filter(asked);
        let words = words.map(|word| (Entry::plain(&word.word), dictionary::document(&word.word)));
        let countries =
            self.inhabited().map(|country| (Entry::plain(&country.name), country.document.clone()));
        let facts =
            self.of("facts").iter().filter(|fact| number(&fact.text).is_multiple_of(FACTS_ONE_IN));
        let facts = facts.map(|fact| (Entry::plain(&fact.text), fact.document.clone()));
        let mut asked = Vec::new();
        for (source, one_in) in PASSAGES_ONE_IN {
            for document in self.of(source) {
                let chosen =
                    passages::alone(document).filter(|text| number(text).is_multiple_of(*one_in));
                asked.extend(chosen.map(|text| (Entry::plain(text), document.document.clone())));
            }
        }
        BTreeMap::from([
            ("country", countries.collect()),
            ("fact", facts.collect()),
            ("passage", asked),
            ("word", words.collect()),
        ])
    }
}

/// Documents whose text did not occur before.
fn distinct(documents: Vec<Document>) -> Vec<Document> {
    let mut told = HashSet::new();
    documents.into_iter().filter(|document| told.insert(document.text.clone())).collect()
}
