//! Templates and the lists that fill them: a line such as
//! `What should I look for when buying {it:a}?`, filled from every line of the
//! list of its kind.
//!
//! A list holds one entry a line: `a bicycle` (forms: bicycle, a bicycle,
//! bicycles), `a mouse = mice` (another plural), `honey` (no forms), `eggs +`
//! (plural alone), `bake bread = baking bread` (a second form of one's own). In
//! a template `{it}` is the entry without its article, `{it:a}` the entry with
//! it, `{it:s}` the plural or second form; `{it:is}`, `{it:was}`, `{it:does}`
//! and `{it:them}` agree with `{it:s}`, and `:cap` begins with a capital.
//! `{name}` and `{name2}` are drawn from the list called `name`, never twice the
//! same. A template that begins with `3x ` is drawn three times for each entry.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::clean;
use super::document::number;

/// One entry of a list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    bare: String,
    with_article: String,
    second: String,
    plural: bool,
}

/// Every list, by name.
pub(crate) type Lists = BTreeMap<String, Vec<Entry>>;

impl Entry {
    /// Reads a line of a list.
    pub(crate) fn parse(line: &str) -> Self {
        let (first, second) = match line.split_once(" = ") {
            Some((first, second)) => (first.trim(), Some(second.trim().to_string())),
            None => (line.trim(), None),
        };
        let (first, marked) = match first.strip_suffix(" +") {
            Some(first) => (first, true),
            None => (first, false),
        };
        let counted = first.strip_prefix("a ").or_else(|| first.strip_prefix("an "));
        let bare = counted.unwrap_or(first).to_string();
        let second = second.unwrap_or_else(|| match counted {
            Some(bare) => plural(bare),
            None => bare.clone(),
        });
        Self { bare, with_article: first.to_string(), second, plural: marked || counted.is_some() }
    }

    /// An entry that is taken as it is.
    pub(crate) fn plain(text: &str) -> Self {
        let text = text.to_string();
        Self { bare: text.clone(), with_article: text.clone(), second: text, plural: false }
    }

    /// Whether the entry occurs among `words`, which are in lower case and have
    /// a space on either side.
    pub(crate) fn occurs_in(&self, words: &str) -> bool {
        [&self.bare, &self.second]
            .iter()
            .any(|form| words.contains(&format!(" {} ", clean::words(form).join(" "))))
    }

    /// The name by which it is held out or not.
    pub(crate) fn key(&self) -> &str {
        &self.bare
    }

    /// The entry in one of the forms that a slot can ask for.
    pub(crate) fn form(&self, form: &str) -> Option<String> {
        let agree = |many: &str, one: &str| if self.plural { many } else { one }.to_string();
        Some(match form {
            "" => self.bare.clone(),
            "a" => self.with_article.clone(),
            "s" => self.second.clone(),
            "is" => agree("are", "is"),
            "was" => agree("were", "was"),
            "does" => agree("do", "does"),
            "them" => agree("them", "it"),
            _ => return capital(&self.form(form.strip_suffix("cap")?.trim_end_matches(':'))?),
        })
    }
}

/// The lists in `folder`, each line read by `entry`.
pub(crate) fn lists(folder: &Path, entry: fn(&str) -> Entry) -> Result<Lists> {
    let files = files(folder)?.into_iter();
    Ok(files.map(|(name, lines)| (name, lines.iter().map(|line| entry(line)).collect())).collect())
}

/// Name and lines of every `.txt` file in `folder`, without empty lines.
pub(crate) fn files(folder: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let shown = folder.display();
    let mut found = BTreeMap::new();
    for file in fs::read_dir(folder).with_context(|| format!("cannot read the folder {shown}"))? {
        let path = file?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            found.insert(stem, lines.map(str::to_string).collect());
        }
    }
    Ok(found)
}

/// How often a template is drawn for each entry, and its text.
pub(crate) fn draws(template: &str) -> (u32, &str) {
    let counted = template.split_once("x ");
    let counted = counted.and_then(|(count, text)| Some((count.parse().ok()?, text)));
    counted.unwrap_or((1, template))
}

/// `template` filled with `it`, an entry of the list `kind`; `draw` numbers the
/// draws of one template.
///
/// # Errors
/// If a slot names no list or no form.
pub(crate) fn fill(
    template: &str,
    kind: &str,
    it: &Entry,
    lists: &Lists,
    draw: u32,
) -> Result<String> {
    let mut text = String::new();
    let mut taken: BTreeMap<&str, Entry> = BTreeMap::from([("it", it.clone())]);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (slot, after) =
            after.split_once('}').with_context(|| format!("{template}: no `}}`"))?;
        let (name, form) = slot.split_once(':').unwrap_or((slot, ""));
        if !taken.contains_key(name) {
            let list = name.trim_end_matches(|c: char| c.is_ascii_digit());
            let Some(entries) = lists.get(list).filter(|entries| !entries.is_empty()) else {
                bail!("{template}: `{{{slot}}}` names no list; write words/{list}.txt")
            };
            let seed = format!("{kind}|{template}|{}|{draw}|{name}", it.bare);
            let start = number(&seed) as usize % entries.len();
            let turns = (0..entries.len()).map(|turn| &entries[(start + turn) % entries.len()]);
            // One entry never stands in two slots of one list.
            let mut free = turns.filter(|entry| !taken.values().any(|used| used == *entry));
            taken.insert(name, free.next().unwrap_or(&entries[start]).clone());
        }
        append(&mut text, before);
        let filled = taken[name].form(form);
        text.push_str(
            &filled.with_context(|| format!("{template}: `{{{slot}}}` has no such form"))?,
        );
        rest = after;
    }
    append(&mut text, rest);
    Ok(capital(&text).unwrap_or(text))
}

/// Appends `literal`; an entry that ends with a full stop needs no second one.
fn append(text: &mut String, literal: &str) {
    let doubled = text.ends_with('.') && literal.starts_with('.');
    text.push_str(if doubled { &literal[1..] } else { literal });
}

/// `text` with a capital first letter; none if it is empty.
fn capital(text: &str) -> Option<String> {
    let mut letters = text.chars();
    let first = letters.next()?;
    Some(first.to_uppercase().chain(letters).collect())
}

/// The regular plural; the lists spell the others.
fn plural(word: &str) -> String {
    let consonant_y = word.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match consonant_y {
        Some(stem) => format!("{stem}ies"),
        None if ["s", "x", "ch", "sh"].iter().any(|end| word.ends_with(end)) => format!("{word}es"),
        None => format!("{word}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists() -> Lists {
        let list = |lines: &[&str]| lines.iter().map(|line| Entry::parse(line)).collect();
        Lists::from([
            ("name".to_string(), list(&["Anna", "Ben"])),
            ("pet".to_string(), list(&["a cat", "an old dog"])),
        ])
    }

    fn filled(template: &str, line: &str) -> String {
        fill(template, "thing", &Entry::parse(line), &lists(), 0).unwrap()
    }

    #[test]
    fn slots_take_the_form_they_ask_for() {
        let cases = [
            ("Buy {it:a} or {it:s}, {it}", "an umbrella", "Buy an umbrella or umbrellas, umbrella"),
            ("What {it:is} {it:s}?", "a mouse = mice", "What are mice?"),
            ("What {it:is} {it:s}?", "honey", "What is honey?"),
            ("How {it:does} {it:s} keep? {it:is:cap}", "eggs +", "How do eggs keep? Are"),
            ("{it}: {it:s}", "bake bread = baking bread", "Bake bread: baking bread"),
            ("{it:cap}. Help!", "my dog barks", "My dog barks. Help!"),
            ("Tell me about {it}.", "Washington, D.C.", "Tell me about Washington, D.C."),
            ("{it:s} and {it:s}", "a box of berries = boxes", "Boxes and boxes"),
            ("{it:s}", "a library", "Libraries"),
            ("{it:s}", "a bus", "Buses"),
            ("{it:s}", "a toy", "Toys"),
        ];
        for (template, line, expected) in cases {
            assert_eq!(filled(template, line), expected);
        }
    }

    #[test]
    fn draws_differ_within_a_prompt_and_repeat_between_runs() {
        for entry in ["one", "two", "three", "four"] {
            let text = filled("{name} {name2} {name}", entry);
            assert!(["Anna Ben Anna", "Ben Anna Ben"].contains(&text.as_str()), "{text}");
            assert_eq!(text, filled("{name} {name2} {name}", entry));
            let story = filled("{it:a} and {pet:a}", "a cat");
            assert_eq!(story, "A cat and an old dog", "the same pet twice");
        }
        assert_eq!(draws("12x Write."), (12, "Write."));
        assert_eq!(draws("Fix my letters."), (1, "Fix my letters."));
    }

    #[test]
    fn what_cannot_be_filled_is_named() {
        for (template, part) in
            [("{nobody}", "words/nobody.txt"), ("{it:dative}", "no such form"), ("{it", "no `}`")]
        {
            let error = fill(template, "thing", &Entry::parse("x"), &lists(), 0).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
