//! Everything that has to hold before a change is taken in: `cargo xtask test`.

use std::process::{Command, Stdio};

use crate::steps::{Outcome, Steps, program};
use crate::tidy;
use crate::workspace::Workspace;

/// Runs every check; returns what became of each.
pub(crate) fn run(workspace: &Workspace) -> Steps {
    let mut steps = Steps::default();
    let cargo = |arguments: &[&str]| {
        let mut command = workspace.cargo();
        command.args(arguments);
        command
    };
    steps.run("cargo fmt", || program(&mut cargo(&["fmt", "--all", "--check"])));
    steps.run("cargo xtask tidy", || match tidy::check(workspace) {
        Ok(found) if found.is_empty() => Outcome::Passed,
        Ok(found) => Outcome::Failed(found.join("\n")),
        Err(error) => Outcome::Failed(format!("{error:#}")),
    });
    steps.run("cargo clippy", || {
        let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        program(&mut cargo(&arguments))
    });
    steps.run("cargo doc", || {
        let flags = std::env::var("RUSTDOCFLAGS").unwrap_or_default();
        let mut doc = cargo(&["doc", "--workspace", "--no-deps"]);
        program(doc.env("RUSTDOCFLAGS", format!("{flags} -D warnings").trim_start()))
    });
    steps.run("cargo deny", || {
        if !answers(cargo(&["deny", "--version"])) {
            return Outcome::Skipped("cargo-deny is not installed".to_string());
        }
        // Advisories change by the day and need a network: no test of a change.
        program(&mut cargo(&["deny", "check", "bans", "licenses", "sources"]))
    });
    // With --no-fail-fast one failing package does not hide another.
    steps.run("cargo test", || program(&mut cargo(&["test", "--workspace", "--no-fail-fast"])));
    steps
}

fn answers(mut command: Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
