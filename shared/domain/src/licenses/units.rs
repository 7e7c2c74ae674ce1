//! The units of one SKU: how many are usable, in grace, suspended and locked out.
//!
//! <https://learn.microsoft.com/graph/api/resources/licenseunitsdetail>,
//! <https://learn.microsoft.com/graph/api/resources/subscribedsku>

use crate::{Record, datasets::subscribed_skus::SUBSCRIBED_SKUS, verdict::Licence};
use serde_json::Value;

/// What `capabilityStatus` says of a SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// `Enabled`, or `Warning`: past its term and in grace. Its licenses work.
    Usable,
    /// `Suspended`: its licenses no longer work.
    Suspended,
    /// `LockedOut`: the customer canceled it.
    LockedOut,
    /// `Deleted`: nothing is left of it.
    Deleted,
    /// Absent, or a word that Microsoft added since: its units alone tell.
    Unknown,
}

impl Capability {
    /// The meaning of a `capabilityStatus`, in whatever case it is written.
    pub fn of(status: &Value) -> Self {
        let is = |word: &str| {
            let status = status.as_str().unwrap_or_default();
            status.trim().eq_ignore_ascii_case(word)
        };
        if is("Enabled") || is("Warning") {
            Self::Usable
        } else if is("Suspended") {
            Self::Suspended
        } else if is("LockedOut") {
            Self::LockedOut
        } else if is("Deleted") {
            Self::Deleted
        } else {
            Self::Unknown
        }
    }
}

/// The units of one SKU. No unit is in two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Units {
    /// Within their term.
    pub enabled: u64,
    /// Past their term, and usable until the grace period ends.
    pub in_grace: u64,
    /// Suspended: kept, and not usable.
    pub suspended: u64,
    /// Locked out after a cancellation.
    pub locked_out: u64,
}

impl Units {
    /// The units of a subscribed SKU; `None` where the record does not tell them, or tells a number
    /// that can be none. Microsoft's type is a 32-bit integer.
    ///
    /// A status that says that nothing is usable outweighs units that are called enabled.
    pub fn of(sku: &Record) -> Option<Self> {
        let cells = [
            "prepaid_units_enabled",
            "prepaid_units_warning",
            "prepaid_units_suspended",
            "prepaid_units_locked_out",
        ]
        .map(|name| sku.get(&SUBSCRIBED_SKUS, name));
        if cells.iter().all(|cell| cell.is_null()) {
            return None;
        }
        let mut read = [0; 4];
        for (count, cell) in read.iter_mut().zip(cells) {
            *count = match cell {
                Value::Null => 0,
                cell => whole(cell)?,
            };
        }
        let [enabled, in_grace, suspended, locked_out] = read;
        let units = Self {
            enabled,
            in_grace,
            suspended,
            locked_out,
        };
        let status = sku.get(&SUBSCRIBED_SKUS, "capability_status");
        Some(match Capability::of(status) {
            Capability::Usable | Capability::Unknown => units,
            Capability::Suspended => Self {
                suspended: suspended + enabled + in_grace,
                locked_out,
                ..Self::default()
            },
            Capability::LockedOut => Self {
                locked_out: locked_out + enabled + in_grace,
                suspended,
                ..Self::default()
            },
            Capability::Deleted => Self::default(),
        })
    }

    /// The units that people can use now: enabled, or in grace.
    pub fn usable(&self) -> u64 {
        self.enabled + self.in_grace
    }
}

/// The units of a subscribed SKU that are assigned; `None` where that is not told.
pub fn assigned(sku: &Record) -> Option<u64> {
    whole(sku.get(&SUBSCRIBED_SKUS, "consumed_units"))
}

/// A count as Microsoft's type has it: a 32-bit integer that is not negative.
pub(super) fn whole(cell: &Value) -> Option<u64> {
    let count = cell.as_i64().and_then(|count| i32::try_from(count).ok())?;
    u64::try_from(count).ok()
}

/// Whether a subscribed SKU gives the tenant a license that Microsoft's answers presuppose: the SKU is
/// usable, and so is a service plan in it that carries the license.
pub fn gives(sku: &Record, licence: Licence) -> bool {
    let status = sku.get(&SUBSCRIBED_SKUS, "capability_status");
    let usable = match Capability::of(status) {
        Capability::Usable => true,
        Capability::Unknown => Units::of(sku).is_some_and(|units| units.usable() > 0),
        Capability::Suspended | Capability::LockedOut | Capability::Deleted => false,
    };
    let plans = sku.get(&SUBSCRIBED_SKUS, "service_plans").as_array();
    usable
        && plans.into_iter().flatten().any(|plan| {
            let text = |name: &str| plan.get(name).and_then(Value::as_str).unwrap_or_default();
            // `Success`, or one of the words for "not yet everywhere".
            !text("provisioningStatus").eq_ignore_ascii_case("Disabled")
                && (licence.service_plans().iter())
                    .any(|known| known.eq_ignore_ascii_case(text("servicePlanId")))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sku(status: &Value, units: &Value) -> Record {
        let object = json!({
            "id": "t_s", "capabilityStatus": status, "prepaidUnits": units,
            "servicePlans": [{"servicePlanId": "41781FB2-BC02-4B7C-BD55-B576C07BB09D"}],
        });
        Record::from_object(&SUBSCRIBED_SKUS, &object).expect("it has an id")
    }

    fn units(status: &Value, units: &Value) -> Option<[u64; 4]> {
        let units = Units::of(&sku(status, units))?;
        Some([
            units.enabled,
            units.in_grace,
            units.suspended,
            units.locked_out,
        ])
    }

    #[test]
    fn units_are_where_the_status_says_they_are() {
        let all = json!({"enabled": 1, "warning": 20, "suspended": 300, "lockedOut": 4000});
        for (status, told) in [
            ("Enabled", [1, 20, 300, 4000]),
            ("warning", [1, 20, 300, 4000]),
            ("Reprieved", [1, 20, 300, 4000]),
            ("Suspended", [0, 0, 321, 4000]),
            ("LockedOut", [0, 0, 300, 4021]),
            ("Deleted", [0, 0, 0, 0]),
        ] {
            assert_eq!(units(&json!(status), &all), Some(told), "{status}");
        }
        assert_eq!(units(&Value::Null, &all), Some([1, 20, 300, 4000]));
    }

    #[test]
    fn a_unit_count_that_can_be_none_is_not_known() {
        let status = json!("Enabled");
        for odd in [
            json!(null),
            json!({}),
            json!({"enabled": -1}),
            json!({"enabled": 9_000_000_000_000_000_000_u64}),
            json!({"enabled": "many"}),
            json!({"enabled": 5, "warning": -5}),
        ] {
            assert_eq!(units(&status, &odd), None, "{odd}");
        }
        assert_eq!(
            units(&status, &json!({"enabled": 5, "warning": null})),
            Some([5, 0, 0, 0])
        );
    }

    #[test]
    fn a_license_in_grace_is_held() {
        let p1 = Licence::EntraIdP1;
        let held = |status: &Value, each: &Value| gives(&sku(status, each), p1);
        let none = json!({"enabled": 0});
        for status in ["Enabled", "Warning", "WARNING"] {
            assert!(held(&json!(status), &none), "{status}");
        }
        for status in ["Suspended", "LockedOut", "Deleted"] {
            assert!(!held(&json!(status), &json!({"enabled": 9})), "{status}");
        }
        assert!(!held(&Value::Null, &none));
        assert!(held(&Value::Null, &json!({"warning": 1})));
        let mut disabled = sku(&json!("Warning"), &none);
        let at = SUBSCRIBED_SKUS.column("service_plans").expect("a column");
        disabled.values[at] = json!([{
            "servicePlanId": "41781fb2-bc02-4b7c-bd55-b576c07bb09d",
            "provisioningStatus": "Disabled",
        }]);
        assert!(!gives(&disabled, p1));
    }
}
