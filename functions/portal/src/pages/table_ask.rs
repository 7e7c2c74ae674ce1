//! What is asked of a table page: search, filters, order, columns, place; and its address again
//! with one of them changed.

use super::ASSETS;
use crate::parameters::Parameters;
use muster_domain::{Column, Dataset, Kind, TenantId};

/// The question, as the address carries it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// Free text.
    pub q: String,
    /// Filters, joined by ` and `.
    pub filter: String,
    /// A column, `-column` for descending.
    pub sort: String,
    /// Columns chosen, or `all`.
    pub columns: Vec<String>,
    /// Where the page begins.
    pub cursor: String,
    /// A filter being added: column, operator, value.
    pub adding: Option<(String, String, String)>,
}

impl Ask {
    /// Reads an address's query; what it does not know it leaves.
    pub fn read(query: &str) -> Self {
        let mut ask = Self::default();
        let (mut column, mut operator, mut value) = Default::default();
        for (name, text) in url::form_urlencoded::parse(query.as_bytes()) {
            let text = text.trim().to_owned();
            match name.as_ref() {
                "q" => ask.q = text,
                "filter" => ask.filter = text,
                "sort" => ask.sort = text,
                "cursor" => ask.cursor = text,
                "columns" => ask.columns.extend(text.split(',').map(str::to_owned)),
                "add_column" => column = text,
                "add_operator" => operator = text,
                "add_value" => value = text,
                _ => {}
            }
        }
        ask.columns.retain(|name| !name.is_empty());
        if !column.is_empty() {
            ask.adding = Some((column, operator, value));
        }
        ask
    }

    /// The same with the filter that was being added.
    pub fn with_added(mut self, dataset: &Dataset) -> Self {
        let Some((column, operator, value)) = self.adding.take() else {
            return self;
        };
        let kind = dataset.column(&column).map(|i| dataset.columns[i].kind);
        let value = match (kind, value.to_lowercase().as_str()) {
            (Some(Kind::Bool), "yes") => "true".to_owned(),
            (Some(Kind::Bool), "no") => "false".to_owned(),
            _ => value,
        };
        let part = match (operator.as_str(), value.is_empty()) {
            ("is absent" | "is present", _) => format!("{column} {operator}"),
            ("eq", true) => format!("{column} is absent"),
            ("ne", true) => format!("{column} is present"),
            (_, true) => return self,
            (operator, false) => format!("{column} {operator} '{value}'"),
        };
        self.filter = if self.filter.is_empty() {
            part
        } else {
            format!("{} and {part}", self.filter)
        };
        self.cursor.clear();
        self
    }

    /// The filters one by one.
    pub fn filters(&self) -> Vec<&str> {
        let parts = self.filter.split(" and ");
        parts.filter(|part| !part.is_empty()).collect()
    }

    /// The same without one of the filters.
    pub fn without(&self, filter: &str) -> Self {
        let mut left = self.filters();
        left.retain(|part| *part != filter);
        Self {
            filter: left.join(" and "),
            cursor: String::new(),
            ..self.clone()
        }
    }

    /// The same in the order of a column: ascending first, then descending.
    pub fn by(&self, column: &str) -> Self {
        let sort = if self.sort == column {
            format!("-{column}")
        } else {
            column.to_owned()
        };
        Self {
            sort,
            cursor: String::new(),
            ..self.clone()
        }
    }

    /// The query of its address.
    pub fn query(&self) -> String {
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        let columns = self.columns.join(",");
        for (name, value) in [
            ("q", &self.q),
            ("filter", &self.filter),
            ("sort", &self.sort),
            ("columns", &columns),
            ("cursor", &self.cursor),
        ] {
            if !value.is_empty() {
                text.append_pair(name, value);
            }
        }
        text.finish()
    }

    /// Its address.
    pub fn address(&self, tenant: TenantId, dataset: &Dataset) -> String {
        format!("{ASSETS}/{tenant}/{}?{}", dataset.name, self.query())
    }

    /// The address of the API call that exports it.
    pub fn export(&self, tenant: TenantId, dataset: &Dataset) -> String {
        let all = Self {
            columns: Vec::new(),
            cursor: String::new(),
            ..self.clone()
        };
        let query = all.query();
        let and = if query.is_empty() { "" } else { "&" };
        format!(
            "/api/v1/integrations/{tenant}/assets/{}?{query}{and}format=csv",
            dataset.name
        )
    }

    /// The parameters of the question itself.
    pub fn parameters(&self, limit: &str) -> Parameters {
        Parameters::of([
            ("q", self.q.as_str()),
            ("filter", &self.filter),
            ("sort", &self.sort),
            ("cursor", &self.cursor),
            ("limit", limit),
        ])
    }

    /// The columns to show.
    pub fn shown(&self, dataset: &'static Dataset) -> Vec<&'static Column> {
        if self.columns.iter().any(|name| name == "all") {
            return dataset.columns.iter().collect();
        }
        let chosen = dataset.columns.iter();
        let chosen: Vec<_> = chosen
            .filter(|column| self.columns.iter().any(|name| name == column.name))
            .collect();
        if chosen.is_empty() {
            super::words::first_columns(dataset)
        } else {
            chosen
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_domain::datasets::users::USERS;

    #[test]
    fn a_filter_is_added_and_taken_away() {
        let ask = Ask::read(
            "q=a&filter=mail+is+present&cursor=x&add_column=account_enabled&add_operator=eq&add_value=No",
        );
        let ask = ask.with_added(&USERS);
        assert_eq!(ask.filter, "mail is present and account_enabled eq 'false'");
        assert_eq!(ask.cursor, "");
        assert_eq!(
            ask.without("mail is present").filters(),
            ["account_enabled eq 'false'"]
        );
        assert_eq!(Ask::read(&ask.query()), ask);
    }

    #[test]
    fn an_empty_value_asks_for_what_is_absent() {
        let ask = Ask::read("add_column=mail&add_operator=eq&add_value=").with_added(&USERS);
        assert_eq!(ask.filter, "mail is absent");
        let ask = Ask::read("add_column=mail&add_operator=gt&add_value=").with_added(&USERS);
        assert_eq!(ask.filter, "");
    }

    #[test]
    fn a_heading_turns_the_order() {
        let ask = Ask::read("sort=mail");
        assert_eq!(ask.by("mail").sort, "-mail");
        assert_eq!(ask.by("mail").by("mail").sort, "mail");
        assert_eq!(ask.by("surname").sort, "surname");
    }
}
