//! `information-decay`: what noise takes from texts, and how unevenly and abruptly it does.

mod estimates;
mod figures;
mod masked;
mod noisy;
mod oracle;
mod rows;
#[cfg(test)]
mod tests;

use dlm_continuous::schedule::Schedule;
use serde::Deserialize;

use self::{
    estimates::{Measured, estimates, without_spread},
    oracle::{Oracle, OracleSettings},
    rows::TextRow,
};
use super::{
    Experiment,
    paragraph::{rounded, with_interval},
    recovery::{KnownText, known_texts, why_no_texts},
};
use crate::{
    Error, Estimates, Family, Folder, Table, generation::noise_schedule, stage::Stage,
    summary::Findings,
};

const ROWS: &str = "rows.csv";
const WORDS: &str = "oracle.csv";
const DISTANCES: &str = "distances.csv";

/// Where the chain's randomness starts, far from any prompt's.
const CHAIN: u64 = 1 << 32;

/// What the spec says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The distance from which on a hidden token counts as far.
    far: usize,
    /// Prompts with a reference answer that are used.
    texts: usize,
    /// Where answers are cut, in tokens.
    length: usize,
    /// Noise levels, rising; 0.5 and 1 among them.
    levels: Vec<f64>,
    /// The chain.
    oracle: OracleSettings,
}

impl Settings {
    fn read(stage: &Stage) -> Result<Self, Error> {
        let settings: Self = stage.settings()?;
        match settings.problem() {
            Some((field, problem)) => Err(stage.spec.refuse(field, problem)),
            None => Ok(settings),
        }
    }

    fn problem(&self) -> Option<(&'static str, String)> {
        let Self { far, texts, length, ref levels, ref oracle } = *self;
        let rising = levels.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising || levels.first().is_none_or(|&t| t <= 0.0) || levels.last() != Some(&1.0) {
            return Some(("levels", format!("{levels:?} do not rise from above 0 to 1")));
        }
        if !levels.contains(&0.5) {
            return Some(("levels", "0.5 is missing, at which the rules look".to_string()));
        }
        if far < 2 {
            return Some(("far", format!("{far} is not beyond a neighbour: give at least 2")));
        }
        let least = [("texts", texts, 1), ("length", length, 2), ("oracle", oracle.length, 2)];
        let few = least.into_iter().find(|(_, given, least)| given < least);
        few.map(|(field, given, least)| (field, format!("{given} is less than {least}")))
    }
}

/// The experiment.
pub(super) struct InformationDecay {
    settings: Settings,
    masked: Vec<KnownText>,
    gaussian: Vec<KnownText>,
    schedule: Option<Schedule>,
    oracle: Oracle,
}

impl InformationDecay {
    pub(super) fn new(stage: &mut Stage) -> Result<Self, Error> {
        let settings = Settings::read(stage)?;
        let prompts = stage.prompts()?.clone();
        let mut texts = |family: Family| match stage.models.get(family) {
            Some(model) => known_texts(model, &prompts, settings.texts, settings.length),
            None => Ok(Vec::new()),
        };
        let (masked, gaussian) = (texts(Family::Masked)?, texts(Family::Gaussian)?);
        let schedule = stage.models.get(Family::Gaussian).map(|model| noise_schedule(model));
        let oracle = Oracle::new(settings.oracle.clone(), stage.key().sequence(CHAIN));
        let oracle = oracle.map_err(|error| stage.spec.refuse("oracle", error))?;
        Ok(Self { settings, masked, gaussian, schedule: schedule.transpose()?, oracle })
    }

    /// Units that are texts; those after are blocks of words.
    fn texts(&self) -> usize {
        self.masked.len().max(self.gaussian.len())
    }

    fn rows_of_text(&self, index: usize, stage: &mut Stage) -> Result<Vec<TextRow>, Error> {
        let (times, key) = (&self.settings.levels, stage.key());
        let mut rows = Vec::new();
        if let Some(text) = self.masked.get(index) {
            let model = stage.models.need(Family::Masked)?;
            let mask = model.mask()?;
            rows.extend(masked::rows(model, mask, text, times, key.sequence(text.prompt as u64))?);
        }
        if let (Some(text), Some(schedule)) = (self.gaussian.get(index), &self.schedule) {
            let model = stage.models.need(Family::Gaussian)?;
            let key = key.sequence(text.prompt as u64);
            let found = noisy::missing(model, schedule, text, times, key)?;
            for (&t, nats) in times.iter().zip(found) {
                rows.extend(nats.into_iter().enumerate().map(|(position, nats)| TextRow {
                    text: text.prompt,
                    family: Family::Gaussian,
                    t,
                    position,
                    distance: None,
                    nats: nats as f32,
                }));
            }
        }
        Ok(rows)
    }
}

impl Experiment for InformationDecay {
    fn units(&self) -> usize {
        self.texts() + self.oracle.blocks()
    }

    fn files(&self) -> &'static [&'static str] {
        &[ROWS, WORDS, DISTANCES]
    }

    fn measure(
        &mut self,
        unit: usize,
        stage: &mut Stage,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        match unit.checked_sub(self.texts()) {
            None => folder.append(ROWS, &self.rows_of_text(unit, stage)?),
            Some(block) => {
                let Settings { levels, far, .. } = &self.settings;
                let (words, distances) = self.oracle.measure(block, levels, *far)?;
                folder.append(WORDS, &words)?;
                folder.append(DISTANCES, &distances)
            }
        }
    }

    fn analyse(&self, stage: &mut Stage, folder: &Folder) -> Result<Findings, Error> {
        let Settings { levels, far, .. } = &self.settings;
        let measured = measured(
            &folder.read_rows(ROWS)?,
            &folder.read_rows(WORDS)?,
            &folder.read_rows(DISTANCES)?,
            levels,
            *far,
        );
        let bootstrap = stage.bootstrap();
        let estimates = estimates(&measured, &bootstrap);
        let mut omitted = Vec::new();
        for (family, texts) in [(Family::Masked, &self.masked), (Family::Gaussian, &self.gaussian)]
        {
            let why = match stage.models.has(family) {
                false => stage.models.why_not(family),
                true if texts.is_empty() => why_no_texts(stage.prompts()?),
                true => continue,
            };
            omitted.push(format!("Texts under {family} noise are left out: {why}."));
        }
        Ok(Findings {
            omitted,
            figures: vec![
                figures::against_noise(&measured, &bootstrap, folder)?,
                figures::against_distance(&measured, &self.oracle, *far, &bootstrap, folder)?,
            ],
            tables: vec![self.exact(*far)],
            method: self.method(measured.masked.len().max(measured.gaussian.len()), &bootstrap),
            finding: format!("{} {}", finding(&estimates), left_out(&measured)),
            estimates,
            ..Findings::default()
        })
    }
}

impl InformationDecay {
    /// The chain's information by distance, in closed form.
    fn exact(&self, far: usize) -> Table {
        let entropy = self.oracle.entropy();
        let row = |(index, cost): (usize, f64)| {
            vec![(index + 1).to_string(), rounded(entropy - cost), rounded(cost)]
        };
        let columns = ["distance", "information, nats", "cost of a token, nats"];
        Table {
            title: "What one visible token of the chain says".to_string(),
            note: format!(
                "Exact, from the chain's law: mutual information of two tokens by their distance, \
                 and what is then left of a token's {} nats.",
                rounded(entropy)
            ),
            columns: columns.map(String::from).to_vec(),
            rows: self.oracle.given_one(2 * far).into_iter().enumerate().map(row).collect(),
            cell_notes: Vec::new(),
        }
    }

    fn method(&self, texts: usize, bootstrap: &dlm_stats::Bootstrap) -> String {
        let Settings { length, levels, oracle, .. } = &self.settings;
        format!(
            "{texts} prompts are shown with their reference answers, cut to {length} tokens; the \
             answer is noised at {} levels and the network is asked for −ln p of every true token. \
             Masks are nested from level to level, and Gaussian noise is the same at every level. \
             A visible token misses nothing; what is recovered of a token is what it misses where \
             all is noise, less what it misses now. The two families are compared where each has \
             lost half of its information. The chain has {} tokens; {} words of {} are drawn from \
             it, and a network that knows its law is asked the same. Intervals resample texts and \
             words ({} resamples).",
            levels.len(),
            oracle.states,
            oracle.words,
            oracle.length,
            bootstrap.resamples
        )
    }
}

/// Rows as losses.
fn measured(
    texts: &[TextRow],
    words: &[rows::WordRow],
    distances: &[rows::DistanceRow],
    levels: &[f64],
    far: usize,
) -> Measured {
    Measured {
        times: std::iter::once(0.0).chain(levels.iter().copied()).collect(),
        masked: rows::losses_of_texts(texts, Family::Masked, levels, far),
        gaussian: rows::losses_of_texts(texts, Family::Gaussian, levels, far),
        words: rows::losses_of_words(words, distances, levels, far),
    }
}

/// Which texts and words have no part in the spreads, as a sentence.
fn left_out(measured: &Measured) -> String {
    let said: Vec<String> = without_spread(measured)
        .into_iter()
        .filter(|(_, missing, _)| 0 < *missing)
        .map(|(which, missing, all)| format!("{missing} of {all} {which}"))
        .collect();
    match said.is_empty() {
        true => "No text and no word is left out of a spread.".to_string(),
        false => format!(
            "On the whole nothing is recovered of {}; a spread over the mean does not exist then, \
             and they are left out of it.",
            said.join(", of ")
        ),
    }
}

fn finding(estimates: &Estimates) -> String {
    let show = |name: &str| with_interval(estimates, name);
    let mut said = Vec::new();
    if estimates.get("masked_spread").is_some() {
        said.push(format!(
            "Under masks at t = 0.5, what is recovered varies over the positions of a text by {} \
             of its mean, {} beyond an even loss. Much of that is by construction, a visible token \
             being recovered whole: what hidden tokens alone miss varies by {} of its mean. From a \
             hidden token with a visible neighbour to one far from everything visible, nats \
             missing change by {}.",
            show("masked_spread"),
            show("masked_spread_excess"),
            show("masked_hidden_spread"),
            show("masked_distance_change"),
        ));
    }
    if estimates.get("spread_difference").is_some() {
        said.push(format!(
            "Where half of the information is lost, at t = {} under masks and at t = {} under \
             Gaussian noise, the spread of what is recovered is {} and {}: a difference of {}. A \
             position's largest step takes {} of all that happens to it under masks and {} under \
             Gaussian noise. Averaged over positions, the largest step is {} and {} times the mean \
             one.",
            show("masked_half_time"),
            show("gaussian_half_time"),
            show("masked_spread_half"),
            show("gaussian_spread"),
            show("spread_difference"),
            show("masked_largest_step"),
            show("gaussian_largest_step"),
            show("masked_step_ratio"),
            show("gaussian_step_ratio"),
        ));
    }
    said.push(format!(
        "On the chain, where the network makes no error, distance changes nats missing by {} and \
         the spread at t = 0.5 is {}.",
        show("oracle_distance_change"),
        show("oracle_spread"),
    ));
    said.join(" ")
}
