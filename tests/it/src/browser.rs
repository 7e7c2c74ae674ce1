//! A browser without a screen: keeps cookies, follows what a person would click.

use anyhow::Context;
use reqwest::{Response, StatusCode, header};
use std::{collections::BTreeMap, sync::Mutex};
use url::Url;

/// A browser: a cookie jar and an HTTP client that shows every redirect.
#[derive(Debug)]
pub struct Browser {
    http: reqwest::Client,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Browser {
    /// A browser with an empty jar.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new() -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            http,
            cookies: Mutex::default(),
        })
    }

    /// Opens an address, following redirects within the same host.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn get(&self, url: &str) -> anyhow::Result<Response> {
        let mut url: Url = url.parse()?;
        for _ in 0..5 {
            let response = self
                .keep(
                    self.http
                        .get(url.clone())
                        .header(header::COOKIE, self.jar()),
                )
                .await?;
            match location(&response, &url) {
                Some(next) => url = next,
                None => return Ok(response),
            }
        }
        anyhow::bail!("too many redirects")
    }

    /// Opens an address; a redirect is shown, not followed.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn hop(&self, url: &str) -> anyhow::Result<Response> {
        self.keep(self.http.get(url).header(header::COOKIE, self.jar()))
            .await
    }

    /// Sends a form; redirects are shown, not followed.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn post(&self, url: &str, form: &[(String, String)]) -> anyhow::Result<Response> {
        self.keep(
            self.http
                .post(url)
                .header(header::COOKIE, self.jar())
                .form(form),
        )
        .await
    }

    /// Answers Microsoft's consent page, and lands where it redirects to.
    ///
    /// # Errors
    /// When the page is not shown or does not redirect.
    pub async fn consent(&self, authorize_url: &str, accept: bool) -> anyhow::Result<Response> {
        let back = self.decide(authorize_url, accept).await?;
        self.get(&back).await
    }

    /// Answers Microsoft's consent page, and gives where it redirects to.
    ///
    /// # Errors
    /// When the page is not shown or does not redirect.
    pub async fn decide(&self, authorize_url: &str, accept: bool) -> anyhow::Result<String> {
        let page = self.get(authorize_url).await?;
        anyhow::ensure!(
            page.status() == StatusCode::OK,
            "the consent page answers {}",
            page.status()
        );
        let mut action: Url = authorize_url.parse()?;
        let mut form: Vec<(String, String)> = action.query_pairs().into_owned().collect();
        form.push((
            "decision".to_owned(),
            if accept { "accept" } else { "cancel" }.to_owned(),
        ));
        action.set_query(None);
        let answer = self.post(action.as_str(), &form).await?;
        let back = answer
            .headers()
            .get(header::LOCATION)
            .and_then(|l| l.to_str().ok());
        back.map(str::to_owned)
            .context("the consent page redirects")
    }

    fn jar(&self) -> String {
        let cookies = self
            .cookies
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    async fn keep(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Response> {
        let response = request.header(header::ACCEPT, "text/html").send().await?;
        let mut cookies = self
            .cookies
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(response)
    }
}

fn location(response: &Response, from: &Url) -> Option<Url> {
    let to = response.headers().get(header::LOCATION)?.to_str().ok()?;
    response
        .status()
        .is_redirection()
        .then(|| from.join(to).ok())?
}
