//! SHA-256 of what a run depends on.

use std::{path::Path, sync::OnceLock};

use sha2::{Digest, Sha256};

use crate::Error;

/// SHA-256 of bytes, lowercase hexadecimal.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of a file that fits into memory.
pub(crate) fn of_file(path: &Path) -> Result<String, Error> {
    let bytes =
        std::fs::read(path).map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
    Ok(of_bytes(&bytes))
}

/// SHA-256 of the running program. Another program may compute other numbers: rows belong
/// to the one that wrote them.
pub(crate) fn of_program() -> Result<&'static str, Error> {
    static DIGEST: OnceLock<String> = OnceLock::new();
    if let Some(digest) = DIGEST.get() {
        return Ok(digest);
    }
    let path = std::env::current_exe()
        .map_err(|source| Error::Read { path: "the running program".into(), source })?;
    let digest = of_file(&path)?;
    Ok(DIGEST.get_or_init(|| digest))
}
