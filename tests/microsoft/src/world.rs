//! What the three origins share.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use url::Url;
use uuid::Uuid;

use crate::bodies::Bodies;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::graph::page::Pages;
use crate::occasions::Occasions;
use crate::options::{Options, TenantOptions};
use crate::request_log::RequestLog;
use crate::seeded::hash_text;
use crate::tenant::Tenant;

/// An access token that was issued.
#[derive(Debug, Clone)]
pub struct Issued {
    /// To whom.
    pub tenant: Arc<Tenant>,
    /// With these roles.
    pub roles: Arc<[String]>,
    /// Until then.
    pub expires: i64,
}

/// A report that may be downloaded without a token for some minutes.
#[derive(Debug, Clone)]
pub struct Download {
    /// Whose.
    pub tenant: Arc<Tenant>,
    /// Which.
    pub report: String,
    /// `D7`, `D30`, `D90` or `D180`.
    pub period: String,
    /// A body to serve as it is, instead of a generated one.
    pub body: Option<bytes::Bytes>,
    /// Until then.
    pub expires: i64,
}

/// Everything behind the three listeners.
#[derive(Debug)]
pub struct World {
    /// Source of all generated data.
    pub seed: u64,
    /// Where generated dates are anchored: a midnight, in seconds since 1970.
    pub anchor: i64,
    /// The simulator's time.
    pub clock: Clock,
    /// Added to every answer.
    pub latency: Duration,
    /// No page holds more objects.
    pub largest_page: u32,
    /// What goes wrong.
    pub faults: Faults,
    /// What happens at certain requests.
    pub occasions: Occasions,
    /// What was asked.
    pub log: RequestLog,
    /// Page and delta tokens handed out.
    pub pages: Pages,
    /// Bodies served verbatim.
    pub bodies: Option<Bodies>,
    /// Sign-in's own address.
    pub login_url: Url,
    /// Graph's own address.
    pub graph_url: Url,
    /// The report host's own address.
    pub reports_url: Url,
    tenants: RwLock<BTreeMap<Uuid, Arc<Tenant>>>,
    tokens: Mutex<HashMap<String, Issued>>,
    downloads: Mutex<HashMap<String, Download>>,
}

impl World {
    /// A world as `options` describe it, at these addresses.
    pub fn new(options: Options, urls: [Url; 3]) -> std::io::Result<Self> {
        let [login_url, graph_url, reports_url] = urls;
        let world = Self {
            seed: options.seed,
            // The day alone, so that two starts on one day generate the same data.
            anchor: options.now.as_second().div_euclid(86_400) * 86_400,
            clock: Clock::new(options.now, options.real_clock),
            latency: options.latency,
            largest_page: options.largest_page.unwrap_or(u32::MAX),
            occasions: Occasions::default(),
            faults: Faults::new(options.faults),
            log: RequestLog::default(),
            pages: Pages::default(),
            bodies: options.bodies.as_deref().map(Bodies::open).transpose()?,
            login_url,
            graph_url,
            reports_url,
            tenants: RwLock::default(),
            tokens: Mutex::default(),
            downloads: Mutex::default(),
        };
        for tenant in options.tenants {
            world.add_tenant(tenant);
        }
        Ok(world)
    }

    /// Adds a tenant, or begins an existing one anew.
    pub fn add_tenant(&self, options: TenantOptions) -> Arc<Tenant> {
        let id = options.id;
        let tenant = Arc::new(Tenant::new(options, self.seed, self.anchor));
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        tenants.insert(id, Arc::clone(&tenant));
        tenant
    }

    /// All tenants.
    pub fn tenants(&self) -> Vec<Arc<Tenant>> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.values().cloned().collect()
    }

    /// The tenant with this id.
    pub fn tenant(&self, id: Uuid) -> Option<Arc<Tenant>> {
        self.tenants
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned()
    }

    /// The tenant that a sign-in address names, by id or by domain. Where bodies are served, any.
    pub fn tenant_named(&self, name: &str) -> Option<Arc<Tenant>> {
        let id = Uuid::try_parse(name).ok();
        let known = match id {
            Some(id) => self.tenant(id),
            None => self.tenants().into_iter().find(|t| {
                name.eq_ignore_ascii_case(&t.facts.domain)
                    || name.eq_ignore_ascii_case(&t.facts.initial_domain)
            }),
        };
        if known.is_some() || self.bodies.is_none() {
            return known;
        }
        let id = id.unwrap_or_else(|| crate::seeded::id_of(hash_text(name), 1, 0));
        let sample = TenantOptions::sample(self.seed, name, 10);
        Some(self.add_tenant(TenantOptions {
            id,
            consented: true,
            ..sample
        }))
    }

    /// Remembers a token.
    pub fn issue(&self, token: String, issued: Issued) {
        let now = self.clock.now();
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, issued| issued.expires > now);
        tokens.insert(token, issued);
    }

    /// What a token stands for, unless it has expired or was never issued.
    pub fn token(&self, token: &str) -> Option<Issued> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens
            .get(token)
            .filter(|issued| issued.expires > self.clock.now())
            .cloned()
    }

    /// Makes every token of a tenant worthless.
    pub fn forget_tokens(&self, tenant: Uuid) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, issued| issued.tenant.facts.id != tenant);
    }

    /// Remembers a download under a name that cannot be guessed, and gives its address.
    pub fn offer(&self, download: Download) -> Url {
        let now = self.clock.now();
        let signature = Uuid::new_v4().simple().to_string();
        let mut url = self.reports_url.clone();
        url.set_path(&format!("/reports/{}.csv", download.report));
        url.query_pairs_mut()
            .append_pair("expires", &download.expires.to_string())
            .append_pair("sig", &signature);
        let mut downloads = self
            .downloads
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        downloads.retain(|_, offered| offered.expires > now);
        downloads.insert(signature, download);
        url
    }

    /// What a download's signature stands for.
    pub fn offered(&self, signature: &str) -> Option<Download> {
        let downloads = self
            .downloads
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        downloads
            .get(signature)
            .filter(|d| d.expires > self.clock.now())
            .cloned()
    }
}
