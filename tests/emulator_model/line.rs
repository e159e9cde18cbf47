//! One connection that is kept open, and nothing else that a client does: no retry, no pool.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, UNIX_EPOCH};

use jiff::Timestamp;
use serde_json::Value;

pub(crate) struct Line {
    stream: BufReader<TcpStream>,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The server's clock, in whole seconds.
    pub(crate) date: Timestamp,
    /// Null if the body is no JSON.
    pub(crate) json: Value,
}

impl Reply {
    pub(crate) fn error_code(&self) -> &str {
        self.json["data"]["errorCode"].as_str().unwrap_or_default()
    }
}

impl Line {
    pub(crate) fn to(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a request and reads the answer. No secret if it is empty, no body if it is null.
    pub(crate) fn call(&mut self, secret: &str, method: &str, path: &str, body: &Value) -> io::Result<Reply> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: emulator\r\n");
        if !secret.is_empty() {
            request.push_str(&format!("x-portkey-api-key: {secret}\r\n"));
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        request.push_str(&format!(
            "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.read()
    }

    fn read(&mut self) -> io::Result<Reply> {
        let head = self.head_line()?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let (mut length, mut date) = (0, None);
        loop {
            let line = self.head_line()?;
            let Some((name, value)) = line.split_once(": ") else { break };
            match name {
                "content-length" => length = value.parse().unwrap(),
                "date" => date = httpdate::parse_http_date(value).ok(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let since = date.unwrap().duration_since(UNIX_EPOCH).unwrap().as_secs();
        Ok(Reply {
            status: status.unwrap(),
            date: Timestamp::from_second(since.try_into().unwrap()).unwrap(),
            json: serde_json::from_slice(&body).unwrap_or_default(),
        })
    }

    fn head_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}
