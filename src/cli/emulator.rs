//! `emulator`: a local Portkey Admin API.

use crate::emulator::{Error, FaultScript, Options, Running, start};

use super::args::{EmulatorArgs, GlobalArgs};
use super::exit::Exit;
use super::failure::CommandError;
use super::output::Output;
use super::rehearsal;

pub(super) async fn run(
    global: &GlobalArgs,
    args: EmulatorArgs,
    output: &Output,
) -> Result<Exit, CommandError> {
    if let Some(state) = args.state.as_deref().filter(|_| !args.reset) {
        rehearsal::check_used(
            global.seed.as_deref(),
            state,
            "add --reset to start from the seed, or leave --seed out",
        )?;
    }
    let seed = global.seed.as_deref().map(|path| rehearsal::seed(path, output)).transpose()?;
    let faults =
        global.faults.as_deref().map(FaultScript::from_file).transpose().map_err(CommandError::new)?;
    let generated = args.admin_key.is_none();
    let options = Options {
        listen: args.listen,
        allow_non_loopback: args.allow_non_loopback,
        seed,
        state: args.state.clone(),
        discard_state: args.reset,
        admin_key: args.admin_key.clone(),
        latency: args.latency,
        faults: faults.unwrap_or_default(),
        ..Options::default()
    };
    if args.allow_non_loopback && !args.listen.ip().is_loopback() {
        output.complain("warning: other machines can reach this emulator and everything in it\n");
    }
    let end = told_to_end().map_err(CommandError::new)?;
    let mut running = start(options).await.map_err(|error| {
        let hint = hint(&error);
        CommandError::new(error).maybe_hint(hint)
    })?;
    output.data(&format!("listening on {}\n", running.base_url()));
    output.talk(&introduction(&running, &args, generated));
    tokio::select! {
        () = running.wait() => {}
        () = end => {}
    }
    running.stop().await.map_err(CommandError::new)?;
    Ok(Exit::Done)
}

/// What to do about an emulator that did not start.
fn hint(error: &Error) -> Option<&'static str> {
    match error {
        Error::Listen { .. } => Some("choose a free port with --listen 127.0.0.1:0"),
        Error::NotLoopback { .. } => Some(
            "add --allow-non-loopback if other machines are to reach it: its control routes ask for no key",
        ),
        Error::StateInvalid { .. } | Error::StateFormat { .. } => {
            Some("add --reset to start from the seed and write the state anew, or name another file")
        }
        Error::StateInUse { .. } => Some("end the other emulator, or name another file with --state"),
        Error::AdminKeyTaken { .. } => Some("leave --admin-key out, or mark that key `admin` in the seed"),
        _ => None,
    }
}

/// What it holds, and how to talk to it.
fn introduction(running: &Running, args: &EmulatorArgs, generated: bool) -> String {
    let [workspaces, users, keys] = running.counts();
    let counted = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let whence = match (&args.state, running.was_restored()) {
        (Some(state), true) => format!(", as {} has it", state.display()),
        (Some(state), false) => format!(", kept in {}", state.display()),
        (None, _) => ", forgotten when it ends".to_owned(),
    };
    let mut text = format!(
        "It holds {}, {} and {}{whence}. Ctrl-C ends it.\n",
        counted(workspaces, "workspace"),
        counted(users, "user"),
        counted(keys, "key"),
    );
    if generated {
        // A key of this emulator and of nothing else; without it nobody could talk to it.
        text.push_str(&format!(
            "\nexport PORTKEY_BASE_URL={}\nexport PORTKEY_ADMIN_API_KEY={}\n\n",
            running.base_url(),
            running.admin_key()
        ));
    }
    text
}

/// Ctrl-C, or what a container is told to end with: from when this is made, not only from when it is waited for.
fn told_to_end() -> std::io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupted, mut terminated) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(async move {
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        // Without a handler for it there is nothing to wait for.
        tokio::signal::ctrl_c().await.ok();
    })
}
