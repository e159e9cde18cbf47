//! Settling: of several runs that created one key at once, one keeps it.
//!
//! Once the service's clock shows a later second than the last create of this run, one list shows every key that
//! was made before ours; whoever made the first one keeps it, the others give theirs back undelivered.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Context;
use super::handoff::Flight;
use crate::api::{ReadApi, WriteApi};
use crate::handoff::{Event, Rules, settle};
use crate::live::{Live, LiveKey, Names, refresh};
use crate::plan::{Plan, facts};

/// The first pause before the list is read again because it does not show a key of ours.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

impl<R: ReadApi, W: WriteApi> Context<'_, R, W> {
    /// Tells each of these creates whether its key remains.
    pub(super) async fn settle(&self, plan: &Plan, flights: &mut [Box<Flight<'_>>]) {
        let newest = flights.iter().filter_map(|flight| Some(flight.issued.as_ref()?.at)).max();
        let Some(newest) = newest else { return };
        self.wait_for_the_next_second(newest).await;
        let deadline = Instant::now() + self.options.verify_within;
        let mut pause = FIRST_PAUSE;
        let mut open: Vec<&mut Box<Flight<'_>>> = flights.iter_mut().collect();
        loop {
            // A list that cannot be read leaves all of them to the next run.
            let live = refresh(self.reader, &Names::default()).await.ok();
            open = open
                .into_iter()
                .filter_map(|flight| match live.as_ref().and_then(|live| verdict(plan, live, flight)) {
                    Some(event) => {
                        flight.on(event);
                        None
                    }
                    None => Some(flight),
                })
                .collect();
            if open.is_empty() {
                return;
            }
            if live.is_none() || Instant::now() + pause > deadline {
                break;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        for flight in open {
            flight.on(Event::Failed);
        }
    }

    async fn wait_for_the_next_second(&self, newest: Timestamp) {
        let Some(clock) = self.reader.clock() else { return };
        let later = Timestamp::from_second(newest.as_second() + 1).unwrap_or(newest);
        let wait = later.duration_since(clock.now());
        // A service whose clock jumps ahead is not waited for.
        tokio::time::sleep(Duration::try_from(wait).unwrap_or_default().min(self.options.settle_within))
            .await;
    }
}

/// What the list says of this create; none if it does not show its key.
fn verdict(plan: &Plan, live: &Live, flight: &Flight<'_>) -> Option<Event> {
    let own = live.keys.get(&flight.issued.as_ref()?.id)?;
    let is_rival = |key: &&LiveKey| {
        key.id != own.id
            && !plan.seen.contains(&key.id)
            && (key.kind, &key.workspace, &key.user, &key.name)
                == (own.kind, &own.workspace, &own.user, &own.name)
    };
    let rivals: Vec<_> = live.keys.values().filter(is_rival).map(facts).collect();
    Some(if settle(&facts(own), &rivals, &Rules::ALL) { Event::Done } else { Event::Moved })
}
