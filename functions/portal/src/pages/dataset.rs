//! `/assets/microsoft365/{tenant_id}/{dataset}`: records as a table.

use super::{
    ASSETS, INTEGRATIONS,
    layout::{self, Place},
    record,
    table_ask::Ask,
    words::{self, ago_or_never, count},
};
use crate::{
    Context,
    auth::Caller,
    integrations,
    parameters::{dataset, tenant},
    problem::Problem,
    records::{self, Page},
    view::{DatasetView, IntegrationView},
};
use axum::{
    extract::{Path, RawQuery, State},
    response::{IntoResponse, Redirect, Response},
};
use jiff::Timestamp;
use maud::{Markup, html};
use muster_domain::{Column, Dataset, Record, TenantId, table::COUNTED_AS};
use std::sync::Arc;

/// Rows a page.
const ROWS: &str = "50";
/// A dataset of up to this many records comes in the order of its names by itself; a larger one
/// in the order it is stored, which takes no look at every record.
const SORTED_BY_ITSELF: u64 = 5_000;

/// The page.
pub async fn page(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path((id, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let (tenant, dataset) = (tenant(&id)?, dataset(&name)?);
    let mut ask = Ask::read(&query.unwrap_or_default());
    if ask.adding.is_some() {
        let to = ask.with_added(dataset).address(tenant, dataset);
        return Ok(Redirect::to(&to).into_response());
    }
    let integration = integrations::view(&context, tenant).await?;
    let Some(view) = integration.datasets.iter().find(|d| d.name == dataset.name) else {
        return Err(Problem::unknown_dataset());
    };
    if ask.sort.is_empty() && view.records.is_some_and(|n| n <= SORTED_BY_ITSELF) {
        ask.sort = own_order(dataset).to_owned();
    }
    let query = records::query(dataset, &ask.parameters(ROWS))?;
    let page = records::page(&context, tenant, query).await?;
    let store = &context.services.store;
    let counted = records::counted(view);
    page.seen.check(store, tenant, dataset, counted).await;
    let shown = Shown {
        tenant,
        dataset,
        ask,
        page,
        now: muster_platform::now(),
    };
    let content = shown.content(&integration, view, &caller);
    let title = format!("{} · {}", view.title, integration.name);
    Ok(layout::answer(&title, Place::Assets, &caller, &content))
}

fn own_order(dataset: &Dataset) -> &'static str {
    [
        "display_name",
        "user_display_name",
        "device_name",
        "user_principal_name",
        "sku_id",
    ]
    .into_iter()
    .find(|name| dataset.column(name).is_some())
    .or_else(|| {
        dataset
            .column("created_date_time")
            .map(|_| "-created_date_time")
    })
    .unwrap_or_default()
}

struct Shown {
    tenant: TenantId,
    dataset: &'static Dataset,
    ask: Ask,
    page: Page,
    now: Timestamp,
}

impl Shown {
    fn content(
        &self,
        integration: &IntegrationView,
        view: &DatasetView,
        caller: &Caller,
    ) -> Markup {
        let overview = format!("{ASSETS}/{}", self.tenant);
        let asked = !self.ask.q.is_empty() || !self.ask.filter.is_empty();
        let rows = &self.page.records;
        html! {
            (layout::crumbs(&[("Assets", ASSETS.to_owned()), (&integration.name, overview)], view.title))
            div.head {
                div {
                    h1 { (view.title) }
                    p.muted { (self.dataset.about) }
                }
                @if !rows.is_empty() {
                    a.button.second href=(self.ask.export(self.tenant, self.dataset)) { "Export CSV" }
                }
            }
            (self.banner(integration, view, caller))
            @if !rows.is_empty() || asked || view.complete() {
                (self.tools())
                p.counts role="status" { (self.counts(view)) }
            }
            @if rows.is_empty() {
                @if asked {
                    p.empty.card { "Nothing matches. " a href=(Ask::default().address(self.tenant, self.dataset)) { "Show all" } }
                } @else if view.complete() {
                    p.empty.card { "There are none: Microsoft's whole answer was empty." }
                }
            } @else {
                (self.table())
                (self.paging())
            }
        }
    }

    /// Says what is not known, and why, before an empty table could read as zero.
    fn banner(&self, integration: &IntegrationView, view: &DatasetView, caller: &Caller) -> Markup {
        let old = view.records.is_some();
        if view.complete() && view.trouble.is_none() && view.enabled {
            return html! {
                @for note in &view.notes { div class="verdict info" role="note" { p { (note) } } }
            };
        }
        let class = if view.verdict.allows() && view.enabled && view.trouble.is_none() {
            "verdict info"
        } else {
            "verdict"
        };
        html! {
            div class=(class) role="note" {
                p {
                    strong {
                        @if !view.verdict.allows() { (words::sentence_case(&view.label)) }
                        @else if !view.enabled { "Switched off" }
                        @else if view.trouble.is_some() { "The last read fell short" }
                        @else { "Not read whole yet" }
                    }
                    (records::not_known(view))
                }
                @if old { p { "Below is what was known " (ago_or_never(view.last_success_at, self.now)) ", kept." } }
                @if caller.manages() {
                    a href=(format!("{INTEGRATIONS}/{}", integration.tenant_id)) { "Open the integration" }
                }
            }
        }
    }

    fn counts(&self, view: &DatasetView) -> Markup {
        let rows = self.page.records.len() as u64;
        html! {
            @match (self.page.matched, view.records) {
                (Some(matched), Some(all)) if matched != all => { strong { (count(matched)) } " of " (count(all)) " records" },
                (_, Some(all)) if self.ask.q.is_empty() && self.ask.filter.is_empty() => { strong { (count(all)) } " records" },
                (Some(matched), _) => { strong { (count(matched)) } " records" },
                _ => { strong { (count(rows)) } " on this page" },
            }
            " as of " (words::as_of(view, self.now))
        }
    }

    fn kept(&self, names: &[(&str, &str)]) -> Markup {
        html! {
            @for (name, value) in names {
                @if !value.is_empty() { input type="hidden" name=(name) value=(value); }
            }
        }
    }

    fn tools(&self) -> Markup {
        let ask = &self.ask;
        let columns = ask.columns.join(",");
        let path = format!("{ASSETS}/{}/{}", self.tenant, self.dataset.name);
        html! {
            div.tools {
                form.search role="search" action=(path) {
                    (self.kept(&[("filter", &ask.filter), ("sort", &ask.sort), ("columns", &columns)]))
                    label.sr for="q" { "Search in every column" }
                    input #q type="search" name="q" value=(ask.q) placeholder="Search in every column";
                    button.second { "Search" }
                }
                details.pop {
                    summary.button.second { "Filter" }
                    form.filter action=(path) {
                        (self.kept(&[("q", &ask.q), ("filter", &ask.filter), ("sort", &ask.sort), ("columns", &columns)]))
                        label for="add_column" { "Column" }
                        select #add_column name="add_column" {
                            @for column in self.dataset.columns { option value=(column.name) { (words::heading(column)) } }
                        }
                        label for="add_operator" { "Is" }
                        select #add_operator name="add_operator" {
                            @for (operator, title) in OPERATORS { option value=(operator) { (title) } }
                        }
                        label for="add_value" { "Value" }
                        input #add_value name="add_value" placeholder="Yes, No, a date, a text";
                        button { "Add" }
                    }
                }
                details.pop {
                    summary.button.second { "Columns" }
                    form.filter action=(path) {
                        (self.kept(&[("q", &ask.q), ("filter", &ask.filter), ("sort", &ask.sort)]))
                        fieldset.boxes {
                            legend.sr { "Columns" }
                            @let shown = ask.shown(self.dataset);
                            @for column in self.dataset.columns {
                                label title=(column.about) {
                                    input type="checkbox" name="columns" value=(column.name)
                                        checked[shown.iter().any(|s| s.name == column.name)];
                                    " " (words::heading(column))
                                }
                            }
                        }
                        p.actions {
                            button { "Show these" }
                            a href=(Ask { columns: vec!["all".to_owned()], ..ask.clone() }.address(self.tenant, self.dataset)) { "All columns" }
                        }
                    }
                }
            }
            @if !ask.filter.is_empty() || !ask.q.is_empty() {
                ul.chips.filters aria-label="Filters" {
                    @if !ask.q.is_empty() {
                        @let without = Ask { q: String::new(), cursor: String::new(), ..ask.clone() };
                        li { "“" (ask.q) "” " a href=(without.address(self.tenant, self.dataset)) aria-label="Remove the search" { "×" } }
                    }
                    @for filter in ask.filters() {
                        li { (spoken(self.dataset, filter)) " " a href=(ask.without(filter).address(self.tenant, self.dataset)) aria-label="Remove this filter" { "×" } }
                    }
                }
            }
        }
    }

    fn table(&self) -> Markup {
        let columns = self.ask.shown(self.dataset);
        html! {
            div.scroll tabindex="0" role="region" aria-label=(self.dataset.title) {
                table.records {
                    thead { tr { @for column in &columns { (self.heading(column)) } } }
                    tbody { @for row in &self.page.records { (self.row(&columns, row)) } }
                }
            }
        }
    }

    fn heading(&self, column: &Column) -> Markup {
        let order = match self.ask.sort.strip_prefix('-') {
            Some(name) if name == column.name => Some("descending"),
            None if self.ask.sort == column.name => Some("ascending"),
            _ => None,
        };
        html! {
            th scope="col" class=[words::is_number(column).then_some("n")] aria-sort=[order] {
                a href=(self.ask.by(column.name).address(self.tenant, self.dataset)) title=(column.about) { (words::heading(column)) }
            }
        }
    }

    fn row(&self, columns: &[&Column], row: &Record) -> Markup {
        html! {
            tr {
                @for (i, column) in columns.iter().enumerate() {
                    @let value = words::value(column, row.get(self.dataset, column.name), &self.page.names);
                    @if i == 0 {
                        th scope="row" { a href=(record::address(self.tenant, self.dataset, &row.key)) { (value) } }
                    } @else {
                        td class=[words::is_number(column).then_some("n")] { (value) }
                    }
                }
            }
        }
    }

    fn paging(&self) -> Markup {
        let at = |cursor: &str| {
            Ask {
                cursor: cursor.to_owned(),
                ..self.ask.clone()
            }
            .address(self.tenant, self.dataset)
        };
        html! {
            nav.paging aria-label="Pages" {
                @if !self.ask.cursor.is_empty() { a.button.second href=(at("")) { "First page" } }
                @if let Some(next) = &self.page.next_cursor { a.button.second rel="next" href=(at(next)) { "Next page" } }
            }
        }
    }
}

const OPERATORS: [(&str, &str); 10] = [
    ("eq", "equal to"),
    ("ne", "not equal to"),
    ("contains", "containing"),
    ("starts", "beginning with"),
    ("gt", "more than, after"),
    ("ge", "at least, from"),
    ("lt", "less than, before"),
    ("le", "at most, until"),
    ("is absent", "absent"),
    ("is present", "present"),
];

/// A filter as a person says it: `Account enabled equal to No`.
fn spoken(dataset: &Dataset, filter: &str) -> String {
    if let Some(name) = filter.strip_prefix(COUNTED_AS) {
        let count = dataset
            .counts
            .iter()
            .find(|count| count.name == name.trim());
        return count.map_or(filter, |count| count.title).to_owned();
    }
    let (name, rest) = filter.split_once(' ').unwrap_or((filter, ""));
    let heading = dataset
        .column(name)
        .map_or_else(|| name.to_owned(), |i| words::heading(&dataset.columns[i]));
    if rest == "gt ''" {
        return format!("{heading} not empty");
    }
    let (operator, value) = OPERATORS
        .iter()
        .find_map(|(operator, title)| Some((title, rest.strip_prefix(operator)?)))
        .unwrap_or((&"", rest));
    let value = match value.trim().trim_matches('\'') {
        "true" => "Yes",
        "false" => "No",
        other => other,
    };
    format!("{heading} {operator} {value}")
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_domain::datasets::users::USERS;

    #[test]
    fn filters_are_spoken() {
        for (filter, words) in [
            ("account_enabled eq 'false'", "Account enabled equal to No"),
            ("mail is absent", "Mail absent"),
            ("counted as licensed_disabled", "Licensed, account disabled"),
            ("assigned_licenses_sku_id gt ''", "Licences not empty"),
            ("department contains sales", "Department containing sales"),
        ] {
            assert_eq!(spoken(&USERS, filter), words);
        }
    }
}
