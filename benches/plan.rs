//! What a plan costs as the number of keys grows: calls first, then time and memory.
//!
//! `cargo bench` prints a table. Times are this machine's; the ratio is to the floor, which is what two round trips
//! take at the emulator's latency: one for the first page and the names, one for the other pages.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark may fail loudly, and prints")]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use portkey_sync::api::{self, ReadApi, Settings};
use portkey_sync::desired::parse_str;
use portkey_sync::emulator::{self, Options, Seed};
use portkey_sync::live::{Names, RunningKey, refresh};
use portkey_sync::model::Secret;
use portkey_sync::plan::{Inputs, PlanOptions, plan};

const WORKSPACE: &str = "5d0c1f0a-7a3e-4a52-9d55-0b6f7e1a2b3c";
const ADMIN_KEY: &str = "a-key-of-this-benchmark";

/// A seed of `keys` keys, and a file in which one of twenty differs.
fn organisation(keys: usize) -> (String, String) {
    let mut seed = format!("workspaces: [{{slug: ws-bench, id: {WORKSPACE}, name: Bench}}]\nkeys:\n");
    let mut file = String::from("version: 1\nworkspaces: {bench: ws-bench}\nkeys:\n");
    for n in 0..keys {
        let limit = n % 900 + 100;
        let wanted = if n % 20 == 0 { limit + 1 } else { limit };
        let scopes = "scopes: [completions.write, logs.write]";
        writeln!(
            seed,
            "  - {{name: key-{n}, type: workspace-service, workspace: ws-bench, {scopes}, \
             usage_limits: {{type: cost, credit_limit: {limit}, periodic_reset: monthly}}}}"
        )
        .unwrap();
        writeln!(
            file,
            "  - {{name: key-{n}, workspace_id: bench, {scopes}, \
             usage_limits: {{credit_limit: {wanted}, periodic_reset: monthly}}}}"
        )
        .unwrap();
    }
    (seed, file)
}

struct Measured {
    parse: Duration,
    read: Duration,
    plan: Duration,
    changes: usize,
}

async fn measure(keys: usize, latency: Duration) -> Measured {
    let (seed, file) = organisation(keys);
    let options = Options {
        seed: Some(Seed::from_yaml_str(&seed).unwrap()),
        admin_key: Some(ADMIN_KEY.to_owned()),
        latency,
        ..Options::default()
    };
    let emulator = emulator::start(options).await.unwrap();
    let key = Secret::new(ADMIN_KEY.to_owned());
    let mask = key.mask();
    let (reader, _) = api::connect(Settings::new(emulator.base_url(), key)).unwrap();
    // A connection that is open already.
    reader.list_configs(None).await.unwrap();

    let started = Instant::now();
    let desired = parse_str("keys.yaml", &file).desired.unwrap();
    let parse = started.elapsed();
    let started = Instant::now();
    let live = refresh(&reader, &Names::used_by(&desired)).await.unwrap();
    let read = started.elapsed();
    let started = Instant::now();
    let running = RunningKey::recognise(&live, &mask);
    let options = PlanOptions::default();
    let made =
        plan(&Inputs { desired: &desired, live: &live, running: &running, now: live.now, options: &options });
    let plan = started.elapsed();
    let changes = made.changes.len();
    emulator.stop().await.unwrap();
    Measured { parse, read, plan, changes }
}

/// The most memory that this process ever held, in megabytes, where the system tells.
fn peak_megabytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes / 1024)
}

fn main() {
    // `cargo test --benches` runs this too, and wants to know only that it works.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let sizes: &[usize] = if is_bench { &[1_000, 10_000, 100_000] } else { &[100] };
    let runtime = tokio::runtime::Runtime::new().unwrap();

    let latency = Duration::from_millis(50);
    let near = runtime.block_on(measure(if is_bench { 1_000 } else { 100 }, latency));
    let ratio = near.read.as_secs_f64() / (2.0 * latency.as_secs_f64());
    println!(
        "at {} ms latency: read in {:.0} ms, {ratio:.2} x two round trips",
        latency.as_millis(),
        ms(near.read)
    );

    println!(
        "{:>8} {:>9} {:>9} {:>9} {:>9} {:>8}",
        "keys", "parse ms", "read ms", "plan ms", "changes", "peak MB"
    );
    for keys in sizes {
        let Measured { parse, read, plan, changes } = runtime.block_on(measure(*keys, Duration::ZERO));
        let peak = peak_megabytes().map_or_else(|| "-".to_owned(), |peak| peak.to_string());
        let (parse, read, plan) = (ms(parse), ms(read), ms(plan));
        println!("{keys:>8} {parse:>9.0} {read:>9.0} {plan:>9.0} {changes:>9} {peak:>8}");
    }
    println!("read includes the emulator's own work; peak is of emulator and client in one process");
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
