//! The service that a command talks to: Portkey, or the embedded emulator.

use std::time::Duration;

use crate::api::{self, Reader, Settings, Writer, api_key_from_env_or_file};
use crate::emulator::{self, FaultScript, Running, Seed};
use crate::model::{Mask, Secret};
use crate::secrets::make_work_folder;

use super::args::GlobalArgs;
use super::failure::CommandError;
use super::output::Output;
use super::{planning, rehearsal};

/// The organisation of the quickstart.
const EXAMPLE_ORGANISATION: &str = include_str!("../../examples/organisation.yaml");

/// A connection.
pub(super) struct Session {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    /// What the service shows of the key that we run with.
    pub(super) mask: Mask,
    /// Where the service is.
    pub(super) base_url: String,
    /// The embedded emulator lives as long as the session.
    emulator: Option<Running>,
}

impl Session {
    pub(super) async fn open(args: &GlobalArgs, output: &Output) -> Result<Self, CommandError> {
        if args.embedded_emulator {
            return Self::open_emulator(args, output).await;
        }
        let option = if args.seed.is_some() { "--seed" } else { "--faults" };
        if args.seed.is_some() || args.faults.is_some() {
            return Err(CommandError::message(format!("{option} is for an emulator"))
                .hint("add --emulator")
                .code("usage")
                .exit(super::exit::Exit::Usage));
        }
        let (key, _) =
            api_key_from_env_or_file(args.api_key_file.as_deref(), |name| std::env::var(name).ok()).map_err(
                |error| {
                    let hint = error.hint();
                    CommandError::new(error)
                        .maybe_hint(hint)
                        .hint("without an account: add --emulator, and nothing leaves this machine")
                },
            )?;
        Self::connect(&args.base_url, key, args, None)
    }

    async fn open_emulator(args: &GlobalArgs, output: &Output) -> Result<Self, CommandError> {
        planning::work_folder(args)?;
        make_work_folder(&args.work_dir).map_err(|error| {
            CommandError::new(
                anyhow::Error::new(error)
                    .context(format!("the work folder `{}` cannot be made", args.work_dir.display())),
            )
        })?;
        let state = args.work_dir.join("emulator.json");
        let remedy = format!("name another work folder with --work-dir, or delete {}", state.display());
        rehearsal::check_used(args.seed.as_deref(), &state, &remedy)?;
        let seed = match &args.seed {
            Some(path) => rehearsal::seed(path, output)?,
            None => Seed::from_yaml_str(EXAMPLE_ORGANISATION).map_err(CommandError::new)?,
        };
        let faults =
            args.faults.as_deref().map(FaultScript::from_file).transpose().map_err(CommandError::new)?;
        let whose = if state.exists() { "as the last run left it" } else { "new" };
        let options = emulator::Options {
            seed: Some(seed),
            state: Some(state.clone()),
            faults: faults.unwrap_or_default(),
            ..emulator::Options::default()
        };
        let running = emulator::start(options).await.map_err(|error| {
            CommandError::new(error).hint(format!("delete {} to start over", state.display()))
        })?;
        output.talk(&format!(
            "emulator: this is not Portkey but a rehearsal on this machine, {whose} ({})\n",
            state.display()
        ));
        let key = Secret::new(running.admin_key().to_owned());
        let base_url = running.base_url();
        Self::connect(&base_url, key, args, Some(running))
    }

    fn connect(
        base_url: &str,
        key: Secret,
        args: &GlobalArgs,
        emulator: Option<Running>,
    ) -> Result<Self, CommandError> {
        let mask = key.mask();
        let settings = Settings {
            ca_bundle: args.ca_bundle.clone(),
            timeout: args.timeout,
            connect_timeout: args.timeout.min(Duration::from_secs(10)),
            retry_deadline: args.retry_for,
            ..Settings::new(base_url, key)
        };
        let (reader, writer) = api::connect(settings).map_err(|error| {
            let hint = error.hint();
            CommandError::new(error).code("connection").maybe_hint(hint)
        })?;
        Ok(Self { reader, writer, mask, base_url: base_url.to_owned(), emulator })
    }

    /// Whether this talks to the embedded emulator.
    pub(super) fn is_emulator(&self) -> bool {
        self.emulator.is_some()
    }

    /// Ends the embedded emulator in order.
    pub(super) async fn close(self) {
        if let Some(emulator) = self.emulator
            && let Err(error) = emulator.stop().await
        {
            tracing::warn!(%error, "the emulator did not end in order");
        }
    }
}
