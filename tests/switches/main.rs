//! What is not known of the live service is a switch of the emulator: the reconciler lives with every setting of each.
//!
//! The list of these tests is made from the table of switches, so that a new one is not forgotten. Their names say the
//! settings: `cargo test --test switches expiry-clearing`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may fail loudly; clippy does not know the helpers of an integration test as tests"
)]

mod alone;
#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "../emulator_model/chance.rs"]
mod chance;
#[path = "../rehearsal/mod.rs"]
mod rehearsal;
mod scenario;
mod settings;
mod suite;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use settings::Settings;

const SEED: u64 = 0x5eed_0003;
const COMBINATIONS: usize = 40;

/// A test that succeeds unless it panics.
fn test<T: Future<Output = ()>>(name: String, run: impl FnOnce() -> T + Send + 'static) -> Trial {
    Trial::test(name, move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(run());
        Ok(())
    })
}

fn converges(name: &str, settings: Settings, owned: bool) -> Trial {
    let name = format!("{name}, {} an owner", if owned { "with" } else { "without" });
    test(name, async move || scenario::lives_with(&settings, owned).await)
}

fn suite(name: String, settings: Settings) -> Trial {
    Trial::test(name, move || Ok(suite::holds_under(&settings)?))
}

macro_rules! tests {
    ($($module:ident::$name:ident),+ $(,)?) => { [$(test(stringify!($name).to_owned(), $module::$name)),+] };
}

fn main() -> ExitCode {
    let mut tests: Vec<Trial> = tests![
        alone::a_lost_create_is_recovered_whatever_scope_rotating_needs,
        alone::a_rotation_in_transition_is_refused_for_certain,
        alone::without_a_list_scope_nothing_is_created_blindly,
        alone::a_key_that_somebody_else_deleted_stays_deleted,
        alone::metadata_of_others_that_is_no_text_does_not_stand_in_the_way_unseen,
        alone::a_raw_key_in_an_answer_is_not_repeated,
    ]
    .into();
    for settings in settings::each() {
        let name = settings.to_string();
        tests.extend([true, false].map(|owned| converges(&name, settings.clone(), owned)));
    }
    let seed = chance::asked("PORTKEY_SYNC_SEED", usize::try_from(SEED).unwrap());
    let combinations = chance::asked("PORTKEY_SYNC_COMBINATIONS", COMBINATIONS);
    for (n, settings) in (1..).zip(settings::combinations(u64::try_from(seed).unwrap(), combinations)) {
        tests.push(converges(&format!("combination {n} of seed {seed:#x}"), settings, n % 2 == 0));
    }
    if std::env::var_os("PORTKEY_SYNC_EVERY_SETTING").is_some() {
        tests.extend(
            settings::each_other().map(|settings| suite(format!("tests/cli with {settings}"), settings)),
        );
    }
    for (n, settings) in (1..).zip(settings::all_others()) {
        tests.push(suite(format!("tests/cli with every switch at its other setting {n}"), settings));
    }
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}
