//! The `command` sink: a program that reads the secret on standard input.
//!
//! No shell; the environment is empty but for `PATH`, `HOME` and what the sink names; the program and all that it
//! starts are one process group, which ends when its time is over; what it prints is shown only if it failed, and never
//! if the secret occurs in it, as it is or encoded.

use std::io::{Read, Write};
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{SinkError, leaks};
use crate::git::search_path;
use crate::model::Secret;

/// Variables with credentials of ours, for no sink's program to see.
const OWN_VARIABLES: [&str; 4] =
    ["PORTKEY_ADMIN_API_KEY", "PORTKEY_API_KEY", "PORTKEY_EMULATOR_ADMIN_KEY", "PORTKEY_SYNC_AGE_IDENTITY"];

/// How often a running program is looked at.
const POLL: Duration = Duration::from_millis(10);

/// What is kept of a failing program's last words, in bytes.
const KEPT: usize = 2000;

/// So many of its last lines are shown.
const SHOWN_LINES: usize = 5;

/// How long the words of a program that has ended are waited for: what it started may hold the pipe open for ever.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Whether a variable holds, or leads to, a credential of ours. Some systems do not tell `a` from `A`.
pub fn is_own_variable(name: &str) -> bool {
    OWN_VARIABLES.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Finds the program, as the system would, but never by a relative folder of the `PATH`: the repository may have one
/// of that name.
pub(super) fn resolve(program: &str, folder: Option<&Path>) -> Option<PathBuf> {
    if program.contains(['/', '\\']) {
        let path = folder.unwrap_or(Path::new(".")).join(program);
        return is_executable(&path).then_some(path);
    }
    search_path().into_iter().map(|folder| folder.join(program)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    let Ok(found) = path.metadata() else { return false };
    #[cfg(unix)]
    let runs = std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let runs = true;
    found.is_file() && runs
}

/// Runs the program and waits for it, at most for `limit`.
pub(super) fn run(
    argv: &[String],
    env: &[String],
    limit: Duration,
    folder: Option<&Path>,
    secret: &Secret,
) -> Result<(), SinkError> {
    let (program, arguments) = argv.split_first().ok_or(SinkError::NoProgram { program: String::new() })?;
    let path = resolve(program, folder).ok_or_else(|| SinkError::NoProgram { program: program.clone() })?;
    let failed = |source| SinkError::Io { path: path.clone(), source };
    let mut command = Command::new(&path);
    command.args(arguments).env_clear().stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    for name in iter::once("HOME").chain(env.iter().map(String::as_str)) {
        if let Some(value) = std::env::var_os(name).filter(|_| !is_own_variable(name)) {
            command.env(name, value);
        }
    }
    command.env("PATH", std::env::join_paths(search_path()).unwrap_or_default());
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    // A group of its own, so that all of it can be ended, and that Ctrl-C lets it finish as it lets us.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let deadline = Instant::now() + limit;
    let mut child = command.spawn().map_err(failed)?;
    let words = Words::of(child.stderr.take());
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read to the end is judged by how it ends.
        drop(stdin.write_all(secret.expose().as_bytes()));
    }
    match wait(&mut child, deadline).map_err(failed)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(SinkError::Command {
            program: program.clone(),
            status: described(status, env),
            words: shown(&words.last(), secret),
        }),
        None => Err(SinkError::Slow { program: program.clone(), limit }),
    }
}

/// How the program ended; none if it had to be killed.
fn wait(child: &mut Child, deadline: Instant) -> std::io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            kill(child)?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

/// Ends the program and whatever it has started: a child that goes on would deliver a secret that counts as undelivered.
fn kill(child: &mut Child) -> std::io::Result<()> {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        return Ok(rustix::process::kill_process_group(group, rustix::process::Signal::KILL)?);
    }
    child.kill()
}

/// What a program says on standard error, read to its end so that no program is held up, or ended, by saying much.
struct Words {
    last: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Words {
    fn of(stderr: Option<ChildStderr>) -> Self {
        let last: Arc<Mutex<Vec<u8>>> = Arc::default();
        let kept = Arc::clone(&last);
        let reader = std::thread::spawn(move || {
            let Some(mut stderr) = stderr else { return };
            let mut piece = [0; 1024];
            while let Ok(read @ 1..) = stderr.read(&mut piece) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend(piece.iter().take(read));
                let over = kept.len().saturating_sub(KEPT);
                kept.drain(..over);
            }
        });
        Self { last, reader }
    }

    /// The last of them, once the program has ended.
    fn last(&self) -> Vec<u8> {
        let deadline = Instant::now() + LAST_WORDS;
        while !self.reader.is_finished() && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How the program ended, and which of the variables that it was to see are not there.
fn described(status: ExitStatus, env: &[String]) -> String {
    let how = status.code().map_or_else(|| "was killed".to_owned(), |code| format!("ended with {code}"));
    let unset: Vec<String> =
        env.iter().filter(|name| std::env::var_os(name).is_none()).map(|name| format!("`{name}`")).collect();
    match unset.as_slice() {
        [] => how,
        [one] => format!("{how} (of its `env`, {one} is not set here)"),
        several => format!("{how} (of its `env`, {} are not set here)", several.join(", ")),
    }
}

/// Its last lines, unless a part of the secret may be in what it said.
fn shown(words: &[u8], secret: &Secret) -> Option<String> {
    if leaks::may_hold(words, secret) {
        return Some("(its words may hold a part of the secret and are not shown)".to_owned());
    }
    let text = String::from_utf8_lossy(words);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let skipped = lines.len().saturating_sub(SHOWN_LINES);
    let shown: Vec<&str> = lines.into_iter().skip(skipped).collect();
    (!shown.is_empty()).then(|| shown.join("; "))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn run_script(script: &str, timeout: Duration) -> Result<(), SinkError> {
        let argv: Vec<String> = ["sh", "-c", script].map(str::to_owned).to_vec();
        run(&argv, &[], timeout, None, &Secret::new("abcdefghijklmnop".to_owned()))
    }

    #[test]
    fn the_secret_comes_on_standard_input_and_nothing_else_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let script = format!("cat > {0}; env | cut -d= -f1 | sort > {0}.env", out.display());
        run_script(&script, Duration::from_secs(10)).unwrap();
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "abcdefghijklmnop");
        let env = std::fs::read_to_string(folder.path().join("out.env")).unwrap();
        assert!(
            env.lines().all(|name| ["HOME", "PATH", "PWD", "SHLVL", "_", "OLDPWD"].contains(&name)),
            "{env}"
        );
    }

    #[test]
    fn a_failure_shows_its_words_unless_the_secret_is_in_them() {
        let error =
            run_script("cat >/dev/null; echo no rights >&2; exit 3", Duration::from_secs(10)).unwrap_err();
        assert_eq!(error.to_string(), "`sh` ended with 3: no rights");
        let error = run_script("cat >&2; exit 3", Duration::from_secs(10)).unwrap_err();
        assert!(!error.to_string().contains("abcdef"), "{error}");
        let error = run_script("exit 3", Duration::from_secs(10)).unwrap_err();
        assert_eq!(error.to_string(), "`sh` ended with 3");
    }

    #[test]
    fn a_program_that_says_much_is_heard_to_its_end() {
        let seconds = Duration::from_secs(20);
        run_script("seq 1 100000 >&2 && cat >/dev/null", seconds).unwrap();
        let error = run_script("seq 1 100000 >&2; exit 2", seconds).unwrap_err().to_string();
        assert_eq!(error, "`sh` ended with 2: 99996; 99997; 99998; 99999; 100000");
    }

    #[test]
    fn what_a_program_leaves_behind_holds_nobody_up() {
        let start = Instant::now();
        let error = run_script("sleep 60 & echo no >&2; exit 7", Duration::from_secs(30)).unwrap_err();
        assert_eq!(error.to_string(), "`sh` ended with 7: no");
        assert!(start.elapsed() < Duration::from_secs(25));
    }

    #[test]
    fn whatever_a_slow_program_has_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let (begun, late) = (folder.path().join("begun"), folder.path().join("late"));
        let script = format!("(touch {}; sleep 3; touch {}) & wait", begun.display(), late.display());
        let error = run_script(&script, Duration::from_secs(1)).unwrap_err();
        assert!(matches!(error, SinkError::Slow { .. }), "{error}");
        std::thread::sleep(Duration::from_secs(4));
        assert!(begun.exists() && !late.exists());
    }

    #[test]
    fn a_failing_program_is_told_which_of_its_variables_are_not_set() {
        let argv = ["sh", "-c", "exit 1"].map(str::to_owned);
        let env = ["PATH", "PORTKEY_SYNC_NOT_SET_A", "PORTKEY_SYNC_NOT_SET_B"].map(str::to_owned);
        let secret = Secret::new("abcdefghijklmnop".to_owned());
        let error = run(&argv, &env, Duration::from_secs(10), None, &secret).unwrap_err();
        let said = "`PORTKEY_SYNC_NOT_SET_A`, `PORTKEY_SYNC_NOT_SET_B` are not set here";
        assert_eq!(error.to_string(), format!("`sh` ended with 1 (of its `env`, {said})"));
    }

    #[test]
    fn a_slow_program_is_killed_and_a_missing_one_is_named() {
        let error = run_script("sleep 60", Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, SinkError::Slow { .. }), "{error}");
        let argv = vec!["no-such-program-here".to_owned()];
        let error = run(&argv, &[], Duration::from_secs(1), None, &Secret::new("x".to_owned())).unwrap_err();
        assert!(matches!(error, SinkError::NoProgram { .. }), "{error}");
    }

    #[test]
    fn variables_of_ours_are_known_in_any_case_and_others_are_not() {
        for name in ["PORTKEY_ADMIN_API_KEY", "portkey_api_key", "Portkey_Sync_Age_Identity"] {
            assert!(is_own_variable(name), "{name}");
        }
        assert!(!is_own_variable("PORTKEY_BASE_URL") && !is_own_variable("GH_TOKEN"));
    }
}
