//! Changing a tenant between syncs, and reading the truth about it.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::seconds;
use crate::graph;
use crate::licences::bit_of;
use crate::names::{DEPARTMENTS, JOB_TITLES};
use crate::options::TenantOptions;
use crate::people::Person;
use crate::tenant::{Certificate, Edits, Federated, Secret, Tenant};
use crate::world::World;

/// A handle on one simulated tenant. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TenantHandle {
    world: Arc<World>,
    tenant: Arc<Tenant>,
}

impl TenantHandle {
    pub(crate) fn new(world: Arc<World>, tenant: Arc<Tenant>) -> Self {
        Self { world, tenant }
    }

    pub(crate) fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Directory (tenant) ID.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.tenant.facts.id
    }

    /// What the tenant was started with.
    #[must_use]
    pub fn options(&self) -> &TenantOptions {
        &self.tenant.facts.options
    }

    /// The client secret's Value that is valid now, the newest first.
    #[must_use]
    pub fn secret(&self) -> Option<String> {
        let now = self.world.clock.now();
        let state = self.tenant.read();
        state
            .secrets
            .iter()
            .rev()
            .find(|s| s.end > now)
            .map(|s| s.value.clone())
    }

    /// Gives `count` users who are not deleted another job title and department.
    pub fn change_users(&self, count: u32) -> Vec<Uuid> {
        let mut state = self.tenant.write();
        let facts = &self.tenant.facts;
        // Each call starts where the journal stands, so that repeated calls reach other people.
        let round = state.journal.len();
        let total = state.total;
        let begin = u32::try_from(round).unwrap_or_default() % total.max(1);
        let chosen: Vec<Person> = (0..total)
            .map(|i| (begin + i) % total)
            .filter_map(|i| state.live_person(i, facts))
            .take(count as usize)
            .collect();
        for (n, person) in chosen.iter().enumerate() {
            let pick = round + n;
            let edits = state.edits.entry(person.index).or_default();
            let title = format!("{} {}", JOB_TITLES[pick % JOB_TITLES.len()], pick + 2);
            edits.properties.insert("jobTitle".to_owned(), json!(title));
            let department = format!("{} {}", DEPARTMENTS[pick % DEPARTMENTS.len()], pick + 2);
            edits
                .properties
                .insert("department".to_owned(), json!(department));
            state.changed(person.index, &["jobTitle", "department"]);
        }
        chosen.iter().map(|p| p.id).collect()
    }

    /// Sets one property of a user to any value. Returns whether there is such a user.
    pub fn set_user_property(&self, id: Uuid, property: &str, value: Value) -> bool {
        self.edit(id, &[property], |edits, _| {
            edits.properties.insert(property.to_owned(), value);
        })
    }

    /// Adds users. Returns their ids.
    pub fn add_users(&self, count: u32) -> Vec<Uuid> {
        let mut state = self.tenant.write();
        (0..count)
            .filter_map(|_| {
                let index = state.total;
                state.total += 1;
                state.live += 1;
                state.changed(index, &[]);
                state.person(index, &self.tenant.facts).map(|p| p.id)
            })
            .collect()
    }

    /// Deletes a user softly: it can be restored, and is listed in `deletedItems`.
    pub fn delete_user(&self, id: Uuid) -> bool {
        let now = self.world.clock.now();
        let mut deleted = false;
        self.edit(id, &[], |edits, live| {
            deleted = edits.deleted.is_none();
            *live -= u32::from(deleted);
            edits.deleted.get_or_insert(now);
        }) && deleted
    }

    /// Deletes users softly, the last ones first. Returns their ids.
    pub fn delete_users(&self, count: u32) -> Vec<Uuid> {
        let facts = &self.tenant.facts;
        let ids: Vec<Uuid> = {
            let state = self.tenant.read();
            let last_first = (0..state.total).rev();
            let live = last_first.filter_map(|i| state.live_person(i, facts).map(|p| p.id));
            live.take(count as usize).collect()
        };
        ids.into_iter().filter(|id| self.delete_user(*id)).collect()
    }

    /// Deletes a user for good, whether or not it was deleted softly.
    pub fn purge_user(&self, id: Uuid) -> bool {
        let now = self.world.clock.now();
        self.edit(id, &[], |edits, live| {
            *live -= u32::from(edits.deleted.is_none());
            edits.deleted.get_or_insert(now);
            edits.purged = true;
        })
    }

    /// Brings a softly deleted user back.
    pub fn restore_user(&self, id: Uuid) -> bool {
        let mut restored = false;
        self.edit(id, &[], |edits, live| {
            restored = edits.deleted.take().is_some();
            *live += u32::from(restored);
        }) && restored
    }

    /// Gives a user a product, by part number or SKU id.
    pub fn assign_licence(&self, user: Uuid, sku: &str) -> bool {
        self.change_licences(user, |held| bit_of(sku).map(|bit| held | bit))
    }

    /// Takes a product from a user.
    pub fn remove_licence(&self, user: Uuid, sku: &str) -> bool {
        self.change_licences(user, |held| bit_of(sku).map(|bit| held & !bit))
    }

    fn change_licences(&self, user: Uuid, change: impl FnOnce(u16) -> Option<u16>) -> bool {
        let facts = &self.tenant.facts;
        let found =
            Person::index_of(user, facts).and_then(|index| self.tenant.read().person(index, facts));
        let Some(licences) = found.and_then(|person| change(person.licences)) else {
            return false;
        };
        self.edit(
            user,
            &[
                "assignedLicenses",
                "assignedPlans",
                "mail",
                "proxyAddresses",
            ],
            |edits, _| {
                edits.licences = Some(licences);
            },
        )
    }

    fn edit(
        &self,
        id: Uuid,
        properties: &[&str],
        change: impl FnOnce(&mut Edits, &mut u32),
    ) -> bool {
        let facts = &self.tenant.facts;
        let mut state = self.tenant.write();
        let person = Person::index_of(id, facts).and_then(|index| state.person(index, facts));
        let Some(person) = person else { return false };
        let mut live = state.live;
        change(state.edits.entry(person.index).or_default(), &mut live);
        state.live = live;
        state.changed(person.index, properties);
        true
    }

    /// Grants permissions at once: the next token carries them.
    pub fn grant(&self, permissions: &[&str]) {
        let permissions: Vec<String> = permissions.iter().map(|&p| p.to_owned()).collect();
        self.tenant.write().grant_all(&permissions, i64::MIN);
    }

    /// Takes a permission away: the next token lacks it. Tokens in use keep their roles, as in Entra.
    pub fn revoke(&self, permission: &str) {
        self.tenant.write().grants.remove(permission);
    }

    /// Grants what the registration asks for, as an admin's Accept does, the lag included.
    pub fn consent(&self) {
        let now = self.world.clock.now();
        let mut state = self.tenant.write();
        let visible = now + state.roles_lag;
        state.grant_all(&self.tenant.facts.options.permissions, visible);
    }

    /// Makes every access token issued so far worthless: Graph answers 401.
    pub fn expire_tokens(&self) {
        self.world.forget_tokens(self.id());
    }

    /// Replaces all client secrets with this one, valid for `lifetime` from now.
    pub fn set_secret(&self, value: &str, lifetime: Duration) {
        let secret = self.new_secret(value, lifetime);
        let mut state = self.tenant.write();
        state.secrets.clear();
        state.secrets.push(secret);
    }

    /// Adds a client secret beside the others.
    pub fn add_secret(&self, value: &str, lifetime: Duration) {
        let secret = self.new_secret(value, lifetime);
        self.tenant.write().secrets.push(secret);
    }

    fn new_secret(&self, value: &str, lifetime: Duration) -> Secret {
        let now = self.world.clock.now();
        Secret {
            key_id: Uuid::new_v4(),
            value: value.to_owned(),
            name: Some("inventory".to_owned()),
            start: now,
            end: now.saturating_add(seconds(lifetime)),
            known_from: now.saturating_add(self.tenant.read().credential_lag),
        }
    }

    /// Sets how long a credential added later takes to be known to the token endpoint.
    pub fn set_credential_lag(&self, lag: Duration) {
        self.tenant.write().credential_lag = seconds(lag);
    }

    /// Every client secret there is: its key id, its Value, and when it ends.
    #[must_use]
    pub fn secrets(&self) -> Vec<(Uuid, String, jiff::Timestamp)> {
        let state = self.tenant.read();
        let of = |s: &Secret| {
            let end = jiff::Timestamp::from_second(s.end).unwrap_or_default();
            (s.key_id, s.value.clone(), end)
        };
        state.secrets.iter().map(of).collect()
    }

    /// Every secret and assertion that was shown to the token endpoint, and every token it gave: what
    /// must be nowhere else.
    #[must_use]
    pub fn shown(&self) -> BTreeSet<String> {
        let state = self.tenant.read();
        let shown = state.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.clone()
    }

    /// All federated identity credentials are gone: AADSTS70021.
    pub fn delete_federated(&self) {
        self.tenant.write().federated.clear();
    }

    /// One client secret is gone: AADSTS7000215.
    pub fn remove_secret(&self, value: &str) {
        self.tenant.write().secrets.retain(|s| s.value != value);
    }

    /// What the tenant's app management policy says of new secrets from now on.
    pub fn set_secret_policy(&self, forbidden: bool, longest: Option<Duration>) {
        let mut state = self.tenant.write();
        state.secret_policy.forbidden = forbidden;
        state.secret_policy.longest = longest.map(seconds);
    }

    /// Whether the app has a policy of its own, which restricts nothing, in place of the tenant's.
    pub fn set_policy_exempts_app(&self, exempts: bool) {
        self.tenant.write().secret_policy.exempts_app = exempts;
    }

    /// Whether the app's service principal owns its registration, as
    /// `Application.ReadWrite.OwnedBy` wants it.
    pub fn set_owns_itself(&self, owns: bool) {
        self.tenant.write().owns_itself = owns;
    }

    /// Uploads a certificate (DER) that lives so long; the simulator takes its end from here.
    pub fn upload_certificate(&self, der: &[u8], lifetime: Duration) {
        let now = self.world.clock.now();
        let mut state = self.tenant.write();
        let known_from = now.saturating_add(state.credential_lag);
        state.certificates.push(Certificate {
            key_id: Uuid::new_v4(),
            der: der.to_vec(),
            start: now,
            end: now.saturating_add(seconds(lifetime)),
            known_from,
        });
    }

    /// All certificates are gone: AADSTS700027.
    pub fn delete_certificates(&self) {
        self.tenant.write().certificates.clear();
    }

    /// Adds a federated identity credential.
    pub fn add_federated(&self, issuer: &str, subject: &str, audience: &str) {
        let now = self.world.clock.now();
        let mut state = self.tenant.write();
        let known_from = now.saturating_add(state.credential_lag);
        state.federated.push(Federated {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            audience: audience.to_owned(),
            known_from,
        });
    }

    /// All client secrets expire now: AADSTS7000222.
    pub fn expire_secret(&self) {
        let now = self.world.clock.now();
        for secret in &mut self.tenant.write().secrets {
            secret.end = secret.end.min(now - 1);
        }
    }

    /// All client secrets are gone: AADSTS7000215.
    pub fn delete_secret(&self) {
        self.tenant.write().secrets.clear();
    }

    /// Switches the app off or on: AADSTS7000112.
    pub fn disable_app(&self, disabled: bool) {
        self.tenant.write().app_enabled = !disabled;
    }

    /// Lets the consent page come back with this AADSTS code, whatever the person chooses; nothing is
    /// granted then.
    pub fn set_consent_error(&self, code: Option<u32>) {
        self.tenant.write().consent_error = code;
    }

    /// Sets whether usage reports conceal names.
    pub fn set_conceal(&self, conceal: bool) {
        self.tenant.write().conceal = conceal;
    }

    /// Whether usage reports conceal names.
    #[must_use]
    pub fn conceals(&self) -> bool {
        self.tenant.read().conceal
    }

    /// Sets how long after a later consent roles begin to appear in tokens.
    pub fn set_roles_lag(&self, lag: Duration) {
        self.tenant.write().roles_lag = seconds(lag);
    }

    /// Whether the tenant holds Entra ID P1 from now on.
    pub fn set_entra_p1(&self, held: bool) {
        self.tenant.write().entra_p1 = held;
    }

    /// Whether the tenant holds Intune from now on.
    pub fn set_intune(&self, held: bool) {
        self.tenant.write().intune = held;
    }

    /// Sets a managed device's `complianceState`. Returns whether there is such a device.
    pub fn set_device_compliance(&self, id: Uuid, compliance: &str) -> bool {
        let facts = &self.tenant.facts;
        let Some(index) = graph::managed_devices::index_of(id, facts) else {
            return false;
        };
        self.tenant
            .write()
            .compliance
            .insert(index, compliance.to_owned());
        true
    }

    /// How many users there are, deleted ones not counted.
    #[must_use]
    pub fn user_count(&self) -> u32 {
        self.tenant.read().live
    }

    /// The truth: every object of a collection as it is now, with all properties, whatever the
    /// permissions and licences say. `/users` and `/users/delta` alike give the users who are not
    /// deleted; a path below `/reports/get…` gives the CSV's rows as objects. Empty for unknown paths.
    #[must_use]
    pub fn objects(&self, graph_path: &str) -> Vec<Value> {
        graph::truth::objects(&self.world, &self.tenant, graph_path)
    }
}
