//! Good wheels unpack; each kind of bad one is refused and named.

use super::super::fake_wheel::{good, write};
use super::super::staging::Staging;
use super::*;

/// Unpacks everything but RECORD as setup does; returns what appeared.
fn unpacked(path: &Path, pin: &Pin, target: &Path) -> Result<Vec<String>, String> {
    let staging = Staging::beside(target).unwrap();
    let wanted = |name: &str| !name.ends_with("RECORD");
    unpack(path, pin, wanted, staging.path()).map_err(|error| format!("{error:#}"))?;
    staging.commit().unwrap();
    Ok(names_in(target))
}

fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The error with which the wheel is refused; nothing may stay behind.
fn refused(path: &Path, pin: &Pin) -> String {
    let out = tempfile::tempdir().unwrap();
    let error = unpacked(path, pin, &out.path().join("made")).unwrap_err();
    assert_eq!(names_in(out.path()), [""; 0], "{error}");
    error
}

#[test]
fn a_good_wheel_is_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let (path, pin) = good(folder.path());
    verify(&path, &pin).unwrap();
    let target = folder.path().join("made");
    assert_eq!(unpacked(&path, &pin, &target).unwrap(), ["toy"]);
    assert_eq!(fs::read_to_string(target.join("toy/a.txt")).unwrap(), "alpha");
    assert_eq!(fs::read_to_string(target.join("toy/deep/b.txt")).unwrap(), "beta");
}

#[test]
fn an_interrupted_run_is_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let (path, pin) = good(folder.path());
    // As a killed run leaves it: half a file, and one of another version.
    let part = folder.path().join("made.part");
    fs::create_dir_all(part.join("toy")).unwrap();
    fs::write(part.join("toy/a.txt"), "al").unwrap();
    fs::write(part.join("toy/old.txt"), "old").unwrap();
    let target = folder.path().join("made");
    unpacked(&path, &pin, &target).unwrap();
    assert_eq!(names_in(&target.join("toy")), ["a.txt", "deep"]);
    assert_eq!(fs::read_to_string(target.join("toy/a.txt")).unwrap(), "alpha");
    assert!(!part.exists());
}

#[test]
fn another_file_is_not_taken_for_the_pinned_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, pin) = good(folder.path());
    let other = Pin { sha256: pin.record, ..pin };
    let error = verify(&path, &other).unwrap_err().to_string();
    assert!(error.contains("is pinned") && error.contains(pin.file), "{error}");
}

#[test]
fn a_record_that_is_not_the_pinned_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (path, pin) = good(folder.path());
    let error = refused(&path, &Pin { record: pin.sha256, ..pin });
    assert!(error.contains("RECORD has SHA-256"), "{error}");
}

#[test]
fn a_file_that_differs_from_record_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    type Lie = fn(&str) -> String;
    let cases: [(Lie, &str); 3] = [
        (|record| record.replace("sha256=", "sha256=x"), "not the file that RECORD lists"),
        (|record| record.replace(",5\n", ",6\n"), "not the file that RECORD lists"),
        (|record| record.replace("toy/a.txt", "toy/c.txt"), "RECORD does not list toy/a.txt"),
    ];
    for (lie, part) in cases {
        let (path, pin) = write(folder.path(), &[("toy/a.txt", b"alpha")], lie);
        let error = refused(&path, &pin);
        assert!(error.contains(part) && error.contains("toy/a.txt"), "{error}");
    }
}

#[test]
fn a_path_that_leaves_the_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["../escaped.txt", "toy/../../escaped.txt", "/escaped.txt", "toy\\..\\x.txt"] {
        let (path, pin) = write(folder.path(), &[(name, b"x")], str::to_string);
        let error = refused(&path, &pin);
        assert!(error.contains("outside the target folder"), "{name}: {error}");
        assert_eq!(names_in(folder.path()), [pin.file], "{name}");
    }
}

#[test]
fn a_truncated_wheel_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (path, pin) = good(folder.path());
    let whole = fs::read(&path).unwrap();
    for length in [0, 10, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = refused(&path, &pin);
        assert!(error.contains("not a readable zip file"), "{length}: {error}");
    }
}

#[test]
fn damaged_contents_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..=255).collect();
    let (path, pin) = write(folder.path(), &[("toy/a.bin", &content)], str::to_string);
    let mut bytes = fs::read(&path).unwrap();
    // The first file's data follow its local header of 30 bytes and its name.
    bytes[30 + "toy/a.bin".len() + 9] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = refused(&path, &pin);
    assert!(error.contains("toy/a.bin"), "{error}");
}

#[test]
fn a_wheel_without_what_is_needed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (path, pin) = good(folder.path());
    let error = unpack(&path, &pin, |name| name == "other", folder.path()).unwrap_err();
    assert!(format!("{error:#}").contains("none of the files"), "{error:#}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_called_so() {
    // Writing to this device fails as a full disk does.
    let expected = Expected { digest: String::new(), bytes: 5 };
    let progress = Progress::start("writing", 5);
    let full = Path::new("/dev/full");
    let error = write_checked(&mut &b"alpha"[..], full, &expected, &progress).unwrap_err();
    assert!(
        error.to_string().starts_with("the disk is full, and this file needs 5 bytes"),
        "{error}"
    );
}
