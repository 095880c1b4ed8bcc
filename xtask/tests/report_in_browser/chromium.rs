//! Chromium without a window, spoken with by its DevTools protocol.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

/// Whatever takes longer than this will not happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page; both are gone when this is dropped.
pub(crate) struct Chromium {
    process: Child,
    socket: WebSocket<TcpStream>,
    /// Names the page in every message.
    session: String,
    last_id: u64,
    /// What the page said unasked: requests, errors.
    pub(crate) events: Vec<Value>,
    _profile: tempfile::TempDir,
}

impl Chromium {
    /// Starts the program that `CHROME` names, or `chromium`, with an empty page.
    pub(crate) fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let program = std::env::var_os("CHROME").unwrap_or_else(|| "chromium".into());
        let process = Command::new(&program)
            // In a container, where tests run as root, Chromium has no sandbox.
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-extensions", "--hide-scrollbars"])
            .args(["--window-size=1400,900", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let socket = connect(&profile.path().join("DevToolsActivePort"));
        let (session, events) = (String::new(), Vec::new());
        let mut browser = Self { process, socket, session, last_id: 0, events, _profile: profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let target = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", target);
        browser.session = attached["sessionId"].as_str().unwrap().to_string();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Calls a method of the protocol and returns its result.
    pub(crate) fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.socket.send(Message::text(message.to_string())).unwrap();
        loop {
            let mut answer = self.hear(method);
            if answer["id"] == self.last_id {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }

    fn hear(&mut self, waiting_for: &str) -> Value {
        loop {
            let message = self.socket.read();
            let message = message.unwrap_or_else(|error| panic!("{waiting_for}: {error}"));
            if let Message::Text(text) = message {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Connects to where the browser says that it listens: a port and a path, a line each.
fn connect(announced: &Path) -> WebSocket<TcpStream> {
    let started = Instant::now();
    let (port, path) = loop {
        let text = std::fs::read_to_string(announced).unwrap_or_default();
        if let Some((port, path)) = text.trim().split_once('\n') {
            break (port.parse::<u16>().unwrap(), path.to_string());
        }
        assert!(started.elapsed() < PATIENCE, "Chromium does not start to listen");
        std::thread::sleep(Duration::from_millis(20));
    };
    let stream = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => break stream,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                assert!(started.elapsed() < PATIENCE, "Chromium refuses connections");
            }
            Err(error) => panic!("port {port}: {error}"),
        }
    };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (socket, _) = tungstenite::client(format!("ws://127.0.0.1:{port}{path}"), stream).unwrap();
    socket
}
