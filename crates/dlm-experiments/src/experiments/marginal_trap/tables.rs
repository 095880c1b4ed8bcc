//! Tables: exact laws of orders and rules, pairs by kind, and single sentences.

use std::collections::BTreeMap;

use dlm_stats::{Bootstrap, Error as StatsError, Estimate};

use super::{
    ONE_BY_ONE, TOGETHER, WHOLE,
    agreement::Kind,
    findings::Shares,
    toy::{LawRow, THREE_POSITIONS, TWO_WORDS, orders},
};
use crate::{Family, Table, experiments::paragraph::rounded};

/// Sentences shown at either end.
const SHOWN: usize = 8;

/// Exact numbers of every order and rule, a table for each language.
pub(super) fn toy(laws: &[LawRow]) -> Vec<Table> {
    let table = |language: &str, title: &str, note: &str, of: fn(&LawRow) -> f64| {
        let mut rules: Vec<&str> = Vec::new();
        for row in laws.iter().filter(|row| row.language == language) {
            if !rules.contains(&row.rule.as_str()) {
                rules.push(&row.rule);
            }
        }
        let cell = |rule: &str, order: &str| {
            let is =
                |row: &&LawRow| row.language == language && row.rule == rule && row.order == order;
            laws.iter().find(is).map_or(String::new(), |row| {
                format!("{:.3} ({:.2})", of(row), row.tokens_per_evaluation)
            })
        };
        let row = |rule: &str| {
            let cells = orders().map(|(order, _)| cell(rule, order));
            std::iter::once(rule.to_string()).chain(cells).collect()
        };
        let heads = orders().map(|(order, _)| order.to_string());
        Table {
            title: title.to_string(),
            note: note.to_string(),
            columns: std::iter::once("rule".to_string()).chain(heads).collect(),
            rows: rules.into_iter().map(row).collect(),
            cell_notes: Vec::new(),
        }
    };
    vec![
        table(
            TWO_WORDS,
            "Invalid pairs of the two-word language",
            "\"I like\" and \"He likes\", equally likely. Exact share of \"I likes\" and \"He \
             like\" by commit rule and order at temperature 1; in brackets, tokens for each \
             network evaluation. Both words have a fair coin's uncertainty, so orders that look \
             at predictions have nothing to choose by.",
            |row| row.invalid,
        ),
        table(
            THREE_POSITIONS,
            "Distance from a language of three positions",
            "Exact total variation between what is written and a language of three tokens at \
             three positions, all 27 words possible; in brackets, tokens for each evaluation. \
             One by one it is 0 unless the order looks at the token that was drawn: a lucky draw \
             of a common token is then committed and an unlucky one drawn again.",
            |row| row.total_variation,
        ),
    ]
}

/// Shares and changes by kind at temperature 1.
pub(super) fn kinds(shares: &Shares<'_>, bootstrap: &Bootstrap) -> Table {
    let show = |estimate: Result<Estimate, StatsError>| match estimate {
        Ok(e) => format!("{} [{}, {}]", rounded(e.value), rounded(e.lower), rounded(e.upper)),
        Err(_) => String::new(),
    };
    let row = |kind: Option<Kind>| {
        let of = |family, drawn| show(bootstrap.mean(&shares.of(kind, family, drawn, 1.0)));
        let change =
            shares.change(kind, (Family::Masked, ONE_BY_ONE), (Family::Masked, TOGETHER), 1.0);
        vec![
            kind.map_or("all", Kind::name).to_string(),
            of(Family::Masked, TOGETHER),
            of(Family::Masked, ONE_BY_ONE),
            show(bootstrap.mean(&change)),
            of(Family::Autoregressive, WHOLE),
            of(Family::Gaussian, TOGETHER),
        ]
    };
    let columns = [
        "what agrees",
        "masked, together",
        "masked, one by one",
        "change",
        "base, whole sentence",
        "Gaussian, side by side",
    ];
    Table {
        title: "Invalid pairs in sentences, temperature 1".to_string(),
        note: "Shares of listed pairs that do not fit, with 95 % intervals over sentences."
            .to_string(),
        columns: columns.map(String::from).to_vec(),
        rows: std::iter::once(None).chain(Kind::ALL.map(Some)).map(row).collect(),
        cell_notes: Vec::new(),
    }
}

/// The sentences in which drawing together does most harm, and least.
pub(super) fn extremes<'a>(shares: &Shares<'a>, sentences: &BTreeMap<String, String>) -> Table {
    let share = |id: &'a str, family: Family, drawn: &'static str| {
        shares.row(id, family, drawn, 1.0).map(|row| row.invalid)
    };
    let change = |id: &'a str| {
        let together = share(id, Family::Masked, TOGETHER)?;
        Some(together - share(id, Family::Masked, ONE_BY_ONE)?)
    };
    let mut ranked: Vec<(&'a str, f64)> =
        shares.sentences.iter().filter_map(|&(id, _)| Some((id, change(id)?))).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let kept: Vec<(&'a str, f64)> = match 2 * SHOWN < ranked.len() {
        true => [&ranked[..SHOWN], &ranked[ranked.len() - SHOWN..]].concat(),
        false => ranked,
    };
    let number = |share: Option<f64>| share.map_or(String::new(), |share| format!("{share:.3}"));
    let row = |&(id, change): &(&'a str, f64)| {
        vec![
            sentences.get(id).cloned().unwrap_or_else(|| id.to_string()),
            number(share(id, Family::Masked, TOGETHER)),
            number(share(id, Family::Masked, ONE_BY_ONE)),
            number(Some(change)),
            number(share(id, Family::Autoregressive, WHOLE)),
        ]
    };
    let columns =
        ["sentence", "masked, together", "masked, one by one", "change", "base, whole sentence"];
    Table {
        title: "Sentences in which drawing together does most and least harm".to_string(),
        note: "Words in brackets agree in the order given, the first with the first.".to_string(),
        columns: columns.map(String::from).to_vec(),
        rows: kept.iter().map(row).collect(),
        cell_notes: Vec::new(),
    }
}
