//! One page from Graph: asked for as often as is worth it, and as slowly as Microsoft says.

use crate::{
    patience::{Loss, Patience},
    report_parts::ReportParts,
    run::Clock,
};
use jiff::Timestamp;
use muster_domain::{
    ClientId, Dataset, Enumeration, TenantId,
    asking::Asking,
    cloud::Hosts,
    fault::Fault,
    page::{self, NotAPage, Page},
    retry::{self, Tries},
    secret_policy::SecretPolicy,
    state::Counters,
    tally,
};
use muster_platform::microsoft::{Answer, Microsoft, SignInFailure, Token, jitter};
use secrecy::SecretString;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::{sync::RwLock, time::Instant};
use url::Url;

/// Graph, for one tenant and one run.
#[derive(Debug)]
pub(crate) struct Graph<'a> {
    microsoft: &'a Microsoft,
    hosts: Hosts,
    client: ClientId,
    tenant: TenantId,
    secret: SecretString,
    token: RwLock<(u32, Token)>,
    /// True once Graph has accepted the token in hand.
    accepted: AtomicBool,
    patience: Patience,
}

/// One page, or the first part of a large report.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub page: Page,
    /// The other parts of the report.
    pub parts: Option<ReportParts>,
}

/// A missing-licence answer comes at times to tenants that have the licence (Microsoft Graph,
/// known issues): it is believed the third time.
const UNLICENSED_ANSWERS: u32 = 3;

/// The longest reason why an answer cannot be read, in bytes.
const LONGEST_REASON: usize = 200;

/// A count that takes longer is not waited for.
const COUNT_WITHIN: Duration = Duration::from_secs(10);

/// Stands for the number of a minting that Microsoft refused.
const REFUSED: u32 = u32::MAX;

impl<'a> Graph<'a> {
    pub fn new(
        microsoft: &'a Microsoft,
        hosts: Hosts,
        client: ClientId,
        tenant: TenantId,
        token: Token,
        secret: SecretString,
    ) -> Self {
        Self {
            microsoft,
            hosts,
            client,
            tenant,
            secret,
            token: RwLock::new((0, token)),
            accepted: AtomicBool::new(true),
            patience: Patience::default(),
        }
    }

    /// A dataset's first page, asked for as it was taken last. Where Microsoft refuses a wish (a page size,
    /// a property, changes in place of the list), it is asked otherwise, and that is learned.
    pub async fn first_page(
        &self,
        dataset: &'static Dataset,
        asking: &mut Asking,
        clock: &Clock,
        counters: &mut Counters,
    ) -> Result<Fetched, Fault> {
        let known = asking.now(muster_platform::now());
        let mut trying = known.clone();
        loop {
            let url = self
                .hosts
                .graph(&trying.first_request(dataset, self.client));
            let fault = match self
                .page(dataset, &url, Loss::Nothing, clock, counters)
                .await
            {
                Ok(fetched) => {
                    if trying != known {
                        trying.learned_at = Some(muster_platform::now());
                    }
                    *asking = trying;
                    return Ok(fetched);
                }
                Err(fault) => fault,
            };
            if clock.over() || !trying.learn(dataset, &fault) {
                return Err(fault);
            }
            tracing::info!(tenant.id = %self.tenant, dataset = dataset.name, why = %fault, "asked otherwise");
        }
    }

    /// Where a link of Microsoft's leads, if it stays within the tenant's cloud.
    pub fn follow(&self, link: &str) -> Result<Url, Fault> {
        self.hosts.follow(link).map_err(|foreign| Fault::Refused {
            status: 200,
            code: foreign.to_string(),
        })
    }

    /// What the tenant's policy says of new client secrets for the app registration of this id.
    pub async fn secret_policy(
        &self,
        object_id: &str,
        created: Option<Timestamp>,
    ) -> Result<SecretPolicy, Fault> {
        let (_, token) = self.token.read().await.clone();
        self.microsoft
            .secret_policy(&self.hosts, object_id, created, &token.bearer)
            .await
    }

    /// One page. Counts its requests and waits. It waits longer where `loss` says that giving up costs more.
    pub async fn page(
        &self,
        dataset: &'static Dataset,
        url: &Url,
        loss: Loss,
        clock: &Clock,
        counters: &mut Counters,
    ) -> Result<Fetched, Fault> {
        let (mut tries, mut unlicensed, mut reminted) = (Tries::default(), 0, false);
        loop {
            self.leave(dataset, loss, clock, counters).await?;
            let sent_at = Instant::now();
            let (minting, token) = self.token.read().await.clone();
            counters.requests += 1;
            let (url, bearer) = (url.clone(), &token.bearer);
            let answer = match dataset.enumeration {
                Enumeration::Report => {
                    let hosts = &self.hosts;
                    self.microsoft.report(dataset, hosts, url, bearer).await
                }
                _ => self.microsoft.get(dataset, url, bearer).await,
            };
            let paces = self.microsoft.paces();
            if let Ok(Some(used)) = answer.as_ref().map(|answer| answer.quota_used) {
                paces.heard(self.tenant, dataset, used);
            }
            let fault = match answer.and_then(|answer| parse(dataset, answer)) {
                Ok(fetched) => {
                    self.accepted.store(true, Ordering::Relaxed);
                    self.patience.page_came();
                    clock.page_read();
                    return Ok(fetched);
                }
                Err(fault) => fault,
            };
            self.patience.failed(&fault, sent_at);
            let delay = match &fault {
                Fault::TokenRefused if !reminted => {
                    reminted = true;
                    self.remint(minting).await?;
                    continue;
                }
                Fault::NotLicensed(_) if unlicensed + 1 < UNLICENSED_ANSWERS => {
                    unlicensed += 1;
                    Some(Duration::from_millis(200) * unlicensed)
                }
                fault => tries.after(fault, self.longest_delay(fault, loss, clock), jitter()),
            };
            self.heed(dataset, &fault, delay);
            let Some(delay) = delay.filter(|_| !clock.over()) else {
                return Err(fault);
            };
            if matches!(fault, Fault::Throttled(_)) {
                counters.throttled_ms += u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            }
            tokio::time::sleep(delay).await;
        }
    }

    /// Returns the longest delay that a request is tried again after.
    fn longest_delay(&self, fault: &Fault, loss: Loss, clock: &Clock) -> Duration {
        match fault {
            Fault::Throttled(_) => self.patience.longest_delay(loss).min(clock.left()),
            _ => clock.left(),
        }
    }

    /// Microsoft's own count of what a list holds. It is worth one request and no wait: whatever is in
    /// the way of it, it is not known.
    pub async fn count(
        &self,
        dataset: &'static Dataset,
        path: &str,
        clock: &Clock,
        counters: &mut Counters,
    ) -> Option<u64> {
        if clock.over()
            || self.patience.is_silent()
            || self.microsoft.paces().ask(self.tenant, dataset).is_err()
        {
            return None;
        }
        let url = self.hosts.graph(&format!("/v1.0{path}"));
        let (_, token) = self.token.read().await.clone();
        counters.requests += 1;
        let asked = self.microsoft.count(dataset, url, &token.bearer);
        let answer = tokio::time::timeout(clock.left().min(COUNT_WITHIN), asked).await;
        let fault = match answer.ok()? {
            Ok(answer) => return tally::read(&answer.body),
            Err(fault) => fault,
        };
        // The count is not asked for again, but the service's other datasets wait as they are told.
        self.heed(dataset, &fault, None);
        tracing::info!(tenant.id = %self.tenant, dataset = dataset.name, why = ?fault, "Microsoft's own count is not known");
        None
    }

    /// Holds every request to the service back where Microsoft throttles one: for as long as it names,
    /// or else until the request's next try.
    fn heed(&self, dataset: &'static Dataset, fault: &Fault, delay: Option<Duration>) {
        if let Fault::Throttled(named) = fault {
            let wait = named
                .or(delay)
                .unwrap_or_else(|| retry::delay(None, 0, 0.0));
            let paces = self.microsoft.paces();
            paces.throttled(self.tenant, dataset, wait);
        }
    }

    /// Waits until a request may go out. Where that is longer than this run waits, it is as if Microsoft had
    /// said so. Where Microsoft answers nothing, none goes out.
    async fn leave(
        &self,
        dataset: &'static Dataset,
        loss: Loss,
        clock: &Clock,
        counters: &mut Counters,
    ) -> Result<(), Fault> {
        loop {
            if self.patience.is_silent() {
                return Err(Fault::Silent);
            }
            let Err(wait) = self.microsoft.paces().ask(self.tenant, dataset) else {
                return Ok(());
            };
            let longest = self.patience.longest_delay(loss).min(clock.left());
            if clock.over() || wait > longest {
                return Err(Fault::Throttled(Some(wait)));
            }
            counters.throttled_ms += u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            tokio::time::sleep(wait).await;
        }
    }

    /// Mints a new token, unless another dataset has done so meanwhile.
    async fn remint(&self, minting: u32) -> Result<(), Fault> {
        let mut held = self.token.write().await;
        if held.0 == REFUSED {
            return Err(Fault::TokenRefused);
        }
        if held.0 == minting && !self.accepted.swap(false, Ordering::Relaxed) {
            // Graph has accepted nothing since the last one: one more would be refused as well.
            held.0 = REFUSED;
            return Err(Fault::TokenRefused);
        }
        if held.0 == minting {
            let minted = self
                .microsoft
                .mint(self.hosts.cloud(), self.tenant, self.client, &self.secret)
                .await;
            // A failed try is not repeated by every dataset of this run: Microsoft takes many for a loop,
            // and stops answering the app.
            if matches!(
                minted,
                Err(SignInFailure::Refused(_) | SignInFailure::Passing { .. })
            ) {
                held.0 = REFUSED;
            }
            let token = minted.map_err(|_| Fault::TokenRefused)?;
            *held = (minting + 1, token);
        }
        Ok(())
    }
}

/// What was cut or garbled on its way is asked for again. A report that came whole and cannot be read
/// is not: the next download brings the same, and Microsoft allows 14 in ten minutes.
/// <https://learn.microsoft.com/graph/throttling-limits#reports-service-limits>
fn parse(dataset: &'static Dataset, answer: Answer) -> Result<Fetched, Fault> {
    if let Some(file) = answer.spooled {
        let (page, parts) = ReportParts::open(dataset, file)?;
        return Ok(Fetched {
            page,
            parts: Some(parts),
        });
    }
    let page = match dataset.enumeration {
        Enumeration::Report => page::from_csv(dataset, &answer.body),
        _ => page::from_json(dataset, &answer.body),
    };
    let fetched = page.map(|page| Fetched { page, parts: None });
    fetched.map_err(|not_a_page| match not_a_page {
        NotAPage::Csv(why) => Fault::Unreadable(why),
        other => {
            // The reason may quote the answer itself, however long.
            let mut why = other.to_string();
            why.truncate(why.floor_char_boundary(LONGEST_REASON));
            Fault::Passing(why)
        }
    })
}
