//! One tenant: what never changes about it, and what does.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::Value;
use uuid::Uuid;

use crate::clock::seconds;
use crate::key_identifiers::KeyIdentifiers;
use crate::licences::{self, SKUS};
use crate::options::TenantOptions;
use crate::people::Person;
use crate::seeded::{hash_text, id_of, mix};
use crate::sku_holding::SkuHolding;

const DAY: i64 = 86_400;

/// What never changes about a tenant.
#[derive(Debug)]
pub struct Facts {
    /// As started with.
    pub options: TenantOptions,
    /// Directory (tenant) ID.
    pub id: Uuid,
    /// Source of everything generated.
    pub seed: u64,
    /// The anchor of generated dates, in seconds since 1970.
    pub anchor: i64,
    /// The default domain.
    pub domain: String,
    /// The `….onmicrosoft.com` domain.
    pub initial_domain: String,
    /// Users at the start.
    pub users: u32,
    /// Which product most people have.
    pub bundle: usize,
    /// Whether Entra ID P1 is a product of its own here.
    pub standalone_p1: bool,
    /// Whether Intune is a product of its own here.
    pub standalone_intune: bool,
}

/// What has been done to a user since it was generated.
#[derive(Debug, Default, Clone)]
pub struct Edits {
    /// Properties with other values than generated.
    pub properties: BTreeMap<String, Value>,
    /// Other licences than generated.
    pub licences: Option<u16>,
    /// When soft-deleted.
    pub deleted: Option<i64>,
    /// Gone for good.
    pub purged: bool,
}

/// An entry of the journal that delta queries read.
#[derive(Debug, Clone)]
pub struct Change {
    /// Whom it happened to.
    pub index: u32,
    /// The properties, where the change is of properties alone.
    pub properties: Vec<String>,
}

/// A client secret of the app registration.
#[derive(Debug, Clone)]
pub struct Secret {
    /// Names it.
    pub key_id: Uuid,
    /// Its Value.
    pub value: String,
    /// Its description.
    pub name: Option<String>,
    /// Valid from, in seconds since 1970.
    pub start: i64,
    /// Valid until.
    pub end: i64,
    /// When the token endpoint begins to know it: a new one takes a while to be known everywhere.
    pub known_from: i64,
}

/// A certificate of the app registration.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// Names it.
    pub key_id: Uuid,
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// Valid from, in seconds since 1970.
    pub start: i64,
    /// Valid until.
    pub end: i64,
    /// When the token endpoint begins to know it.
    pub known_from: i64,
}

/// A federated identity credential of the app registration.
#[derive(Debug, Clone)]
pub struct Federated {
    /// `iss` of the tokens it takes.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
    /// `aud`.
    pub audience: String,
    /// When the token endpoint begins to know it.
    pub known_from: i64,
}

/// What the tenant's app management policy says of new secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SecretPolicy {
    /// No new secret may be added.
    pub forbidden: bool,
    /// The longest life of a new one, in seconds.
    pub longest: Option<i64>,
    /// Whether the app has a policy of its own in its place, which restricts nothing.
    pub exempts_app: bool,
}

/// What changes about a tenant.
#[derive(Debug)]
pub struct State {
    /// Users ever, deleted ones included: their indexes are below this.
    pub total: u32,
    /// Users that are not deleted.
    pub live: u32,
    /// By user index.
    pub edits: HashMap<u32, Edits>,
    /// Every change to a user since the start.
    pub journal: Vec<Change>,
    /// Compliance states other than generated, by device index.
    pub compliance: HashMap<u32, String>,
    /// Client secrets, oldest first.
    pub secrets: Vec<Secret>,
    /// Certificates, oldest first.
    pub certificates: Vec<Certificate>,
    /// The spelling of a certificate's thumbprint in `customKeyIdentifier`.
    pub key_identifiers: KeyIdentifiers,
    /// Federated identity credentials.
    pub federated: Vec<Federated>,
    /// The ids of the client assertions that were taken.
    pub assertions: Mutex<HashSet<String>>,
    /// What was shown to the token endpoint and what it gave: secrets, assertions, tokens.
    pub shown: Mutex<BTreeSet<String>>,
    /// How long a new credential takes to be known to the token endpoint.
    pub credential_lag: i64,
    /// What new secrets may be.
    pub secret_policy: SecretPolicy,
    /// Whether the app's service principal owns its registration.
    pub owns_itself: bool,
    /// Whether the app may sign in.
    pub app_enabled: bool,
    /// The AADSTS code that the consent page comes back with, whatever the person chooses.
    pub consent_error: Option<u32>,
    /// Permissions granted, each with when tokens begin to carry it.
    pub grants: BTreeMap<String, i64>,
    /// How long after consent roles begin to appear.
    pub roles_lag: i64,
    /// Whether reports conceal names.
    pub conceal: bool,
    /// Whether the tenant holds Entra ID P1 now.
    pub entra_p1: bool,
    /// Whether the tenant holds Intune now.
    pub intune: bool,
    /// The SKUs that it holds in place of the generated ones.
    pub skus: Option<Vec<SkuHolding>>,
    counted: Mutex<Option<(usize, [u32; SKUS.len()])>>,
}

/// A tenant.
#[derive(Debug)]
pub struct Tenant {
    /// What never changes.
    pub facts: Facts,
    state: RwLock<State>,
}

/// More are not kept: a simulator left running would grow.
const SHOWN: usize = 10_000;

impl State {
    /// Keeps what has to stay secret, for a search of where it must not be.
    pub fn show(&self, secret: &str) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.len() < SHOWN {
            shown.insert(secret.to_owned());
        }
    }
}

impl Tenant {
    /// A tenant as `options` describe it; dates are around `anchor`.
    #[must_use]
    pub fn new(options: TenantOptions, seed: u64, anchor: i64) -> Self {
        let own = mix(seed, 0x7E7A, hash_text(&options.id.to_string()));
        let label = options.domain.split('.').next().unwrap_or("tenant");
        let facts = Facts {
            id: options.id,
            seed: own,
            anchor,
            domain: options.domain.clone(),
            initial_domain: format!("{label}.onmicrosoft.com"),
            users: options.users,
            bundle: licences::bundle(options.users, options.entra_p1, options.intune),
            standalone_p1: options.entra_p1 && !options.intune,
            standalone_intune: options.intune && !options.entra_p1,
            options,
        };
        let options = &facts.options;
        let mut state = State {
            total: options.users,
            live: options.users,
            edits: HashMap::new(),
            journal: Vec::new(),
            compliance: HashMap::new(),
            secrets: vec![Secret {
                key_id: id_of(own, 0x5EC, 0),
                value: options.client_secret.clone(),
                name: Some("inventory".to_owned()),
                start: anchor - 5 * DAY,
                end: anchor + 180 * DAY,
                known_from: i64::MIN,
            }],
            certificates: Vec::new(),
            key_identifiers: KeyIdentifiers::default(),
            federated: Vec::new(),
            assertions: Mutex::default(),
            shown: Mutex::default(),
            credential_lag: 0,
            secret_policy: SecretPolicy::default(),
            owns_itself: false,
            app_enabled: true,
            consent_error: None,
            grants: BTreeMap::new(),
            roles_lag: seconds(options.roles_lag),
            conceal: options.conceal_names,
            entra_p1: options.entra_p1,
            intune: options.intune,
            skus: options.skus.clone(),
            counted: Mutex::new(None),
        };
        // Some have been deleted before anyone looked.
        let gone = (options.users / 40).clamp(1, 50);
        for index in options.users..options.users + gone {
            let days = i64::from(index % 27) + 1;
            let edits = Edits {
                deleted: Some(anchor - days * DAY),
                ..Edits::default()
            };
            state.edits.insert(index, edits);
        }
        state.total += gone;
        if options.consented {
            state.grant_all(&options.permissions, 0);
        }
        Self {
            facts,
            state: RwLock::new(state),
        }
    }

    /// To look.
    pub fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// To change.
    pub fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The user at `index`, with what has been done to it; none where it is gone for good.
    #[must_use]
    pub fn person(&self, index: u32, facts: &Facts) -> Option<Person> {
        if index >= self.total {
            return None;
        }
        let mut person = Person::generated(index, facts);
        if index >= facts.users && self.edits.get(&index).is_none_or(|e| e.deleted.is_none()) {
            person.created = facts.anchor;
        }
        if let Some(edits) = self.edits.get(&index) {
            if edits.purged {
                return None;
            }
            person.deleted = edits.deleted;
            person.licences = edits.licences.unwrap_or(person.licences);
        }
        Some(person)
    }

    /// The user at `index`, unless deleted.
    #[must_use]
    pub fn live_person(&self, index: u32, facts: &Facts) -> Option<Person> {
        self.person(index, facts).filter(|p| p.deleted.is_none())
    }

    /// The properties of a user that are not as generated.
    #[must_use]
    pub fn edited(&self, index: u32) -> Option<&BTreeMap<String, Value>> {
        self.edits
            .get(&index)
            .map(|e| &e.properties)
            .filter(|p| !p.is_empty())
    }

    /// How many hold each product, counted when first asked after a change.
    #[must_use]
    pub fn consumed(&self, facts: &Facts) -> [u32; SKUS.len()] {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, counts)) = *counted
            && at == self.journal.len()
        {
            return counts;
        }
        let counts = licences::consumed((0..self.total).filter_map(|i| self.person(i, facts)));
        *counted = Some((self.journal.len(), counts));
        counts
    }

    /// Grants each permission; tokens carry it from `visible_at` on.
    pub fn grant_all(&mut self, permissions: &[String], visible_at: i64) {
        for permission in permissions {
            self.grants.entry(permission.clone()).or_insert(visible_at);
        }
    }

    /// The roles that a token minted at `now` carries.
    #[must_use]
    pub fn roles(&self, now: i64) -> Vec<String> {
        self.grants
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Notes that these properties of a user changed; none stands for the whole user.
    pub fn changed(&mut self, index: u32, properties: &[&str]) {
        let properties = properties.iter().map(|&p| p.to_owned()).collect();
        self.journal.push(Change { index, properties });
    }
}
