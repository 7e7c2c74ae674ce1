//! The licenses of one client, as the page, the API and the export tell them alike.

use crate::{Context, problem::Problem, records};
use muster_domain::{
    Dataset, Record, TenantId,
    datasets::{subscribed_skus::SUBSCRIBED_SKUS, subscriptions::SUBSCRIPTIONS},
    licenses::{self, Line, Totals},
    table,
};
use muster_platform::store::StoreError;

/// The licenses of one client, SKU by SKU and in sum, by the account's choices of now.
#[derive(Debug)]
pub struct Held {
    /// SKU by SKU.
    pub lines: Vec<Line>,
    /// In sum.
    pub totals: Totals,
}

/// Reads and counts the licenses of a client.
///
/// # Errors
/// When the store does not answer.
pub async fn of(context: &Context, tenant: TenantId) -> Result<Held, StoreError> {
    let skus = all(context, tenant, &SUBSCRIBED_SKUS).await?;
    let subscriptions = all(context, tenant, &SUBSCRIPTIONS).await?;
    let choices = muster_platform::licenses::choices(&context.services).await?;
    let names = records::names_of(context, tenant).await?;
    let lines = licenses::lines(&skus, &subscriptions, &choices, &names);
    let totals = licenses::totals(&lines);
    Ok(Held { lines, totals })
}

async fn all(
    context: &Context,
    tenant: TenantId,
    dataset: &Dataset,
) -> Result<Vec<Record>, StoreError> {
    let mut all = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = context
            .services
            .store
            .records_after(tenant, dataset, after.as_deref())
            .await?;
        all.extend(page.records);
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// The columns of the export.
const HEADERS: [&str; 13] = [
    "sku_id",
    "name",
    "class",
    "basis",
    "usable",
    "assigned",
    "unassigned",
    "over_assigned",
    "in_grace",
    "suspended",
    "locked_out",
    "trial",
    "next_lifecycle_at",
];

/// The lines as CSV.
///
/// # Errors
/// When they cannot be written.
pub fn csv(lines: &[Line]) -> Result<Vec<u8>, Problem> {
    let mut csv = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let written = write(&mut csv, lines);
    let told = written.map_err(|error| error.to_string());
    told.and_then(|()| csv.into_inner().map_err(|error| error.to_string()))
        .map_err(|error| {
            tracing::error!(%error, "licenses could not be written as CSV");
            Problem::of_status(axum::http::StatusCode::INTERNAL_SERVER_ERROR)
        })
}

fn write(csv: &mut csv::Writer<Vec<u8>>, lines: &[Line]) -> Result<(), csv::Error> {
    csv.write_record(HEADERS)?;
    for line in lines {
        let number = |n: Option<u64>| n.map_or_else(String::new, |n| n.to_string());
        csv.write_record([
            line.sku_id.map_or_else(String::new, |id| id.to_string()),
            table::safe(line.name.clone()),
            line.class.title().to_owned(),
            line.basis.phrase().to_owned(),
            number(line.usable),
            number(line.assigned),
            number(line.unassigned()),
            number(line.over_assigned()),
            number(line.in_grace),
            number(line.suspended),
            number(line.locked_out),
            line.trial.to_string(),
            line.next_lifecycle_at
                .map_or_else(String::new, |at| at.to_string()),
        ])?;
    }
    Ok(())
}
