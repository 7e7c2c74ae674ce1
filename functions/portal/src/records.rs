//! A dataset's records: one page of a table, or the whole of it as CSV.

use crate::{
    Context,
    heavy_reads::{self, Pace},
    parameters::{Parameters, bad_cursor, cursor},
    problem::Problem,
    view::DatasetView,
};
use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, stream};
use muster_domain::state::Phase;
use muster_domain::{
    Column, Dataset, Kind, Record, TenantId, datasets,
    sku::Names,
    table::{self, BadQuery, Query, TablePage},
};
use muster_platform::{
    damage,
    store::{RecordPage, Store, StoreError},
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

impl From<BadQuery> for Problem {
    fn from(error: BadQuery) -> Self {
        let name = match error {
            BadQuery::Cursor => return bad_cursor(),
            BadQuery::Limit => "limit",
            BadQuery::Filter | BadQuery::NoCount { .. } | BadQuery::Comparison { .. } => "filter",
            BadQuery::NoColumn { .. } => "filter or sort",
        };
        Self::bad_parameter(name, error.to_string())
    }
}

/// A DynamoDB sort key is at most this long, and no cursor names a longer one.
const LONGEST_KEY: usize = 1024;

/// The question that query parameters ask of a dataset.
///
/// # Errors
/// 400 when it cannot be asked.
pub fn query(dataset: &'static Dataset, parameters: &Parameters) -> Result<Query, Problem> {
    let query = Query::new(
        dataset,
        &table::Parameters {
            q: parameters.owned("q"),
            filter: parameters.owned("filter"),
            sort: parameters.owned("sort"),
            limit: parameters.owned("limit"),
            cursor: parameters.cursor()?,
        },
        muster_platform::now(),
    )?;
    let start = query.start_after();
    if start.is_some_and(|key| key.is_empty() || key.len() > LONGEST_KEY) {
        return Err(bad_cursor());
    }
    Ok(query)
}

/// The names of the tenant's SKUs, where the dataset names any.
///
/// # Errors
/// When the store does not answer.
pub async fn names(
    context: &Context,
    tenant: TenantId,
    dataset: &Dataset,
) -> Result<Arc<Names>, StoreError> {
    if Names::needed(dataset) {
        names_of(context, tenant).await
    } else {
        Ok(Arc::default())
    }
}

/// The names of the tenant's SKUs.
///
/// # Errors
/// When the store does not answer.
pub async fn names_of(context: &Context, tenant: TenantId) -> Result<Arc<Names>, StoreError> {
    let mut names = Names::default();
    for dataset in Names::DATASETS.into_iter().filter_map(datasets::find) {
        let mut after: Option<String> = None;
        loop {
            let store = &context.services.store;
            let page = store.records_after(tenant, dataset, after.as_deref());
            let page = page.await?;
            page.records.iter().for_each(|r| names.learn(dataset, r));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(Arc::new(names))
}

/// One page, and how many records match where that was seen.
#[derive(Debug)]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// The cursor of the next page.
    pub next_cursor: Option<String>,
    /// How many records match in all, where all were looked at.
    pub matched: Option<u64>,
    /// The names of the tenant's SKUs.
    pub names: Arc<Names>,
    /// The observations of a reader of the stored records.
    pub seen: Seen,
}

impl Page {
    /// What the SKUs that the records name are called, by their ids as given.
    pub fn sku_names(&self, dataset: &Dataset) -> BTreeMap<String, String> {
        let of_sku = |(_, column): &(usize, &Column)| matches!(column.kind, Kind::Sku | Kind::Skus);
        let columns = dataset.columns.iter().enumerate().filter(of_sku);
        let columns: Vec<usize> = columns.map(|(at, _)| at).collect();
        let values = (self.records.iter())
            .flat_map(|record| columns.iter().filter_map(|at| record.values.get(*at)));
        values
            .flat_map(|value| {
                value
                    .as_array()
                    .map_or(std::slice::from_ref(value), Vec::as_slice)
            })
            .filter_map(Value::as_str)
            .map(|id| (id.to_owned(), self.names.display(id).to_owned()))
            .collect()
    }
}

/// Counts what a reader sees of a dataset's stored records.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// Records that were read.
    rows: u64,
    /// Records that are not as they were written.
    altered: u64,
    /// True once the last page was read.
    all: bool,
}

impl Seen {
    fn take(&mut self, page: &RecordPage) {
        let altered = page.altered.len() as u64;
        self.rows += page.records.len() as u64 + altered;
        self.altered += altered;
    }

    /// Notes what is missing or altered, so that it is read again. `counted` is how many records there
    /// should be.
    pub async fn check(
        self,
        store: &Store,
        tenant: TenantId,
        dataset: &Dataset,
        counted: Option<u64>,
    ) {
        let missing = self.all && counted.is_some_and(|counted| self.rows < counted);
        if !missing && self.altered == 0 {
            return;
        }
        let noted = damage::note(store, tenant, dataset.name, muster_platform::now());
        if let Err(error) = noted.await {
            tracing::error!(tenant.id = %tenant, dataset = dataset.name, %error, "damaged records were not noted");
        }
    }
}

/// Returns the number of records that a dataset should have while nobody writes them.
pub fn counted(view: &DatasetView) -> Option<u64> {
    view.records.filter(|_| view.state == Phase::Fresh)
}

/// Reads one page. In key order it stops when the page is full; sorted it passes all records by,
/// keeping no more than a page of them.
///
/// # Errors
/// When too many heavy reads run already, or the store does not answer.
pub async fn page(context: &Context, tenant: TenantId, query: Query) -> Result<Page, Problem> {
    let (_permit, pace) = match query.scans() {
        true => (
            Some(context.heavy_reads.acquire().await?),
            context.heavy_reads.pace(),
        ),
        false => (None, Pace::default()),
    };
    let names = names(context, tenant, query.dataset()).await?;
    let query = &query.with_names(names);
    let store = &context.services.store;
    let mut page = query.page();
    let from_the_start = query.start_after().is_none();
    let mut after = query.start_after().map(str::to_owned);
    let (mut to_the_end, mut seen) = (true, Seen::default());
    loop {
        let read = store.records_after(tenant, query.dataset(), after.as_deref());
        let read = pace.read(read).await?;
        seen.take(&read);
        for record in read.records {
            page.offer(record);
            if page.full_in_key_order() {
                to_the_end = false;
                break;
            }
        }
        after = read.next;
        if after.is_none() || !to_the_end {
            break;
        }
    }
    let TablePage {
        records,
        next,
        matched,
    } = page.finish();
    Ok(Page {
        names: Arc::clone(query.names()),
        records,
        next_cursor: next.as_deref().map(cursor),
        matched: (from_the_start && to_the_end).then_some(matched),
        seen: Seen {
            all: from_the_start && to_the_end,
            ..seen
        },
    })
}

/// Every record that matches, as CSV: in key order as it is read, with one page of the store in
/// memory; sorted, collected first.
///
/// # Errors
/// 409 when nothing is known of the dataset, since a header alone would read as "none"; or when
/// too many heavy reads run already, or the store does not answer.
pub async fn csv(
    context: &Context,
    tenant: TenantId,
    query: Query,
    view: &DatasetView,
) -> Result<Body, Problem> {
    let permit = context.heavy_reads.acquire().await?;
    let store = context.services.store.clone();
    let names = names(context, tenant, query.dataset()).await?;
    let query = query.with_names(names);
    // The first page is read before the answer begins, so that a store that does not answer is
    // told as a problem and not as a download that breaks off.
    let pace = context.heavy_reads.pace();
    let first = store.records_after(tenant, query.dataset(), None);
    let first = pace.read(first).await?;
    if first.records.is_empty() && !view.complete() {
        return Err(Problem::conflict(
            "urn:muster:problem:not-known",
            "Nothing is known of this dataset",
            not_known(view),
        ));
    }
    let header = head(query.dataset());
    if !query.is_sorted() {
        let rest = pages(store, pace, tenant, query, counted(view), first);
        let rest = heavy_reads::stream_export(permit, rest);
        return Ok(Body::from_stream(prepend(header, rest)));
    }
    let mut all = Vec::new();
    let mut page = first;
    let mut seen = Seen {
        all: true,
        ..Seen::default()
    };
    loop {
        seen.take(&page);
        all.extend(
            page.records
                .into_iter()
                .filter(|record| query.matches(record)),
        );
        let Some(after) = page.next else { break };
        let next = store.records_after(tenant, query.dataset(), Some(&after));
        page = pace.read(next).await?;
    }
    let dataset = query.dataset();
    let names = Arc::clone(query.names());
    seen.check(&store, tenant, dataset, counted(view)).await;
    let mut sorted = query.sorted(all).into_iter();
    let chunks = std::iter::from_fn(move || {
        let chunk: Vec<Record> = sorted.by_ref().take(1000).collect();
        (!chunk.is_empty()).then(|| Ok::<_, StoreError>(lines(dataset, &chunk, &names)))
    });
    let rest = heavy_reads::stream_export(permit, stream::iter(chunks));
    Ok(Body::from_stream(prepend(header, rest)))
}

/// Why there is nothing to show, and what to do.
pub fn not_known(view: &DatasetView) -> String {
    if !view.verdict.allows() {
        view.sentence.clone()
    } else if !view.enabled {
        format!(
            "{} is switched off for this client. Switch it on in the integration's settings, then sync.",
            view.title
        )
    } else if let Some(trouble) = &view.trouble {
        trouble.clone()
    } else {
        format!(
            "{} has not been read whole yet, so nothing is known: this is not a count of zero. Wait for the first sync to finish.",
            view.title
        )
    }
}

fn prepend(
    header: Bytes,
    rest: impl Stream<Item = Result<Bytes, StoreError>>,
) -> impl Stream<Item = Result<Bytes, StoreError>> {
    use futures::StreamExt;
    stream::once(async { Ok(header) }).chain(rest)
}

/// Where a streamed export stands.
enum Next {
    Have(RecordPage),
    Read(String),
    End,
}

fn pages(
    store: Store,
    pace: Pace,
    tenant: TenantId,
    query: Query,
    counted: Option<u64>,
    first: RecordPage,
) -> impl Stream<Item = Result<Bytes, StoreError>> {
    let seen = Seen {
        all: true,
        ..Seen::default()
    };
    let state = (store, pace, query, Next::Have(first), seen);
    stream::try_unfold(
        state,
        move |(store, pace, query, at, mut seen)| async move {
            let page = match at {
                Next::Have(page) => page,
                Next::Read(after) => {
                    let read = store.records_after(tenant, query.dataset(), Some(&after));
                    pace.read(read).await.inspect_err(|error| {
                        tracing::error!(%error, tenant.id = %tenant, "an export broke off");
                    })?
                }
                Next::End => {
                    seen.check(&store, tenant, query.dataset(), counted).await;
                    return Ok(None);
                }
            };
            seen.take(&page);
            let matching: Vec<Record> = page
                .records
                .into_iter()
                .filter(|record| query.matches(record))
                .collect();
            let bytes = lines(query.dataset(), &matching, query.names());
            let at = page.next.map_or(Next::End, Next::Read);
            Ok(Some((bytes, (store, pace, query, at, seen))))
        },
    )
}

fn head(dataset: &Dataset) -> Bytes {
    written(|csv| csv.write_record(dataset.columns.iter().map(|column| column.name)))
}

fn lines(dataset: &Dataset, records: &[Record], names: &Names) -> Bytes {
    written(|csv| {
        for record in records {
            csv.write_record(
                dataset
                    .columns
                    .iter()
                    .zip(&record.values)
                    .map(|(column, value)| table::cell(column, value, names)),
            )?;
        }
        Ok(())
    })
}

/// Writing to memory fails only by a row of another length, and every row has the dataset's.
fn written(write: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> Result<(), csv::Error>) -> Bytes {
    let mut csv = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .flexible(true)
        .from_writer(Vec::new());
    if let Err(error) = write(&mut csv) {
        tracing::error!(%error, "rows could not be written as CSV");
    }
    csv.into_inner().map(Bytes::from).unwrap_or_default()
}
