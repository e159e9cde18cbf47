//! Runs `action.yml` as a runner would: its steps in order, each in bash, with its inputs, outputs and conditions.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value as Json, json};
use serde_yaml::Value;
use tempfile::TempDir;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn yaml(path: &Path) -> Value {
    serde_yaml::from_str(&fs::read_to_string(path).unwrap())
        .map_err(|error| format!("{}: {error}", path.display()))
        .unwrap()
}

/// Which program the action is handed.
#[derive(Clone, Copy)]
pub(crate) enum Program {
    /// The real one; its arguments are written down.
    Real,
    /// One that only plays it.
    StandIn,
}

/// A machine on which jobs run: its checkout, its temporary folder, and stand-ins for what it would call.
pub(crate) struct Runner {
    pub(crate) checkout: TempDir,
    temp: TempDir,
    stand_ins: TempDir,
    program: Program,
    env: BTreeMap<String, String>,
}

/// What came of a job.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) code: i32,
    pub(crate) log: String,
    pub(crate) outputs: BTreeMap<String, String>,
}

impl Job {
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.log);
        self
    }

    pub(crate) fn output(&self, name: &str) -> &str {
        self.outputs.get(name).map_or("", String::as_str)
    }
}

impl Runner {
    /// A pull request of the repository itself, number 12.
    pub(crate) fn new(program: Program) -> Self {
        let temporary = || tempfile::tempdir().unwrap();
        let mut runner = Self {
            checkout: temporary(),
            temp: temporary(),
            stand_ins: temporary(),
            program,
            env: BTreeMap::new(),
        };
        runner.set("GITHUB_REPOSITORY", "acme/keys");
        runner.set("GITHUB_ACTOR", "ada");
        runner.pull_request_from("acme/keys");
        runner.put("things.json", "[]");
        runner.put("code", "0");
        runner
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn pull_request_from(&mut self, repository: &str) {
        let head = json!({"repo": {"full_name": repository}});
        self.event("pull_request", &json!({"pull_request": {"number": 12, "head": head}}));
    }

    pub(crate) fn event(&mut self, name: &str, event: &Json) {
        let path = self.temp.path().join("event.json");
        fs::write(&path, event.to_string()).unwrap();
        self.set("GITHUB_EVENT_NAME", name);
        self.set("GITHUB_EVENT_PATH", path.to_str().unwrap());
    }

    /// A file in the checkout.
    pub(crate) fn file(&self, name: &str, text: &str) {
        let path = self.checkout.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What a stand-in reads.
    pub(crate) fn put(&self, name: &str, text: &str) {
        fs::write(self.stand_ins.path().join(name), text).unwrap();
    }

    /// What a stand-in wrote; empty if it was not called.
    pub(crate) fn got(&self, name: &str) -> String {
        fs::read_to_string(self.stand_ins.path().join(name)).unwrap_or_default()
    }

    /// The comments, issues or notes that there are.
    pub(crate) fn things(&self) -> Vec<Json> {
        serde_json::from_str(&self.got("things.json")).unwrap()
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.com"];
        let output = Command::new("git")
            .args(identity)
            .args(arguments)
            .current_dir(self.checkout.path())
            .env("HOME", self.temp.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A command with what the machine has, and the stand-ins before it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let stand_ins = root().join("tests/pipelines/stand-ins");
        let program_itself = Path::new(env!("CARGO_BIN_EXE_portkey-sync")).parent().unwrap();
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{}:{path}", stand_ins.display(), program_itself.display());
        command.current_dir(self.checkout.path()).env_clear().env("PATH", path);
        command.env("HOME", self.temp.path()).env("STAND_INS", self.stand_ins.path());
        command.env("REAL_PROGRAM", env!("CARGO_BIN_EXE_portkey-sync"));
        command
    }

    /// Runs the action with these inputs.
    pub(crate) fn action(&self, inputs: &[(&str, &str)]) -> Job {
        let action = yaml(&root().join("action.yml"));
        let mut values = BTreeMap::new();
        for (name, input) in action["inputs"].as_mapping().unwrap() {
            let name = format!("inputs.{}", name.as_str().unwrap());
            values.insert(name, input["default"].as_str().unwrap_or_default().to_owned());
        }
        let program = match self.program {
            Program::Real => "recording",
            Program::StandIn => "program",
        };
        let binary = root().join("tests/pipelines/stand-ins").join(program).display().to_string();
        for (name, value) in inputs.iter().copied().chain([("binary", binary.as_str())]) {
            let known = values.insert(format!("inputs.{name}"), value.to_owned());
            assert!(known.is_some(), "the action has no input {name}");
        }
        let mut job = Job { code: 0, log: String::new(), outputs: BTreeMap::new() };
        for step in action["runs"]["steps"].as_sequence().unwrap() {
            if job.code == 0 && is_wanted(&step["if"], &values) {
                self.step(step, &mut values, &mut job);
            }
        }
        for (name, value) in &values {
            if let Some(name) = name.strip_prefix("steps.run.outputs.") {
                job.outputs.insert(name.to_owned(), value.clone());
            }
        }
        job
    }

    fn step(&self, step: &Value, values: &mut BTreeMap<String, String>, job: &mut Job) {
        let script = self.temp.path().join("step.sh");
        let outputs = self.temp.path().join("outputs");
        fs::write(&script, step["run"].as_str().unwrap()).unwrap();
        fs::write(&outputs, "").unwrap();
        let mut command = self.command("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(&script).envs(&self.env);
        command.env("GITHUB_ACTION_PATH", root()).env("RUNNER_TEMP", self.temp.path());
        command.env("GITHUB_OUTPUT", &outputs).env("GITHUB_STEP_SUMMARY", self.summary());
        for (name, value) in step["env"].as_mapping().into_iter().flatten() {
            command.env(name.as_str().unwrap(), filled(value.as_str().unwrap(), values));
        }
        let output = command.output().unwrap();
        job.log += &String::from_utf8_lossy(&output.stdout);
        job.log += &String::from_utf8_lossy(&output.stderr);
        job.code = output.status.code().unwrap_or(-1);
        let Some(id) = step["id"].as_str() else { return };
        for line in fs::read_to_string(&outputs).unwrap().lines() {
            let (name, value) = line.split_once('=').unwrap();
            values.insert(format!("steps.{id}.outputs.{name}"), value.to_owned());
        }
    }

    pub(crate) fn summary(&self) -> PathBuf {
        self.temp.path().join("summary.md")
    }
}

/// `inputs.NAME == 'VALUE'`, the only kind of condition that the action has.
fn is_wanted(condition: &Value, values: &BTreeMap<String, String>) -> bool {
    let Some(condition) = condition.as_str() else { return true };
    let (name, value) = condition.split_once(" == ").unwrap();
    values[name] == value.trim_matches('\'')
}

/// The value behind `${{ NAME }}`.
fn filled(text: &str, values: &BTreeMap<String, String>) -> String {
    let name = text.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}")).unwrap();
    assert!(name.starts_with("inputs.") || name.starts_with("steps."), "{name}");
    let value = values.get(name).cloned().unwrap_or_default();
    if value == "${{ github.token }}" { "a-token".to_owned() } else { value }
}
