//! The `command` sink: a program that reads the secret on standard input.
//!
//! No shell; the environment is empty but for `PATH`, `HOME` and what the sink names; what the program prints is
//! shown only if it failed, and never if the secret occurs in it.

use std::io::{Read, Write};
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::SinkError;
use crate::git::search_path;
use crate::model::Secret;

/// Variables with credentials of ours, for no sink's program to see.
const OWN_VARIABLES: [&str; 4] =
    ["PORTKEY_ADMIN_API_KEY", "PORTKEY_API_KEY", "PORTKEY_EMULATOR_ADMIN_KEY", "PORTKEY_SYNC_AGE_IDENTITY"];

/// How often a running program is looked at.
const POLL: Duration = Duration::from_millis(10);

/// What is kept of a failing program's words, in bytes.
const SHOWN: u64 = 2000;

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

/// Runs the program and waits for it.
pub(super) fn run(
    argv: &[String],
    env: &[String],
    timeout: Duration,
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
    let deadline = Instant::now() + timeout;
    let mut child = command.spawn().map_err(failed)?;
    let stderr = child.stderr.take();
    let words = std::thread::spawn(move || {
        let mut text = Vec::new();
        stderr.map(|stderr| stderr.take(SHOWN).read_to_end(&mut text));
        text
    });
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read to the end is judged by how it ends.
        drop(stdin.write_all(secret.expose().as_bytes()));
    }
    match wait(&mut child, deadline).map_err(failed)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => {
            let words = words.join().unwrap_or_default();
            Err(SinkError::Command {
                program: program.clone(),
                status: described(status),
                words: shown(&words, secret),
            })
        }
        None => {
            // Its children may keep the pipe open, so its words are not waited for.
            Err(SinkError::Slow { program: program.clone(), timeout })
        }
    }
}

/// How the program ended; none if it had to be killed.
fn wait(child: &mut Child, deadline: Instant) -> std::io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

fn described(status: ExitStatus) -> String {
    status.code().map_or_else(|| "was killed".to_owned(), |code| format!("ended with {code}"))
}

/// Its last words, unless a part of the secret may be in them.
fn shown(words: &[u8], secret: &Secret) -> Option<String> {
    let text = String::from_utf8_lossy(words).trim().to_owned();
    let secret = secret.expose();
    let parts = secret.as_bytes().windows(6.min(secret.len()).max(1));
    let leaks = parts.into_iter().any(|part| words.windows(part.len()).any(|window| window == part));
    if leaks {
        Some("(its words hold a part of the secret and are not shown)".to_owned())
    } else {
        (!text.is_empty()).then_some(text)
    }
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
