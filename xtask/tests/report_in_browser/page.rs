//! The report in a browser, as a reader uses it.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::chromium::{Chromium, PATIENCE};

/// A report that is open in a browser of its own.
pub(crate) struct Page {
    browser: RefCell<Chromium>,
    /// Made-up results, which go with the page.
    _results: Option<tempfile::TempDir>,
}

impl Page {
    /// Writes made-up results and their report, and opens it from disk.
    pub(crate) fn open() -> Self {
        let results = tempfile::tempdir().unwrap();
        let report = super::results::reported(results.path());
        Self { _results: Some(results), ..Self::of(&report) }
    }

    /// Opens a report from disk.
    pub(crate) fn of(report: &Path) -> Self {
        let page = Self { browser: RefCell::new(Chromium::start()), _results: None };
        page.call("Page.navigate", json!({"url": format!("file://{}", report.display())}));
        page.wait_for("document.readyState === 'complete' && document.querySelector('main')");
        page
    }

    /// The value of a JavaScript expression.
    pub(crate) fn value<T: DeserializeOwned>(&self, expression: &str) -> T {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", asked);
        let thrown = &answer["exceptionDetails"];
        assert!(thrown.is_null(), "{expression}: {thrown}");
        let value = answer["result"]["value"].take();
        serde_json::from_value(value).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Runs JavaScript for what it does.
    pub(crate) fn run(&self, script: &str) {
        self.value::<bool>(&format!("(() => {{ {script}; return true; }})()"));
    }

    /// The text of the element.
    pub(crate) fn text(&self, selector: &str) -> String {
        self.value(&format!("document.querySelector({selector:?}).textContent"))
    }

    /// Whether the element is rendered.
    pub(crate) fn shows(&self, selector: &str) -> bool {
        self.value(&format!("document.querySelector({selector:?}).checkVisibility()"))
    }

    /// How many elements there are.
    pub(crate) fn count(&self, selector: &str) -> usize {
        self.value(&format!("document.querySelectorAll({selector:?}).length"))
    }

    /// Waits until a JavaScript expression holds.
    pub(crate) fn wait_for(&self, expression: &str) {
        let started = Instant::now();
        while !self.value::<bool>(&format!("Boolean({expression})")) {
            assert!(started.elapsed() < PATIENCE, "never true: {expression}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Moves the pointer onto the middle of the element.
    pub(crate) fn point_at(&self, selector: &str) {
        self.mouse("mouseMoved", self.middle_of(selector));
    }

    /// Clicks the element.
    pub(crate) fn click(&self, selector: &str) {
        let middle = self.middle_of(selector);
        ["mouseMoved", "mousePressed", "mouseReleased"].iter().for_each(|kind| {
            self.mouse(kind, middle);
        });
    }

    /// Puts the keyboard's focus on the element.
    pub(crate) fn focus(&self, selector: &str) {
        self.run(&format!("document.querySelector({selector:?}).focus()"));
    }

    /// Presses keys, one after the other.
    pub(crate) fn press(&self, keys: &[&str]) {
        for key in keys {
            let (code, text) = match *key {
                "Tab" => (9, ""),
                "Enter" => (13, "\r"),
                "End" => (35, ""),
                "Home" => (36, ""),
                "ArrowLeft" => (37, ""),
                "ArrowUp" => (38, ""),
                "ArrowRight" => (39, ""),
                "ArrowDown" => (40, ""),
                other => panic!("no code is known for {other}"),
            };
            for kind in ["keyDown", "keyUp"] {
                let event = json!({"type": kind, "key": key, "code": key, "text": text,
                    "windowsVirtualKeyCode": code});
                self.call("Input.dispatchKeyEvent", event);
            }
        }
    }

    /// Light or dark, screen or print, and how wide.
    pub(crate) fn emulate(&self, scheme: &str, media: &str, width: u32) {
        let scheme = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"media": media, "features": scheme}));
        self.resize(width, 900);
    }

    /// Keeps a picture of the whole page among cargo's files of tests.
    pub(crate) fn keep_picture(&self, name: &str) {
        self.run("scrollTo(0, 0)");
        let (width, height) = self.value("[innerWidth, document.documentElement.scrollHeight]");
        self.resize(width, height);
        keep(&format!("{name}.png"), &self.bytes("Page.captureScreenshot", json!({})));
        self.resize(width, 900);
    }

    /// Keeps the page as it is printed; returns its PDF.
    pub(crate) fn keep_print(&self, name: &str) -> Vec<u8> {
        let pdf = self.bytes("Page.printToPDF", json!({"preferCSSPageSize": true}));
        keep(&format!("{name}.pdf"), &pdf);
        pdf
    }

    /// Every address that was asked for.
    pub(crate) fn requests(&self) -> Vec<String> {
        let sent = self.events(&["Network.requestWillBeSent"]);
        sent.iter().map(|event| event["request"]["url"].as_str().unwrap().to_string()).collect()
    }

    /// What the console shows: messages, errors, refusals of the page's policy.
    pub(crate) fn complaints(&self) -> Vec<Value> {
        self.events(&["Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"])
    }

    fn events(&self, methods: &[&str]) -> Vec<Value> {
        let browser = self.browser.borrow();
        let of_these = browser
            .events
            .iter()
            .filter(|event| methods.iter().any(|method| event["method"] == *method));
        of_these.map(|event| event["params"].clone()).collect()
    }

    fn bytes(&self, method: &str, parameters: Value) -> Vec<u8> {
        let answer = self.call(method, parameters);
        BASE64_STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
    }

    fn mouse(&self, kind: &str, (x, y): (f64, f64)) {
        let button = if kind == "mouseMoved" { "none" } else { "left" };
        let event = json!({"type": kind, "x": x, "y": y, "button": button, "clickCount": 1});
        self.call("Input.dispatchMouseEvent", event);
    }

    fn middle_of(&self, selector: &str) -> (f64, f64) {
        self.value(&format!(
            "(() => {{ const e = document.querySelector({selector:?}); \
             e.scrollIntoView({{block: 'center', behavior: 'instant'}}); \
             const r = e.getBoundingClientRect(); \
             return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        ))
    }

    fn resize(&self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    fn call(&self, method: &str, parameters: Value) -> Value {
        self.browser.borrow_mut().call(method, parameters)
    }
}

fn keep(name: &str, bytes: &[u8]) {
    let folder: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report-in-browser");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), bytes).unwrap();
}
