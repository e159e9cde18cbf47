//! A started emulator, the library pointed at it, and a plain client that looks at what is really there.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portkey_sync::api::{self, Reader, Settings, Writer};
use portkey_sync::apply::{ApplyOptions, Stop, apply};
use portkey_sync::desired::{Desired, parse_str};
use portkey_sync::diff::needs_hydration;
use portkey_sync::emulator::{self, Options, Running, Seed};
use portkey_sync::live::{Live, Names, RunningKey, hydrate, refresh};
use portkey_sync::model::{Mask, Secret};
use portkey_sync::plan::{Inputs, Plan, PlanOptions, plan};
use portkey_sync::report::Report;
use portkey_sync::secrets::{Escrow, Journal, Sinks};
use reqwest::{Client, Method};
use serde_json::{Value, json};

pub(crate) struct Rehearsal {
    pub(crate) running: Running,
    pub(crate) reader: Reader,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) writer: Writer,
    mask: Mask,
    client: Client,
}

/// One request that the emulator got.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    pub(crate) status: u64,
}

impl Rehearsal {
    pub(crate) async fn of(seed: &str) -> Self {
        Self::with(Options { seed: Some(Seed::from_yaml_str(seed).unwrap()), ..Options::default() }).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        // Fails if another test of this process was first, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        let running = emulator::start(options).await.unwrap();
        let secret = || Secret::new(running.admin_key().to_owned());
        let (reader, writer) = api::connect(Settings::new(running.base_url(), secret())).unwrap();
        let mask = secret().mask();
        // Without the machine's certificates, which take long to read.
        let client = Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        Self { running, reader, folder: tempfile::tempdir().unwrap(), writer, mask, client }
    }

    /// The live keys, as `plan` reads them.
    pub(crate) async fn live(&self, desired: &Desired) -> Live {
        let mut live = refresh(&self.reader, &Names::used_by(desired)).await.unwrap();
        let missing = needs_hydration(desired, &live);
        hydrate(&self.reader, &mut live, &missing).await;
        live
    }

    pub(crate) fn plan_of(&self, desired: &Desired, live: &Live, options: &PlanOptions) -> Plan {
        let running = RunningKey::recognise(live, &self.mask);
        plan(&Inputs { desired, live, running: &running, now: live.now, options })
    }

    pub(crate) async fn plan_with(&self, file: &str, options: &PlanOptions) -> Plan {
        // As if the file lay in the rehearsal's folder: file sinks lie beside it.
        let desired = Desired { folder: Some(self.folder.path().to_owned()), ..read(file) };
        let live = self.live(&desired).await;
        self.plan_of(&desired, &live, options)
    }

    pub(crate) async fn plan(&self, file: &str) -> Plan {
        self.plan_with(file, &PlanOptions::default()).await
    }

    /// Secrets go beneath the rehearsal's own folder.
    pub(crate) fn options(&self) -> PlanOptions {
        PlanOptions { secrets_file: Some(self.folder.path().join("secrets")), ..PlanOptions::default() }
    }

    pub(crate) async fn apply(&self, plan: &Plan) -> Report {
        let options = ApplyOptions {
            concurrency: 8,
            // The emulator's reads are never stale here: the first reading must tell.
            verify_within: Duration::ZERO,
            // Nobody else creates keys here.
            settle_within: Duration::ZERO,
            sinks: Sinks { folder: Some(self.folder.path().to_owned()), ..Sinks::default() },
            running_key_is_known: true,
            gateway: None,
        };
        let work = self.folder.path().join("work");
        let kept = (&Escrow::at(&work), &Arc::new(Journal::at(&work, "test".to_owned())));
        apply(plan, &self.reader, &self.writer, kept, &options, &Stop::default(), &|_| ()).await
    }

    /// Every key as a GET by its id answers it, by id.
    pub(crate) async fn objects(&self) -> BTreeMap<String, Value> {
        let mut objects = BTreeMap::new();
        for page in 0.. {
            let rows =
                self.call(Method::GET, &format!("/v1/api-keys?page_size=100&current_page={page}")).await;
            let rows = rows["data"].as_array().unwrap().clone();
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let id = row["id"].as_str().unwrap();
                objects.insert(id.to_owned(), self.call(Method::GET, &format!("/v1/api-keys/{id}")).await);
            }
        }
        objects
    }

    /// What came since the last call of this; the client's own looks are counted too.
    pub(crate) async fn requests(&self) -> Vec<Request> {
        let log = self.call(Method::GET, "/_emulator/requests").await;
        self.call(Method::DELETE, "/_emulator/requests").await;
        log["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|request| Request {
                method: request["method"].as_str().unwrap().to_owned(),
                path: request["path"].as_str().unwrap().to_owned(),
                status: request["status"].as_u64().unwrap(),
            })
            .collect()
    }

    /// Has the emulator misbehave.
    pub(crate) async fn fault(&self, fault: Value) {
        self.send(Method::POST, "/_emulator/faults", Some(json!([fault]))).await;
    }

    /// Lets the emulator's time go by.
    pub(crate) async fn advance(&self, by: &str) {
        self.send(Method::POST, "/_emulator/clock", Some(json!({"advance": by}))).await;
    }

    async fn call(&self, method: Method, path: &str) -> Value {
        self.send(method, path, None).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let url = format!("http://{}{path}", self.running.local_addr());
        let mut request =
            self.client.request(method, url).header("x-portkey-api-key", self.running.admin_key());
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap().error_for_status().unwrap();
        response.json().await.unwrap()
    }

    /// The program, pointed at this emulator.
    pub(crate) fn program(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = program(self.folder.path(), arguments);
        command.env("PORTKEY_BASE_URL", self.running.base_url());
        command.env("PORTKEY_ADMIN_API_KEY", self.running.admin_key());
        command.output().unwrap()
    }
}

/// The program with nothing from the outside but its arguments.
pub(crate) fn program(folder: &Path, arguments: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("portkey-sync"));
    command.env_clear().current_dir(folder).args(arguments);
    command
}

/// Reads a keys file that is right.
pub(crate) fn read(file: &str) -> Desired {
    let loaded = parse_str("keys.yaml", file);
    let Some(desired) = loaded.desired else {
        let problems: BTreeSet<String> = loaded
            .diagnostics
            .iter()
            .map(|problem| format!("{}: {}", problem.code, problem.message))
            .collect();
        panic!("{problems:#?} in\n{file}");
    };
    desired
}
