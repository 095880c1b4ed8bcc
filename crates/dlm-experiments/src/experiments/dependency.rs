//! `dependency`: what hidden tokens share, which predicting them one by one does not hold.

mod estimates;
mod oracle;
mod pairs;

use serde::Deserialize;

use self::{
    estimates::{Row, estimates, panels, rows},
    oracle::{OracleSettings, exact},
    pairs::Site,
};
use super::{
    Experiment,
    paragraph::with_interval,
    recovery::{KnownText, known_texts, why_no_texts},
};
use crate::{Error, Estimates, Family, Folder, showing::Caption, stage::Stage, summary::Findings};

const ROWS: &str = "rows.csv";

/// Where the chain's randomness starts, far from any prompt's.
const CHAIN: u64 = 1 << 48;

/// What the spec says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// How far two tokens lie apart.
    distances: Vec<usize>,
    /// Prompts with a reference answer that are used.
    texts: usize,
    /// Where answers are cut, in tokens.
    length: usize,
    /// Anchors of a text, each with a partner at every distance.
    pairs: usize,
    /// How often an anchor's token is drawn.
    draws: usize,
    /// The chain.
    oracle: OracleSettings,
}

impl Settings {
    fn problem(&self) -> Option<(&'static str, String)> {
        let Self { distances, texts, length, pairs, draws, oracle } = self;
        if distances.is_empty() || distances.contains(&0) {
            return Some(("distances", format!("{distances:?} are not all at least 1")));
        }
        let reach = distances.iter().copied().chain([pairs::BLOCK]).max().unwrap_or(0);
        let least = [
            ("texts", *texts, 1),
            ("length", *length, reach + 1),
            ("pairs", *pairs, 1),
            ("draws", *draws, 1),
            ("oracle.length", oracle.length, 2),
        ];
        let few = least.into_iter().find(|(_, given, least)| given < least);
        few.map(|(field, given, least)| (field, format!("{given} is less than {least}")))
    }
}

/// The experiment.
pub(super) struct Dependency {
    settings: Settings,
    texts: Vec<KnownText>,
}

impl Dependency {
    pub(super) fn new(stage: &mut Stage) -> Result<Self, Error> {
        let settings: Settings = stage.settings()?;
        if let Some((field, problem)) = settings.problem() {
            return Err(stage.spec.refuse(field, problem));
        }
        let prompts = stage.prompts()?.clone();
        let texts = match stage.models.get(Family::Masked) {
            Some(model) => known_texts(model, &prompts, settings.texts, settings.length)?,
            None => Vec::new(),
        };
        Ok(Self { settings, texts })
    }
}

impl Experiment for Dependency {
    fn units(&self) -> usize {
        self.texts.len()
    }

    fn files(&self) -> &'static [&'static str] {
        &[ROWS]
    }

    fn measure(
        &mut self,
        unit: usize,
        stage: &mut Stage,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        let (Settings { distances, pairs, draws, .. }, text) = (&self.settings, &self.texts[unit]);
        let key = stage.key();
        let model = stage.models.need(Family::Masked)?;
        let mask = model.mask()?;
        let mut found = Vec::new();
        for anchor in 0..*pairs {
            let key = key.sequence(((text.prompt as u64) << 16) + anchor as u64);
            let answer = text.answer.clone();
            // A short answer has no room for the most distant partner.
            let Some(site) = Site::draw(&text.tokens, answer, distances, mask, key) else {
                continue;
            };
            let shared = site.shared(model, &text.tokens, *draws, key)?;
            found.extend(rows(text.prompt, anchor, &shared, distances));
        }
        folder.append(ROWS, &found)
    }

    fn analyse(&self, stage: &mut Stage, folder: &Folder) -> Result<Findings, Error> {
        let Settings { distances, oracle, .. } = &self.settings;
        let rows: Vec<Row> = folder.read_rows(ROWS)?;
        let exact = exact(oracle, distances, stage.key().sequence(CHAIN));
        let exact = exact.map_err(|error| stage.spec.refuse("oracle", error))?;
        let bootstrap = stage.bootstrap();
        let estimates = estimates(&rows, &exact, distances, &bootstrap);
        let caption = "Means over texts with 95 % intervals; the chain's are exact.";
        let caption = Caption::new("pairs", "What drawing tokens at once has to lose", caption);
        let panels = panels(&rows, &exact, distances, &bootstrap);
        let figure = caption.curves(folder, "distance of the two tokens, positions", &panels)?;
        let why = match stage.models.has(Family::Masked) {
            false => Some(stage.models.why_not(Family::Masked)),
            true if self.texts.is_empty() => Some(why_no_texts(stage.prompts()?)),
            true => None,
        };
        let omitted = why.map(|why| format!("The language model is left out: {why}."));
        Ok(Findings {
            finding: finding(&estimates),
            method: self.method(bootstrap.resamples),
            omitted: omitted.into_iter().collect(),
            figures: vec![figure],
            estimates,
            ..Findings::default()
        })
    }
}

impl Dependency {
    fn method(&self, resamples: usize) -> String {
        let Settings { distances, length, pairs, draws, oracle, .. } = &self.settings;
        format!(
            "In each of {} reference answers, cut to {length} tokens, a position and those \
             {distances:?} behind it are hidden, and half of the rest, {pairs} times over. The network is asked about \
             all, then again with the first token drawn from its own prediction, {draws} times: how \
             far that moves its prediction of the other, KL(p_j(·|a) ‖ p_j), is what the pair \
             shares under the model, and what drawing both at once loses. The order's log-ratio is \
             ln[p_i(a) p_j(b|a)] − ln[p_j(b) p_i(a|b)], 0 for any network that holds a joint \
             distribution. The chain has {} tokens and words of {}; all about it is exact. \
             Intervals resample texts ({resamples} resamples).",
            self.texts.len(),
            oracle.states,
            oracle.length
        )
    }
}

fn finding(estimates: &Estimates) -> String {
    let show = |name: &str| with_interval(estimates, name);
    let exactly = |name: &str| {
        estimates.get(name).map_or(String::new(), |estimate| format!("{:.3}", estimate.value))
    };
    let mut said = Vec::new();
    if estimates.get("pair_information_adjacent").is_some() {
        said.push(format!(
            "Two neighbouring hidden tokens share {} nats under the model, and four neighbouring \
             ones {}; drawn at once, they lose that. The order in which a pair is conditioned \
             changes what its true tokens are worth by {} nats, and what tokens drawn at once are \
             worth by {}; the predictions of a joint distribution would give 0.",
            show("pair_information_adjacent"),
            show("total_correlation"),
            show("order_swap"),
            show("order_swap_drawn"),
        ));
    }
    said.push(format!(
        "On the chain, a network that knows the law loses {} nats a token when a word is drawn at \
         once, though the order of conditioning changes nothing ({}).",
        exactly("oracle_information_lost"),
        exactly("oracle_order_swap"),
    ));
    said.join(" ")
}

#[cfg(test)]
mod tests {
    use super::{OracleSettings, Settings};

    #[test]
    fn settings_that_make_no_sense_are_named() {
        let oracle = OracleSettings { length: 8, states: 3 };
        let good =
            Settings { distances: vec![1, 8], texts: 2, length: 9, pairs: 1, draws: 1, oracle };
        assert!(good.problem().is_none());
        for (bad, field) in [
            (Settings { distances: vec![], ..good.clone() }, "distances"),
            (Settings { distances: vec![0, 1], ..good.clone() }, "distances"),
            (Settings { length: 8, ..good.clone() }, "length"),
            (Settings { draws: 0, ..good.clone() }, "draws"),
        ] {
            assert_eq!(bad.problem().unwrap().0, field);
        }
    }
}
