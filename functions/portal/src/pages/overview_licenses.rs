//! The licenses on a client's overview: SKU by SKU, and in sum.

use super::{
    ASSETS, LICENSES, trend,
    words::{self, count, known},
};
use crate::{auth::Caller, licenses::Held};
use maud::{Markup, html};
use muster_domain::{
    TenantId,
    licenses::{Class, Line, Totals},
    sku,
};
use uuid::Uuid;

/// The section; `trials` says what tells trials from licenses that were bought.
pub(super) fn section(tenant: TenantId, held: &Held, trials: &str, caller: &Caller) -> Markup {
    let Held { lines, totals } = held;
    // What needs a person comes first; within that the order of the names stays.
    let mut rows: Vec<&Line> = lines.iter().collect();
    rows.sort_by_key(|line| {
        let spare = line.over_assigned().unwrap_or(0) + line.unassigned().unwrap_or(0);
        (!line.counts(), std::cmp::Reverse(spare))
    });
    html! {
        @if !rows.is_empty() {
            section aria-labelledby="licenses-title" {
                div.head {
                    h2 #licenses-title { "Licenses" }
                    div.actions {
                        a href=(format!("/api/v1/integrations/{tenant}/licenses?format=csv")) { "Export CSV" }
                        a href=(format!("{ASSETS}/{tenant}/subscriptions")) { "Subscriptions" }
                        a href=(format!("{ASSETS}/{tenant}/subscribed_skus")) { "All details" }
                    }
                }
                div.scroll tabindex="0" role="region" aria-labelledby="licenses-title" {
                    table {
                        (head(caller))
                        tbody { @for line in &rows { (row(line, caller)) } }
                        tfoot { (sum(totals, caller)) }
                    }
                }
                p.muted.small { (trials) }
                @if totals.unknown > 0 {
                    p.warn.small { "Microsoft does not tell all numbers of " (count(totals.unknown)) " SKUs. What it does not tell is in no sum." }
                }
            }
        }
    }
}

fn head(caller: &Caller) -> Markup {
    html! {
        thead { tr {
            th scope="col" { "Product" }
            th scope="col" { "Counts as" }
            th.n scope="col" title="Enabled, and in grace" { "Usable" }
            th.n scope="col" { "Assigned" }
            th.n scope="col" { "Unassigned" }
            th.n scope="col" title="Assigned beyond what is usable" { "Over-assigned" }
            th.n scope="col" title="Past their term, usable until the grace period ends" { "In grace" }
            th.n scope="col" { "Suspended" }
            th.n scope="col" { "Locked out" }
            th.n scope="col" { "On trial" }
            th scope="col" title="When the next of its subscriptions renews or ends" { "Renews or ends" }
            th scope="col" { span.sr { "Share assigned" } }
            @if caller.manages() { th scope="col" { span.sr { "Choose" } } }
        } }
    }
}

fn row(line: &Line, caller: &Caller) -> Markup {
    html! {
        tr {
            th scope="row" { (line.name) }
            td title=(line.basis.phrase()) { (class(line.class)) }
            td.n { (known(line.usable)) }
            td.n { (known(line.assigned)) }
            td.n { @if line.counts() { (known(line.unassigned())) } }
            td.n { @if line.counts() { (flagged(line.over_assigned())) } }
            td.n { (flagged(line.in_grace)) }
            td.n { (flagged(line.suspended)) }
            td.n { (flagged(line.locked_out)) }
            td.n { (count(line.trial)) }
            td { @if let Some(at) = line.next_lifecycle_at { (words::day(at)) } }
            td {
                @if let (true, Some(usable), Some(assigned)) = (line.counts(), line.usable, line.assigned) {
                    (trend::bar(assigned, usable, &format!("{assigned} of {usable}")))
                }
            }
            @if caller.manages() {
                td { @if let Some(id) = line.sku_id {
                    a.plain.small href=(choice_link(id, &line.name)) aria-label=(format!("Choose whether {} counts", line.name)) { "Choose" }
                } }
            }
        }
    }
}

fn class(class: Class) -> Markup {
    html! { span class=[(class != Class::Bought).then_some("muted")] { (class.title()) } }
}

fn sum(totals: &Totals, caller: &Caller) -> Markup {
    html! {
        tr {
            th scope="row" { "All that count" }
            td {}
            td.n { (count(totals.usable)) }
            td.n { (count(totals.assigned)) }
            td.n { (count(totals.unassigned)) }
            td.n { (flagged(Some(totals.over_assigned))) }
            td.n { (flagged(Some(totals.in_grace))) }
            td.n { (flagged(Some(totals.suspended))) }
            td.n { (flagged(Some(totals.locked_out))) }
            td.n { (count(totals.trial)) }
            td {} td {}
            @if caller.manages() { td {} }
        }
    }
}

fn flagged(n: Option<u64>) -> Markup {
    html! { span class=[n.is_some_and(|n| n > 0).then_some("warn")] { (known(n)) } }
}

/// The address of the choice for a SKU, with the name that this client has for it where no other is known.
fn choice_link(id: Uuid, name: &str) -> String {
    let known = sku::name(&id.to_string()).is_some() || name == id.to_string();
    let part_number: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    match known {
        true => format!("{LICENSES}?sku={id}"),
        false => format!("{LICENSES}?sku={id}&part_number={part_number}"),
    }
}
