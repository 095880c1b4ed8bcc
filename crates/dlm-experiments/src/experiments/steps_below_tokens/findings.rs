//! From words and answers to what they say about tokens decided together.

use dlm_stats::Bootstrap;

use super::on_chain;
use crate::{
    Estimates, Table,
    experiments::{
        answers::{self, AnswerMeasure, AnswerRow, MEASURES},
        known_chain::{self, KnownChain, WordRow, impossible_transitions, wrong_words},
        measured::{Condition, Measured, condition, point},
        named_samplers::NamedSampler,
        paragraph::{cell, rounded, with_interval},
    },
    figures::{Curve, Panel, Point},
    summary::Findings,
};

/// Tokens a step that the claim compares with one.
const TOGETHER: usize = 8;
/// Most curves of a panel.
const CURVES: usize = 5;

/// Which samplers run at which numbers of steps.
pub(super) struct Plan {
    pub(super) presets: Vec<NamedSampler>,
    pub(super) tokens_per_step: Vec<usize>,
    /// Tokens of a word.
    pub(super) word: usize,
    /// Positions of an answer.
    pub(super) answer: usize,
}

impl Plan {
    /// Samplers and steps on the known chain.
    pub(super) fn on_chain(&self) -> Vec<(&NamedSampler, Option<usize>)> {
        self.at(self.word).into_iter().filter(|(preset, _)| on_chain(preset)).collect()
    }

    /// Samplers and steps on the model.
    pub(super) fn on_model(&self) -> Vec<(&NamedSampler, Option<usize>)> {
        self.at(self.answer)
    }

    fn at(&self, length: usize) -> Vec<(&NamedSampler, Option<usize>)> {
        let steps = |preset: &NamedSampler| match preset.is_paced {
            true => self.tokens_per_step.iter().map(|tokens| Some(length / tokens)).collect(),
            false => vec![None],
        };
        self.presets.iter().flat_map(|p| steps(p).into_iter().map(move |s| (p, s))).collect()
    }

    /// The estimates, tables and panels of all rows.
    pub(super) fn findings(
        &self,
        chain: &KnownChain,
        words: &[WordRow],
        answers: &[AnswerRow],
        bootstrap: &Bootstrap,
    ) -> (Findings, Vec<Panel>) {
        let mut estimates = Estimates::default();
        let mut tables = vec![self.words_table(chain, words, bootstrap)];
        self.add_words(&mut estimates, chain, words, bootstrap);
        let mut panels = self.words_panels(chain, words, bootstrap);
        if !answers.is_empty() {
            self.add_answers(&mut estimates, answers, bootstrap);
            panels.extend(self.answer_panels(answers, bootstrap));
            tables.push(self.answers_table(answers, bootstrap));
        }
        let findings = Findings {
            finding: finding(&estimates, !answers.is_empty()),
            method: self.method(bootstrap),
            tables,
            estimates,
            ..Findings::default()
        };
        (findings, panels)
    }

    /// The samplers that keep to a number of steps, at `tokens` a step.
    fn paced(&self, length: usize, tokens: usize) -> Vec<Condition> {
        let paced = self.presets.iter().filter(|preset| preset.is_paced);
        paced.map(|preset| condition(preset.name, Some(length / tokens))).collect()
    }

    /// One token a step beside [`TOGETHER`], of every sampler that keeps to a number of steps.
    fn pairs(&self, length: usize) -> Vec<(Condition, Condition)> {
        self.paced(length, 1).into_iter().zip(self.paced(length, TOGETHER)).collect()
    }

    /// What changes from one token a step to several, and what it is at either.
    fn add(
        &self,
        estimates: &mut Estimates,
        (name, meaning): (&str, &str),
        measured: &Measured,
        length: usize,
        bootstrap: &Bootstrap,
    ) {
        let pairs = self.pairs(length);
        let rise = bootstrap.mean(&measured.changes(&pairs));
        let full =
            format!("{meaning}: at {TOGETHER} tokens a step less at one, mean over samplers");
        estimates.add_if_any(&format!("{name}_rise"), &full, rise);
        for tokens in [1, TOGETHER] {
            let full = format!("{meaning}, at {tokens} a step, mean over samplers");
            let mean = bootstrap.mean(&measured.over(&self.paced(length, tokens)));
            estimates.add_if_any(&format!("{name}_{tokens}"), &full, mean);
        }
    }

    /// The same by sampler.
    fn add_each(
        &self,
        estimates: &mut Estimates,
        (name, meaning): (&str, &str),
        measured: &Measured,
        length: usize,
        bootstrap: &Bootstrap,
    ) {
        for pair in self.pairs(length) {
            let sampler = pair.0.0.clone();
            let meaning = format!("{meaning}: at {TOGETHER} tokens a step less at one, {sampler}");
            let rise = bootstrap.mean(&measured.changes(&[pair]));
            estimates.add_if_any(&format!("{name}_rise_{sampler}"), &meaning, rise);
        }
    }

    fn add_words(
        &self,
        estimates: &mut Estimates,
        chain: &KnownChain,
        words: &[WordRow],
        bootstrap: &Bootstrap,
    ) {
        let error = ("oracle_error", "share of words with an impossible transition");
        self.add(estimates, error, &wrong_words(words), self.word, bootstrap);
        self.add_each(estimates, error, &wrong_words(words), self.word, bootstrap);
        let error = ("oracle_token_error", "share of impossible transitions");
        self.add(estimates, error, &impossible_transitions(words), self.word, bootstrap);
        let drawn = |condition: &Condition| words.iter().any(|row| row.condition() == *condition);
        let of = |tokens: usize, sign: f64| -> Vec<(f64, Condition)> {
            let here: Vec<_> = self.paced(self.word, tokens).into_iter().filter(drawn).collect();
            let weight = sign / here.len().max(1) as f64;
            here.into_iter().map(|condition| (weight, condition)).collect()
        };
        let both = [of(TOGETHER, 1.0), of(1, -1.0)];
        if both.iter().all(|terms| !terms.is_empty()) {
            let meaning = "divergence of transitions from the chain, nats: at 8 tokens a step less \
                           at one, mean over samplers; interval over groups of words";
            let rise = chain.divergence(words, &both.concat());
            estimates.add_if_any("oracle_kl_rise", meaning, rise);
        }
    }

    fn add_answers(&self, estimates: &mut Estimates, answers: &[AnswerRow], bootstrap: &Bootstrap) {
        for measure in MEASURES {
            let named = (measure.name, measure.meaning);
            let measured = measure.of(answers);
            self.add(estimates, named, &measured, self.answer, bootstrap);
            if ["judge", "ngram"].contains(&measure.name) {
                self.add_each(estimates, named, &measured, self.answer, bootstrap);
            }
        }
    }

    /// Where a condition stands on the axis of tokens a step.
    fn x(length: usize, (_, steps): &Condition, nfe: &[f64]) -> f64 {
        let evaluations = match steps {
            Some(steps) => *steps as f64,
            None => nfe.iter().sum::<f64>() / nfe.len().max(1) as f64,
        };
        length as f64 / evaluations
    }

    /// A curve for each of the first samplers.
    fn curves(
        &self,
        length: usize,
        nfe: &Measured,
        value: impl Fn(&Condition, f64) -> Option<Point>,
    ) -> Vec<Curve> {
        let curve = |preset: &NamedSampler| {
            let here = self.at(length).into_iter().filter(|(other, _)| other.name == preset.name);
            let points = here.filter_map(|(_, steps)| {
                let condition = condition(preset.name, steps);
                value(&condition, Self::x(length, &condition, &nfe.under(&condition)))
            });
            Curve { label: preset.name.to_string(), points: points.collect() }
        };
        self.presets.iter().take(CURVES).map(curve).collect()
    }

    fn words_panels(
        &self,
        chain: &KnownChain,
        words: &[WordRow],
        bootstrap: &Bootstrap,
    ) -> Vec<Panel> {
        let (wrong, nfe) = (wrong_words(words), known_chain::evaluations(words));
        let errors =
            self.curves(self.word, &nfe, |condition, x| point(x, wrong.mean(condition, bootstrap)));
        let divergences = self.curves(self.word, &nfe, |condition, x| {
            point(x, chain.divergence(words, &[(1.0, condition.clone())]))
        });
        vec![
            panel("Perfect network: wrong words", "share", errors),
            panel("Perfect network: transitions", "KL from the chain, nats", divergences),
        ]
    }

    fn answer_panels(&self, answers: &[AnswerRow], bootstrap: &Bootstrap) -> Vec<Panel> {
        let nfe = answers::evaluations(answers);
        let panels = [
            ("Causal judge", "nats a token", "judge"),
            ("N-gram judge", "nats a byte", "ngram"),
            ("Variety of an answer's tokens", "entropy, nats", "entropy"),
            ("Repetition", "share of repeated runs of four", "rep_4"),
        ];
        let one = |(title, y_label, name): (&str, &str, &str)| {
            let measured = AnswerMeasure::named(name).of(answers);
            let value = |condition: &Condition, x| point(x, measured.mean(condition, bootstrap));
            let curves = self.curves(self.answer, &nfe, value);
            let any = curves.iter().any(|curve| !curve.points.is_empty());
            let y_from_zero = !["judge", "ngram"].contains(&name);
            any.then(|| Panel { y_from_zero, ..panel(title, y_label, curves) })
        };
        panels.into_iter().filter_map(one).collect()
    }

    fn words_table(&self, chain: &KnownChain, words: &[WordRow], bootstrap: &Bootstrap) -> Table {
        let nfe = known_chain::evaluations(words);
        let (wrong, impossible) = (wrong_words(words), impossible_transitions(words));
        let row = |(preset, steps): (&NamedSampler, Option<usize>)| {
            let here = condition(preset.name, steps);
            vec![
                preset.name.to_string(),
                rounded(Self::x(self.word, &here, &nfe.under(&here))),
                cell(nfe.mean(&here, bootstrap)),
                cell(wrong.mean(&here, bootstrap)),
                cell(impossible.mean(&here, bootstrap)),
                cell(chain.divergence(words, &[(1.0, here)])),
            ]
        };
        let columns = [
            "sampler",
            "tokens a step",
            "evaluations",
            "wrong words",
            "impossible transitions",
            "KL, nats a transition",
        ];
        Table {
            title: "Words of the known chain".to_string(),
            note: "Shares with 95 % intervals over words; KL's leave out groups of words. KL is \
                   above 0 for exact words too, by chance."
                .to_string(),
            columns: columns.map(String::from).to_vec(),
            rows: self.on_chain().into_iter().map(row).collect(),
            cell_notes: Vec::new(),
        }
    }

    fn answers_table(&self, answers: &[AnswerRow], bootstrap: &Bootstrap) -> Table {
        let nfe = answers::evaluations(answers);
        let measured = MEASURES.map(|measure| measure.of(answers));
        let row = |(preset, steps): (&NamedSampler, Option<usize>)| {
            let here = condition(preset.name, steps);
            let tokens = rounded(Self::x(self.answer, &here, &nfe.under(&here)));
            let cells = measured.iter().map(|measured| cell(measured.mean(&here, bootstrap)));
            let head = [preset.name.to_string(), tokens, cell(nfe.mean(&here, bootstrap))];
            head.into_iter().chain(cells).collect()
        };
        let heads = ["sampler", "tokens a step", "evaluations"].map(String::from);
        let columns = MEASURES.map(|measure| measure.meaning.to_string());
        Table {
            title: "Answers of the model".to_string(),
            note: "Means with 95 % intervals over prompts. Read the judges beside entropy and \
                   repetition: a text that repeats itself costs them little."
                .to_string(),
            columns: heads.into_iter().chain(columns).collect(),
            rows: self.on_model().into_iter().map(row).collect(),
            cell_notes: Vec::new(),
        }
    }

    fn method(&self, bootstrap: &Bootstrap) -> String {
        format!(
            "Every sampler takes as many steps as the length ({} for words, {} for answers) has \
             tokens, over 1 and more; thresholds take the steps they take. Words come from a known \
             Markov chain in which half of the transitions are impossible, drawn at temperature 1 \
             with its exact predictions, so an impossible transition is the sampler's doing. Texts \
             are written with each sampler's published settings, and read by a causal model (nats a \
             token) and by counts of six bytes (nats a byte). Changes are paired by word or prompt \
             and averaged over the samplers that keep to a number of steps; intervals resample \
             words or prompts ({} times).",
            self.word, self.answer, bootstrap.resamples
        )
    }
}

fn panel(title: &str, y_label: &str, curves: Vec<Curve>) -> Panel {
    let (title, y_label) = (title.to_string(), y_label.to_string());
    Panel { title, y_label, curves, y_from_zero: true }
}

fn finding(estimates: &Estimates, has_texts: bool) -> String {
    let show = |name: &str| with_interval(estimates, name);
    let mut text = format!(
        "With a perfect network, {} of the words have an impossible transition at one token a step \
         and {} at eight; the distance of transitions from the chain changes by {} nats.",
        show("oracle_error_1"),
        show("oracle_error_8"),
        show("oracle_kl_rise"),
    );
    if has_texts {
        text += &format!(
            " From one token a step to eight, what the model's texts cost the causal judge changes \
             by {} nats a token, and the n-gram judge by {} nats a byte; meanwhile the entropy of their \
             tokens changes by {} nats, repetition by {} and length by {} tokens, and {} of the \
             answers are empty at eight.",
            show("judge_rise"),
            show("ngram_rise"),
            show("entropy_rise"),
            show("rep_4_rise"),
            show("tokens_rise"),
            show("empty_8"),
        );
    }
    text
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
