//! A pull request from its first push to its end, with the real program, a repository and the options of the examples.

use std::fs;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;

use crate::harness::{Job, root, yaml};
use crate::keys::{Site, keys_file};

const BETA: &str = "- {name: beta, workspace_id: prod, description: Beta, scopes: [logs.view]}\n";
const POLICY: &str = "version: 1\nrules:\n  scopes-forbidden: {scopes: [logs.export]}\n";

pub(crate) fn files(alpha: &str) -> String {
    keys_file(alpha) + BETA
}

/// A site whose base commit has the keys as they are live, and that commit.
pub(crate) fn committed() -> (Site, String) {
    let site = Site::new();
    site.runner.file("keys.yaml", &files("completions.write"));
    site.runner.file("policy.yaml", POLICY);
    site.runner.git(&["init", "-q"]);
    site.runner.git(&["add", "."]);
    site.runner.git(&["commit", "-qm", "base"]);
    let base = site.runner.git(&["rev-parse", "HEAD"]);
    (site, base)
}

/// What `portkey-plan.yml` hands over.
fn inputs(base: &str) -> [(&str, &str); 5] {
    [
        ("command", "plan"),
        ("base-ref", base),
        ("policy", "policy.yaml"),
        ("deny-risk", "mints-keys"),
        ("comment", "true"),
    ]
}

fn comment(site: &Site) -> String {
    let comments = site.runner.things();
    assert_eq!(comments.len(), 1, "{comments:?}");
    comments[0]["body"].as_str().unwrap().to_owned()
}

pub(crate) fn one_comment_follows_a_pull_request_whatever_is_pushed() {
    let (site, base) = committed();
    site.make_live(&files("completions.write").replace("logs.view", "logs.list"));
    let written = site.writes().len();
    let push = |keys: &str, code: i32| -> (Job, String) {
        site.runner.file("keys.yaml", keys);
        let job = site.action(&inputs(&base)).expect(code);
        let body = comment(&site);
        (job, body)
    };
    let marker = "<!-- portkey-sync:plan a1b2c3d4 keys.yaml -->\n";

    // Another key was edited by hand; the comment tells that from what this pull request asks for.
    let (job, body) = push(&files("completions.write, prompts.render"), 0);
    assert!(body.starts_with(marker) && body.contains(job.output("digest")), "{body}");
    let causes = body.lines().filter(|line| line.contains(" update, keys.yaml:"));
    let causes: Vec<_> =
        causes.map(|line| line.split_whitespace().next().zip(line.rsplit(", ").next())).collect();
    assert_eq!(causes, [Some(("prod/alpha", "this change")), Some(("prod/beta", "drift"))], "{body}");

    // Files that are invalid do not leave the former plan standing.
    let (job, body) = push(&files("logs.veiw"), 1);
    assert!(body.starts_with("<!-- portkey-sync:plan invalid keys.yaml -->\n"), "{body}");
    assert!(job.log.contains("\n::error file=keys.yaml,line=") || job.log.starts_with("::error file="));
    assert_eq!((job.output("digest"), job.output("has-changes")), ("", "false"));

    // A plan that is refused is kept, so that its reviewer can look at it.
    let (job, body) = push(&files("completions.write, workspace_service_api_keys.create"), 4);
    assert!(body.starts_with(marker) && body.contains("mints-keys"), "{body}");
    let saved: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(job.output("plan-file")).unwrap()).unwrap();
    assert_eq!(saved["digest"], job.output("digest"));

    // The policy of the base judges, whatever the pull request makes of it.
    site.runner.file("policy.yaml", "version: 1\nrules: {}\n");
    let (_, body) = push(&files("completions.write, logs.export"), 4);
    assert!(body.starts_with(marker) && body.contains("breaks `scopes-forbidden`"), "{body}");

    let (job, body) = push(&files("completions.write, prompts.render"), 0);
    assert!(body.starts_with(marker) && body.contains(job.output("digest")), "{body}");
    assert_eq!(site.writes().len(), written, "a plan writes nothing");
}

pub(crate) fn each_folder_of_keys_has_a_comment_of_its_own() {
    let (site, _) = committed();
    let plan = |folder: &str, keys: &str, code: i32| {
        site.runner.file(&format!("{folder}/keys.yaml"), keys);
        site.action(&[("command", "plan"), ("comment", "true"), ("working-directory", folder)]).expect(code);
    };
    let comments = || -> Vec<String> {
        let first =
            |thing: serde_json::Value| thing["body"].as_str().unwrap().lines().next().unwrap().to_owned();
        site.runner.things().into_iter().map(first).collect()
    };
    plan("a", &files("completions.write"), 0);
    plan("b", &files("logs.view"), 0);
    // Where nobody knows the organisation, the comment of the same folder is the one that is kept up to date.
    plan("b", &files("logs.veiw"), 1);
    let a = "<!-- portkey-sync:plan a1b2c3d4 a/keys.yaml -->";
    assert_eq!(comments(), [a, "<!-- portkey-sync:plan invalid b/keys.yaml -->"]);
    plan("b", &files("logs.view"), 0);
    assert_eq!(comments(), [a, "<!-- portkey-sync:plan a1b2c3d4 b/keys.yaml -->"]);
}

pub(crate) fn a_fork_is_judged_by_its_files_alone() {
    let (mut site, base) = committed();
    site.runner.pull_request_from("mallory/keys");
    let push = |keys: &str, code: i32| {
        site.runner.file("keys.yaml", keys);
        site.runner.action(&inputs(&base)).expect(code).log
    };
    let log = push(&files("completions.write, prompts.render"), 0);
    assert!(log.contains("file=keys.yaml,line=") && log.contains("prompts.render"), "{log}");
    let log = push(&files("completions.write, workspace_service_api_keys.create"), 4);
    assert!(log.contains("mints-keys"), "{log}");
    site.runner.file("policy.yaml", "version: 1\nrules: {}\n");
    let log = push(&files("completions.write, logs.export"), 1);
    assert!(log.contains("policy-scopes-forbidden"), "{log}");
    assert_eq!((site.requests().len(), site.runner.got("gh-calls").as_str()), (0, ""));
}

pub(crate) fn a_live_edit_of_the_very_field_that_was_reviewed_refuses_the_apply() {
    let site = Site::new();
    let plan = site.action(&[("command", "plan"), ("comment", "true")]).expect(0);
    // By hand the key gets one of the two scopes that the plan adds, so that less is to be done than was reviewed.
    site.make_live(&keys_file("logs.list"));
    let before = site.writes().len();
    let saved = [("command", "apply"), ("plan-file", plan.output("plan-file"))];
    for inputs in [saved.to_vec(), [&saved[..], &[("expect-plan", plan.output("digest"))]].concat()] {
        let log = site.action(&inputs).expect(4).log;
        let moved = log.lines().find(|line| line.trim_start().starts_with("changed ")).unwrap_or_default();
        assert!(moved.contains("prod/alpha") && moved.contains("scopes"), "{log}");
        assert!(log.contains("reviewed") && log.contains("nothing was written"), "{log}");
    }
    assert_eq!(site.writes().len(), before);
}

pub(crate) fn a_digest_beside_a_saved_plan_must_be_that_plans() {
    let site = Site::new();
    let plan = site.action(&[("command", "plan")]).expect(0);
    let apply = |digest: &str| {
        let inputs = [("command", "apply"), ("plan-file", plan.output("plan-file")), ("expect-plan", digest)];
        site.action(&inputs)
    };
    apply("0123456789abcdef").expect(4);
    assert_eq!(site.writes(), Vec::<String>::new());
    apply(plan.output("digest")).expect(0);
    assert_eq!(site.writes().len(), 1);
}

/// A key whose only sink fails until it is mended.
fn with_a_sink(escrow: &str) -> Site {
    let site = Site::new();
    let keys = keys_file("completions.write")
        .replace("keys:\n", &format!("{escrow}sinks: {{store: {{command: [./store.sh]}}}}\nkeys:\n"))
        + "- {name: fresh, workspace_id: prod, scopes: [completions.write], secret: {deliver_to: [store]}}\n";
    site.runner.file("keys.yaml", &keys);
    script(&site, "cat >/dev/null; exit 1");
    site
}

fn script(site: &Site, text: &str) {
    site.runner.file("store.sh", &format!("#!/bin/sh\n{text}\n"));
    let path = site.runner.checkout.path().join("store.sh");
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

pub(crate) fn an_encrypted_escrow_is_kept_and_finished_by_whoever_has_the_identity() {
    let identity = Identity::generate();
    let site = with_a_sink(&format!("escrow: {{age: [{}]}}\n", identity.to_public()));
    let inputs = [("command", "apply"), ("allow-commands", "./store.sh")];
    let job = site.action(&inputs).expect(3);
    assert_eq!(job.output("escrow"), "encrypted", "{}", job.log);
    let created = site.writes().iter().filter(|write| write.starts_with("POST ")).count();
    assert_eq!(created, 1);

    // What the workflow uploads, on another machine.
    let workflow = yaml(&root().join("examples/ci/github/portkey-apply.yml"));
    let steps = workflow["jobs"]["apply"]["steps"].as_sequence().unwrap();
    let upload = steps.iter().find(|step| step["with"]["name"] == "portkey-escrow").unwrap();
    assert_eq!(upload["if"].as_str(), Some("${{ failure() && steps.apply.outputs.escrow == 'encrypted' }}"));
    let kept = site.runner.checkout.path().join(upload["with"]["path"].as_str().unwrap());
    let elsewhere = tempfile::tempdir().unwrap();
    fs::rename(kept, elsewhere.path().join("kept")).unwrap();
    script(&site, "cat >got");
    let key = elsewhere.path().join("key.txt");
    fs::write(&key, identity.to_string().expose_secret()).unwrap();
    let mut apply = site.program(&["apply", "--yes", "--allow-command", "./store.sh", "--work-dir"]);
    apply.arg(elsewhere.path().join("kept")).env("PORTKEY_SYNC_AGE_IDENTITY", &key);
    let output = apply.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::metadata(site.runner.checkout.path().join("got")).unwrap().len() > 0);
    let created = site.writes().iter().filter(|write| write.starts_with("POST ")).count();
    assert_eq!(created, 1, "the secret that was kept is delivered, and no other one is made");
}

pub(crate) fn a_plain_escrow_is_said_to_be_no_artifact() {
    let site = with_a_sink("");
    let job = site.action(&[("command", "apply"), ("allow-commands", "./store.sh")]).expect(3);
    assert_eq!(job.output("escrow"), "plain");
    assert!(job.log.contains("must not become an artifact"), "{}", job.log);
}

pub(crate) fn the_hooks_of_pre_commit_find_what_they_are_for() {
    let site = Site::new();
    let hooks = yaml(&root().join(".pre-commit-hooks.yaml"));
    let run = |keys: &str| -> Vec<Option<i32>> {
        site.runner.file("keys.yaml", keys);
        let run = |hook: &serde_yaml::Value| {
            let entry = hook["entry"].as_str().unwrap().strip_prefix("portkey-sync ").unwrap();
            let mut words: Vec<&str> = entry.split(' ').collect();
            if hook["pass_filenames"].as_bool() != Some(false) {
                words.push("keys.yaml");
            }
            site.program(&words).env_remove("PORTKEY_ADMIN_API_KEY").output().unwrap().status.code()
        };
        hooks.as_sequence().unwrap().iter().map(run).collect()
    };
    let mut format = site.program(&["fmt"]);
    assert!(format.output().unwrap().status.success());
    let canonical = fs::read_to_string(site.runner.checkout.path().join("keys.yaml")).unwrap();
    assert_eq!(run(&canonical), [Some(0), Some(0)]);
    assert_eq!(run(&keys_file("completions.write").replace("keys:\n", "keys:    \n")), [Some(0), Some(1)]);
    assert_eq!(run(&canonical.replace("completions.write", "completions.wirte")), [Some(1), Some(0)]);
    assert_eq!(site.requests().len(), 0);
}
