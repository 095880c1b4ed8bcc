//! A hub of one repository on this machine, which can be told to misbehave.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    thread::JoinHandle,
};

use serde_json::json;

/// The repository.
pub(crate) const ID: &str = "owner/tiny";

/// Serves files until it is dropped.
pub(crate) struct HubServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

/// What the repository holds, how the server misbehaves and what it was asked.
pub(crate) struct State {
    pub(crate) commit: String,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Answers everything with this status.
    pub(crate) status: Option<u16>,
    /// How many answers to break off half-way, for files that end like this.
    pub(crate) cuts: (usize, &'static str),
    /// Closes the connection after half a file as if that were all of it.
    pub(crate) half: bool,
    /// Sends the whole file whatever part was asked for.
    pub(crate) ignores_range: bool,
    /// The commit that the headers of files name, where it is another one.
    pub(crate) file_commit: Option<String>,
    pub(crate) requests: Vec<Request>,
    closing: bool,
}

/// What one request asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) authorization: Option<String>,
}

impl HubServer {
    /// Serves the files of a folder.
    pub(crate) fn of(folder: &Path) -> Self {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        });
        let state = Arc::new(Mutex::new(State {
            commit: "c0ffee".repeat(6),
            files: files.collect(),
            status: None,
            cuts: (0, ""),
            half: false,
            ignores_range: false,
            file_commit: None,
            requests: Vec::new(),
            closing: false,
        }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.lock().unwrap().closing {
                    return;
                }
                // A client that hangs up early is its own affair.
                let _ = answer(&stream.unwrap(), address, &mut shared.lock().unwrap());
            }
        });
        Self { address, state, thread: Some(thread) }
    }

    /// What `HF_ENDPOINT` would be.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its state, to be changed or looked at.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The requests so far that asked for `file`, which are forgotten.
    pub(crate) fn take_requests(&self, file: &str) -> Vec<Request> {
        let requests = std::mem::take(&mut self.state().requests);
        requests.into_iter().filter(|request| request.path.ends_with(file)).collect()
    }
}

impl Drop for HubServer {
    fn drop(&mut self) {
        self.state().closing = true;
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn answer(stream: &TcpStream, address: SocketAddr, state: &mut State) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut headers = BTreeMap::new();
    while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap();
        headers.insert(name.to_lowercase(), value.trim().to_string());
    }
    let path = first.split(' ').nth(1).unwrap_or_default().to_string();
    state.requests.push(Request {
        path: path.clone(),
        range: headers.get("range").cloned(),
        authorization: headers.get("authorization").cloned(),
    });
    if let Some(status) = state.status {
        return send(stream, status, &[], b"no");
    }
    if path == format!("/api/models/{ID}/revision/main") {
        let names = state.files.keys().map(|name| json!({ "rfilename": name }));
        let info = json!({ "sha": state.commit, "siblings": names.collect::<Vec<_>>() });
        return send(stream, 200, &[], info.to_string().as_bytes());
    }
    let resolved = format!("/{ID}/resolve/{}/", state.commit);
    let file = path.strip_prefix(&resolved).or_else(|| path.strip_prefix("/cdn/"));
    let Some((file, bytes)) = file.and_then(|file| Some((file, state.files.get(file)?))) else {
        return send(stream, 404, &[], b"no such file");
    };
    let mut hash = DefaultHasher::new();
    bytes.hash(&mut hash);
    let etag = format!("\"{:016x}\"", hash.finish());
    let commit = state.file_commit.as_ref().unwrap_or(&state.commit);
    let mut headers = vec![("x-repo-commit", commit.clone())];
    // The hub keeps large files elsewhere.
    if file.ends_with(".safetensors") && path.starts_with(&resolved) {
        headers.push(("x-linked-etag", etag));
        headers.push(("location", format!("http://{address}/cdn/{file}")));
        return send(stream, 302, &headers, b"");
    }
    headers.push(("etag", etag));
    let range = state.requests.last().and_then(|request| request.range.as_deref());
    let (start, end) = half_open(range.unwrap_or("bytes=0-"), bytes.len());
    if bytes.len() <= start {
        return send(stream, 416, &headers, b"");
    }
    headers.push(("content-range", format!("bytes {start}-{}/{}", end - 1, bytes.len())));
    // One byte is how the size is asked for.
    if end - start == 1 {
        return send(stream, 206, &headers, &bytes[start..end]);
    }
    let body = if state.ignores_range { &bytes[..] } else { &bytes[start..end] };
    let half = &body[..body.len() / 2];
    if state.half {
        return send_part(stream, 206, &headers, None, half);
    }
    if 0 < state.cuts.0 && file.ends_with(state.cuts.1) {
        state.cuts.0 -= 1;
        return send_part(stream, 206, &headers, Some(body.len()), half);
    }
    send(stream, 206, &headers, body)
}

/// `bytes=A-B` or `bytes=A-` of a file as a half-open range.
fn half_open(range: &str, length: usize) -> (usize, usize) {
    let (start, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let end = if last.is_empty() { length } else { last.parse::<usize>().unwrap() + 1 };
    (start.parse().unwrap(), end)
}

type Header<'a> = (&'a str, String);

fn send(to: &TcpStream, status: u16, headers: &[Header<'_>], body: &[u8]) -> std::io::Result<()> {
    send_part(to, status, headers, Some(body.len()), body)
}

/// Announces `length` bytes, or none in particular, and sends `body`.
fn send_part(
    mut to: &TcpStream,
    status: u16,
    headers: &[Header<'_>],
    length: Option<usize>,
    body: &[u8],
) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} Status\r\nconnection: close\r\n");
    let length = length.map(|length| ("content-length", length.to_string()));
    for (name, value) in headers.iter().chain(&length) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    to.write_all(format!("{head}\r\n").as_bytes())?;
    to.write_all(body)
}
