//! What the files of the pipelines may and may not hold.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_yaml::Value;

use crate::harness::{root, yaml};

/// All YAML of the pipelines.
fn files() -> Vec<PathBuf> {
    let mut files = vec![root().join("action.yml"), root().join(".pre-commit-hooks.yaml")];
    for folder in ["github", "gitlab", "kubernetes"] {
        for entry in fs::read_dir(root().join("examples/ci").join(folder)).unwrap() {
            files.push(entry.unwrap().path());
        }
    }
    assert!(files.len() >= 8, "{files:?}");
    files
}

fn workflows() -> Vec<(String, Value)> {
    let github = files().into_iter().filter(|path| path.parent().unwrap().ends_with("github"));
    github.map(|path| (path.display().to_string(), yaml(&path))).collect()
}

/// Every value under this name, however deep.
fn all<'v>(value: &'v Value, name: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Mapping(map) => {
            for (key, value) in map {
                if key.as_str() == Some(name) {
                    found.push(value);
                }
                all(value, name, found);
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| all(item, name, found)),
        Value::Tagged(tagged) => all(&tagged.value, name, found),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn named<'v>(value: &'v Value, name: &str) -> Vec<&'v Value> {
    let mut found = Vec::new();
    all(value, name, &mut found);
    found
}

pub(crate) fn every_file_is_yaml_and_no_script_holds_an_expression() {
    let mut scripts = 0;
    for path in files() {
        for run in named(&yaml(&path), "run") {
            scripts += 1;
            let run = run.as_str().unwrap();
            assert!(!run.contains("${{"), "{}: {run}", path.display());
        }
    }
    assert!(scripts >= 4, "{scripts}");
}

pub(crate) fn every_action_is_pinned_to_a_commit() {
    for (path, workflow) in workflows() {
        for uses in named(&workflow, "uses") {
            let uses = uses.as_str().unwrap();
            let is_commit = |at: &str| at.len() == 40 && at.chars().all(|c| c.is_ascii_hexdigit());
            let pinned = uses.rsplit_once('@').is_some_and(|(_, at)| is_commit(at));
            assert!(pinned || uses.starts_with("./"), "{path}: {uses}");
        }
    }
}

pub(crate) fn a_workflow_has_no_permission_that_no_job_asks_for() {
    for (path, workflow) in workflows() {
        assert!(workflow["permissions"].as_mapping().is_some_and(serde_yaml::Mapping::is_empty), "{path}");
        for (name, job) in workflow["jobs"].as_mapping().unwrap() {
            assert!(job["permissions"].as_mapping().is_some(), "{path}: {name:?}");
        }
        let on = workflow["on"].as_mapping().unwrap();
        assert!(!on.contains_key("pull_request_target"), "{path} runs a stranger's files with secrets");
    }
}

pub(crate) fn checkouts_leave_no_token_behind() {
    for (path, workflow) in workflows() {
        for step in named(&workflow, "steps").into_iter().flat_map(|steps| steps.as_sequence().unwrap()) {
            if step["uses"].as_str().is_some_and(|uses| uses.starts_with("actions/checkout@")) {
                assert_eq!(step["with"]["persist-credentials"].as_bool(), Some(false), "{path}");
            }
        }
    }
}

pub(crate) fn what_is_handed_to_the_action_are_its_inputs_and_what_is_read_its_outputs() {
    let action = yaml(&root().join("action.yml"));
    let names = |field: &str| -> BTreeSet<String> {
        let names = action[field].as_mapping().unwrap().keys();
        names.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let (inputs, outputs) = (names("inputs"), names("outputs"));
    let mut used = 0;
    for (path, workflow) in workflows() {
        for step in named(&workflow, "steps").into_iter().flat_map(|steps| steps.as_sequence().unwrap()) {
            if !step["uses"].as_str().is_some_and(|uses| uses.starts_with("OWNER/portkey-sync@")) {
                continue;
            }
            used += 1;
            for input in step["with"].as_mapping().unwrap().keys() {
                assert!(inputs.contains(input.as_str().unwrap()), "{path}: {input:?}");
            }
        }
        let text = fs::read_to_string(&path).unwrap();
        for output in text.split(".outputs.").skip(1) {
            let name: String =
                output.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            assert!(outputs.contains(&name), "{path}: {name}");
        }
    }
    assert_eq!(used, 4);
}

pub(crate) fn apply_runs_alone_and_is_not_ended_half_way() {
    let github = yaml(&root().join("examples/ci/github/portkey-apply.yml"));
    assert!(github["concurrency"]["group"].as_str().is_some());
    assert_eq!(github["concurrency"]["cancel-in-progress"].as_bool(), Some(false));
    assert_eq!(github["jobs"]["apply"]["environment"].as_str(), Some("portkey"));
    let gitlab = yaml(&root().join("examples/ci/gitlab/.gitlab-ci.yml"));
    assert!(gitlab["portkey-apply"]["resource_group"].as_str().is_some());
    assert_eq!(gitlab["portkey-apply"]["interruptible"].as_bool(), Some(false));
}

pub(crate) fn the_cronjob_has_no_rights_that_it_does_not_need() {
    let job = yaml(&root().join("examples/ci/kubernetes/cronjob.yaml"));
    let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"].as_bool(), Some(false));
    assert_eq!(pod["securityContext"]["runAsNonRoot"].as_bool(), Some(true));
    let container = &pod["containers"][0]["securityContext"];
    assert_eq!(container["readOnlyRootFilesystem"].as_bool(), Some(true));
    assert_eq!(container["allowPrivilegeEscalation"].as_bool(), Some(false));
    assert_eq!(container["capabilities"]["drop"][0].as_str(), Some("ALL"));
    let arguments = named(&job, "args")[0].as_sequence().unwrap();
    assert_eq!(arguments[0].as_str(), Some("plan"), "it only reads");
}

pub(crate) fn the_image_holds_what_the_build_reads_and_does_not_run_as_root() {
    let ignored = fs::read_to_string(root().join(".dockerignore")).unwrap();
    let kept: Vec<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(ignored.lines().any(|line| line == "*"));
    let docker = fs::read_to_string(root().join("Dockerfile")).unwrap();
    let copied: Vec<_> =
        docker.lines().filter(|line| line.starts_with("COPY ") && !line.contains("--from")).collect();
    // Cargo wants the folder of each target that the manifest names, built or not; the program holds one example.
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("[[test]]") && manifest.contains("[[bench]]"));
    for needed in ["src", "tests", "benches", "examples/organisation.yaml", "Cargo.lock"] {
        let is_copied = |line: &&str| line.split_whitespace().any(|word| word == needed);
        assert!(copied.iter().any(is_copied), "{needed} is not copied");
    }
    for line in copied {
        let words: Vec<_> = line.split_whitespace().skip(1).collect();
        for source in &words[..words.len() - 1] {
            assert!(root().join(source).exists(), "{line}");
            assert!(kept.iter().any(|kept| source.starts_with(kept)), "{line}: .dockerignore hides {source}");
        }
    }
    let last_stage = docker.rsplit("\nFROM ").next().unwrap();
    assert!(last_stage.contains("USER 65532"));
    assert!(docker.split("\nFROM ").filter(|stage| stage.contains("USER 65532")).count() >= 2);
}
