//! A small blocking HTTP/1.1 client for plain `http://`: one connection per request.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Default for connecting, for each write and for each wait for more bytes.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A longer response is an error.
const RESPONSE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Speaks to one server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    /// `host:port`.
    authority: String,
    /// What stands before every path, without a slash at the end.
    prefix: String,
    token: Option<String>,
    timeout: Duration,
}

/// What the server said.
#[derive(Debug, Clone)]
pub struct Response {
    /// For example 200.
    pub status: u16,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// As sent, chunks joined.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; a text that is no JSON becomes a string, an empty one null.
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(_) if self.body.is_empty() => Value::Null,
            Err(_) => Value::String(String::from_utf8_lossy(&self.body).into_owned()),
        }
    }
}

impl Client {
    /// `base` is `http://host:port`, optionally with a path that comes before all others.
    pub fn new(base: &str, token: Option<&str>) -> Result<Self> {
        let rest = base.strip_prefix("http://").with_context(|| format!("{base}: only http:// is supported"))?;
        let (authority, prefix) = rest.split_once('/').map_or((rest, String::new()), |(a, p)| (a, format!("/{p}")));
        let authority = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
        let prefix = prefix.trim_end_matches('/').to_owned();
        Ok(Self { authority, prefix, token: token.map(str::to_owned), timeout: TIMEOUT })
    }

    /// The same with another bound on each wait.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The same with another bearer token, or none.
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self.clone() }
    }

    /// `GET`; status and JSON body. Any status is `Ok`.
    pub fn get(&self, path: &str) -> Result<(u16, Value)> {
        self.json("GET", path, None)
    }

    /// `POST` with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        self.json("POST", path, Some(body))
    }

    /// `PUT` with a JSON body.
    pub fn put(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        self.json("PUT", path, Some(body))
    }

    /// `PATCH` with a JSON body.
    pub fn patch(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        self.json("PATCH", path, Some(body))
    }

    /// `DELETE` without a body.
    pub fn delete(&self, path: &str) -> Result<(u16, Value)> {
        self.json("DELETE", path, None)
    }

    /// A success (2xx) as JSON; anything else is an error that shows the answer.
    pub fn expect(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, answer) = self.json(method, path, body)?;
        ensure!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        Ok(answer)
    }

    /// Any method with any body, for example `text/csv`.
    pub fn send(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Result<Response> {
        self.exchange(method, path, Some((content_type, body))).with_context(|| format!("{method} {path}"))
    }

    fn json(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let text = body.map(Value::to_string);
        let body = text.as_ref().map(|text| ("application/json", text.as_bytes()));
        let response = self.exchange(method, path, body).with_context(|| format!("{method} {path}"))?;
        Ok((response.status, response.json()))
    }

    fn exchange(&self, method: &str, path: &str, body: Option<(&str, &[u8])>) -> Result<Response> {
        ensure!(!path.contains([' ', '\r', '\n']), "the path must be encoded");
        let address = self.authority.to_socket_addrs()?.next().context("the name has no address")?;
        let mut stream = TcpStream::connect_timeout(&address, self.timeout)?;
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        stream.set_nodelay(true)?;
        let target = format!("{}{path}", self.prefix);
        let target = if target.starts_with('/') { target } else { format!("/{target}") };
        let mut head =
            format!("{method} {target} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\nConnection: close\r\n", self.authority);
        if let Some(token) = &self.token {
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        let mut bytes: &[u8] = &[];
        if let Some((content_type, content)) = body {
            head.push_str(&format!("Content-Type: {content_type}\r\n"));
            bytes = content;
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", bytes.len()));
        stream.write_all(head.as_bytes())?;
        // A server that refuses a large body may close before it has read it all; its answer counts, not our error.
        let written = stream.write_all(bytes);
        let mut answer = Vec::new();
        let read = stream.take(RESPONSE_BYTES_MAX).read_to_end(&mut answer);
        match parse(&answer) {
            Ok(response) => Ok(response),
            Err(error) => {
                written?;
                read?;
                Err(error)
            }
        }
    }
}

fn parse(answer: &[u8]) -> Result<Response> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").context("the connection was cut")?;
    let head = std::str::from_utf8(&answer[..end]).context("the head is no text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).context("no status line")?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut response = Response { status, headers, body: answer[end + 4..].to_vec() };
    if response.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        response.body = join_chunks(&response.body)?;
    } else if let Some(length) = response.header("content-length") {
        let length: usize = length.parse().context("content-length is no number")?;
        ensure!(response.body.len() >= length, "the body was cut: {} of {length} bytes", response.body.len());
        response.body.truncate(length);
    }
    Ok(response)
}

fn join_chunks(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n").context("a chunk was cut")?;
        let size = std::str::from_utf8(&rest[..line]).ok().and_then(|line| line.split(';').next());
        let size = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok()).context("a chunk has no size")?;
        if size == 0 {
            return Ok(body);
        }
        let start = line + 2;
        let Some(chunk) = rest.get(start..start.saturating_add(size)) else { bail!("a chunk was cut") };
        body.extend_from_slice(chunk);
        rest = rest.get(start + size + 2..).context("a chunk was cut")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn a_request_carries_token_and_body_and_the_answer_is_json() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client::new(&format!("http://{}/api", listener.local_addr().unwrap()), Some("t0ken")).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut chunk = [0u8; 1024];
            while !request.ends_with(b"{\"a\":1}") {
                let len = stream.read(&mut chunk).unwrap();
                request.extend_from_slice(&chunk[..len]);
            }
            stream
                .write_all(
                    b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"b\"\r\n3\r\n:2}\r\n0\r\n\r\n",
                )
                .unwrap();
            String::from_utf8(request).unwrap()
        });
        let answer = client.post("/list", &serde_json::json!({"a": 1})).unwrap();
        assert_eq!(answer, (201, serde_json::json!({"b": 2})));
        let request = server.join().unwrap();
        assert!(request.starts_with("POST /api/list HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("Authorization: Bearer t0ken\r\n"), "{request}");
    }

    #[test]
    fn a_cut_answer_is_an_error() {
        assert!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc").is_err());
        assert!(parse(b"HTTP/1.1 200").is_err());
        assert_eq!(parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().json(), Value::Null);
    }
}
