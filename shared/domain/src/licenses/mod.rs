//! What a tenant's licenses come to: SKU by SKU, and then in sum. One product's spare licenses never
//! make up for another's missing ones.

mod choice;
mod class;
mod units;

pub use choice::{Choice, Choices, MOST_CHOICES};
pub use class::{Basis, Class};
pub use units::{Capability, Units, assigned, gives};

use crate::{
    Record, collation,
    datasets::{
        subscribed_skus::{self as counts, SUBSCRIBED_SKUS},
        subscriptions::SUBSCRIPTIONS,
    },
    record,
    sku::Names,
    summary::Counts,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// The licenses of one SKU. A number that Microsoft does not tell is `None`, which is never zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The SKU's id.
    pub sku_id: Option<Uuid>,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub class: Class,
    /// What that is known by.
    pub basis: Basis,
    /// Usable licenses: enabled, and in grace. Those of a trial beside bought ones are not among them.
    pub usable: Option<u64>,
    /// Of those, licenses past their term.
    pub in_grace: Option<u64>,
    /// Assigned licenses, of the usable ones first.
    pub assigned: Option<u64>,
    /// Suspended licenses.
    pub suspended: Option<u64>,
    /// Licenses locked out after a cancellation.
    pub locked_out: Option<u64>,
    /// Licenses on trial.
    pub trial: u64,
    /// The time at which the next of its subscriptions renews or ends.
    pub next_lifecycle_at: Option<Timestamp>,
}

impl Line {
    /// Usable licenses that nobody has.
    pub fn unassigned(&self) -> Option<u64> {
        Some(self.usable?.saturating_sub(self.assigned?))
    }

    /// Licenses that people have beyond those that are usable.
    pub fn over_assigned(&self) -> Option<u64> {
        Some(self.assigned?.saturating_sub(self.usable?))
    }

    /// True if it is in the sums.
    pub fn counts(&self) -> bool {
        self.class == Class::Bought
    }
}

/// The sums over all SKUs that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Usable licenses.
    pub usable: u64,
    /// Assigned ones.
    pub assigned: u64,
    /// Usable ones that nobody has, SKU by SKU.
    pub unassigned: u64,
    /// Those assigned beyond the usable ones, SKU by SKU.
    pub over_assigned: u64,
    /// Usable ones past their term.
    pub in_grace: u64,
    /// Suspended ones.
    pub suspended: u64,
    /// Locked out ones.
    pub locked_out: u64,
    /// Licenses on trial, which are in none of the others.
    pub trial: u64,
    /// SKUs that count, some number of which Microsoft did not tell.
    pub unknown: u64,
}

/// The licenses of a tenant, SKU by SKU, in the order of their names.
///
/// `subscriptions` are those of the tenant; none where they were never read.
pub fn lines(
    skus: &[Record],
    subscriptions: &[Record],
    choices: &Choices,
    names: &Names,
) -> Vec<Line> {
    let held: Vec<Held> = subscriptions.iter().filter_map(Held::of).collect();
    let mut lines: Vec<Line> = (skus.iter())
        .map(|sku| line(sku, &held, choices, names))
        .collect();
    lines.sort_by_cached_key(|line| (collation::sort_key(&line.name), line.sku_id));
    lines
}

fn line(sku: &Record, held: &[Held], choices: &Choices, names: &Names) -> Line {
    let text = |name: &str| sku.get(&SUBSCRIBED_SKUS, name).as_str().unwrap_or_default();
    let sku_id = Uuid::try_parse(text("sku_id").trim()).ok();
    let own: Vec<&Held> = (held.iter())
        .filter(|held| sku_id.is_some_and(|id| held.sku == id))
        .collect();
    // What no longer works tells nothing of what does.
    let usable: Vec<&&Held> = own.iter().filter(|held| held.usable).collect();
    let told = match usable.is_empty() {
        true => own.iter().collect(),
        false => usable,
    };
    let (class, basis) = class::classify(class::Known {
        choice: sku_id.and_then(|id| choices.of(id)),
        id: sku_id,
        part: text("sku_part_number"),
        all_trials: !told.is_empty() && told.iter().all(|held| held.trial),
        company: text("applies_to").eq_ignore_ascii_case("Company"),
    });
    let units = Units::of(sku);
    let all = units.map(|units| units.usable());
    let assigned = assigned(sku);
    let on_trial: u64 = (told.iter())
        .filter(|held| held.usable && held.trial)
        .map(|held| held.total)
        .sum();
    // A choice to count a SKU counts all of it.
    let trial = match (class, basis) {
        (Class::Trial, _) => all.unwrap_or(0),
        (Class::Bought, Basis::Choice) => 0,
        (Class::Bought, _) => on_trial.min(all.unwrap_or(0)),
        _ => 0,
    };
    let beside = if class == Class::Bought { trial } else { 0 };
    let usable = all.map(|all| all - beside);
    Line {
        sku_id,
        name: match names.display(text("sku_id")) {
            "" => sku.key.clone(),
            name => name.to_owned(),
        },
        class,
        basis,
        usable,
        in_grace: units.map(|units| units.in_grace),
        // Bought licenses are in use before those on trial are.
        assigned: assigned.map(|assigned| {
            let beyond = assigned.saturating_sub(usable.unwrap_or(0));
            assigned - beyond.min(beside)
        }),
        suspended: units.map(|units| units.suspended),
        locked_out: units.map(|units| units.locked_out),
        trial,
        next_lifecycle_at: own.iter().filter_map(|held| held.next_at).min(),
    }
}

/// One subscription, as far as it is needed here.
struct Held {
    sku: Uuid,
    trial: bool,
    usable: bool,
    total: u64,
    next_at: Option<Timestamp>,
}

impl Held {
    fn of(subscription: &Record) -> Option<Self> {
        let get = |name: &str| subscription.get(&SUBSCRIPTIONS, name);
        let text = |name: &str| get(name).as_str().unwrap_or_default().trim();
        let status = Capability::of(get("status"));
        Some(Self {
            sku: Uuid::try_parse(text("sku_id")).ok()?,
            trial: get("is_trial") == &Value::Bool(true),
            usable: matches!(status, Capability::Usable | Capability::Unknown),
            total: units::whole(get("total_licenses")).unwrap_or(0),
            next_at: text("next_lifecycle_date_time").parse().ok(),
        })
    }
}

/// The sums of a tenant's licenses.
pub fn totals(lines: &[Line]) -> Totals {
    let mut totals = Totals::default();
    for line in lines {
        totals.trial += line.trial;
        if !line.counts() {
            continue;
        }
        for (sum, part) in [
            (&mut totals.usable, line.usable),
            (&mut totals.assigned, line.assigned),
            (&mut totals.unassigned, line.unassigned()),
            (&mut totals.over_assigned, line.over_assigned()),
            (&mut totals.in_grace, line.in_grace),
            (&mut totals.suspended, line.suspended),
            (&mut totals.locked_out, line.locked_out),
        ] {
            *sum += part.unwrap_or(0);
        }
        totals.unknown += u64::from(line.usable.is_none() || line.assigned.is_none());
    }
    totals
}

impl Totals {
    /// Sets the counts of the summary.
    pub fn set(&self, counts: &mut Counts) {
        for (count, value) in [
            (&counts::BOUGHT, self.usable),
            (&counts::ASSIGNED, self.assigned),
            (&counts::UNASSIGNED, self.unassigned),
            (&counts::OVER_ASSIGNED, self.over_assigned),
            (&counts::IN_GRACE, self.in_grace),
            (&counts::SUSPENDED, self.suspended),
            (&counts::LOCKED_OUT, self.locked_out),
            (&counts::TRIAL, self.trial),
            (&counts::WITHOUT_NUMBERS, self.unknown),
        ] {
            counts.set(count, Some(value));
        }
    }
}

/// A mark of the rules that licenses are counted by: the account's choices and the list of what
/// Microsoft gives away. Counts made under another mark are made anew.
pub fn mark(choices: &Choices) -> String {
    let choices = serde_json::to_string(choices).unwrap_or_default();
    let digest = record::digest(&format!("1 {choices} {}", class::FREE_SKUS));
    format!("{:016x}", digest.short())
}
