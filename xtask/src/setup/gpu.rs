//! Whether this machine has an NVIDIA driver.

use std::ffi::OsStr;
use std::path::Path;

/// Whether the driver's files or its `nvidia-smi` are there.
pub(crate) fn present() -> bool {
    found_in(Path::new("/"), &std::env::var_os("PATH").unwrap_or_default())
}

fn found_in(root: &Path, path: &OsStr) -> bool {
    root.join("proc/driver/nvidia/version").exists()
        || root.join("dev/nvidiactl").exists()
        || std::env::split_paths(path).any(|folder| folder.join("nvidia-smi").is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_sign_of_the_driver_counts() {
        for sign in ["proc/driver/nvidia/version", "dev/nvidiactl", "bin/nvidia-smi"] {
            let root = tempfile::tempdir().unwrap();
            let path = root.path().join("bin").into_os_string();
            assert!(!found_in(root.path(), &path));
            let file = root.path().join(sign);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
            assert!(found_in(root.path(), &path), "{sign}");
        }
    }
}
