//! Everything that has to hold before a change is taken in: `cargo xtask test`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::steps::{Outcome, Steps, program};
use crate::tidy;
use crate::workspace::Workspace;

/// The test of the report in a browser, which needs one, is a feature of its own.
const BROWSER_FEATURE: &str = "xtask/browser";

/// Set where a machine without Chromium is an error.
const REQUIRE_BROWSER: &str = "DLM_REQUIRE_BROWSER";

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
        let mut clippy = cargo(&["clippy", "--workspace", "--all-targets"]);
        program(clippy.args(["--features", BROWSER_FEATURE, "--", "-D", "warnings"]))
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
    steps.run("cargo test", || {
        // With --no-fail-fast one failing package does not hide another.
        let mut test = cargo(&["test", "--workspace", "--no-fail-fast"]);
        // Many programs at once: a thread of OpenMP that waits should leave its core.
        program(test.env("OMP_WAIT_POLICY", "passive"))
    });
    steps.run("report in a browser", || {
        let Some(chromium) = chromium() else {
            let why = "Chromium is not installed, or not where CHROME says".to_string();
            let required = std::env::var_os(REQUIRE_BROWSER).is_some_and(|value| value != "0");
            return if required { Outcome::Failed(why) } else { Outcome::Skipped(why) };
        };
        // Of the whole workspace, whose dependencies are built: one package alone
        // would have some of them built anew.
        let mut test = cargo(&["test", "--workspace", "--test", "report_in_browser"]);
        program(test.args(["--features", BROWSER_FEATURE]).env("CHROME", chromium))
    });
    steps
}

/// The browser that `CHROME` names, or the first that is installed.
fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("CHROME");
    let usual = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
    let names = named.map_or_else(|| usual.map(OsString::from).to_vec(), |name| vec![name]);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    // A name with a folder of its own stays as it is when it is joined to another.
    names.iter().find_map(|name| {
        std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
    })
}

fn answers(mut command: Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
