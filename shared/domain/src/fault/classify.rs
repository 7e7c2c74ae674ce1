//! Maps refusals to faults by a table: each rule names the statuses, the codes and the texts that it is made
//! from. The first rule that applies decides.
//!
//! The meaning is in what an answer says more than in its status: Intune answers 400 for a missing license
//! and 401 for a missing permission, and a cloud that lacks a call answers 400 or 404. Codes and texts are
//! looked for in the whole answer, in any casing and with any quotes: `error.code`, `error.message`,
//! `innerError` ("match `innererror` case-insensitively", Microsoft, "Microsoft Graph error responses and
//! resource types", <https://learn.microsoft.com/graph/errors>), JSON inside a message, and HTML.

use super::{Fault, said::Said, word};
use crate::{Dataset, http_status, retry, verdict::Licence};

/// The datasets that a rule applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    All,
    /// Those that take the Intune license.
    Intune,
    /// Those that take a license.
    Licensed,
    /// Those read by delta query.
    Delta,
}

/// The decision of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    Throttled,
    TokenRefused,
    Forbidden,
    /// The license that the dataset takes is missing.
    NotLicensed,
    NoPremium,
    StateLost,
    NotInCloud,
    NoChanges,
    PageSize,
    /// The fault of a selected property, if the answer names one.
    Property,
}

struct Rule {
    of: Of,
    /// None is every status from 400 to 499, and 501.
    statuses: &'static [u16],
    /// In lower case, as parts of what the answer says.
    codes: &'static [&'static str],
    /// The same; a rule without codes and texts is made from the status alone.
    texts: &'static [&'static str],
    means: Means,
}

const fn rule(
    of: Of,
    statuses: &'static [u16],
    codes: &'static [&'static str],
    texts: &'static [&'static str],
    means: Means,
) -> Rule {
    Rule {
        of,
        statuses,
        codes,
        texts,
        means,
    }
}

const RULES: &[Rule] = &[
    // "Use delta query to track changes", synchronization reset: 410, or a 40X with such a code; the page
    // tokens' codes and texts are those of the directory's answers.
    rule(Of::All, &[410], &[], &[], Means::StateLost),
    rule(
        Of::All,
        &[],
        &[
            "syncstatenotfound",
            "syncstateinvalid",
            "resyncrequired",
            "resyncchanges",
            "expiredpagetoken",
            "invalidpagetoken",
        ],
        &[
            "sync state generation is not found",
            "page token value",
            "skiptoken",
            "skip token",
            "deltatoken",
            "delta token",
        ],
        Means::StateLost,
    ),
    // "Microsoft Graph throttling guidance", and the directory's code for the same.
    rule(
        Of::All,
        &[],
        &[
            "toomanyrequests",
            "throttledtemporarily",
            "activitylimitreached",
        ],
        &[],
        Means::Throttled,
    ),
    // "Known issues with Microsoft Graph": 403; comes to tenants that hold the license, too.
    rule(
        Of::All,
        &[400, 401, 403],
        &["nonpremiumtenant"],
        &["premium license", "premium licence"],
        Means::NoPremium,
    ),
    // Intune without a license or an MDM authority; its 401 hides JSON in `message` and is about no token.
    rule(
        Of::Intune,
        &[400, 401, 403, 404],
        &[],
        &["not applicable to target tenant"],
        Means::NotLicensed,
    ),
    rule(
        Of::Intune,
        &[401],
        &["invalidauthenticationtoken"],
        &[],
        Means::TokenRefused,
    ),
    rule(
        Of::Intune,
        &[401],
        &[],
        &["not applicable", "license", "licence"],
        Means::NotLicensed,
    ),
    rule(Of::Intune, &[401], &[], &[], Means::Forbidden),
    rule(
        Of::Licensed,
        &[400, 401, 403],
        &[],
        &[
            "tenant is not licensed",
            "not licensed for this feature",
            "does not have a license",
            "doesn't have a license",
        ],
        Means::NotLicensed,
    ),
    // "Query parameters": a property that the service does not know.
    rule(
        Of::All,
        &[400, 404, 501],
        &[],
        &[
            "could not find a property",
            "does not exist on type",
            "unsupported property",
            "invalid property",
            "unknown property",
            "property is not supported",
            "property isn't supported",
        ],
        Means::Property,
    ),
    // "Paging": `$top` above the largest page, or on a collection that has one page.
    rule(
        Of::All,
        &[400, 501],
        &[],
        &[
            "page size",
            "pagesize",
            "$top",
            "top query",
            "'top'",
            "query option top",
        ],
        Means::PageSize,
    ),
    // "Use delta query": change tracking is not supported in external and in B2C tenants.
    rule(
        Of::Delta,
        &[400, 403, 404, 405, 501],
        &["unsupportedquery"],
        &[
            "change enumeration",
            "change tracking",
            "track changes",
            "delta query",
            "delta queries",
            "delta is not supported",
            "delta isn't supported",
            "not support delta",
            "segment 'delta'",
            "segment 'microsoft.graph.delta'",
        ],
        Means::NoChanges,
    ),
    // "Microsoft Graph error responses": 501 is not implemented.
    rule(Of::Delta, &[501], &[], &[], Means::NoChanges),
    rule(Of::All, &[501], &[], &[], Means::NotInCloud),
    // "National cloud deployments": what a cloud lacks is not in its model. 404 and, more often, 400.
    rule(
        Of::All,
        &[400, 404],
        &[],
        &[
            "not found for the segment",
            "resource not found for the segment",
            "requested api is not supported",
            "not available in this cloud",
            "not supported in this cloud",
            "national cloud",
        ],
        Means::NotInCloud,
    ),
    rule(Of::All, &[404], &[], &["segment"], Means::NotInCloud),
    // "Microsoft Graph error responses": codes of a refused token and of a missing permission, which come
    // with other statuses, too.
    rule(
        Of::All,
        &[],
        &["invalidauthenticationtoken"],
        &[],
        Means::TokenRefused,
    ),
    rule(Of::All, &[401], &[], &[], Means::TokenRefused),
    rule(
        Of::All,
        &[],
        &["authorization_requestdenied"],
        &["insufficient privileges"],
        Means::Forbidden,
    ),
    rule(Of::All, &[403], &[], &[], Means::Forbidden),
];

/// Classifies an answer with a status of 400 or above.
///
/// `retry_after` is the header as it came; `now` is needed to read a date in it.
pub fn classify(
    dataset: &Dataset,
    status: u16,
    retry_after: Option<&str>,
    body: &[u8],
    now: jiff::Timestamp,
) -> Fault {
    let throttled = || Fault::Throttled(retry_after.and_then(|text| retry::retry_after(text, now)));
    match status {
        429 => return throttled(),
        503 | 504 if retry_after.is_some() => return throttled(),
        500 | 502..=504 | 507 | 509 | 408 | 409 => {
            return Fault::Passing(http_status::in_words(status).to_owned());
        }
        _ => {}
    }
    let said = Said::read(body);
    let decided = RULES
        .iter()
        .filter(|rule| rule.applies(dataset, status, &said))
        .find_map(|rule| match rule.means {
            Means::Throttled => Some(throttled()),
            Means::TokenRefused => Some(Fault::TokenRefused),
            Means::Forbidden => Some(Fault::Forbidden),
            Means::NotLicensed => dataset.licence.map(Fault::NotLicensed),
            Means::NoPremium => Some(Fault::NotLicensed(Licence::EntraIdP1)),
            Means::StateLost => Some(Fault::StateLost),
            Means::NotInCloud => Some(Fault::NotInCloud),
            Means::NoChanges => Some(Fault::NoChanges),
            Means::PageSize => Some(Fault::PageSize(said.numbers())),
            Means::Property => property(dataset, &said).map(Fault::UnknownProperty),
        });
    decided.unwrap_or_else(|| Fault::Refused {
        status,
        code: word(&said.code),
    })
}

impl Rule {
    fn applies(&self, dataset: &Dataset, status: u16, said: &Said) -> bool {
        let of = match self.of {
            Of::All => true,
            Of::Intune => dataset.licence == Some(Licence::Intune),
            Of::Licensed => dataset.licence.is_some(),
            Of::Delta => dataset.enumeration.is_delta(),
        };
        let at = match self.statuses {
            [] => (400..500).contains(&status) || status == 501,
            statuses => statuses.contains(&status),
        };
        let by_status = self.codes.is_empty() && self.texts.is_empty();
        let mut signs = self.codes.iter().chain(self.texts);
        of && at && (by_status || signs.any(|sign| said.holds(sign)))
    }
}

/// The selected property that an answer names, in quotes or after the word. That of the key is none that
/// may be left out.
fn property(dataset: &Dataset, said: &Said) -> Option<&'static str> {
    let key = dataset.key_columns();
    let selected = |word: &str| {
        let column = dataset.columns.iter().find(|column| {
            let name = column.source.split('/').next().unwrap_or(column.source);
            name.eq_ignore_ascii_case(word)
        })?;
        let name = column.source.split('/').next().unwrap_or(column.source);
        (!key.contains(&column.name)).then_some(name)
    };
    let quoted = said.all.iter().flat_map(|text| text.split('\''));
    let named = said.all.iter().filter_map(|text| {
        let (_, after) = text.split_once("property named ")?;
        after.split(|c: char| !c.is_ascii_alphanumeric()).next()
    });
    quoted.chain(named).find_map(selected)
}
