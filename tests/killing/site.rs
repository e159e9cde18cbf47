//! Where the story of the runs takes place: an emulator, a folder, and a program that takes secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use portkey_sync::emulator::{self, Options, Running, Seed};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How often a command is repeated at most.
const PATIENCE: usize = 8;

const SEED: &str = r"
organisation: {id: a1b2c3d4-5e6f-4a7b-8c9d-0e1f2a3b4c5d}
workspaces: [{slug: ws-prod, name: Production}]
";

/// The state from which each site starts: ten keys, five of them committed.
pub(crate) struct Story {
    folder: TempDir,
    admin_key: String,
}

pub(crate) struct Site {
    folder: TempDir,
    emulator: Running,
    client: reqwest::Client,
    runtime: Runtime,
}

/// The keys file: `phase` 0 before, 1 after the pull request.
fn keys_yaml(after: bool) -> String {
    let mut text = "version: 1\nmanaged_by: platform\nworkspaces: {prod: ws-prod}\nsinks:\n  \
                    dir: {file: \"secrets/{name}\"}\n  env: {env_file: secrets.env, variable: \"{name}\"}\n  \
                    store: {command: [./store.sh, \"{name}\"]}\nkeys:\n"
        .to_owned();
    let sinks = ["dir", "env", "store", "dir, store", "env, store"];
    for (n, sinks) in sinks.iter().enumerate() {
        let rotate = if after { ", rotate_after: 2026-11-20T13:00:00Z" } else { "" };
        text.push_str(&format!(
            "  - {{name: old-{n}, workspace_id: prod, scopes: [completions.write], secret: {{deliver_to: [{sinks}]{rotate}}}}}\n"
        ));
        let scopes = if after { "completions.write, logs.view" } else { "completions.write" };
        text.push_str(&format!(
            "  - {{name: plain-{n}, workspace_id: prod, scopes: [{scopes}], unmanaged: []}}\n"
        ));
        if after {
            text.push_str(&format!(
                "  - {{name: new-{n}, workspace_id: prod, scopes: [completions.write], secret: {{deliver_to: [{sinks}]}}}}\n"
            ));
        }
    }
    text
}

const STORE: &str = "#!/bin/sh\nset -e\nmkdir -p stored\ncat > stored/$1.new\nmv stored/$1.new stored/$1\n\
                     printf '%s %s\\n' \"$1\" \"$(cat stored/$1)\" >> calls.log\n";

fn command(folder: &Path, base_url: &str, admin_key: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portkey-sync"));
    command.args(args).current_dir(folder).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", folder);
    command.env("PORTKEY_BASE_URL", base_url).env("PORTKEY_ADMIN_API_KEY", admin_key);
    command.stdin(Stdio::null());
    command
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

impl Story {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("store.sh"), STORE).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(folder.path().join("store.sh"), mode).unwrap();
        }
        fs::write(folder.path().join("keys.yaml"), keys_yaml(false)).unwrap();
        fs::write(folder.path().join("admin.key"), "").unwrap();
        let story = Self { folder, admin_key: "admin-key-of-the-story-0123456789".to_owned() };
        let site = Site::begin(&story, Some("2026-11-20T12:00:00Z"));
        let ended = site
            .run(&["apply", "--yes", "--allow-command", "./store.sh", "--secrets-file", "all.jsonl"], &[]);
        assert_eq!(ended.0, Some(0), "{}", ended.1);
        site.control(Method::POST, "clock", &json!({"set": "2026-11-20T14:00:00Z"}));
        let Site { folder, emulator, runtime, .. } = site;
        runtime.block_on(emulator.stop()).unwrap();
        fs::write(folder.path().join("keys.yaml"), keys_yaml(true)).unwrap();
        fs::remove_file(folder.path().join("calls.log")).unwrap();
        Self { folder, ..story }
    }

    /// The points of the run, by their numbers.
    pub(crate) fn points(&self) -> Vec<String> {
        let site = Site::of(self);
        let log = site.folder.path().join("points.log");
        let (code, said) = site.run(&APPLY, &[("PORTKEY_SYNC_KILL_LOG", log.to_str().unwrap())]);
        assert_eq!(code, Some(0), "{said}");
        site.check(false);
        let text = fs::read_to_string(log).unwrap();
        text.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    }

    /// Every call of the run: its method, and how many of that method come before it.
    pub(crate) fn calls(&self) -> Vec<(String, usize)> {
        let site = Site::of(self);
        site.apply("1");
        let requests = site.control(Method::GET, "requests", &Value::Null);
        let mut before = BTreeMap::<String, usize>::new();
        let method = |request: &Value| request["method"].as_str().unwrap().to_owned();
        let of_keys = |request: &&Value| request["path"].as_str().unwrap().contains("/api-keys");
        let calls = requests["requests"].as_array().unwrap().iter().filter(of_keys).map(method);
        calls
            .map(|method| {
                let count = before.entry(method.clone()).or_default();
                *count += 1;
                (method, *count - 1)
            })
            .collect()
    }
}

/// The run of the story.
const APPLY: [&str; 12] = [
    "apply",
    "--yes",
    "--allow-command",
    "./store.sh",
    "--concurrency",
    "1",
    "--verify-for",
    "2s",
    "--retry-for",
    "1s",
    "--timeout",
    "2s",
];

impl Site {
    pub(crate) fn of(story: &Story) -> Self {
        Self::begin(story, None)
    }

    fn begin(story: &Story, clock: Option<&str>) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let folder = tempfile::tempdir().unwrap();
        copy_folder(story.folder.path(), folder.path());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = Options {
            seed: Some(Seed::from_yaml_str(SEED).unwrap()),
            state: Some(folder.path().join("state.json")),
            admin_key: Some(story.admin_key.clone()),
            ..Options::default()
        };
        let emulator = runtime.block_on(emulator::start(options)).unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let site = Self { folder, emulator, client, runtime };
        if let Some(clock) = clock {
            site.control(Method::POST, "clock", &json!({"set": clock}));
        }
        site
    }

    fn run(&self, args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String) {
        let mut command =
            command(self.folder.path(), &self.emulator.base_url(), self.emulator.admin_key(), args);
        command.envs(env.iter().copied());
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    }

    fn call(&self, secret: &str, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("http://{}{path}", self.emulator.local_addr());
        let mut request = self.client.request(method, url).header("x-portkey-api-key", secret);
        if !body.is_null() {
            request = request.json(body);
        }
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.json().await.unwrap_or_default())
        })
    }

    fn control(&self, method: Method, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call("none", method, &format!("/_emulator/{path}"), body);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    pub(crate) fn fault(&self, (method, before): &(String, usize), then: &Value) {
        let fault = json!([{"method": method, "path_contains": "/api-keys", "skip": before, "then": then}]);
        self.control(Method::POST, "faults", &fault);
    }

    /// Whether a fault has not met its call yet.
    pub(crate) fn is_armed(&self) -> bool {
        self.control(Method::GET, "faults", &Value::Null)["faults"] != json!([])
    }

    pub(crate) fn clear_faults(&self) {
        self.control(Method::DELETE, "faults", &Value::Null);
    }

    pub(crate) fn advance(&self, span: &str) {
        self.control(Method::POST, "clock", &json!({"advance": span}));
    }

    pub(crate) fn lose_the_disk(&self) {
        drop(fs::remove_dir_all(self.folder.path().join(".portkey-sync")));
    }

    pub(crate) fn killed_at(&self, number: usize) {
        self.killed_at_with(number, "1");
    }

    pub(crate) fn killed_at_with(&self, number: usize, concurrency: &str) {
        let mut args = APPLY;
        args[5] = concurrency;
        self.run(&args, &[("PORTKEY_SYNC_KILL_AT", &number.to_string())]);
    }

    pub(crate) fn apply(&self, concurrency: &str) {
        let mut args = APPLY;
        args[5] = concurrency;
        self.run(&args, &[]);
    }

    /// Two runs from two folders of work, the second one a little later.
    pub(crate) fn two_at_once(&self, seed: usize) {
        let spawn = |work: &str| {
            let mut args = APPLY.to_vec();
            args.extend(["--work-dir", work]);
            let (base_url, key) = (self.emulator.base_url(), self.emulator.admin_key());
            let mut command = command(self.folder.path(), &base_url, key, &args);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        let mut first = spawn(".portkey-sync");
        std::thread::sleep(Duration::from_millis(u64::try_from(seed).unwrap() * 13 % 400));
        let mut second = spawn("elsewhere");
        first.wait().unwrap();
        second.wait().unwrap();
    }

    /// Repeats the command until the plan is empty. What it waits for is brought about by the clock.
    pub(crate) fn finish(&self) {
        let mut said = String::new();
        for _ in 0..PATIENCE {
            said = self.run(&APPLY, &[]).1;
            let plan = self.plan();
            let waiting = plan["waiting"].as_array().unwrap();
            let until = waiting.iter().filter_map(|waiting| waiting["until"].as_str()).min();
            if let Some(until) = until {
                self.control(Method::POST, "clock", &json!({"set": until}));
            } else if plan["changes"] == json!([]) && plan["blocked"] == json!([]) {
                return;
            } else {
                // What another run may still be at, or a transition that nobody has told of.
                self.advance("16m");
            }
        }
        panic!("it does not come to its end: {said}\n{:#}", self.plan());
    }

    fn plan(&self) -> Value {
        let mut args = vec!["plan", "--format", "json"];
        args.extend([&APPLY[2], &APPLY[3]]);
        let (_, said) = self.run(&args, &[]);
        let start = said.find('{').unwrap();
        serde_json::Deserializer::from_str(said.split_at(start).1).into_iter().next().unwrap().unwrap()
    }

    /// One key per entry; what each sink holds works and is the live secret; no program ran without need.
    pub(crate) fn check(&self, may_repeat: bool) {
        // Slots of which nothing can come any more are emptied by the next run.
        self.advance("31m");
        let (code, said) = self.run(&APPLY, &[]);
        assert_eq!(code, Some(0), "{said}");
        let (_, list) =
            self.call(self.emulator.admin_key(), Method::GET, "/v1/api-keys?page_size=100", &Value::Null);
        let rows = list["data"].as_array().unwrap();
        let mut masks = BTreeMap::new();
        for row in rows {
            let name = row["name"].as_str().unwrap().to_owned();
            assert!(masks.insert(name.clone(), row["key"].clone()).is_none(), "{name} is there twice");
        }
        let env = fs::read_to_string(self.folder.path().join("secrets.env")).unwrap();
        let file = |path: PathBuf| fs::read_to_string(self.folder.path().join(path)).unwrap();
        let line = |name: &str| {
            let variable = name.to_uppercase().replace('-', "_");
            let line = env.lines().find_map(|line| line.strip_prefix(&format!("{variable}=")));
            line.unwrap_or_else(|| panic!("no {variable}")).to_owned()
        };
        for (n, sinks) in ["d", "e", "s", "ds", "es"].iter().enumerate() {
            for name in [format!("old-{n}"), format!("new-{n}")] {
                let held = sinks.chars().map(|sink| match sink {
                    'd' => file(format!("secrets/{name}").into()),
                    'e' => line(&name),
                    _ => file(format!("stored/{name}").into()),
                });
                for secret in held {
                    let (status, _) = self.call(&secret, Method::GET, "/v1/models", &Value::Null);
                    assert_eq!(status, 200, "what a sink holds of {name} does not work");
                    let (head, tail) = (secret.get(..2).unwrap(), secret.get(secret.len() - 3..).unwrap());
                    assert_eq!(masks[&name], format!("{head}*****{tail}"), "{name}");
                }
            }
        }
        let calls = fs::read_to_string(self.folder.path().join("calls.log")).unwrap_or_default();
        let distinct: BTreeSet<&str> = calls.lines().collect();
        assert!(may_repeat || distinct.len() == calls.lines().count(), "a program ran twice:\n{calls}");
        assert!(
            !self
                .folder
                .path()
                .join(".portkey-sync/escrow")
                .read_dir()
                .is_ok_and(|mut all| all.next().is_some())
        );
    }
}
