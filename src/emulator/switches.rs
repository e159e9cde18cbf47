//! What is not known of the live service, each as a switch: so that a client can be tried against every answer.
//!
//! One table says all: what a switch stands for, its settings, the default first. The types, the names in a seed and
//! `docs/emulator.md` follow it.

use serde::{Deserialize, Serialize};

/// One row of [`Switches::TABLE`].
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    /// As a seed writes it.
    pub name: &'static str,
    /// What it can be set to; the first is the default.
    pub settings: &'static [&'static str],
    /// What it stands for.
    pub fact: &'static str,
}

macro_rules! switches {
    ($(
        $fact:literal
        $field:ident $name:literal $kind:ident {
            $(#[$default_doc:meta])+ $default:ident $default_name:literal,
            $($(#[$doc:meta])+ $setting:ident $setting_name:literal,)+
        }
    )+) => {
        $(
            #[doc = $fact]
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
            pub enum $kind {
                $(#[$default_doc])+
                #[default]
                #[serde(rename = $default_name)]
                $default,
                $(
                    $(#[$doc])+
                    #[serde(rename = $setting_name)]
                    $setting,
                )+
            }
        )+

        /// How the emulator answers where the live service is not known.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Switches {
            $(
                #[doc = $fact]
                #[serde(rename = $name)]
                pub $field: $kind,
            )+
        }

        impl Switches {
            /// Every switch.
            pub const TABLE: &[Switch] = &[
                $(Switch { name: $name, settings: &[$default_name, $($setting_name),+], fact: $fact },)+
            ];
        }
    };
}

// The numbers are the sections of portkey-api.md.
switches! {
    // 3: `""` is the only candidate with evidence, null is unverified.
    "What clears `description` in a PUT: `\"\"`, null, either or neither."
    description_clearing "description-clearing" DescriptionClearing {
        /// Both forms.
        Either "either",
        /// `""`; null is ignored.
        ByEmpty "by-empty",
        /// Null; `""` is ignored.
        ByNull "by-null",
        /// What is set cannot be unset.
        Neither "neither",
    }
    // 3: "try `{}` then null".
    "What clears `defaults.metadata` in a PUT: `{}`, null, either or neither."
    metadata_clearing "metadata-clearing" MetadataClearing {
        /// Both forms.
        Either "either",
        /// `{}`; null is ignored.
        ByEmpty "by-empty",
        /// Null; `{}` is ignored.
        ByNull "by-null",
        /// What is set cannot be unset.
        Neither "neither",
    }
    // 3: the vendor's tests only ever add entries.
    "Whether a map of metadata that is not empty replaces the one before it or is merged into it, where a null takes \
     an entry away."
    metadata_in_put "metadata-in-put" MetadataInPut {
        /// What the map lacks is gone.
        Replaces "replaces",
        /// What the map lacks stays.
        Merges "merges",
    }
    // 3: nullable in the OpenAPI document, never exercised.
    "Whether `expires_at: null` in a PUT clears or is ignored."
    expiry_clearing "expiry-clearing" ExpiryClearing {
        /// Null clears.
        ByNull "by-null",
        /// A key that is to expire cannot be told otherwise.
        Never "never",
    }
    // 3: only null is proven.
    "What `rate_limits: []` does in a PUT: it is kept and reads back so, clears as null does, or is ignored."
    empty_rate_limits "empty-rate-limits" EmptyRateLimits {
        /// Reads back `[]`.
        Kept "kept",
        /// As null.
        Clears "clears",
        /// As if left out.
        Ignored "ignored",
    }
    // 3: only null is proven.
    "What `alert_emails: []` does in a PUT: it is kept and reads back so, clears as null does, or is ignored."
    empty_alert_emails "empty-alert-emails" EmptyAlertEmails {
        /// Reads back `[]`.
        Kept "kept",
        /// As null.
        Clears "clears",
        /// As if left out.
        Ignored "ignored",
    }
    // 3: "sub-field merge vs replace unproven". Merging is the reading under which a forgotten null shows.
    "Whether the sub-fields of `usage_limits` in a PUT are merged one by one, where null removes one, or the object \
     replaces the one before it."
    usage_limits_in_put "usage-limits-in-put" UsageLimitsInPut {
        /// What the object lacks stays.
        Merges "merges",
        /// What the object lacks is gone.
        Replaces "replaces",
    }
    // 2.1: "rotation_policy on rows unverified".
    "Whether list rows show `rotation_policy`."
    rotation_policy_in_rows "rotation-policy-in-rows" RotationPolicyInRows {
        /// Only a GET by id tells.
        Absent "absent",
        /// Where there is one, rows show it.
        Shown "shown",
    }
    // 4: "code not documented; assume 400 AB01 or 409 AB07".
    "What answers a rotation while an earlier one is in transition."
    rotation_in_transition "rotation-in-transition" RotationInTransition {
        /// As other requests that are refused.
        Invalid "400-ab01",
        /// As other conflicts.
        Conflict "409-ab07",
    }
    // 4: the guide and the Terraform docs disagree.
    "Which scope rotating needs: `….rotate`, `….update`, or either of them."
    rotation_scope "rotation-scope" RotationScope {
        /// The guide.
        Rotate "rotate",
        /// The Terraform docs.
        Update "update",
        /// Both suffice.
        Either "either",
    }
    // 7: "presumably reactivates; unverified".
    "Whether an expired key lives again once `expires_at` is cleared or in the future."
    expired_key_renewal "expired-key-renewal" ExpiredKeyRenewal {
        /// Its status is `active` again.
        Revives "revives",
        /// It has its new date and stays `expired`.
        StaysExpired "stays-expired",
    }
    // 2.1: "a missing list scope hides rows or gives 403 AB03".
    "What a caller gets who may list some types of key and not all: the rows of those, or 403 AB03."
    missing_list_scope "missing-list-scope" MissingListScope {
        /// The other types are not shown, nor counted.
        HidesRows "hides-rows",
        /// No list at all.
        Forbidden "forbidden",
    }
    // 2.3: `""` and null were both seen.
    "How an unset `description` reads: null if it never was written and `\"\"` once cleared, or always one of them."
    unset_description "unset-description" UnsetDescription {
        /// As the latest write left it.
        AsWritten "as-written",
        /// `""`.
        AsEmpty "as-empty",
        /// Null.
        AsNull "as-null",
    }
    // 2.3: `[]` was seen; the vendor's contract tolerates null.
    "How unset `rate_limits` read."
    unset_rate_limits "unset-rate-limits" UnsetRateLimits {
        /// `[]`.
        AsEmpty "as-empty",
        /// Null.
        AsNull "as-null",
    }
    // 2.3 and 9: null was seen; drift between the two forms was reported.
    "How unset `alert_emails` read."
    unset_alert_emails "unset-alert-emails" UnsetAlertEmails {
        /// Null.
        AsNull "as-null",
        /// `[]`.
        AsEmpty "as-empty",
    }
    // 2.3 and 9: null was seen; drift between the two forms was reported.
    "How unset `defaults.metadata` reads."
    unset_metadata "unset-metadata" UnsetMetadata {
        /// Null.
        AsNull "as-null",
        /// `{}`.
        AsEmpty "as-empty",
    }
    // 2.3: null was seen; the vendor's client works around a server default.
    "How `allow_config_override` reads where it never was written: null or 1."
    unset_allow_config_override "unset-allow-config-override" UnsetAllowConfigOverride {
        /// Null.
        AsNull "as-null",
        /// 1.
        AsOne "as-one",
    }
    // 6 and 7: "404 and 403 can mean gone".
    "What answers for a key that is not there, or no longer: 404 AB08 or 403 AB03."
    deleted_key "deleted-key" DeletedKey {
        /// 404.
        NotFound "not-found",
        /// 403.
        Forbidden "forbidden",
    }
    // 2.4: the page about budgets says Sunday, the one about policies Monday.
    "On which day, at midnight UTC, a weekly usage reset falls."
    weekly_usage_reset "weekly-usage-reset" WeeklyUsageReset {
        /// The page about budgets on keys.
        Sunday "sunday",
        /// The page about policies.
        Monday "monday",
    }
    // 4: the guide allows it, the OpenAPI document calls them mutually exclusive.
    "Whether `rotation_period` or `rotation_period_days` together with `next_rotation_at` is accepted, where the date \
     counts once, or refused with 400 AB01."
    rotation_period_with_date "rotation-period-with-date" RotationPeriodWithDate {
        /// The guide.
        Accepted "accepted",
        /// The OpenAPI document.
        Refused "refused",
    }
    // 4: "normalised to UTC midnight", in a direction that is not said.
    "To which midnight UTC a `next_rotation_at` moves that is none: the one before it or the one after it."
    rotation_midnight "rotation-midnight" RotationMidnight {
        /// That of its day.
        Before "before",
        /// That of the day after.
        After "after",
    }
    // 5: "per-type rejection and its error are undocumented".
    "What becomes of a scope that is unknown or not for this type of key: 400 AB01, or it is held."
    unfit_scopes "unfit-scopes" UnfitScopes {
        /// 400 AB01.
        Refused "refused",
        /// It is kept and reads back.
        Accepted "accepted",
    }
    // 2.3 and 11: "scope order and duplicates normalisation" is unproven.
    "How `scopes` read: as they were written, without duplicates, or sorted as well."
    scopes_in_answers "scopes-in-answers" ScopesInAnswers {
        /// In the order of the write, duplicates too.
        AsWritten "as-written",
        /// The first of each, in the order of the write.
        Distinct "distinct",
        /// Each once, in alphabetical order.
        Sorted "sorted",
    }
    // 8: "values are strings in every observed client and fixture; OAS allows any".
    "What becomes of metadata whose value is no text: it is kept, becomes text, or is refused with 400 AB01."
    metadata_values "metadata-values" MetadataValues {
        /// Any JSON reads back.
        Kept "kept",
        /// Reads back as the text of its JSON.
        AsText "as-text",
        /// 400 AB01.
        Refused "refused",
    }
    // 2.4: that `cost` is not back-filled is inferred.
    "Whether the `type` of `usage_limits` reads as `cost` where it never was written."
    unset_usage_type "unset-usage-type" UnsetUsageType {
        /// It is not there.
        Absent "absent",
        /// `cost`.
        AsCost "as-cost",
    }
    // 2.4: the vendor's client reads amounts as floats "because the server can emit `10.0`".
    "How whole amounts in `usage_limits` read: as they were written, or with a fraction, as in `10.0`."
    amounts_in_answers "amounts-in-answers" AmountsInAnswers {
        /// `10` as `10`.
        AsWritten "as-written",
        /// `10` as `10.0`.
        WithFraction "with-fraction",
    }
    // 2.1: "raw value for own user keys may appear". Whose own is not said, so those of all users are shown.
    "Whether `key` reads masked in every answer, or raw in those about user keys."
    user_keys_in_answers "user-keys-in-answers" UserKeysInAnswers {
        /// As any other.
        Masked "masked",
        /// The secret itself.
        Raw "raw",
    }
    // 2.1: at least 16, at most 100.
    "How many rows a list page has unless asked."
    page_size "page-size" PageSize {
        /// 50.
        Fifty "50",
        /// 20.
        Twenty "20",
        /// 100.
        Hundred "100",
    }
    // 2.1: 100 at most; what becomes of more is not said.
    "What becomes of a page size of more than 100: 400 AB01, or it is taken for 100."
    page_size_over_100 "page-size-over-100" PageSizeOver100 {
        /// A client which counts on it fails here, and not by missing rows.
        Refused "refused",
        /// 100 rows.
        Clamped "clamped",
    }
    // 4: "last_updated_at moves" is inferred; that background jobs move it was seen (2.3).
    "Whether a PUT moves `last_updated_at`: always, only if it makes a difference, or never."
    last_updated_at "last-updated-at" LastUpdatedAt {
        /// Whatever it holds.
        Moves "moves",
        /// A PUT of what is there already leaves no trace.
        MovesOnDifference "moves-on-difference",
        /// Only background jobs and rotations do.
        Stays "stays",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_switch_takes_its_settings_and_nothing_else() {
        for Switch { name, settings, .. } in Switches::TABLE {
            for setting in *settings {
                let switches: Switches = serde_json::from_value(json!({*name: setting})).unwrap();
                assert_eq!(json!(switches)[name], *setting);
                assert_eq!(switches == Switches::default(), *setting == settings[0], "{name}: {setting}");
            }
            serde_json::from_value::<Switches>(json!({*name: "sometimes"})).unwrap_err();
        }
        let unknown = serde_json::from_value::<Switches>(json!({"descripton-clearing": "either"}));
        assert!(unknown.unwrap_err().to_string().contains("descripton-clearing"));
    }
}
