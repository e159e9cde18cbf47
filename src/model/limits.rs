//! Rate limits, budgets and rotation schedules.

use std::cmp::Ordering;
use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// A word of the API's that may be newer than this program.
macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A value that this version does not know; compared and shown as it is.
            Other(String),
        }

        impl $name {
            /// The values that a keys file may use.
            pub const KNOWN: &'static [&'static str] = &[$($text),+];

            /// Reads any value; unknown ones are kept.
            pub fn parse(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }

            /// The value as the API writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

open_enum!(
    /// What a rate limit counts.
    RateLimitType {
        /// Calls.
        Requests = "requests",
        /// Tokens of the model.
        Tokens = "tokens",
    }
);
open_enum!(
    /// The window of a rate limit.
    RateLimitUnit {
        /// Per second.
        PerSecond = "rps",
        /// Per minute.
        PerMinute = "rpm",
        /// Per hour.
        PerHour = "rph",
        /// Per day.
        PerDay = "rpd",
        /// Per week; gateways of March 2026 do not know it (portkey-api.md 2.4).
        PerWeek = "rpw",
    }
);
open_enum!(
    /// What a budget counts.
    UsageType {
        /// US dollars; what an absent type means.
        Cost = "cost",
        /// Tokens.
        Tokens = "tokens",
    }
);
open_enum!(
    /// When a budget starts anew.
    PeriodicReset {
        /// Every week.
        Weekly = "weekly",
        /// Every month.
        Monthly = "monthly",
    }
);
open_enum!(
    /// How often Portkey itself rotates a key.
    RotationPeriod {
        /// Mondays at 00:00 UTC.
        Weekly = "weekly",
        /// The first of the month at 00:00 UTC.
        Monthly = "monthly",
    }
);

/// One rate limit of a key. At most one per type and unit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RateLimit {
    /// What is counted.
    #[serde(rename = "type")]
    pub kind: RateLimitType,
    /// Per what.
    pub unit: RateLimitUnit,
    /// How many; 0 means *unlimited* at the gateway (portkey-api.md 2.4).
    pub value: u64,
}

/// An amount of dollars or tokens. Whole in requests wherever it is whole: the API documents
/// integers but may answer `10.0` or a fraction (portkey-api.md 2.4).
#[derive(Clone, Copy, Debug)]
pub struct Amount(f64);

impl Amount {
    /// Nothing; as a limit it is not enforced.
    pub const ZERO: Self = Self(0.0);

    /// Takes a finite amount that is not negative.
    pub fn new(value: f64) -> Option<Self> {
        (value.is_finite() && value >= 0.0).then_some(Self(value))
    }

    fn whole(self) -> Option<u64> {
        // Above 2^53 a float no longer counts in ones; such a budget is shown as it came.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the amount is whole, not negative and below 2^53"
        )]
        (self.0.fract() == 0.0 && self.0 < 9_007_199_254_740_992.0).then_some(self.0 as u64)
    }
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Amount {}
impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Amount {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.whole() {
            Some(whole) => write!(f, "{whole}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.whole() {
            Some(whole) => serializer.serialize_u64(whole),
            None => serializer.serialize_f64(self.0),
        }
    }
}

/// The budget of a key, as the file says it or as the service answers it once its bookkeeping
/// (`status`, `current_usage`, `is_…_alerts_sent`, `next_usage_reset_at`, …) is taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageLimits {
    /// The budget; `None` means that nothing is enforced.
    pub credit_limit: Option<Amount>,
    /// What is counted; absent means [`UsageType::Cost`].
    pub kind: Option<UsageType>,
    /// Mail goes out above this.
    pub alert_threshold: Option<Amount>,
    /// Starts anew by the calendar.
    pub periodic_reset: Option<PeriodicReset>,
    /// Starts anew every so many days (1 to 365); excludes `periodic_reset`.
    pub periodic_reset_days: Option<u32>,
}

impl UsageLimits {
    /// What is counted, with the default filled in.
    pub fn effective_kind(&self) -> UsageType {
        self.kind.clone().unwrap_or(UsageType::Cost)
    }
}

/// Portkey's default and shortest transition, in milliseconds: 30 minutes.
pub const DEFAULT_TRANSITION_MS: u64 = 1_800_000;

/// Portkey's own rotation schedule for a key. The new secrets are delivered to nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RotationPolicy {
    /// By the calendar.
    pub rotation_period: Option<RotationPeriod>,
    /// Every so many days (1 to 365); excludes `rotation_period`. Backends from 1.16.0.
    pub rotation_period_days: Option<u32>,
    /// The next rotation. The service moves it to midnight UTC and computes it anew after each rotation.
    pub next_rotation_at: Option<Timestamp>,
    /// How long the previous secret lives on, in milliseconds; absent means [`DEFAULT_TRANSITION_MS`].
    pub key_transition_period_ms: Option<u64>,
}

impl RotationPolicy {
    /// The transition in milliseconds, with the default filled in.
    pub fn effective_transition_ms(&self) -> u64 {
        self.key_transition_period_ms.unwrap_or(DEFAULT_TRANSITION_MS)
    }
}
