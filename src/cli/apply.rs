//! `apply`: plan, ask, do, verify, report.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::api::Gateway;
use crate::apply::{ApplyOptions, Stop, apply};
use crate::desired::Desired;
use crate::model::Target;
use crate::plan::{Asked, Plan};
use crate::render::{self, text::Mode};
use crate::report::{Event, Report};
use crate::secrets::{Escrow, Journal, LockError, Sinks, WorkLock};

use super::args::{ApplyArgs, GlobalArgs, OutputFormat};
use super::base;
use super::exit::Exit;
use super::failure::CommandError;
use super::output::Output;
use super::session::Session;
use super::{planning, validate};

/// A `Date` counts whole seconds, and may be as late as its way here.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);

pub(super) async fn run(
    global: &GlobalArgs,
    args: &ApplyArgs,
    asked: Option<Asked>,
    output: &Output,
) -> Result<Exit, CommandError> {
    let format = args.planning.format;
    let desired = match asked {
        None => validate::read(global, format, output),
        Some(_) => validate::read_for(&args.planning.targets, global, format, output),
    };
    let Some(desired) = desired else { return Ok(Exit::Failed) };
    let base = match asked {
        None => base::desired(global, &args.planning, output)?,
        Some(_) => {
            base::refuse(&args.planning)?;
            None
        }
    };
    let session = Session::open(global, output).await?;
    let files = (&desired, base.as_ref());
    let result = run_with(global, args, asked, output, files, &session).await;
    session.close().await;
    result
}

async fn run_with(
    global: &GlobalArgs,
    args: &ApplyArgs,
    asked: Option<Asked>,
    output: &Output,
    (desired, base): (&Desired, Option<&Desired>),
    session: &Session,
) -> Result<Exit, CommandError> {
    let format = args.planning.format;
    // Before the plan: what an earlier run left is looked at, and finished, by one run at a time.
    let _lock = WorkLock::take(&global.work_dir).map_err(lock_failed)?;
    Escrow::at(&global.work_dir).sweep();
    let mut plan = planning::make(global, &args.planning, asked, desired, base, session).await?;
    while let Some(until) = plan.waits_until().filter(|_| args.wait) {
        let left = Duration::try_from(until.duration_since(plan.now)).unwrap_or_default();
        output.talk(&format!("waiting until {until}\n"));
        tokio::time::sleep(left + Duration::from_secs(1)).await;
        plan = planning::make(global, &args.planning, asked, desired, base, session).await?;
    }
    if format == OutputFormat::Text {
        output.data(&planning::text(global, &args.planning, desired, &plan, Mode::AboutToApply, output));
    }
    if !plan.refusals.is_empty() || (plan.changes.is_empty() && plan.needs_a_person()) {
        if format == OutputFormat::Json {
            output.data(&render::json::plan(&plan));
        }
        return Ok(Exit::Refused);
    }
    if let Some(expected) = &args.expect_plan
        && *expected != plan.digest()
    {
        return Err(CommandError::message(format!(
            "this is not the plan that was approved: expected {expected}, now {}",
            plan.digest()
        ))
        .code("other-plan")
        .hint("look again with: portkey-sync plan")
        .exit(Exit::Refused));
    }
    if !plan.changes.is_empty() && !args.yes && args.expect_plan.is_none() {
        confirm(&plan, format)?;
    }

    if std::env::var_os("CI").is_some() && leaves_plain_files(&plan) {
        output.complain(
            "warning: this looks like a CI runner, whose disk vanishes, and new secrets go to plain files only; \
             docs/sinks.md has other sinks\n",
        );
    }
    let options = ApplyOptions {
        concurrency: usize::from(args.concurrency),
        verify_within: args.verify_for,
        settle_within: SETTLE_WITHIN,
        running_key_is_known: plan.running_key.is_some(),
        sinks: Sinks {
            folder: desired.folder.clone(),
            allowed: args.planning.allow_commands.iter().cloned().collect(),
        },
        gateway: gateway(global, session)?,
    };
    let stop = Stop::default();
    let listener = tokio::spawn(listen_for_interrupts(stop.clone()));
    let progress = Progress::new(plan.changes.len(), output, format);
    let journal = Arc::new(Journal::at(&global.work_dir, run_id()));
    let escrow = planning::escrow(global, &args.planning, desired)?;
    if escrow.slots().is_empty()
        && let Err(error) = journal.tidy()
    {
        tracing::warn!(%error, "the journal could not be put aside");
    }
    let kept = (&escrow, &journal);
    let report = apply(&plan, &session.reader, &session.writer, kept, &options, &stop, &|event| {
        progress.show(&event, &plan, output);
    })
    .await;
    listener.abort();
    progress.finish();

    let exit = exit(&plan, &report);
    match format {
        OutputFormat::Json => output.data(&render::json::report(&report, &plan, exit.code())),
        OutputFormat::Text if plan.changes.is_empty() => {}
        OutputFormat::Text => {
            output.data(&render::text::report(&report, &plan, Some(exit.code()), &output.stdout));
        }
    }
    Ok(exit)
}

fn lock_failed(error: LockError) -> CommandError {
    match error {
        LockError::Taken { .. } => CommandError::new(error)
            .code("locked")
            .hint("wait until it is done; the lock goes away with its process")
            .hint("a second run at the same time needs a --work-dir of its own")
            .exit(Exit::Refused),
        LockError::Io { .. } => CommandError::new(error).code("locked"),
    }
}

/// Whether a new secret of this plan goes nowhere but to unencrypted files.
fn leaves_plain_files(plan: &Plan) -> bool {
    let is_plain = |target: &Target| match target {
        Target::File { recipients, .. } => recipients.is_empty(),
        Target::EnvFile { .. } => true,
        Target::Command { .. } => false,
    };
    let mut commits = plan.changes.iter().filter_map(|change| change.request.commit());
    commits.any(|commit| commit.deliveries.iter().all(|delivery| is_plain(&delivery.target)))
}

/// Names this run in the journal.
fn run_id() -> String {
    format!("{}-{}", jiff::Timestamp::now().as_second(), std::process::id())
}

/// Where new secrets are tried.
fn gateway(global: &GlobalArgs, session: &Session) -> Result<Option<Gateway>, CommandError> {
    let url = global.gateway_url.as_deref().unwrap_or(&session.base_url);
    let connect_timeout = global.timeout.min(Duration::from_secs(10));
    Gateway::connect(url, global.ca_bundle.as_deref(), connect_timeout, global.timeout)
        .map(Some)
        .map_err(|error| CommandError::new(error).code("connection"))
}

fn exit(plan: &Plan, report: &Report) -> Exit {
    let changed = report.may_have_changed();
    if report.succeeded() {
        return if plan.blocked.is_empty() { Exit::Done } else { Exit::Partial };
    }
    match (changed, report.interrupted) {
        (true, _) => Exit::Partial,
        (false, true) => Exit::Interrupted,
        (false, false) => Exit::Failed,
    }
}

/// Asks; anything but `yes` declines, and without a terminal nothing is guessed.
fn confirm(plan: &Plan, format: OutputFormat) -> Result<(), CommandError> {
    if !std::io::stdin().is_terminal() || format == OutputFormat::Json {
        return Err(CommandError::message("there is nobody to ask: standard input is no terminal")
            .code("nobody-to-ask")
            .hint("say --yes to apply whatever the plan is")
            .hint(format!("or approve exactly this plan: --expect-plan {}", plan.digest())));
    }
    let mut stderr = std::io::stderr();
    let question = render::text::question(plan);
    stderr.write_all(question.as_bytes()).and_then(|()| stderr.flush()).map_err(CommandError::new)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(CommandError::new)?;
    if answer.trim() == "yes" {
        Ok(())
    } else {
        Err(CommandError::message("declined; nothing was written").code("declined"))
    }
}

/// The first Ctrl-C (or SIGTERM, which CI systems send) lets calls in flight finish; the second ends at once.
async fn listen_for_interrupts(stop: Stop) {
    loop {
        interrupt().await;
        if stop.is_requested() {
            #[expect(clippy::exit, reason = "asked twice; secrets on their way lie in the escrow")]
            std::process::exit(i32::from(Exit::Partial.code()));
        }
        stop.request();
        tracing::warn!(
            "interrupted: calls in flight are finished, nothing new is begun; once more ends at once"
        );
    }
}

#[cfg(unix)]
async fn interrupt() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn interrupt() {
    drop(tokio::signal::ctrl_c().await);
}

/// A bar on a terminal, one line per change elsewhere.
struct Progress {
    bar: ProgressBar,
    total: usize,
    done: AtomicUsize,
}

impl Progress {
    fn new(total: usize, output: &Output, format: OutputFormat) -> Self {
        let on_terminal = std::io::stderr().is_terminal() && format == OutputFormat::Text && !output.quiet;
        let target = if on_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total as u64), target);
        if let Ok(style) = ProgressStyle::with_template("  [{bar:38}] {pos} of {len}  {wide_msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, total, done: AtomicUsize::new(0) }
    }

    fn show(&self, event: &Event<'_>, plan: &Plan, output: &Output) {
        let done = match event {
            Event::Finished { .. } => self.done.fetch_add(1, Ordering::SeqCst) + 1,
            Event::Started { .. } | Event::Verifying { .. } => self.done.load(Ordering::SeqCst),
        };
        let line = render::text::event_line(event, plan, done, self.total, &output.stderr);
        if self.bar.is_hidden() {
            if let Some(line) = line {
                output.talk(&format!("{line}\n"));
            }
            return;
        }
        match (event, line) {
            (Event::Finished { .. }, Some(line)) => {
                self.bar.println(line);
                self.bar.set_position(done as u64);
            }
            (Event::Started { address, .. }, _) => self.bar.set_message(render::escape(&address.to_string())),
            (Event::Verifying { .. }, _) => self.bar.set_message("reading back"),
            (Event::Finished { .. }, None) => {}
        }
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
