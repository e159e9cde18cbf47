//! The action with the real program, against the emulator.

use portkey_sync::emulator::{self, Options, Running, Seed};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::harness::{Job, Program, Runner, yaml};

const SEED: &str = "
organisation: {id: a1b2c3d4-e5f6-4a5b-8c7d-9e0f1a2b3c4d, name: Acme}
workspaces:
  - {slug: ws-prod-1a2b3c, name: Production}
keys:
  - {name: alpha, type: workspace-service, workspace: ws-prod-1a2b3c, scopes: [completions.write],
     description: Alpha}
  - {name: beta, type: workspace-service, workspace: ws-prod-1a2b3c, scopes: [logs.view], description: Beta}
";

/// A keys file in which alpha has these scopes.
pub(crate) fn keys_file(scopes: &str) -> String {
    format!(
        "version: 1\nworkspaces: {{prod: ws-prod-1a2b3c}}\nkeys:\n- {{name: alpha, workspace_id: prod, \
         description: Alpha, scopes: [{scopes}]}}\n"
    )
}

/// A pull request whose keys file differs from what is live, and what is live.
pub(crate) struct Site {
    pub(crate) runner: Runner,
    emulator: Running,
    runtime: Runtime,
}

impl Site {
    pub(crate) fn new() -> Self {
        // Fails if another test of this process was first, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = Options { seed: Some(Seed::from_yaml_str(SEED).unwrap()), ..Options::default() };
        let emulator = runtime.block_on(emulator::start(options)).unwrap();
        let mut runner = Runner::new(Program::Real);
        runner.set("PORTKEY_BASE_URL", &emulator.base_url());
        runner.file("keys.yaml", &keys_file("completions.write, prompts.render"));
        Self { runner, emulator, runtime }
    }

    pub(crate) fn action(&self, inputs: &[(&str, &str)]) -> Job {
        let key = self.emulator.admin_key().to_owned();
        let job = self.runner.action(&[inputs, &[("api-key", key.as_str())]].concat());
        assert!(!job.log.contains(&key) && !self.runner.got("calls").contains(&key), "the key is shown");
        job
    }

    fn plan(&self) -> Job {
        self.action(&[("command", "plan"), ("comment", "true")])
    }

    /// What the emulator was asked, as `METHOD path`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let url = format!("http://{}/_emulator/requests", self.emulator.local_addr());
        let log: serde_json::Value =
            self.runtime.block_on(async { client.get(url).send().await.unwrap().json().await.unwrap() });
        let requests = log["requests"].as_array().unwrap().iter();
        let text = |part: &serde_json::Value| part.as_str().unwrap().to_owned();
        requests.map(|request| format!("{} {}", text(&request["method"]), text(&request["path"]))).collect()
    }

    pub(crate) fn writes(&self) -> Vec<String> {
        self.requests().into_iter().filter(|request| !request.starts_with("GET ")).collect()
    }

    /// Somebody changes the live key by other means.
    fn edit_live(&self, scopes: &str) {
        self.make_live(&keys_file(scopes).replace("Alpha", "By hand"));
    }

    /// Live keys come to say what this file says, whatever is in the checkout.
    pub(crate) fn make_live(&self, keys_file: &str) {
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::write(elsewhere.path().join("keys.yaml"), keys_file).unwrap();
        let mut command = self.program(&["apply", "--yes"]);
        let output = command.current_dir(elsewhere.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The program itself, with the key.
    pub(crate) fn program(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.runner.command(env!("CARGO_BIN_EXE_portkey-sync"));
        command.args(arguments).env("PORTKEY_BASE_URL", self.emulator.base_url());
        command.env("PORTKEY_ADMIN_API_KEY", self.emulator.admin_key());
        command
    }
}

pub(crate) fn a_pull_request_has_one_comment_that_is_kept_up_to_date() {
    let site = Site::new();
    let first = site.plan().expect(0);
    assert_eq!(first.output("has-changes"), "true");
    let comments = site.runner.things();
    assert_eq!(comments.len(), 1);
    let body = comments[0]["body"].as_str().unwrap();
    assert!(body.starts_with("<!-- portkey-sync:plan "), "{body}");
    assert!(body.contains(first.output("digest")), "{body}");
    assert_eq!(std::fs::read_to_string(site.runner.summary()).unwrap(), body);

    site.runner.file("keys.yaml", &keys_file("completions.write, logs.write"));
    let second = site.plan().expect(0);
    assert_ne!(first.output("digest"), second.output("digest"));
    let comments = site.runner.things();
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(comments[0]["body"].as_str().unwrap().contains(second.output("digest")));
    assert_eq!(site.writes(), Vec::<String>::new());
}

pub(crate) fn what_others_wrote_is_left_alone_even_with_our_marker() {
    let site = Site::new();
    site.plan().expect(0);
    let marker = site.runner.things()[0]["body"].as_str().unwrap().lines().next().unwrap().to_owned();
    let by = |id: u32, login: &str, body: &str| json!({"id": id, "number": id, "state": "open", "user": {"login": login}, "body": body});
    let bot = "github-actions[bot]";
    let before =
        json!([by(1, "mallory", &format!("{marker}\nLooks good")), by(2, bot, &format!("See\n{marker}"))]);
    site.runner.put("things.json", &before.to_string());
    site.plan().expect(0);
    site.plan().expect(0);
    let after = site.runner.things();
    assert_eq!(after.len(), 3);
    assert_eq!(after[..2], before.as_array().unwrap()[..]);
}

pub(crate) fn a_comment_that_cannot_be_written_does_not_hide_the_result() {
    let site = Site::new();
    site.runner.put("gh-forbidden", "");
    let job = site.plan().expect(0);
    assert!(job.log.contains("::warning title=portkey-sync::the comments cannot be read"), "{}", job.log);
    assert_eq!(job.output("has-changes"), "true");
}

pub(crate) fn a_fork_without_a_key_has_its_files_checked_and_nothing_else() {
    let mut site = Site::new();
    site.runner.pull_request_from("mallory/keys");
    let job = site.runner.action(&[("command", "plan"), ("comment", "true")]).expect(0);
    assert!(job.log.contains("::notice title=portkey-sync::this run has no API key"), "{}", job.log);
    assert_eq!(site.runner.got("calls").lines().count(), 1);
    assert!(site.runner.got("calls").starts_with("validate --file=keys.yaml"));
    assert_eq!((site.requests().len(), site.runner.got("gh-calls").as_str()), (0, ""));

    site.runner.file("keys.yaml", &keys_file("logs.veiw"));
    site.runner.action(&[("command", "plan")]).expect(1);
}

pub(crate) fn a_key_that_should_be_there_and_is_not_fails_the_job() {
    let mut site = Site::new();
    let job = site.runner.action(&[("command", "plan")]).expect(64);
    assert!(job.log.contains("there is no API key"), "{}", job.log);
    site.runner.event("push", &json!({}));
    for command in ["plan", "apply", "drift"] {
        site.runner.action(&[("command", command)]).expect(64);
    }
    // Dependabot opens its branches in the repository itself, and sees none of its secrets.
    site.runner.set("GITHUB_ACTOR", "dependabot[bot]");
    site.runner.pull_request_from("acme/keys");
    site.runner.action(&[("command", "plan")]).expect(0);
    // Apply never makes do without.
    site.runner.action(&[("command", "apply")]).expect(64);
    assert_eq!(site.requests().len(), 0);
}

pub(crate) fn a_plan_fails_the_job_only_if_somebody_must_act() {
    let site = Site::new();
    site.runner.file("keys.yaml", &keys_file("completions.write"));
    let job = site.plan().expect(0);
    assert_eq!(job.output("has-changes"), "false");

    let pinned = "version: 1\nworkspaces: {prod: ws-prod-1a2b3c}\nkeys:\n- {name: alpha, workspace_id: prod, id: \
                  00000000-0000-4000-8000-000000000000, scopes: [completions.write]}\n";
    site.runner.file("keys.yaml", pinned);
    let job = site.plan().expect(4);
    assert_eq!(job.output("exit-code"), "4");
    assert_eq!(site.runner.things().len(), 1, "the comment says what is blocked");

    site.runner.file("keys.yaml", "version: 2\n");
    let job = site.plan().expect(1);
    assert_eq!((job.output("digest"), job.output("exit-code")), ("", "1"));
}

pub(crate) fn apply_makes_the_saved_plan_true() {
    let site = Site::new();
    let plan = site.plan().expect(0);
    let job = site.action(&[("command", "apply"), ("plan-file", plan.output("plan-file"))]).expect(0);
    assert_eq!(job.output("escrow"), "none");
    assert_eq!(site.writes().len(), 1);
    assert_eq!(site.plan().expect(0).output("has-changes"), "false");
}

pub(crate) fn apply_is_refused_after_a_live_edit_and_passes_after_a_new_plan() {
    let site = Site::new();
    let plan = site.plan().expect(0);
    let approved = [("command", "apply"), ("expect-plan", plan.output("digest"))];
    let saved = [("command", "apply"), ("plan-file", plan.output("plan-file"))];
    site.edit_live("logs.view");
    let before = site.writes().len();
    for inputs in [approved, saved] {
        let job = site.action(&inputs).expect(4);
        assert!(job.log.contains("nothing was written"), "{}", job.log);
    }
    assert_eq!(site.writes().len(), before);
    let plan = site.plan().expect(0);
    site.action(&[("command", "apply"), ("expect-plan", plan.output("digest"))]).expect(0);
}

pub(crate) fn apply_without_a_plan_makes_one_and_applies_that() {
    let site = Site::new();
    site.action(&[("command", "apply")]).expect(0);
    let calls = site.runner.got("calls");
    let commands: Vec<_> = calls.lines().map(|call| call.split(' ').next().unwrap()).collect();
    assert_eq!(commands, ["plan", "apply"], "{calls}");
    assert_eq!(site.writes().len(), 1);
}

pub(crate) fn drift_opens_one_issue_keeps_it_and_closes_it() {
    let mut site = Site::new();
    site.runner.event("schedule", &json!({}));
    let drift = |site: &Site| site.action(&[("command", "drift"), ("comment", "true")]);
    drift(&site).expect(2);
    let job = drift(&site).expect(2);
    let issues = site.runner.things();
    assert_eq!(issues.len(), 1);
    assert!(issues[0]["body"].as_str().unwrap().contains(job.output("digest")));
    site.action(&[("command", "apply")]).expect(0);
    drift(&site).expect(0);
    drift(&site).expect(0);
    let issues = site.runner.things();
    assert_eq!((issues.len(), issues[0]["state"].as_str()), (1, Some("closed")));
    site.edit_live("logs.view");
    drift(&site).expect(2);
    assert_eq!(site.runner.things().len(), 2, "a closed issue is not opened again");
}

pub(crate) fn the_cronjob_ends_with_2_while_live_keys_differ() {
    let site = Site::new();
    let job = yaml(&crate::harness::root().join("examples/ci/kubernetes/cronjob.yaml"));
    let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let arguments = pod["containers"][0]["args"].as_sequence().unwrap();
    let key = site.runner.checkout.path().join("key");
    std::fs::write(&key, site.emulator.admin_key()).unwrap();
    let run = || {
        let mut command = site.runner.command(env!("CARGO_BIN_EXE_portkey-sync"));
        for argument in arguments {
            let argument = argument.as_str().unwrap();
            let argument =
                argument.replace("/keys/", "").replace("=/key/key", &format!("={}", key.display()));
            command.arg(argument);
        }
        command.env("PORTKEY_BASE_URL", site.emulator.base_url()).output().unwrap().status.code()
    };
    assert_eq!(run(), Some(2));
    site.action(&[("command", "apply")]).expect(0);
    assert_eq!(run(), Some(0));
}

pub(crate) fn a_plan_runs_no_program_of_the_file() {
    let site = Site::new();
    let keys = keys_file("completions.write")
        .replace("keys:\n", "sinks: {own: {command: [./sink.sh]}}\nkeys:\n")
        + "- {name: fresh, workspace_id: prod, scopes: [completions.write], secret: {deliver_to: [own]}}\n";
    site.runner.file("keys.yaml", &keys);
    site.runner.file("sink.sh", "#!/bin/sh\ncat >/dev/null\ntouch it-ran\n");
    let script = site.runner.checkout.path().join("sink.sh");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let ran = || site.runner.checkout.path().join("it-ran").exists();

    let allowed = ("allow-commands", "./sink.sh");
    site.action(&[("command", "plan"), allowed]).expect(0);
    site.action(&[("command", "drift"), allowed]).expect(2);
    let mut plan = site.program(&["plan", "--allow-command", "./sink.sh"]);
    assert!(plan.output().unwrap().status.success());
    assert!(!ran());
    site.action(&[("command", "apply")]).expect(1);
    assert!(!ran(), "nobody allowed it");
    site.action(&[("command", "apply"), allowed]).expect(0);
    assert!(ran());
}
