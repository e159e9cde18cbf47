//! `emulator`: a local Portkey Admin API.

use crate::emulator::{FaultScript, Options, Seed, start};

use super::args::{EmulatorArgs, GlobalArgs};
use super::exit::Exit;
use super::failure::CommandError;
use super::output::Output;

pub(super) async fn run(
    global: &GlobalArgs,
    args: EmulatorArgs,
    output: &Output,
) -> Result<Exit, CommandError> {
    let seed = global.seed.as_deref().map(Seed::from_file).transpose().map_err(CommandError::new)?;
    let faults =
        global.faults.as_deref().map(FaultScript::from_file).transpose().map_err(CommandError::new)?;
    let generated = args.admin_key.is_none();
    let options = Options {
        listen: args.listen,
        allow_non_loopback: args.allow_non_loopback,
        seed,
        state: args.state,
        admin_key: args.admin_key,
        latency: args.latency,
        faults: faults.unwrap_or_default(),
        ..Options::default()
    };
    if args.allow_non_loopback && !args.listen.ip().is_loopback() {
        output.complain("warning: other machines can reach this emulator and everything in it\n");
    }
    let mut running = start(options)
        .await
        .map_err(|error| CommandError::new(error).hint("choose a free port with --listen 127.0.0.1:0"))?;
    output.data(&format!("listening on {}\n", running.base_url()));
    if generated {
        // A key of this emulator and of nothing else; without it nobody could talk to it.
        output.talk(&format!("its administrative key, which opens nothing else: {}\n", running.admin_key()));
    }
    tokio::select! {
        () = running.wait() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    running.stop().await.map_err(CommandError::new)?;
    Ok(Exit::Done)
}
