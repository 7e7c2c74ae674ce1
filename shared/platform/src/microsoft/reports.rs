//! Usage reports: a redirect to a file on another host, which may be large.

use super::{
    Microsoft,
    graph::{
        Answer, LONGEST_PAGE, accepted, asking, each_chunk, foreign, in_megabytes, passing,
        quota_used, redirects,
    },
};
use muster_domain::{Dataset, cloud::Hosts, fault::Fault, http_status};
use reqwest::Response;
use secrecy::SecretString;
use std::io::{self, Seek as _, Write as _};
use tempfile::{SpooledData, SpooledTempFile};
use url::Url;

/// The largest report that is read, in bytes: 100,000 rows take some 30 MB. A function has 512 MB of disk
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-ephemeral-storage.html>).
const LONGEST_REPORT: usize = 256 << 20;

/// The largest report that is held in memory, in bytes. A larger one is spooled to a temporary file.
const LONGEST_IN_MEMORY: usize = 16 << 20;

impl Microsoft {
    /// Asks Graph for a report. Its redirect is followed once, to the cloud's report hosts only, and without
    /// the token.
    ///
    /// # Errors
    /// A fault that says what to do.
    pub async fn report(
        &self,
        dataset: &Dataset,
        hosts: &Hosts,
        url: Url,
        bearer: &SecretString,
    ) -> Result<Answer, Fault> {
        let http = self.http.client().map_err(passing)?;
        let response = asking(http.get(url), bearer).send().await;
        let response = response.map_err(passing)?;
        let status = response.status();
        if redirects(status) {
            let location = response
                .headers()
                .get(reqwest::header::LOCATION)
                .and_then(|l| l.to_str().ok());
            let url = hosts
                .follow_report(location.unwrap_or_default())
                .map_err(|_| foreign(status.as_u16()))?;
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
            return spooled(response).await;
        }
        match response.status().is_success() {
            true => spooled(response).await,
            false => accepted(dataset, response, LONGEST_PAGE).await,
        }
    }
}

/// Reads a report. A large one goes to a temporary file that has no name: it is gone when it is closed.
async fn spooled(response: Response) -> Result<Answer, Fault> {
    let quota_used = quota_used(&response);
    let mut spool = SpooledTempFile::new(LONGEST_IN_MEMORY);
    // Writing goes to the page cache, a few milliseconds at a time.
    each_chunk(response, LONGEST_REPORT, |chunk| {
        spool.write_all(chunk).map_err(|error| not_spooled(&error))
    })
    .await?;
    let (body, spooled) = match spool.into_inner() {
        SpooledData::InMemory(body) => (body.into_inner(), None),
        SpooledData::OnDisk(mut file) => {
            file.rewind().map_err(|error| not_spooled(&error))?;
            (Vec::new(), Some(file))
        }
    };
    Ok(Answer {
        body,
        spooled,
        quota_used,
    })
}

fn not_spooled(error: &io::Error) -> Fault {
    Fault::Passing(format!(
        "a report of more than {} could not be kept in a temporary file: {error}",
        in_megabytes(LONGEST_IN_MEMORY)
    ))
}
