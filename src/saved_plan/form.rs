//! How a value is written down and read back: lossless, and with types of its own, so that the domain is free to
//! change and the file is not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::desired::{EXPLANATIONS, RuleId};
use crate::model::{
    Amount, ConfigId, KeyId, KeyKind, Mask, OrganisationId, PeriodicReset, RateLimitType, RateLimitUnit,
    RotationPeriod, UsageType, UserId, WorkspaceId,
};
use crate::plan::Risk;

/// A text that stands for no value of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    pub(super) text: String,
    pub(super) kind: &'static str,
}

/// A value that can be saved.
pub(super) trait Form: Sized {
    type Saved: Serialize + DeserializeOwned + JsonSchema;

    fn save(&self) -> Self::Saved;
    fn restore(saved: Self::Saved) -> Result<Self, Unfit>;
}

/// What is saved as it is.
macro_rules! as_it_is {
    ($($type:ty),+) => {$(
        impl Form for $type {
            type Saved = Self;

            fn save(&self) -> Self {
                self.clone()
            }

            fn restore(saved: Self) -> Result<Self, Unfit> {
                Ok(saved)
            }
        }
    )+};
}

as_it_is!(String, bool, u32, u64, usize, i64, Value, (String, String));

/// What is saved as a text: a way there, and a way back that may fail.
macro_rules! as_text {
    ($($type:ty: $save:expr, $restore:expr;)+) => {$(
        impl Form for $type {
            type Saved = String;

            fn save(&self) -> String {
                let save: fn(&Self) -> String = $save;
                save(self)
            }

            fn restore(saved: String) -> Result<Self, Unfit> {
                let restore: fn(&str) -> Option<Self> = $restore;
                restore(&saved).ok_or(Unfit { text: saved, kind: stringify!($type) })
            }
        }
    )+};
}

as_text! {
    KeyId: ToString::to_string, |text| Some(Self::new(text));
    WorkspaceId: ToString::to_string, |text| Some(Self::new(text));
    UserId: ToString::to_string, |text| Some(Self::new(text));
    ConfigId: ToString::to_string, |text| Some(Self::new(text));
    OrganisationId: ToString::to_string, |text| Some(Self::new(text));
    KeyKind: ToString::to_string, Self::parse;
    RateLimitType: ToString::to_string, |text| Some(Self::parse(text));
    RateLimitUnit: ToString::to_string, |text| Some(Self::parse(text));
    UsageType: ToString::to_string, |text| Some(Self::parse(text));
    PeriodicReset: ToString::to_string, |text| Some(Self::parse(text));
    RotationPeriod: ToString::to_string, |text| Some(Self::parse(text));
    // What has no asterisks would be a secret, and is masked.
    Mask: ToString::to_string, |text| Some(Self::of_live(text.to_owned()));
    // A decimal text is exact, which a JSON number need not be.
    Amount: ToString::to_string, |text| text.parse().ok().and_then(Self::new);
    Timestamp: ToString::to_string, |text| text.parse().ok();
    SignedDuration: ToString::to_string, |text| text.parse().ok();
    Duration: |length| SignedDuration::try_from(*length).unwrap_or(SignedDuration::MAX).to_string(),
        |text| text.parse::<SignedDuration>().ok().and_then(|length| length.try_into().ok());
    RuleId: |rule| rule.name().to_owned(), Self::parse;
    Risk: |risk| risk.word().to_owned(), Self::parse;
    PathBuf: |path| path.to_string_lossy().into_owned(), |text| Some(text.into());
}

/// The fields that a reason, a cause or a finding can name; codes of findings are known elsewhere.
const FIELDS: [&str; 18] = [
    "type",
    "workspace_id",
    "user_id",
    "rotation_policy",
    "usage_reset_after",
    "name",
    "description",
    "scopes",
    "rate_limits",
    "usage_limits",
    "metadata",
    "config_id",
    "allow_config_override",
    "alert_emails",
    "expires_at",
    "mark",
    "secret",
    "key",
];

impl Form for &'static str {
    type Saved = String;

    fn save(&self) -> String {
        (*self).to_owned()
    }

    fn restore(saved: String) -> Result<Self, Unfit> {
        let codes = EXPLANATIONS.iter().map(|explanation| explanation.code);
        let rules = RuleId::ALL.iter().map(|rule| rule.code());
        FIELDS
            .into_iter()
            .chain(codes)
            .chain(rules)
            .find(|name| *name == saved)
            .ok_or(Unfit { text: saved, kind: "a field" })
    }
}

impl<T: Form> Form for Option<T> {
    type Saved = Option<T::Saved>;

    fn save(&self) -> Self::Saved {
        self.as_ref().map(T::save)
    }

    fn restore(saved: Self::Saved) -> Result<Self, Unfit> {
        saved.map(T::restore).transpose()
    }
}

impl<T: Form> Form for Box<T> {
    type Saved = T::Saved;

    fn save(&self) -> Self::Saved {
        T::save(self)
    }

    fn restore(saved: Self::Saved) -> Result<Self, Unfit> {
        T::restore(saved).map(Self::new)
    }
}

impl<T: Form> Form for Vec<T> {
    type Saved = Vec<T::Saved>;

    fn save(&self) -> Self::Saved {
        self.iter().map(T::save).collect()
    }

    fn restore(saved: Self::Saved) -> Result<Self, Unfit> {
        saved.into_iter().map(T::restore).collect()
    }
}

impl<T: Form + Ord> Form for BTreeSet<T> {
    type Saved = Vec<T::Saved>;

    fn save(&self) -> Self::Saved {
        self.iter().map(T::save).collect()
    }

    fn restore(saved: Self::Saved) -> Result<Self, Unfit> {
        saved.into_iter().map(T::restore).collect()
    }
}

impl<T: Form> Form for BTreeMap<&'static str, T> {
    type Saved = BTreeMap<String, T::Saved>;

    fn save(&self) -> Self::Saved {
        self.iter().map(|(name, value)| ((*name).to_owned(), value.save())).collect()
    }

    fn restore(saved: Self::Saved) -> Result<Self, Unfit> {
        saved
            .into_iter()
            .map(|(name, value)| Ok((<&'static str>::restore(name)?, T::restore(value)?)))
            .collect()
    }
}

impl<T: Form> Form for BTreeMap<String, T> {
    type Saved = BTreeMap<String, T::Saved>;

    fn save(&self) -> Self::Saved {
        self.iter().map(|(name, value)| (name.clone(), value.save())).collect()
    }

    fn restore(saved: Self::Saved) -> Result<Self, Unfit> {
        saved.into_iter().map(|(name, value)| Ok((name, T::restore(value)?))).collect()
    }
}

/// Reads `null` as a null that was said, where a field can also be left out.
pub(super) fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(reader: D) -> Result<Option<T>, D::Error> {
    T::deserialize(reader).map(Some)
}

/// A struct and the form of it, field by field.
macro_rules! form {
    ($(#[$doc:meta])* struct $form:ident of $domain:ty {
        $($(#[$attribute:meta])* $field:ident: $type:ty),+ $(,)?
    } $(else $($left_out:ident),+)?) => {
        $(#[$doc])*
        #[derive(Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $form {
            $($(#[$attribute])* $field: <$type as Form>::Saved,)+
        }

        impl Form for $domain {
            type Saved = $form;

            fn save(&self) -> $form {
                let Self { $($field,)+ $($($left_out: _,)+)? } = self;
                $form { $($field: <$type as Form>::save($field),)+ }
            }

            fn restore(saved: $form) -> Result<Self, Unfit> {
                let $form { $($field,)+ } = saved;
                Ok(Self {
                    $($field: <$type as Form>::restore($field)?,)+
                    $($($left_out: Default::default(),)+)?
                })
            }
        }
    };
    ($(#[$doc:meta])* enum $form:ident of $domain:ty {
        $($variant:ident $({ $($field:ident: $type:ty),+ $(,)? })? $(($inner:ident: $inside:ty))?),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        #[allow(clippy::large_enum_variant, reason = "it lives while a file is written or read")]
        pub(super) enum $form {
            $($variant $({ $($field: <$type as Form>::Saved),+ })? $((<$inside as Form>::Saved))?,)+
        }

        impl Form for $domain {
            type Saved = $form;

            fn save(&self) -> $form {
                match self {
                    $(Self::$variant $({ $($field),+ })? $(($inner))? => {
                        $form::$variant
                            $({ $($field: <$type as Form>::save($field)),+ })?
                            $((<$inside as Form>::save($inner)))?
                    })+
                }
            }

            fn restore(saved: $form) -> Result<Self, Unfit> {
                Ok(match saved {
                    $($form::$variant $({ $($field),+ })? $(($inner))? => {
                        Self::$variant
                            $({ $($field: <$type as Form>::restore($field)?),+ })?
                            $((<$inside as Form>::restore($inner)?))?
                    })+
                })
            }
        }
    };
}
pub(super) use form;
