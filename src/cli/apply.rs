//! `apply`: plan, ask, do, verify, report.

use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::api::Gateway;
use crate::apply::{ApplyOptions, apply};
use crate::desired::{Desired, Need};
use crate::handoff::Why;
use crate::model::{Escrowed, Target};
use crate::plan::{Asked, Plan, hold_against};
use crate::render::text::Mode;
use crate::render::{self, json::lines};
use crate::report::{ChangeReport, Report};
use crate::secrets::{Escrow, Journal, LockError, Sinks, WorkLock};

use super::args::{ApplyArgs, ApplyPlanArgs, GlobalArgs};
use super::base;
use super::exit::Exit;
use super::failure::CommandError;
use super::formats::{ApplyFormat, PlanFormat};
use super::interrupts::Interrupts;
use super::output::Output;
use super::planning::{Purpose, Shown, plan_again};
use super::progress::Progress;
use super::saved::Approval;
use super::session::Session;
use super::{named, planning, saved, validate};

/// A `Date` counts whole seconds, and may be as late as its way here.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);

/// So many of the keys that are waited for are named.
const NAMED: usize = 3;

/// `apply`, with a saved plan or without.
pub(super) async fn run_saved(
    mut global: GlobalArgs,
    args: ApplyPlanArgs,
    output: &Output,
) -> Result<Exit, CommandError> {
    let ApplyPlanArgs { plan: path, apply: mut args } = args;
    let Some(path) = path else { return run(&global, args, None, output).await };
    let saved = saved::read(&path)?;
    let digest = args.expect_plan.take();
    let approval = Approval { path: &path, saved: &saved, digest: digest.as_deref() };
    approval.check_digest()?;
    args.planning = saved::planning(&saved, &args.planning)?;
    global.files = saved::files(&saved, &global);
    global.policy = global.policy.or_else(|| saved.options.policy.clone());
    let Some(desired) = validate::read(&global, args.format.into(), output) else {
        return Ok(Exit::Failed);
    };
    approval.check_files(&global, &args.planning, &desired)?;
    let session = Session::open(&global, output).await?;
    let result =
        run_with(&global, &args, &Grounds::Saved(approval), output, (&desired, None), &session).await;
    session.close().await;
    result
}

/// On what grounds something is applied.
enum Grounds<'a> {
    /// The plan of this moment, which somebody says yes to or has approved by its digest.
    Now(Option<Asked>),
    /// A plan that was reviewed.
    Saved(Approval<'a>),
}

impl Grounds<'_> {
    fn purpose(&self) -> Purpose {
        match self {
            Self::Now(asked) => Purpose::apply(*asked),
            Self::Saved(approval) => Purpose { as_of: Some(approval.saved.plan.now), ..Purpose::apply(None) },
        }
    }
}

pub(super) async fn run(
    global: &GlobalArgs,
    mut args: ApplyArgs,
    asked: Option<Asked>,
    output: &Output,
) -> Result<Exit, CommandError> {
    let format = args.format.into();
    let Some(asked) = asked else {
        let Some(desired) = validate::read(global, format, output) else { return Ok(Exit::Failed) };
        let base = base::desired(global, &args.planning, output)?;
        let session = Session::open(global, output).await?;
        let files = (&desired, base.as_ref());
        let result = run_with(global, &args, &Grounds::Now(None), output, files, &session).await;
        session.close().await;
        return result;
    };
    let need = if asked == Asked::Revoke { Need::Identity } else { Need::Entry };
    let words = &args.planning.targets;
    let Some((about, aliases)) = validate::read_about(words, need, global, format, output) else {
        return Ok(Exit::Failed);
    };
    let session = Session::open(global, output).await?;
    let result = match named::settle(about, &aliases, words, &session).await {
        Ok((desired, addresses)) => {
            args.planning.targets = addresses;
            run_with(global, &args, &Grounds::Now(Some(asked)), output, (&desired, None), &session).await
        }
        Err(error) => Err(error),
    };
    session.close().await;
    result
}

/// One round after the other, as long as something waits that is to be waited for. Each plans all of it anew, so what
/// the last one came to is what all came to, but for what has been changed by then.
async fn run_with(
    global: &GlobalArgs,
    args: &ApplyArgs,
    grounds: &Grounds<'_>,
    output: &Output,
    files: (&Desired, Option<&Desired>),
    session: &Session,
) -> Result<Exit, CommandError> {
    let mut has_changed = false;
    let mut interrupts = Interrupts::default();
    loop {
        let round = round(global, args, grounds, output, files, session, &mut interrupts).await;
        let Round { exit, changed, waits } = match round {
            Ok(round) => round,
            Err(error) if has_changed => return Err(error.exit(Exit::Partial)),
            Err(error) => return Err(error),
        };
        has_changed |= changed;
        let partly = |exit| if has_changed && exit != Exit::Done { Exit::Partial } else { exit };
        let Some(Waits { until, left, keys }) = waits else { return Ok(partly(exit)) };
        output.talk(&format!("waiting until {until} for {}\n", render::escape(&keys)));
        interrupts.sleep(left + Duration::from_secs(1)).await;
        if interrupts.is_stopped() {
            output.complain("interrupted; what waits is left for another run\n");
            return Ok(partly(Exit::Interrupted));
        }
    }
}

/// What one round came to.
struct Round {
    exit: Exit,
    /// Whether anything was or may have been changed.
    changed: bool,
    /// What the next round is for.
    waits: Option<Waits>,
}

impl Round {
    fn unchanged(exit: Exit, waits: Option<Waits>) -> Self {
        Self { exit, changed: false, waits }
    }
}

/// What is to be waited for.
struct Waits {
    until: Timestamp,
    left: Duration,
    keys: String,
}

impl Waits {
    /// The first that is due, and all that wait.
    fn of(plan: &Plan) -> Option<Self> {
        let held = plan.held_back();
        let until = held.first()?.until?;
        let keys: BTreeSet<String> = held.iter().map(|waiting| waiting.address.to_string()).collect();
        let named: Vec<String> = keys.iter().take(NAMED).cloned().collect();
        let rest = keys.len() - named.len();
        Some(Self {
            until,
            left: Duration::try_from(until.duration_since(plan.now)).unwrap_or_default(),
            keys: named.join(", ") + &if rest > 0 { format!(" and {rest} more") } else { String::new() },
        })
    }
}

/// Plans, and does what can be done now. The lock is held no longer than that.
async fn round(
    global: &GlobalArgs,
    args: &ApplyArgs,
    grounds: &Grounds<'_>,
    output: &Output,
    (desired, base): (&Desired, Option<&Desired>),
    session: &Session,
    interrupts: &mut Interrupts,
) -> Result<Round, CommandError> {
    let format = args.format;
    planning::work_folder(global)?;
    // Before the plan: what an earlier run left is looked at, and finished, by one run at a time.
    let _lock = WorkLock::take(&global.work_dir).map_err(lock_failed)?;
    Escrow::at(&global.work_dir).sweep();
    let mut plan = planning::make(global, &args.planning, grounds.purpose(), desired, base, session).await?;
    if interrupts.is_stopped() {
        return Ok(Round::unchanged(Exit::Interrupted, None));
    }
    let waits = Waits::of(&plan).filter(|_| args.wait);
    // One approval is of one plan, one document is about one, and what is asked for by name is one thing.
    let is_one =
        !matches!(grounds, Grounds::Now(None)) || args.expect_plan.is_some() || format == ApplyFormat::Json;
    if waits.is_some() && is_one {
        return Ok(Round::unchanged(Exit::Done, waits));
    }
    if format == ApplyFormat::Jsonl {
        output.data(&lines::plan(&plan));
    }
    match grounds {
        Grounds::Now(_) => show(global, args, grounds, desired, &plan, output),
        Grounds::Saved(approval) => {
            approval.check_organisation(&plan)?;
            let slots = planning::escrow(global, &args.planning, desired)?.slots();
            let moved = hold_against(&approval.saved.plan, &mut plan, &slots);
            approval.check(global, &args.planning, &moved)?;
            let holds = render::text::still_holds(approval.saved.plan.now, &moved, &plan, &output.stdout);
            match format {
                ApplyFormat::Text => output.data(&holds),
                ApplyFormat::Json | ApplyFormat::Jsonl => output.talk(&holds),
            }
            if plan.needs_a_person() || global.verbose > 0 {
                show(global, args, grounds, desired, &plan, output);
            }
        }
    }
    if let Some(error) = too_early(&plan, grounds) {
        return Err(error);
    }
    if !plan.refusals.is_empty() || (plan.changes.is_empty() && plan.needs_a_person()) {
        match format {
            ApplyFormat::Text => {}
            ApplyFormat::Json => output.data(&render::json::plan(&plan)),
            ApplyFormat::Jsonl => output.data(&lines::refused(&plan, Exit::Refused.code())),
        }
        return Ok(Round::unchanged(Exit::Refused, waits.filter(|_| plan.refusals.is_empty())));
    }
    match grounds {
        Grounds::Saved(_) => {}
        Grounds::Now(_) => approve(global, args, &plan)?,
    }

    warn_on_a_runner(&plan, output);
    let options = ApplyOptions {
        concurrency: usize::from(args.concurrency),
        verify_within: args.verify_for,
        settle_within: SETTLE_WITHIN,
        running_key_is_known: plan.running_key.is_some(),
        sinks: Sinks {
            folder: desired.folder.clone(),
            allowed: args.planning.common.allow_commands.iter().cloned().collect(),
        },
        gateway: gateway(global, session)?,
    };
    let stop = interrupts.listen();
    let progress = Progress::new(&plan, output, format);
    let journal = Arc::new(Journal::at(&global.work_dir, run_id()));
    let escrow = planning::escrow(global, &args.planning, desired)?;
    let slots = escrow.slots();
    say_what_is_finished(&plan, &slots, output);
    if slots.is_empty()
        && let Err(error) = journal.tidy()
    {
        tracing::warn!(%error, "the journal could not be put aside");
    }
    let kept = (&escrow, &journal);
    let report = apply(&plan, &session.reader, &session.writer, kept, &options, &stop, &|event| {
        progress.show(&event, &plan, output);
    })
    .await;
    progress.finish();

    let exit = exit(&plan, &report);
    tell(&report, &plan, exit, format, desired, output);
    // What failed is not kept waiting: a secret in the escrow can be delivered for minutes only.
    let all_well = report.changes.iter().all(ChangeReport::succeeded);
    let waits = waits.filter(|_| !report.interrupted && all_well);
    Ok(Round { exit, changed: report.may_have_changed(), waits })
}

/// What an earlier run had done but for emptying the escrow, which this one does.
fn say_what_is_finished(plan: &Plan, slots: &[Escrowed], output: &Output) {
    for left in slots.iter().filter(|slot| plan.settled.contains(&slot.nonce)) {
        output.talk(&format!(
            "an earlier run delivered the secret of {} and ended before it was done; its copy in the escrow is deleted now\n",
            render::escape(&left.address)
        ));
    }
}

/// What was done, in the format.
fn tell(report: &Report, plan: &Plan, exit: Exit, format: ApplyFormat, desired: &Desired, output: &Output) {
    match format {
        ApplyFormat::Json => output.data(&render::json::report(report, plan, exit.code())),
        ApplyFormat::Jsonl => {
            output.data(&lines::verified(report));
            output.data(&lines::report(report, plan, exit.code()));
        }
        ApplyFormat::Text if plan.changes.is_empty() => {}
        ApplyFormat::Text => {
            output.data(&render::text::report(
                report,
                plan,
                Some(exit.code()),
                desired.sink_folder(),
                &output.stdout,
            ));
        }
    }
}

/// The plan, for people.
fn show(
    global: &GlobalArgs,
    args: &ApplyArgs,
    grounds: &Grounds<'_>,
    desired: &Desired,
    plan: &Plan,
    output: &Output,
) {
    if args.format == ApplyFormat::Text {
        let files = validate::files_name(global);
        let shown = Shown {
            scope_sets: &desired.scope_sets,
            files: &files,
            paths: &files,
            root: &validate::root_name(global),
            next_command: None,
            mode: Mode::AboutToApply,
            folder: desired.sink_folder(),
            extent: planning::extent(&args.planning, grounds.purpose().asked),
        };
        output.data(&planning::told(global, PlanFormat::Text, shown, plan, output));
    }
}

/// Holds a plan against the digest that was approved, or asks.
fn approve(global: &GlobalArgs, args: &ApplyArgs, plan: &Plan) -> Result<(), CommandError> {
    match &args.expect_plan {
        Some(expected) if *expected != plan.digest() => Err(CommandError::message(format!(
            "this is not the plan that was approved ({expected}, now {})",
            plan.digest()
        ))
        .code("other-plan")
        .refused(Vec::new())
        .hint(format!("look again with: {}", plan_again(global, &args.planning, None)))
        .hint("a plan that is saved (plan --out FILE, apply FILE) says what moved; a digest alone cannot")),
        None if !plan.changes.is_empty() && !args.yes => confirm(plan, args.format),
        Some(_) | None => Ok(()),
    }
}

/// Somebody asks for new secrets now, and Portkey refuses all of them because earlier ones are in transition.
fn too_early(plan: &Plan, grounds: &Grounds<'_>) -> Option<CommandError> {
    if !matches!(grounds, Grounds::Now(Some(Asked::Rotate { .. }))) || !plan.changes.is_empty() {
        return None;
    }
    let waiting = plan.waiting.iter().find(|waiting| waiting.why == Some(Why::Asked))?;
    let until = waiting.until.map_or_else(|| "its transition ends".to_owned(), |until| until.to_string());
    let message = format!(
        "nothing was rotated: Portkey refuses another secret for `{}` until {until}",
        waiting.address
    );
    let address = waiting.address.to_string();
    Some(
        CommandError::message(message)
            .code("in-transition")
            .hint("run this again then, or with --wait")
            .hint(format!("to end the key now: portkey-sync revoke {}", planning::quoted(&address)))
            .exit(Exit::Refused),
    )
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

/// A runner's disk vanishes, and with it what was delivered to its files only.
fn warn_on_a_runner(plan: &Plan, output: &Output) {
    if std::env::var_os("CI").is_some() && leaves_plain_files(plan) {
        output.complain(
            "warning: this looks like a CI runner, whose disk vanishes, and new secrets go to plain files only; \
             docs/sinks.md has other sinks\n",
        );
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
    format!("{}-{}", Timestamp::now().as_second(), std::process::id())
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
fn confirm(plan: &Plan, format: ApplyFormat) -> Result<(), CommandError> {
    if !std::io::stdin().is_terminal() || format != ApplyFormat::Text {
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
