//! A server that says what a script tells it to, one connection a request.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What to do with a request once it has been read.
pub(crate) enum Step {
    /// Writes these bytes and closes.
    Say(Vec<u8>),
    /// Closes.
    Close,
    /// Never answers.
    Stall,
}

/// What the first byte of a TLS connection says.
const TLS_HANDSHAKE: u8 = 22;

pub(crate) const DATE: &str = "Sun, 22 Nov 2026 10:04:00 GMT";

/// An answer with this status, further headers and body.
pub(crate) fn say(status: &str, headers: &str, body: &str) -> Step {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ndate: {DATE}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n"
    );
    Step::Say(format!("{head}{body}").into_bytes())
}

/// A success with this body.
pub(crate) fn ok(body: &str) -> Step {
    say("200 OK", "content-type: application/json\r\n", body)
}

/// A refusal in the Admin API's own envelope.
pub(crate) fn refuse(status: &str, code: &str) -> Step {
    say(status, "", &format!(r#"{{"success":false,"data":{{"message":"no","errorCode":"{code}"}}}}"#))
}

pub(crate) struct Server {
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Follows the script; after its end nobody listens any more.
    pub(crate) async fn start(script: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut stalled = Vec::new();
            for step in script {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                seen.lock().unwrap().push(request);
                match step {
                    Step::Say(bytes) => stream.write_all(&bytes).await.unwrap(),
                    Step::Close => {}
                    Step::Stall => stalled.push(stream),
                }
            }
            drop(listener);
            if !stalled.is_empty() {
                std::future::pending::<()>().await;
            }
        });
        Self { address, requests }
    }

    /// Every request so far, as it came in.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The first line of every request so far, without the version.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |request: &String| request.lines().next().unwrap().replace(" HTTP/1.1", "");
        self.requests().iter().map(line).collect()
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        if bytes.first() == Some(&TLS_HANDSHAKE) {
            return text;
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return text,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}
