//! Where the service is, and as whom to call it.

use std::fmt;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

use crate::model::Secret;

/// How to reach the service. `Debug` shows no secret.
#[derive(Debug)]
pub struct Settings {
    /// As in `https://api.portkey.ai/v1`.
    pub base_url: String,
    /// The key to call with.
    pub api_key: Secret,
    /// A PEM file of authorities to trust beside the machine's own.
    pub ca_bundle: Option<PathBuf>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long one request may take, from the first byte sent to the last one read.
    pub timeout: Duration,
    /// From a call's beginning until its last attempt begins.
    pub retry_deadline: Duration,
    /// How many attempts may fail; 429 answers do not count, only the deadline ends those.
    pub max_attempts: u32,
    /// The first pause between attempts; it doubles each time, with jitter.
    pub backoff_base: Duration,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The base URL cannot be used.
    #[error("the base URL {problem}")]
    BaseUrl {
        /// What is wrong with it; holds no credentials.
        problem: String,
    },
    /// Plain HTTP would show the API key to the network.
    #[error("refusing to send the API key to `{host}` over plain HTTP")]
    PlainHttp {
        /// Where to.
        host: String,
    },
    /// The key cannot stand in a header.
    #[error("the API key {problem}")]
    ApiKey {
        /// What is wrong with it; never the key.
        problem: &'static str,
    },
    /// The CA bundle cannot be read.
    #[error("cannot read the CA bundle `{path}`")]
    ReadCaBundle {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The CA bundle holds nothing of use.
    #[error("the CA bundle `{path}` {problem}")]
    CaBundle {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// TLS or the proxy settings of the environment.
    #[error("cannot set up HTTPS: {reason}")]
    Client {
        /// What is wrong.
        reason: String,
    },
}

/// Where the API key came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// This environment variable.
    Environment(&'static str),
    /// This file.
    File(PathBuf),
}

/// Why there is no API key. Never shows the key.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// Nowhere.
    #[error("no API key{}", if *.empty_variable { ": its environment variable is set, but empty" } else { "" })]
    Missing {
        /// Whether a variable was there without a value, as with a CI secret that a fork cannot see.
        empty_variable: bool,
    },
    /// The file cannot be read.
    #[error("cannot read the API key from `{path}`")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What was found is no key.
    #[error("the API key from {origin} {problem}")]
    Invalid {
        /// Where it was found.
        origin: KeySource,
        /// What is wrong with it; never the key.
        problem: &'static str,
    },
}

/// The variables that may hold the API key, in order.
const VARIABLES: [&str; 2] = ["PORTKEY_ADMIN_API_KEY", "PORTKEY_API_KEY"];

/// Keys have some 28 characters (portkey-api.md 2.3).
const LONGEST_KEY: usize = 1024;

/// More of a key file is not read.
const LONGEST_KEY_FILE: u64 = 4096;

impl Settings {
    /// The settings with every default: 10 s to connect, 30 s a request, retries for two minutes.
    pub fn new(base_url: impl Into<String>, api_key: Secret) -> Self {
        Self {
            base_url: base_url.into(),
            api_key,
            ca_bundle: None,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            retry_deadline: Duration::from_mins(2),
            max_attempts: 5,
            backoff_base: Duration::from_millis(500),
        }
    }
}

impl ConnectError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::BaseUrl { .. } => Some("it looks like https://api.portkey.ai/v1"),
            Self::PlainHttp { .. } => {
                Some("use https; plain http is only for this machine, as in http://127.0.0.1:8787/v1")
            }
            Self::ReadCaBundle { .. } | Self::CaBundle { .. } => {
                Some("the file holds certificates in PEM form: -----BEGIN CERTIFICATE-----")
            }
            Self::ApiKey { .. } => Some(KEY_HINT),
            Self::Client { .. } => {
                Some("a machine without certificate authorities needs them installed, or a CA bundle")
            }
        }
    }
}

const KEY_HINT: &str = "a key is one line of visible ASCII characters, as Portkey showed it once";

impl ApiKeyError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Missing { .. } => {
                Some("set PORTKEY_ADMIN_API_KEY, or name a file that holds the key with --api-key-file")
            }
            Self::Read { .. } => None,
            Self::Invalid { .. } => Some(KEY_HINT),
        }
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "the environment variable `{name}`"),
            Self::File(path) => write!(f, "the file `{}`", path.display()),
        }
    }
}

/// Finds the API key: `PORTKEY_ADMIN_API_KEY`, else `PORTKEY_API_KEY`, else the file. A variable
/// without a value counts as not set. White space around the key is dropped.
pub fn api_key_from_env_or_file(
    file: Option<&Path>,
    env: impl Fn(&str) -> Option<String>,
) -> Result<(Secret, KeySource), ApiKeyError> {
    let mut empty_variable = false;
    for name in VARIABLES {
        let Some(text) = env(name).map(Zeroizing::new) else { continue };
        if text.trim().is_empty() {
            empty_variable = true;
        } else {
            return checked(&text, KeySource::Environment(name));
        }
    }
    match file {
        Some(path) => {
            let text =
                read_key_file(path).map_err(|source| ApiKeyError::Read { path: path.to_owned(), source })?;
            let origin = KeySource::File(path.to_owned());
            match text {
                Some(text) => checked(&text, origin),
                None => Err(ApiKeyError::Invalid { origin, problem: "is not visible ASCII" }),
            }
        }
        None => Err(ApiKeyError::Missing { empty_variable }),
    }
}

/// The text of the file, or `None` if it is no text.
fn read_key_file(path: &Path) -> std::io::Result<Option<Zeroizing<String>>> {
    // Room for all of it at once: a growing buffer would leave copies of the key behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(8192));
    std::fs::File::open(path)?.take(LONGEST_KEY_FILE).read_to_end(&mut bytes)?;
    Ok(std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned())))
}

fn checked(text: &str, origin: KeySource) -> Result<(Secret, KeySource), ApiKeyError> {
    match key_problem(text.trim()) {
        Some(problem) => Err(ApiKeyError::Invalid { origin, problem }),
        None => Ok((Secret::new(text.trim().to_owned()), origin)),
    }
}

fn key_problem(key: &str) -> Option<&'static str> {
    if key.is_empty() {
        Some("is empty")
    } else if key.len() > LONGEST_KEY {
        Some("is too long for a key")
    } else if key.contains(['\n', '\r']) {
        Some("has more than one line")
    } else if key.contains(char::is_whitespace) {
        Some("has white space inside")
    } else if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("is not visible ASCII")
    } else {
        None
    }
}

/// The header that carries the key, marked so that nothing shows it.
pub(super) fn key_header(key: &Secret) -> Result<HeaderValue, ConnectError> {
    if let Some(problem) = key_problem(key.expose()) {
        return Err(ConnectError::ApiKey { problem });
    }
    let mut header = HeaderValue::from_str(key.expose())
        .map_err(|_| ConnectError::ApiKey { problem: "cannot stand in a header" })?;
    header.set_sensitive(true);
    Ok(header)
}

/// Where the service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base {
    /// Without a slash at the end.
    pub(super) url: Url,
    /// Whether it is this machine, so that no proxy and no encryption is needed.
    pub(super) loopback: bool,
}

impl Base {
    pub(super) fn parse(text: &str) -> Result<Self, ConnectError> {
        let refuse = |problem: &str| ConnectError::BaseUrl { problem: problem.to_owned() };
        // The text itself is not shown: credentials may stand in it.
        let mut url = Url::parse(text.trim()).map_err(|error| refuse(&format!("is no URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("begins with neither https:// nor http://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("holds credentials; the API key travels in a header of its own"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("has a query or a fragment"));
        }
        let host = url.host_str().ok_or_else(|| refuse("has no host"))?.to_owned();
        let loopback = is_loopback(&host);
        if url.scheme() == "http" && !loopback {
            return Err(ConnectError::PlainHttp { host });
        }
        // Whatever path is left is kept: a self-hosted control plane need not have `/v1`
        // (portkey-api.md 1).
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self { url, loopback })
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => bare.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> String {
        match Base::parse(text) {
            Ok(base) => format!("{}{}", base.url, if base.loopback { " loopback" } else { "" }),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_base_url_loses_its_last_slash_and_keeps_its_path() {
        assert_eq!(base("https://api.portkey.ai/v1"), "https://api.portkey.ai/v1");
        assert_eq!(base(" https://api.portkey.ai/v1/ "), "https://api.portkey.ai/v1");
        assert_eq!(base("https://portkey.acme.example"), "https://portkey.acme.example/");
        assert_eq!(base("https://acme.example/portkey//"), "https://acme.example/portkey");
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        assert_eq!(base("http://127.0.0.1:8787/v1"), "http://127.0.0.1:8787/v1 loopback");
        assert_eq!(base("http://127.9.9.9/v1"), "http://127.9.9.9/v1 loopback");
        assert_eq!(base("http://[::1]:80/v1"), "http://[::1]/v1 loopback");
        assert_eq!(base("http://LocalHost/v1"), "http://localhost/v1 loopback");
        for host in ["localhost.evil.example", "10.0.0.1", "127.0.0.1.nip.io", "[2001:db8::1]"] {
            assert_eq!(
                base(&format!("http://{host}/v1")),
                format!("refusing to send the API key to `{host}` over plain HTTP")
            );
        }
    }

    #[test]
    fn a_base_url_with_credentials_is_refused_without_showing_them() {
        let shown = base("https://admin:hunter2@api.portkey.ai/v1");
        assert_eq!(shown, "the base URL holds credentials; the API key travels in a header of its own");
        assert!(!base("https://admin:hunter2@:x/v1").contains("hunter2"));
    }

    #[test]
    fn a_base_url_that_is_not_one_is_refused() {
        assert_eq!(base("api.portkey.ai/v1"), "the base URL is no URL: relative URL without a base");
        assert_eq!(base("ftp://api.portkey.ai"), "the base URL begins with neither https:// nor http://");
        assert_eq!(base("https://api.portkey.ai/v1?a=b"), "the base URL has a query or a fragment");
        assert_eq!(base("https://api.portkey.ai/v1#a"), "the base URL has a query or a fragment");
    }

    fn key(file: Option<&Path>, variables: &[(&str, &str)]) -> String {
        let env = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        match api_key_from_env_or_file(file, env) {
            Ok((secret, origin)) => format!("{} from {origin}", secret.expose()),
            Err(error) => error.to_string(),
        }
    }

    fn file_with(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn the_admin_variable_comes_before_the_general_one_and_both_before_the_file() {
        let file = file_with(b"from-file\n");
        let (admin, general) = (("PORTKEY_ADMIN_API_KEY", "admin"), ("PORTKEY_API_KEY", "general\n"));
        assert_eq!(
            key(Some(file.path()), &[general, admin]),
            "admin from the environment variable `PORTKEY_ADMIN_API_KEY`"
        );
        assert_eq!(
            key(Some(file.path()), &[("PORTKEY_ADMIN_API_KEY", ""), general]),
            "general from the environment variable `PORTKEY_API_KEY`"
        );
        assert_eq!(
            key(Some(file.path()), &[]),
            format!("from-file from the file `{}`", file.path().display())
        );
    }

    #[test]
    fn a_missing_key_says_whether_a_variable_was_empty() {
        assert_eq!(key(None, &[]), "no API key");
        assert_eq!(
            key(None, &[("PORTKEY_API_KEY", " ")]),
            "no API key: its environment variable is set, but empty"
        );
    }

    #[test]
    fn a_key_file_that_holds_no_key_is_refused_without_showing_it() {
        let problems: [(&[u8], &str); 7] = [
            (&[b'x'; 10_000], "is too long for a key"),
            (b"", "is empty"),
            (b" \n", "is empty"),
            (b"hunter2\nhunter3\n", "has more than one line"),
            (b"hunter2 hunter3", "has white space inside"),
            ("hünter2".as_bytes(), "is not visible ASCII"),
            (b"\xff\xfehunter2", "is not visible ASCII"),
        ];
        for (bytes, problem) in problems {
            let file = file_with(bytes);
            let shown = key(Some(file.path()), &[]);
            assert!(shown.ends_with(problem), "{shown}");
            assert!(!shown.contains("nter"), "{shown}");
        }
        assert!(key(Some(Path::new("/nowhere/key")), &[]).starts_with("cannot read the API key from"));
    }

    #[test]
    fn settings_show_no_secret() {
        let settings = Settings::new("https://api.portkey.ai/v1", Secret::new("hunter2".to_owned()));
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
