//! From rows to findings: changes between drawing together and drawing one by one.

use std::collections::BTreeMap;

use dlm_stats::{Bootstrap, Estimate, jackknife};

use super::{
    ONE_BY_ONE, PairRow, TOGETHER, WHOLE,
    agreement::Kind,
    figures,
    oracle::{self, Counts, EXACT, ORDERS, WordRow, rates},
    tables, toy,
    toy::LawRow,
};
use crate::{
    Error, Estimates, Family, Folder, experiments::paragraph::with_interval, summary::Findings,
};

/// All rows of a run.
pub(super) struct Measured {
    pub(super) laws: Vec<LawRow>,
    pub(super) words: Vec<WordRow>,
    pub(super) pairs: Vec<PairRow>,
}

/// Divergence of transitions from the chain, by order and tokens a step.
pub(super) struct Series {
    pub(super) order: String,
    /// Absent for the chain itself.
    pub(super) together: Option<usize>,
    pub(super) kl: Option<Estimate>,
    pub(super) tv: Option<Estimate>,
}

pub(super) fn of(
    measured: &Measured,
    chain: &[Vec<f64>],
    sentences: &BTreeMap<String, String>,
    bootstrap: &Bootstrap,
    folder: &Folder,
) -> Result<Findings, Error> {
    let mut estimates = Estimates::default();
    toy_estimates(&measured.laws, &mut estimates);
    let series = oracle_estimates(&measured.words, chain, bootstrap.level, &mut estimates)?;
    let shares = Shares::new(&measured.pairs);
    shares.estimates(bootstrap, &mut estimates);
    let mut shown = vec![figures::oracle(&series, folder)?];
    if !measured.pairs.is_empty() {
        shown.push(figures::pairs(&shares, bootstrap, folder)?);
    }
    let mut tables = tables::toy(&measured.laws);
    if !measured.pairs.is_empty() {
        tables.push(tables::kinds(&shares, bootstrap));
        tables.push(tables::extremes(&shares, sentences));
    }
    Ok(Findings {
        finding: finding(&estimates),
        method: METHOD.to_string(),
        estimates,
        figures: shown,
        tables,
        ..Findings::default()
    })
}

const METHOD: &str = "Three parts. The two-word language holds \"I like\" and \"He likes\", \
     equally likely; every order is combined with every commit rule that draws, and each \
     combination is run with all outcomes of all its decisions, so the shares are exact. On a \
     Markov chain whose conditionals are known exactly, words are written with so many tokens a step at \
     temperature 1; distances of their transitions from the chain are weighted over the first \
     token, and intervals leave out a word at a time. In sentences with two open places, each \
     with a list of single tokens, probabilities are restricted to the lists and made \
     distributions again: together is p(a)·p(b), one by one p(a)·p(b given a), the mean of \
     both orders; these are computed and not drawn. The base reads the whole sentence with each \
     listed pair in it, and its probabilities are made a distribution among the pairs: so what \
     follows the places counts for it as for the others. The Gaussian family denoises both \
     places side by side with its predictions restricted to the lists at every step, because \
     hardly any pair would be listed otherwise. Intervals resample sentences.";

fn finding(estimates: &Estimates) -> String {
    let show = |name: &str| with_interval(estimates, name);
    let has = |name: &str| estimates.get(name).is_some();
    let value = |name: &str| estimates.get(name).map_or(f64::NAN, |e| e.value);
    let mut text = format!(
        "On the two-word language, drawing both words at once makes {:.2} of the pairs invalid, \
         one by one {:.2} (exact, random order). With a perfect network on a Markov chain, \
         transitions are {} nats from the law at eight tokens a step and {} at one: a change of \
         {}.",
        value("toy_invalid_together"),
        value("toy_invalid_one_by_one"),
        show("oracle_kl_at_8"),
        show("oracle_kl_at_1"),
        show("oracle_kl_change"),
    );
    if has("masked_invalid_change") {
        text += &format!(
            " The masked language model's listed pairs are invalid with {} when drawn together \
             and with {} one by one at temperature 1: a change of {}.",
            show("masked_invalid_together"),
            show("masked_invalid_one_by_one"),
            show("masked_invalid_change"),
        );
    }
    if has("autoregressive_invalid") {
        text += &format!(
            " By the base's probabilities of whole sentences it is {}.",
            show("autoregressive_invalid")
        );
    }
    if has("masked_invalid_excess") {
        text +=
            &format!(" Drawing together has {} more than the base.", show("masked_invalid_excess"));
    }
    if has("gaussian_invalid") {
        text += &format!(" The Gaussian family has {}.", show("gaussian_invalid"));
    }
    text + &format!(
        " Ranking positions by the probability of the token that was drawn misses a language of \
         three positions by a total variation of {:.3} even one by one; ranking by the best \
         token's, by {:.3}.",
        value("drawn_ranking_miss"),
        value("best_ranking_miss").abs(),
    )
}

fn exact(value: f64) -> Estimate {
    Estimate { value, lower: value, upper: value, level: 1.0, units: 0 }
}

fn toy_estimates(laws: &[LawRow], estimates: &mut Estimates) {
    let find = |language: &str, order: &str, rule: &str| {
        let is = |row: &&LawRow| row.language == language && row.order == order && row.rule == rule;
        laws.iter().find(is)
    };
    let two = |rule| find(toy::TWO_WORDS, toy::RANDOM, rule).map(|row| row.invalid);
    if let (Some(both), Some(one)) = (two(toy::ALL), two(toy::ONE)) {
        let mut add = |name: &str, meaning: &str, value: f64| {
            let meaning = format!("{meaning}, two-word language, random order; exact");
            estimates.add(name, &meaning, exact(value));
        };
        add("toy_invalid_together", "invalid pairs when both words are drawn at once", both);
        add("toy_invalid_one_by_one", "invalid pairs when words are drawn one by one", one);
        add("toy_invalid_change", "invalid pairs at once minus one by one", both - one);
    }
    for (name, order) in [
        ("drawn_ranking_miss", "drawn token's probability"),
        ("best_ranking_miss", "best token's probability"),
    ] {
        if let Some(row) = find(toy::THREE_POSITIONS, order, toy::ONE) {
            let meaning = format!(
                "total variation from a language of three positions, one by one, ranked by the \
                 {order}; exact"
            );
            estimates.add(name, &meaning, exact(row.total_variation));
        }
    }
}

/// The words of one order and number of tokens a step.
struct Group {
    order: &'static str,
    together: Option<usize>,
    /// KL and TV of all words.
    all: [f64; 2],
    /// The same without each word in turn.
    without: Vec<[f64; 2]>,
}

impl Group {
    fn new(
        (order, together): (&'static str, Option<usize>),
        words: &[WordRow],
        chain: &[Vec<f64>],
    ) -> Result<Self, Error> {
        let own = words.iter().filter(|w| w.order == order && w.tokens_per_step == together);
        let counts = own.map(|word| word.counts(chain.len())).collect::<Result<Vec<_>, _>>()?;
        let total = oracle::total(&counts);
        let of = |counts: &Counts| {
            let rates = rates(counts, chain);
            [rates.kl, rates.tv]
        };
        let without = counts.iter().map(|word| of(&oracle::without(&total, word))).collect();
        Ok(Self { order, together, all: of(&total), without })
    }

    /// KL (0) or TV (1); a single word has no interval.
    fn estimate(&self, which: usize, level: f64) -> Option<Estimate> {
        let without: Vec<f64> = self.without.iter().map(|rates| rates[which]).collect();
        jackknife(self.all[which], &without, level).ok()
    }

    /// This group's minus another's, of the same words.
    fn change(&self, from: &Self, which: usize, level: f64) -> Option<Estimate> {
        let pairs = self.without.iter().zip(&from.without);
        let without: Vec<f64> = pairs.map(|(to, from)| to[which] - from[which]).collect();
        jackknife(self.all[which] - from.all[which], &without, level).ok()
    }
}

/// Divergences are no means of words, and resampling words would add to their bias: the
/// intervals leave out a word at a time.
fn oracle_estimates(
    words: &[WordRow],
    chain: &[Vec<f64>],
    level: f64,
    estimates: &mut Estimates,
) -> Result<Vec<Series>, Error> {
    let kinds = std::iter::once((EXACT, None))
        .chain(ORDERS.iter().flat_map(|(order, _)| oracle::TOGETHER.map(|n| (*order, Some(n)))));
    let groups: Vec<Group> =
        kinds.map(|kind| Group::new(kind, words, chain)).collect::<Result<_, _>>()?;
    let random = |n| groups.iter().find(|g| g.order == oracle::RANDOM && g.together == Some(n));
    let names = [("kl", "divergence, nats"), ("tv", "total variation")];
    for n in oracle::TOGETHER {
        for (which, (name, what)) in names.into_iter().enumerate() {
            if let Some(estimate) = random(n).and_then(|group| group.estimate(which, level)) {
                let meaning =
                    format!("{what}, of transitions from the chain, {n} a step, random order");
                estimates.add(&format!("oracle_{name}_at_{n}"), &meaning, estimate);
            }
        }
    }
    if let (Some(one), Some(eight)) = (random(1), random(8)) {
        for (which, (name, what)) in names.into_iter().enumerate() {
            if let Some(change) = eight.change(one, which, level) {
                let meaning = format!("{what}, at 8 tokens a step minus at 1, random order");
                estimates.add(&format!("oracle_{name}_change"), &meaning, change);
            }
        }
    }
    let series = |group: &Group| Series {
        order: group.order.to_string(),
        together: group.together,
        kl: group.estimate(0, level),
        tv: group.estimate(1, level),
    };
    Ok(groups.iter().map(series).collect())
}

/// Shares of pairs that do not fit, by sentence.
pub(super) struct Shares<'a> {
    rows: &'a [PairRow],
    /// Sentences in the order of the file.
    pub(super) sentences: Vec<(&'a str, Kind)>,
    by_key: BTreeMap<(&'a str, Family, &'a str, u64), &'a PairRow>,
}

impl<'a> Shares<'a> {
    pub(super) fn new(rows: &'a [PairRow]) -> Self {
        let mut sentences: Vec<(&str, Kind)> = Vec::new();
        for row in rows {
            if sentences.last().is_none_or(|(id, _)| *id != row.sentence) {
                sentences.push((&row.sentence, row.kind));
            }
        }
        let key = |row: &'a PairRow| {
            let temperature = row.temperature.to_bits();
            ((row.sentence.as_str(), row.family, row.drawn.as_str(), temperature), row)
        };
        Self { rows, sentences, by_key: rows.iter().map(key).collect() }
    }

    /// All temperatures, rising.
    pub(super) fn temperatures(&self) -> Vec<f64> {
        let mut all: Vec<f64> = self.rows.iter().map(|row| row.temperature).collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        all
    }

    pub(super) fn row(
        &self,
        sentence: &'a str,
        family: Family,
        drawn: &'a str,
        temperature: f64,
    ) -> Option<&'a PairRow> {
        self.by_key.get(&(sentence, family, drawn, temperature.to_bits())).copied()
    }

    /// The share in each sentence of a kind, or of all.
    pub(super) fn of(
        &self,
        kind: Option<Kind>,
        family: Family,
        drawn: &'static str,
        temperature: f64,
    ) -> Vec<f64> {
        let rows = self.of_kind(kind).filter_map(|id| self.row(id, family, drawn, temperature));
        rows.map(|row| row.invalid).collect()
    }

    /// One share minus another in each sentence that has both.
    pub(super) fn change(
        &self,
        kind: Option<Kind>,
        from: (Family, &'static str),
        to: (Family, &'static str),
        temperature: f64,
    ) -> Vec<f64> {
        let share = |id, (family, drawn)| {
            self.row(id, family, drawn, temperature).map(|row: &PairRow| row.invalid)
        };
        self.of_kind(kind).filter_map(|id| Some(share(id, to)? - share(id, from)?)).collect()
    }

    fn of_kind(&self, kind: Option<Kind>) -> impl Iterator<Item = &'a str> + '_ {
        let of = move |(_, own): &&(&str, Kind)| kind.is_none_or(|kind| kind == *own);
        self.sentences.iter().filter(of).map(|(id, _)| *id)
    }

    fn estimates(&self, bootstrap: &Bootstrap, estimates: &mut Estimates) {
        use Family::{Autoregressive, Gaussian, Masked};
        let (both, one) = ((Masked, TOGETHER), (Masked, ONE_BY_ONE));
        for t in self.temperatures() {
            let suffix = if t == 1.0 { String::new() } else { format!("_t{t}") };
            let mut add = |name: &str, meaning: &str, values: &[f64]| {
                let meaning = format!("{meaning}; listed words, T = {t}");
                let name = format!("{name}{suffix}");
                estimates.add_if_any(&name, &meaning, bootstrap.mean(values));
            };
            let of = |(family, drawn): (Family, &'static str)| self.of(None, family, drawn, t);
            let change = |from, to| self.change(None, from, to, t);
            add("masked_invalid_together", "invalid pairs, both from their marginals", &of(both));
            add("masked_invalid_one_by_one", "invalid pairs, the second sees the first", &of(one));
            add("masked_invalid_change", "together minus one by one", &change(one, both));
            let base = (Autoregressive, WHOLE);
            let meaning = "invalid pairs by the base's probabilities of whole sentences";
            add("autoregressive_invalid", meaning, &of(base));
            let meaning = "invalid pairs of the base, left to right, what follows unseen";
            add("autoregressive_invalid_unseeing", meaning, &of((Autoregressive, ONE_BY_ONE)));
            let meaning = "invalid pairs of the masked family, together, minus the base's";
            add("masked_invalid_excess", meaning, &change(base, both));
            add(
                "gaussian_invalid",
                "invalid pairs, denoised side by side",
                &of((Gaussian, TOGETHER)),
            );
            let meaning = "invalid pairs of the Gaussian family minus the base's";
            add("gaussian_invalid_excess", meaning, &change(base, (Gaussian, TOGETHER)));
        }
        for kind in Kind::ALL {
            let values = self.change(Some(kind), one, both, 1.0);
            let name = format!("masked_invalid_change_{}", kind.name());
            let meaning =
                format!("together minus one by one, {}; listed words, T = 1", kind.name());
            estimates.add_if_any(&name, &meaning, bootstrap.mean(&values));
        }
        for (family, name) in
            [(Masked, "masked"), (Autoregressive, "autoregressive"), (Gaussian, "gaussian")]
        {
            let of_family = |row: &&PairRow| {
                let drawn = if family == Autoregressive { WHOLE } else { TOGETHER };
                row.family == family && row.temperature == 1.0 && row.drawn == drawn
            };
            let masses = self.rows.iter().filter(of_family);
            let masses: Vec<f64> =
                masses.map(|row| (row.first_mass + row.second_mass) / 2.0).collect();
            let meaning = "mass of the listed words among all, mean of both places";
            estimates.add_if_any(&format!("{name}_listed_mass"), meaning, bootstrap.mean(&masses));
        }
    }
}
