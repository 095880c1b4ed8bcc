//! Fetching with made-up clients: shell scripts that act as pip.

use super::super::fake_wheel::good;
use super::*;

/// A client that runs `script`, whose `$DEST` is the folder to fetch into and
/// `$FROM` the one a good wheel lies in.
fn client(from: &Path, script: &str) -> Client {
    // The arguments are `download … --dest FOLDER project==version`.
    let body = format!(
        "while [ \"$1\" != --dest ]; do shift; done\nDEST=$2; FROM='{}'\n{script}",
        from.display()
    );
    let arguments = vec!["-c", body.leak() as &'static str, "pip"];
    Client { program: "sh", arguments: arguments.leak(), probe: &["-c", "exit 0"] }
}

const MISSING: Client = Client { program: "no-such-client", arguments: &[], probe: &[] };

/// A folder with a good wheel to fetch from, its pin, and one for downloads.
fn places() -> (tempfile::TempDir, Pin, tempfile::TempDir) {
    let from = tempfile::tempdir().unwrap();
    let (_, pin) = good(from.path());
    (from, pin, tempfile::tempdir().unwrap())
}

fn names_in(folder: &Path) -> Vec<std::ffi::OsString> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
}

const COPY: &str = "cp \"$FROM\"/*.whl \"$DEST\"";

#[test]
fn a_wheel_is_fetched_once() {
    let (from, pin, downloads) = places();
    let clients = [MISSING, client(from.path(), COPY)];
    let path = wheel(&pin, downloads.path(), &clients).unwrap();
    assert_eq!(path, downloads.path().join(pin.file));
    assert_eq!(names_in(downloads.path()), [pin.file]);
    // Nobody is there to fetch it a second time.
    assert_eq!(wheel(&pin, downloads.path(), &[]).unwrap(), path);
}

#[test]
fn a_damaged_wheel_is_fetched_again() {
    let (from, pin, downloads) = places();
    fs::write(downloads.path().join(pin.file), "damaged").unwrap();
    wheel(&pin, downloads.path(), &[client(from.path(), COPY)]).unwrap();
    let fetched = fs::read(downloads.path().join(pin.file)).unwrap();
    assert_eq!(fetched, fs::read(from.path().join(pin.file)).unwrap());
}

#[test]
fn what_an_interrupted_fetch_left_is_removed() {
    let (from, pin, downloads) = places();
    fs::create_dir_all(downloads.path().join("part/scratch")).unwrap();
    fs::write(downloads.path().join("part/scratch/half"), "").unwrap();
    wheel(&pin, downloads.path(), &[client(from.path(), COPY)]).unwrap();
    assert_eq!(names_in(downloads.path()), [pin.file]);
}

#[test]
fn each_failure_says_what_to_do_and_leaves_nothing() {
    let (from, pin, downloads) = places();
    let cases = [
        ("exit 1", "could not fetch toy 1.0"),
        ("touch \"$DEST\"/toy-1.0-cp39-cp39-any.whl", "fetched another file"),
        ("echo other > \"$DEST\"/toy-1.0-py3-none-any.whl", "is pinned"),
    ];
    for (script, part) in cases {
        let clients = [client(from.path(), script)];
        let error = format!("{:#}", wheel(&pin, downloads.path(), &clients).unwrap_err());
        assert!(error.contains(part), "{error}");
        assert!(error.contains("by hand") && error.contains(pin.file), "{error}");
        assert!(names_in(downloads.path()).is_empty(), "{script}");
    }
}

#[test]
fn without_a_client_one_is_named() {
    let (_, pin, downloads) = places();
    let error = wheel(&pin, downloads.path(), &[MISSING]).unwrap_err().to_string();
    assert!(error.contains("pip") && error.contains("uv"), "{error}");
}
