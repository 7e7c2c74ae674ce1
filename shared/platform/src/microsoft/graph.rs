//! One request to Graph: a body, or what its absence means.

use super::{Microsoft, wire_trouble};
use muster_domain::{
    Dataset,
    fault::{self, Fault},
    tally,
};
use reqwest::{RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use std::{fs::File, time::Duration};
use url::Url;

/// A body that came whole.
#[derive(Debug)]
pub struct Answer {
    /// The bytes.
    pub body: Vec<u8>,
    /// The file that holds a report in place of `body`, where the report is too large for memory.
    pub spooled: Option<File>,
    /// The part of the quota that is used, where Microsoft says so.
    pub quota_used: Option<f64>,
}

/// The largest page that is read, in bytes. Graph's largest has 999 objects, the most that `$top` may ask for
/// (<https://learn.microsoft.com/graph/api/user-list>). An object with the properties asked for takes some
/// 2 KB; this leaves each of them 32 KB.
pub(super) const LONGEST_PAGE: usize = 32 << 20;

/// So much of an error is read, in bytes: its code and message take less than a kilobyte.
const LONGEST_ERROR: usize = 64 << 10;

/// Room is made at once for no more than this, whatever an answer says of its length.
const LONGEST_GUESS: usize = 4 * 1024 * 1024;

impl Microsoft {
    /// Asks Graph for a page of a dataset.
    ///
    /// # Errors
    /// A fault that says what to do.
    pub async fn get(
        &self,
        dataset: &Dataset,
        url: Url,
        bearer: &SecretString,
    ) -> Result<Answer, Fault> {
        let http = self.http.client().map_err(passing)?;
        let mut request = asking(http.get(url), bearer);
        if dataset.enumeration.is_delta() {
            // Only what changed of an object, and null where a value was taken away
            // (<https://learn.microsoft.com/graph/api/user-delta>).
            request = request.header("prefer", "return=minimal");
        }
        let response = request.send().await.map_err(passing)?;
        accepted(dataset, response, LONGEST_PAGE).await
    }

    /// Asks Graph for its own count of a dataset's objects. It counts only for those who accept that the
    /// number comes a little later than what it counts.
    /// <https://learn.microsoft.com/graph/aad-advanced-queries>
    ///
    /// # Errors
    /// A fault, which says why the count is not known.
    pub async fn count(
        &self,
        dataset: &Dataset,
        url: Url,
        bearer: &SecretString,
    ) -> Result<Answer, Fault> {
        let http = self.http.client().map_err(passing)?;
        let request = asking(http.get(url), bearer).header("consistencylevel", "eventual");
        let response = request.send().await.map_err(passing)?;
        accepted(dataset, response, tally::LONGEST).await
    }
}

/// A page that has not come whole by then does not come: a body may trickle without ever pausing for as
/// long as the read timeout.
const PAGE_WITHIN: Duration = Duration::from_secs(120);

pub(super) fn asking(request: RequestBuilder, bearer: &SecretString) -> RequestBuilder {
    request
        .bearer_auth(bearer.expose_secret())
        .header("x-ms-throttle-priority", "low")
        .timeout(PAGE_WITHIN)
}

/// The body of an answer that is no refusal.
pub(super) async fn accepted(
    dataset: &Dataset,
    response: Response,
    longest: usize,
) -> Result<Answer, Fault> {
    let status = response.status();
    if status.is_success() {
        return whole(response, longest).await;
    }
    if status.is_redirection() {
        return Err(redirected(status));
    }
    let retry_after = response
        .headers()
        .get(reqwest::header::RETRY_AFTER)
        .and_then(|v| v.to_str().ok())
        .map(str::to_owned);
    let body = beginning(response, LONGEST_ERROR).await;
    let status = status.as_u16();
    tracing::info!(
        dataset = dataset.name,
        status,
        retry_after,
        "Microsoft Graph refused a request"
    );
    Err(fault::classify(
        dataset,
        status,
        retry_after.as_deref(),
        &body,
        crate::now(),
    ))
}

pub(super) fn passing(error: reqwest::Error) -> Fault {
    if error.is_timeout() {
        return Fault::Silent;
    }
    Fault::Passing(wire_trouble(&error).to_owned())
}

/// Returns true for an answer that leads elsewhere; 300 and 304 do not (RFC 9110, 15.4).
pub(super) fn redirects(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301..=303 | 307 | 308)
}

/// A 3xx answer that is not followed.
fn redirected(status: StatusCode) -> Fault {
    match redirects(status) {
        true => foreign(status.as_u16()),
        false => Fault::Refused {
            status: status.as_u16(),
            code: "an answer without content".to_owned(),
        },
    }
}

pub(super) fn foreign(status: u16) -> Fault {
    Fault::Refused {
        status,
        code: "a redirect out of this tenant's cloud".to_owned(),
    }
}

/// Reads the first bytes of an error's body, as far as they come.
async fn beginning(mut response: Response, longest: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < longest
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body
}

/// Writes a limit for a person: in megabytes, or in bytes below one.
pub(super) fn in_megabytes(bytes: usize) -> String {
    match bytes >> 20 {
        0 => format!("{bytes} bytes"),
        megabytes => format!("{megabytes} MB"),
    }
}

/// Reads the decompressed body of an answer that is at most so many bytes long.
async fn whole(response: Response, longest: usize) -> Result<Answer, Fault> {
    let length = response.content_length().unwrap_or(0);
    let room = usize::try_from(length).unwrap_or(0).min(LONGEST_GUESS);
    let (mut body, quota_used) = (Vec::with_capacity(room), quota_used(&response));
    each_chunk(response, longest, |chunk| {
        body.extend_from_slice(chunk);
        Ok(())
    })
    .await?;
    Ok(Answer {
        body,
        spooled: None,
        quota_used,
    })
}

pub(super) fn quota_used(response: &Response) -> Option<f64> {
    let used = response.headers().get("x-ms-throttle-limit-percentage")?;
    used.to_str().ok()?.trim().parse().ok()
}

/// Hands on a body as it comes, up to so many bytes.
pub(super) async fn each_chunk(
    mut response: Response,
    longest: usize,
    mut take: impl FnMut(&[u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut length = 0;
    while let Some(chunk) = response.chunk().await.map_err(passing)? {
        length += chunk.len();
        if length > longest {
            return Err(Fault::Refused {
                status: 200,
                code: format!("an answer of more than {}", in_megabytes(longest)),
            });
        }
        take(&chunk)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_nowhere_is_no_redirect() {
        for (status, leads) in [
            (301, true),
            (302, true),
            (308, true),
            (300, false),
            (304, false),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let Fault::Refused { status: told, code } = redirected(status) else {
                panic!("{status}");
            };
            assert_eq!(told, status.as_u16());
            assert_eq!(code.contains("redirect"), leads, "{status}: {code}");
        }
    }
}
