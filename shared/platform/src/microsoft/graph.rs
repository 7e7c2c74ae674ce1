//! One request to Graph: a body, or what its absence means.

use super::{Microsoft, wire_trouble};
use muster_domain::{
    Dataset, Enumeration,
    cloud::Hosts,
    fault::{self, Fault},
    http_status, tally,
};
use reqwest::{RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// A body that came whole.
#[derive(Debug)]
pub struct Answer {
    /// The bytes.
    pub body: Vec<u8>,
    /// The part of the quota that is used, where Microsoft says so.
    pub quota_used: Option<f64>,
}

/// The largest page or report that is read; Graph's pages stay far below.
const LONGEST_BODY: usize = 256 * 1024 * 1024;

/// Room is made at once for no more than this, whatever an answer says of its length.
const LONGEST_GUESS: usize = 4 * 1024 * 1024;

impl Microsoft {
    /// Asks Graph for a page of a dataset. A report's redirect is followed once, to the cloud's
    /// report hosts only, and without the token.
    ///
    /// # Errors
    /// A fault that says what to do.
    pub async fn get(
        &self,
        dataset: &Dataset,
        hosts: &Hosts,
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
        let response = request.send().await;
        let response = response.map_err(passing)?;
        if response.status().is_redirection() && dataset.enumeration == Enumeration::Report {
            let location = response
                .headers()
                .get(reqwest::header::LOCATION)
                .and_then(|l| l.to_str().ok());
            let url = hosts
                .follow_report(location.unwrap_or_default())
                .map_err(|_| foreign())?;
            let response = http.get(url).send().await.map_err(passing)?;
            // The download link is short-lived: whatever is wrong with it, asking Graph for a new one may help.
            if !response.status().is_success() {
                let status = response.status().as_u16();
                tracing::info!(
                    dataset = dataset.name,
                    status,
                    "a report's download was refused"
                );
                return Err(Fault::Passing(format!(
                    "the report's download failed: {}",
                    http_status::in_words(status)
                )));
            }
            return whole(response, LONGEST_BODY).await;
        }
        accepted(dataset, response, LONGEST_BODY).await
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

fn asking(request: RequestBuilder, bearer: &SecretString) -> RequestBuilder {
    request
        .bearer_auth(bearer.expose_secret())
        .header("x-ms-throttle-priority", "low")
}

/// The body of an answer that is no refusal.
async fn accepted(dataset: &Dataset, response: Response, longest: usize) -> Result<Answer, Fault> {
    let status = response.status();
    if status.is_success() {
        return whole(response, longest).await;
    }
    if status.is_redirection() {
        return Err(foreign());
    }
    let retry_after = response
        .headers()
        .get(reqwest::header::RETRY_AFTER)
        .and_then(|v| v.to_str().ok())
        .map(str::to_owned);
    let body = whole(response, LONGEST_BODY)
        .await
        .map(|answer| answer.body)
        .unwrap_or_default();
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

fn passing(error: reqwest::Error) -> Fault {
    Fault::Passing(wire_trouble(&error).to_owned())
}

fn foreign() -> Fault {
    Fault::Refused {
        status: 302,
        code: "a redirect out of this tenant's cloud".to_owned(),
    }
}

async fn whole(mut response: Response, longest: usize) -> Result<Answer, Fault> {
    let quota_used = response
        .headers()
        .get("x-ms-throttle-limit-percentage")
        .and_then(|used| used.to_str().ok()?.trim().parse().ok());
    let length = response.content_length().unwrap_or(0);
    let mut body = Vec::with_capacity(usize::try_from(length).unwrap_or(0).min(LONGEST_GUESS));
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > longest => {
                return Err(Fault::Refused {
                    status: 200,
                    code: "an answer too large to read".to_owned(),
                });
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(Answer { body, quota_used }),
            Err(error) => return Err(passing(error)),
        }
    }
}
