//! Steps that all run, even after one failed, and the table that sums them up.

use std::process::Command;
use std::time::{Duration, Instant};

/// What became of a step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Passed,
    /// Says what went wrong, or nothing where it was shown already.
    Failed(String),
    /// Says why.
    Skipped(String),
}

/// What ran so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(String, Outcome, Duration)>,
}

impl Steps {
    /// Runs `work` as a step called `name`.
    pub(crate) fn run(&mut self, name: &str, work: impl FnOnce() -> Outcome) {
        eprintln!("── {name}");
        let started = Instant::now();
        let outcome = work();
        if let Outcome::Failed(why) = &outcome
            && !why.is_empty()
        {
            eprintln!("{why}");
        }
        self.done.push((name.to_string(), outcome, started.elapsed()));
    }

    /// Names of the steps that failed.
    pub(crate) fn failed(&self) -> Vec<&str> {
        let failed = self.done().filter(|(_, outcome, _)| matches!(outcome, Outcome::Failed(_)));
        failed.map(|(name, ..)| name).collect()
    }

    /// Name, outcome and time of each step.
    pub(crate) fn done(&self) -> impl Iterator<Item = (&str, &Outcome, Duration)> {
        self.done.iter().map(|(name, outcome, time)| (name.as_str(), outcome, *time))
    }

    /// One line a step: outcome, name, time.
    pub(crate) fn table(&self) -> String {
        let width = self.done.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0);
        let mut text = String::new();
        for (name, outcome, time) in &self.done {
            let (word, why) = match outcome {
                Outcome::Passed => ("passed", ""),
                Outcome::Failed(_) => ("FAILED", ""),
                Outcome::Skipped(why) => ("skipped", why.as_str()),
            };
            let line = format!("{word:8} {name:width$} {:8.1} s  {why}", time.as_secs_f64());
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Runs a program that shows its own errors.
pub(crate) fn program(command: &mut Command) -> Outcome {
    match command.status() {
        Ok(status) if status.success() => Outcome::Passed,
        Ok(_) => Outcome::Failed(String::new()),
        Err(error) => {
            let program = command.get_program().to_string_lossy().into_owned();
            Outcome::Failed(format!("cannot start `{program}`: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_in_the_table() {
        let mut steps = Steps::default();
        steps.run("first", || Outcome::Failed("reason".to_string()));
        steps.run("second one", || Outcome::Passed);
        steps.run("third", || Outcome::Skipped("not installed".to_string()));
        assert_eq!(steps.failed(), ["first"]);
        let table = steps.table();
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].starts_with("FAILED   first      "), "{table}");
        assert!(lines[1].starts_with("passed   second one "), "{table}");
        assert!(lines[2].ends_with("s  not installed"), "{table}");
    }

    #[test]
    fn a_program_passes_by_its_exit_code() {
        let shell = |text: &str| program(Command::new("sh").args(["-c", text]));
        assert_eq!(shell("exit 0"), Outcome::Passed);
        assert_eq!(shell("exit 3"), Outcome::Failed(String::new()));
        let missing = program(&mut Command::new("no-such-program"));
        assert!(matches!(missing, Outcome::Failed(why) if why.contains("no-such-program")));
    }
}
