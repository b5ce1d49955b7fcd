//! An app under development: a real HTTP server on a real port, which answers as it is told, and can
//! be stopped and started again.

use std::collections::HashMap;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::common::LIMIT;
use crate::relay_support::tls::FIXTURES;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Came {
    pub(super) line: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Came {
    pub(super) fn header(&self, name: &str) -> Vec<&str> {
        let found = self.headers.iter().filter(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str()).collect()
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// What the app does with a request.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// A status, more lines of the head, each with its end, and a body.
    Answer(u16, &'static str, String),
    /// These bytes, then the end of the connection.
    Bytes(&'static str),
    /// Nothing at all, as long as the app runs.
    Silence,
}

impl Reply {
    pub(super) fn ok() -> Self {
        Self::Answer(200, "", "fine".to_owned())
    }

    pub(super) fn status(status: u16) -> Self {
        Self::Answer(status, "", String::new())
    }
}

type Answer = dyn Fn(usize, &Came) -> Reply + Send + Sync;

/// The app's requests so far.
#[derive(Clone, Default)]
struct Log(Arc<(Mutex<Vec<Came>>, Condvar)>);

/// An app.
pub(super) struct App {
    pub(super) address: SocketAddr,
    log: Log,
    answer: Arc<Answer>,
    tls: Option<Arc<ServerConfig>>,
    running: Option<Running>,
}

/// What ends with a run of the app.
struct Running {
    stopped: Arc<AtomicBool>,
    open: Arc<Mutex<HashMap<usize, TcpStream>>>,
}

impl App {
    /// Starts an app. `answer` gets the number of the request, from 1, and the request.
    pub(super) fn new(answer: impl Fn(usize, &Came) -> Reply + Send + Sync + 'static) -> Self {
        let mut app = Self::down(answer);
        app.start();
        app
    }

    /// The same, but it does not listen yet.
    pub(super) fn down(answer: impl Fn(usize, &Came) -> Reply + Send + Sync + 'static) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self { address, log: Log::default(), answer: Arc::new(answer), tls: None, running: None }
    }

    /// Starts an app that speaks TLS with this certificate of the fixtures.
    pub(super) fn secure(certificate: &str, answer: Reply) -> Self {
        let read = |name: &str| format!("{FIXTURES}/{name}");
        let chain = CertificateDer::from_pem_file(read(&format!("{certificate}.pem"))).unwrap();
        let key = PrivateKeyDer::from_pem_file(read(&format!("{certificate}.key.pem"))).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        let mut app = Self::down(move |_, _| answer.clone());
        app.tls = Some(Arc::new(config));
        app.start();
        app
    }

    /// Starts to listen, on the same port as ever.
    pub(super) fn start(&mut self) {
        let listener = TcpListener::bind(self.address).unwrap();
        let running =
            Running { stopped: Arc::default(), open: Arc::new(Mutex::new(HashMap::new())) };
        let (stopped, open) = (Arc::clone(&running.stopped), Arc::clone(&running.open));
        let (log, answer) = (self.log.clone(), Arc::clone(&self.answer));
        let tls = self.tls.clone();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { continue };
                let mut connections = open.lock().unwrap();
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                connections.insert(number, stream.try_clone().unwrap());
                drop(connections);
                let (log, answer, tls) = (log.clone(), Arc::clone(&answer), tls.clone());
                std::thread::spawn(move || serve(&stream, tls.as_ref(), &log, &*answer));
            }
        });
        self.running = Some(running);
    }

    /// Stops listening and breaks every connection off, as if it was killed.
    pub(super) fn stop(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.stopped.store(true, Ordering::SeqCst);
        let mut open = running.open.lock().unwrap();
        for (_, stream) in open.drain() {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        drop(open);
        // Wakes the listener, which then ends; the port is free once nothing accepts.
        while TcpStream::connect(self.address).is_ok() {
            std::thread::yield_now();
        }
    }

    pub(super) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/hooks?stage=dev", self.address)
    }

    /// Every request so far.
    pub(super) fn came(&self) -> Vec<Came> {
        self.log.0.0.lock().unwrap().clone()
    }

    /// Waits for that many requests.
    #[track_caller]
    pub(super) fn wait_for(&self, count: usize) -> Vec<Came> {
        let (log, changed) = &*self.log.0;
        let log = log.lock().unwrap();
        let (log, waited) =
            changed.wait_timeout_while(log, LIMIT, |log| log.len() < count).unwrap();
        assert!(!waited.timed_out(), "{} of {count} requests came", log.len());
        log.clone()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(stream: &TcpStream, tls: Option<&Arc<ServerConfig>>, log: &Log, answer: &Answer) {
    match tls {
        None => serve_over(BufReader::new(stream), log, answer),
        Some(config) => {
            let connection = ServerConnection::new(Arc::clone(config)).unwrap();
            let secured = StreamOwned::new(connection, stream.try_clone().unwrap());
            serve_over(BufReader::new(secured), log, answer);
        }
    }
    let _ = stream.shutdown(std::net::Shutdown::Both);
}

/// Answers requests until one side ends the connection.
fn serve_over(mut input: BufReader<impl Read + Write>, log: &Log, answer: &Answer) {
    while let Some(came) = request(&mut input) {
        let number = {
            let (log, changed) = &*log.0;
            let mut log = log.lock().unwrap();
            log.push(came.clone());
            changed.notify_all();
            log.len()
        };
        let (bytes, is_over) = match answer(number, &came) {
            Reply::Answer(status, head, body) => {
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} Any\r\n{head}content-length: {length}\r\n\r\n");
                (head + &body, false)
            }
            Reply::Bytes(bytes) => (bytes.to_owned(), true),
            Reply::Silence => {
                // Until the other side, or the end of the app, closes the connection.
                let _ = input.read(&mut [0]);
                return;
            }
        };
        let output = input.get_mut();
        if output.write_all(bytes.as_bytes()).is_err() || output.flush().is_err() || is_over {
            return;
        }
    }
}

fn request(input: &mut impl std::io::BufRead) -> Option<Came> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if input.read_line(&mut head).unwrap_or(0) == 0 {
            return None;
        }
    }
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    input.read_exact(&mut body).ok()?;
    Some(Came { line, headers, body })
}
