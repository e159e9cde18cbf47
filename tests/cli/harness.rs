//! A started emulator, a folder with a keys file, and the program run in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use portkey_sync::emulator::{self, Options, Running, Seed};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::switches::{kept_of_quickstart, switches};

/// Ids of the seeded keys, so that a fault can name one.
pub(crate) const ALPHA: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub(crate) const BETA: &str = "bbbbbbbb-0000-4000-8000-000000000002";
pub(crate) const GAMMA: &str = "cccccccc-0000-4000-8000-000000000003";
pub(crate) const DOOMED: &str = "dddddddd-0000-4000-8000-000000000004";

/// Four keys and somebody who may do everything to them.
pub(crate) const SEED: &str = r"
organisation: {id: a1b2c3d4-e5f6-4a5b-8c7d-9e0f1a2b3c4d, name: Acme}
workspaces:
  - {slug: ws-prod-1a2b3c, name: Production}
users:
  - {email: ada@example.com, first_name: Ada, role: owner}
keys:
  - {name: alpha, id: aaaaaaaa-0000-4000-8000-000000000001, type: workspace-service, workspace: ws-prod-1a2b3c,
     scopes: [completions.write], created_at: 2026-01-01T00:00:00Z}
  - {name: beta, id: bbbbbbbb-0000-4000-8000-000000000002, type: workspace-service, workspace: ws-prod-1a2b3c,
     scopes: [completions.write], created_at: 2026-01-02T00:00:00Z}
  - {name: gamma, id: cccccccc-0000-4000-8000-000000000003, type: organisation-service,
     scopes: [workspaces.list], created_at: 2026-01-03T00:00:00Z}
  - {name: doomed, id: dddddddd-0000-4000-8000-000000000004, type: workspace-service, workspace: ws-prod-1a2b3c,
     scopes: [logs.view], created_at: 2026-01-04T00:00:00Z}
";

/// What every keys file here begins with.
pub(crate) const HEAD: &str = r#"
version: 1
managed_by: platform
workspaces: {prod: ws-prod-1a2b3c}
sinks: {dir: {file: "secrets/{workspace}/{name}"}}
keys:
"#;

/// Two updates in a workspace and one in the organisation.
pub(crate) const UPDATES: &str = "
  - {name: alpha, workspace_id: prod, scopes: [completions.write, prompts.render]}
  - {name: beta, workspace_id: prod, scopes: [completions.write, logs.write]}
  - {name: gamma, type: organisation-service, scopes: [workspaces.list, workspaces.read]}
";

/// A key that does not exist yet.
pub(crate) const CREATE: &str =
    "  - {name: fresh, workspace_id: prod, scopes: [completions.write], secret: {deliver_to: [dir]}}\n";

/// A key that is to go.
pub(crate) const DELETE: &str = "  - {name: doomed, workspace_id: prod, absent: true}\n";

/// Where the secret of [`CREATE`] goes.
pub(crate) const FRESH: &str = "secrets/prod/fresh";

/// The longest that a run or a wait may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder in which the program is run.
pub(crate) struct Folder {
    folder: TempDir,
}

/// A folder, and an emulator that the program is pointed at.
pub(crate) struct Rehearsal {
    pub(crate) folder: Folder,
    emulator: Running,
    client: reqwest::Client,
    // Last: what runs on it goes first.
    runtime: Runtime,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// One request as the emulator saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: Option<u64>,
    pub(crate) faults: Vec<String>,
}

/// Whether a program that this test needs is on this machine. Says on standard error which test is not checked if
/// it is not; not by `eprintln!`, which is kept from people while a test passes.
pub(crate) fn has(program: &str) -> bool {
    let has = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !has {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        let mut stderr = std::io::stderr();
        writeln!(stderr, "{test} is not checked: {program} is not on this machine").unwrap();
    }
    has
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.join(name)).unwrap()
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.join(name).exists()
    }

    /// Every file beneath the folder, by its relative path.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    let name = entry.path().strip_prefix(self.path()).unwrap().display().to_string();
                    files.insert(name, fs::read(entry.path()).unwrap_or_default());
                }
            }
        }
        files
    }

    /// The escrow slots that hold something or are reserved.
    pub(crate) fn escrow(&self) -> Vec<String> {
        self.files().into_keys().filter(|name| name.starts_with(".portkey-sync/escrow/")).collect()
    }

    /// The escrow slots that hold a secret.
    pub(crate) fn held(&self) -> Vec<String> {
        self.escrow().into_iter().filter(|slot| self.read(slot).contains("\"secret\"")).collect()
    }

    /// What the embedded emulator finds there. It has its switches from its state, if it has one.
    fn switch_embedded_emulator(&self) {
        let state = self.join(".portkey-sync/emulator.json");
        let Some(switches) = switches().filter(|_| !state.exists()) else { return };
        fs::create_dir_all(state.parent().unwrap()).unwrap();
        let options = Options {
            seed: Some(Seed::from_yaml_str(include_str!("../../examples/organisation.yaml")).unwrap()),
            state: Some(state),
            switches: Some(switches),
            ..Options::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { emulator::start(options).await.unwrap().stop().await.unwrap() });
    }

    /// The program in this folder, with nothing of the machine's own environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        // With a seed of its own it has the switches of that seed: what such a test is about is the seed.
        if args.contains(&"--emulator") && !args.contains(&"--seed") {
            self.switch_embedded_emulator();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_portkey-sync"));
        command.args(args).current_dir(self.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path()).env("NO_COLOR", "1").env("COLUMNS", "100");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        run(self.command(args), "")
    }
}

/// Runs to the end, within bounds.
pub(crate) fn run(command: Command, stdin: &str) -> Ended {
    let output = assert_cmd::Command::from_std(command).timeout(PATIENCE).write_stdin(stdin).output();
    ended(output.unwrap())
}

fn ended(Output { status, stdout, stderr }: Output) -> Ended {
    Ended {
        code: status.code().unwrap_or(-1),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

impl Ended {
    /// The one JSON document on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output and standard error.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// An apply of the keys file of the quickstart: it does all, and says what the service keeps.
    pub(crate) fn expect_all_but_what_is_kept(self) -> Self {
        let kept = kept_of_quickstart();
        if kept.is_empty() {
            self.says("all confirmed by reading back");
            return self.expect(0);
        }
        self.says(&format!("{} overridden by the server", kept.len()));
        for (key, field) in kept {
            self.says(&format!("`{key}`: the service took the call but keeps its own value of {field};"));
        }
        self.expect(3)
    }

    pub(crate) fn says(&self, text: &str) {
        // Paragraphs are wrapped, so that the words matter and not the line ends.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(&self.said()).contains(&words(text)), "{text:?} is not in\n{}", self.said());
    }
}

impl Rehearsal {
    /// The usual organisation, and a keys file with these entries.
    pub(crate) fn of(keys: &str) -> Self {
        Self::with(Options { seed: Some(Seed::from_yaml_str(SEED).unwrap()), ..Options::default() }, keys)
    }

    pub(crate) fn with_seed(seed: &str, keys: &str) -> Self {
        Self::with(Options { seed: Some(Seed::from_yaml_str(seed).unwrap()), ..Options::default() }, keys)
    }

    pub(crate) fn with(options: Options, keys: &str) -> Self {
        // Fails if another test of this process was first, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = Options { switches: options.switches.or_else(switches), ..options };
        let emulator = runtime.block_on(emulator::start(options)).unwrap();
        // Without the machine's certificates, which take long to read.
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let folder = Folder::new();
        folder.write("keys.yaml", &format!("{HEAD}{keys}"));
        Self { folder, emulator, client, runtime }
    }

    pub(crate) fn base_url(&self) -> String {
        self.emulator.base_url()
    }

    pub(crate) fn admin_key(&self) -> &str {
        self.emulator.admin_key()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.folder.command(args);
        command.env("PORTKEY_BASE_URL", self.base_url()).env("PORTKEY_ADMIN_API_KEY", self.admin_key());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        run(self.command(args), "")
    }

    /// `apply --yes` with JSON, and little patience.
    pub(crate) fn apply(&self, more: &[&str]) -> Ended {
        let mut args = vec!["apply", "--yes", "--format", "json", "--retry-for", "2s"];
        if !more.contains(&"--verify-for") {
            args.extend(["--verify-for", "4s"]);
        }
        args.extend(more);
        self.run(&args)
    }

    /// Calls until the connection is accepted: a fault may refuse some.
    fn call(&self, secret: &str, method: reqwest::Method, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("http://{}{path}", self.emulator.local_addr());
        let mut request = self.client.request(method, url).header("x-portkey-api-key", secret);
        if !body.is_null() {
            request = request.json(body);
        }
        self.runtime.block_on(async {
            let mut attempts = (0..20).map(|_| request.try_clone().unwrap().send());
            let response = loop {
                match attempts.next().expect("no connection is accepted").await {
                    Ok(response) => break response,
                    Err(error) => assert!(error.is_connect() || error.is_request(), "{error}"),
                }
            };
            (response.status().as_u16(), response.json().await.unwrap_or_default())
        })
    }

    fn control(&self, method: reqwest::Method, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call("none", method, &format!("/_emulator/{path}"), body);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    pub(crate) fn fault(&self, fault: Value) {
        self.control(reqwest::Method::POST, "faults", &Value::Array(vec![fault]));
    }

    /// Faults that are still to come.
    pub(crate) fn pending_faults(&self) -> usize {
        let answer = self.control(reqwest::Method::GET, "faults", &Value::Null);
        answer["faults"].as_array().unwrap().len()
    }

    pub(crate) fn clear_faults(&self) {
        self.control(reqwest::Method::DELETE, "faults", &Value::Null);
    }

    /// Every request since the last time that they were forgotten. The test's own count too.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        let answer = self.control(reqwest::Method::GET, "requests", &Value::Null);
        let seen = |request: &Value| Seen {
            method: request["method"].as_str().unwrap().to_owned(),
            path: request["path"].as_str().unwrap().to_owned(),
            status: request["status"].as_u64(),
            faults: serde_json::from_value(request["faults"].clone()).unwrap_or_default(),
        };
        answer["requests"].as_array().unwrap().iter().map(seen).collect()
    }

    pub(crate) fn forget_requests(&self) {
        self.control(reqwest::Method::DELETE, "requests", &Value::Null);
    }

    /// The requests with this method whose path contains this.
    pub(crate) fn sent(&self, method: &str, path: &str) -> Vec<Seen> {
        let fits = |seen: &Seen| seen.method == method && seen.path.contains(path);
        self.requests().into_iter().filter(fits).collect()
    }

    /// The writes that reached the emulator, whatever came of them.
    pub(crate) fn writes(&self) -> Vec<Seen> {
        self.requests().into_iter().filter(Seen::is_write).collect()
    }

    /// Every live key by its id, as the service shows it.
    pub(crate) fn keys(&self) -> BTreeMap<String, Value> {
        self.keys_seen_by(self.admin_key())
    }

    pub(crate) fn keys_seen_by(&self, secret: &str) -> BTreeMap<String, Value> {
        let path = "/v1/api-keys?page_size=100";
        let (status, list) = self.call(secret, reqwest::Method::GET, path, &Value::Null);
        assert_eq!(status, 200, "{list}");
        let rows = list["data"].as_array().unwrap();
        rows.iter().map(|row| (row["id"].as_str().unwrap().to_owned(), row.clone())).collect()
    }

    /// The live keys with this name.
    pub(crate) fn named(&self, name: &str) -> Vec<Value> {
        self.keys().into_values().filter(|key| key["name"] == name).collect()
    }

    /// Changes a key as somebody else would.
    pub(crate) fn put(&self, id: &str, body: &Value) {
        let path = format!("/v1/api-keys/{id}");
        let (status, answer) = self.call(self.admin_key(), reqwest::Method::PUT, &path, body);
        assert_eq!(status, 200, "{answer}");
    }

    /// A call with the administrative key.
    pub(crate) fn admin(&self, method: reqwest::Method, path: &str, body: &Value) -> (u16, Value) {
        self.call(self.admin_key(), method, path, body)
    }

    pub(crate) fn advance(&self, span: &str) {
        self.control(reqwest::Method::POST, "clock", &serde_json::json!({"advance": span}));
    }

    /// What the emulator's clock shows.
    pub(crate) fn time(&self) -> String {
        let clock = self.control(reqwest::Method::GET, "clock", &Value::Null);
        clock["now"].as_str().unwrap().to_owned()
    }

    /// Whether the data plane lets this secret in.
    pub(crate) fn opens(&self, secret: &str) -> bool {
        self.call(secret, reqwest::Method::GET, "/v1/models", &Value::Null).0 == 200
    }

    /// Every secret that was ever issued.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let answer = self.control(reqwest::Method::GET, "secrets", &Value::Null);
        let all = answer["secrets"].as_array().unwrap();
        all.iter().map(|issued| issued["secret"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until something is so.
    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "waited in vain: {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// With all faults gone, one more apply ends well and there is nothing left to do; no key is there
    /// twice, and every secret that was delivered opens its door.
    /// When the first thing is due that the plan waits for.
    fn waits_until(&self) -> Option<String> {
        let plan = self.run(&["plan", "--format", "json"]).json();
        let waiting = plan["waiting"].as_array()?;
        let untils = waiting
            .iter()
            .filter(|waiting| waiting["action"] != "reset-usage")
            .filter_map(|waiting| waiting["until"].as_str().map(str::to_owned));
        untils.min()
    }

    pub(crate) fn converges(&self) {
        self.clear_faults();
        self.apply(&[]).expect(0);
        // What an earlier request may still do, or another secret's transition, is waited for.
        for _ in 0..3 {
            let Some(until) = self.waits_until() else { break };
            self.control(reqwest::Method::POST, "clock", &serde_json::json!({"set": until}));
            self.apply(&[]).expect(0);
        }
        self.forget_requests();
        self.apply(&[]).expect(0);
        assert!(self.writes().is_empty(), "{:?}", self.writes());
        self.run(&["plan", "--detailed-exitcode"]).expect(0);
        let mut names = BTreeMap::<String, usize>::new();
        for key in self.keys().values() {
            *names.entry(key["name"].to_string()).or_default() += 1;
        }
        assert!(names.values().all(|count| *count == 1), "{names:?}");
        for (file, secret) in self.folder.files() {
            if file.starts_with("secrets/") {
                assert!(self.opens(&String::from_utf8(secret).unwrap()), "{file} opens nothing");
            }
        }
        assert_eq!(self.folder.held(), Vec::<String>::new());
    }
}

impl Seen {
    fn is_write(&self) -> bool {
        self.method != "GET"
    }

    /// Whether the program was told that the write was carried out.
    fn is_accepted_write(&self) -> bool {
        let whole = !self.faults.iter().any(|fault| fault == "truncate_body");
        self.is_write() && whole && self.status.is_some_and(|status| status < 300)
    }
}

/// The report on this key.
pub(crate) fn change<'a>(report: &'a Value, address: &str) -> &'a Value {
    let changes = report["changes"].as_array().unwrap();
    let found = changes.iter().find(|change| change["address"] == address);
    found.unwrap_or_else(|| panic!("{address} is not in {report:#}"))
}

/// `outcome/verdict` of one change, as in `done/confirmed` or `failed/null`.
pub(crate) fn fate(report: &Value, address: &str) -> String {
    let change = change(report, address);
    format!("{}/{}", change["outcome"].as_str().unwrap(), change["verdict"].as_str().unwrap_or("null"))
}

/// Holds a report against what the emulator has now, had before, and was asked in between. `unheard` is the
/// number of writes that took effect although their answer was lost.
pub(crate) fn assert_true(
    report: &Value,
    rehearsal: &Rehearsal,
    before: &BTreeMap<String, Value>,
    unheard: usize,
) {
    let accepted = rehearsal.requests().iter().filter(|seen| seen.is_accepted_write()).count();
    let claimed = usize::try_from(report["totals"]["writes"].as_u64().unwrap()).unwrap();
    assert_eq!(claimed, accepted + unheard, "{report:#}\n{:?}", rehearsal.requests());
    let now = rehearsal.keys();
    for change in report["changes"].as_array().unwrap() {
        let (outcome, action) = (change["outcome"].as_str().unwrap(), change["action"].as_str().unwrap());
        let untouched = match outcome {
            "not-attempted" | "moved" => true,
            "failed" => change["failure"]["changed_something"] == false,
            _ => false,
        };
        let name = change["address"].as_str().unwrap().rsplit('/').next().unwrap();
        match change["id"].as_str() {
            Some(id) if untouched => assert_eq!(now.get(id), before.get(id), "{change:#}"),
            Some(id) if outcome == "done" && action == "delete" => {
                assert!(!now.contains_key(id), "{change:#}");
            }
            Some(id) if outcome == "done" && change["verdict"] == "confirmed" => {
                assert!(now.contains_key(id), "{change:#}");
                assert_ne!(now.get(id), before.get(id), "{change:#}");
            }
            None if untouched => {
                assert!(!now.values().any(|key| key["name"] == name), "{change:#}");
            }
            _ => {}
        }
    }
}

/// A process that is killed when the test is over.
pub(crate) struct Underway(std::process::Child);

impl Underway {
    pub(crate) fn start(mut command: Command) -> Self {
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(piped.spawn().unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits for its end. Its output is short enough for the pipes.
    pub(crate) fn wait(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        while self.0.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the program did not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut ended = Ended { code: -1, stdout: String::new(), stderr: String::new() };
        ended.code = self.0.wait().unwrap().code().unwrap_or(-1);
        std::io::Read::read_to_string(&mut self.0.stdout.take().unwrap(), &mut ended.stdout).unwrap();
        std::io::Read::read_to_string(&mut self.0.stderr.take().unwrap(), &mut ended.stderr).unwrap();
        ended
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
