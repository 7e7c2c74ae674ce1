//! The registry: one file a dataset, one entry here, one fixture in `fixtures/`.

pub mod active_users;
pub mod applications;
pub mod detected_apps;
pub mod managed_devices;
pub mod mfa_registration;
pub mod mobile_apps;
pub mod organization;
pub mod report_settings;
pub mod secure_scores;
pub mod sign_in_activity;
pub mod subscribed_skus;
pub mod subscriptions;
pub mod users;

use crate::Dataset;

/// Every dataset, in the order they are shown and begun.
pub const ALL: &[&Dataset] = &[
    &users::USERS,
    &subscribed_skus::SUBSCRIBED_SKUS,
    &subscriptions::SUBSCRIPTIONS,
    &organization::ORGANIZATION,
    &sign_in_activity::SIGN_IN_ACTIVITY,
    &mfa_registration::MFA_REGISTRATION,
    &managed_devices::MANAGED_DEVICES,
    &detected_apps::DETECTED_APPS,
    &mobile_apps::MOBILE_APPS,
    &active_users::ACTIVE_USERS,
    &report_settings::REPORT_SETTINGS,
    &secure_scores::SECURE_SCORES,
    &applications::APPLICATIONS,
];

/// The dataset of that name.
pub fn find(name: &str) -> Option<&'static Dataset> {
    ALL.iter().copied().find(|dataset| dataset.name == name)
}
