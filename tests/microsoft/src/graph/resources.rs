//! What can be asked for: one entry for each address.

use super::authorization::Service;
use super::error::GraphError;
use super::properties as names;
use super::query::Query;
use super::{
    Call, Reply, applications, control_profiles, delta, detected_apps, devices, managed_devices,
    mobile_apps, organization, registration, report_settings, secure_scores, usage_reports, users,
};
use crate::tenant::State;

/// How a resource answers.
type Answer = fn(&Call<'_>) -> Result<Reply, GraphError>;

/// A licence that the tenant must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Licence {
    /// None.
    Free,
    /// Entra ID P1.
    EntraP1,
    /// Intune.
    Intune,
}

/// An address and what it takes.
#[derive(Debug)]
pub struct Resource {
    /// Below the version; `{}` is an id, `()` takes arguments.
    path: &'static str,
    /// The type's name in the CSDL.
    pub kind: &'static str,
    /// The names that `$select` may hold.
    pub properties: &'static str,
    /// The OData options taken, in lower case.
    pub options: &'static str,
    /// Who refuses.
    pub service: Service,
    /// Any of these permissions opens it.
    pub needs: &'static [&'static str],
    licence: Licence,
    /// Resource units of a GET: <https://learn.microsoft.com/graph/throttling-limits>
    cost: u32,
    /// Answers GET.
    pub get: Answer,
    /// Answers PATCH.
    pub patch: Option<Answer>,
    /// Answers POST; where it does, nothing else is taken.
    pub post: Option<Answer>,
}

impl Resource {
    /// The resource units that a request costs.
    pub fn units(&self, query: &Query) -> u32 {
        let selects = u32::from(query.get("$select").is_some());
        let few = query
            .get("$top")
            .and_then(|top| top.parse::<u32>().ok())
            .is_some_and(|n| n < 20);
        self.cost.saturating_sub(selects + u32::from(few)).max(1)
    }

    /// Refuses where the tenant lacks the licence.
    pub fn check_licence(&self, state: &State) -> Result<(), GraphError> {
        match self.licence {
            Licence::EntraP1 if !state.entra_p1 => Err(GraphError::not_premium()),
            Licence::Intune if !state.intune => {
                let message = "Request not applicable to target tenant.";
                Err(GraphError::new(400, "BadRequest", message))
            }
            _ => Ok(()),
        }
    }
}

const USERS: &[&str] = &["User.Read.All", "Directory.Read.All"];
const TENANT: &[&str] = &["Organization.Read.All", "Directory.Read.All"];
const DIRECTORY: &[&str] = &["Directory.Read.All"];
const DEVICES: &[&str] = &["DeviceManagementManagedDevices.Read.All"];

const fn directory(path: &'static str, kind: &'static str, get: Answer) -> Resource {
    Resource {
        path,
        kind,
        properties: names::NONE,
        options: "$select",
        service: Service::Directory,
        needs: DIRECTORY,
        licence: Licence::Free,
        cost: 1,
        get,
        patch: None,
        post: None,
    }
}

/// An action on an application: <https://learn.microsoft.com/graph/api/application-addpassword>
const fn action(path: &'static str, post: Answer) -> Resource {
    Resource {
        options: "",
        needs: &["Application.ReadWrite.OwnedBy"],
        post: Some(post),
        ..directory(path, "passwordCredential", post)
    }
}

const fn intune(path: &'static str, kind: &'static str, get: Answer) -> Resource {
    Resource {
        options: "$select $top $skiptoken",
        service: Service::IntuneDevices,
        needs: DEVICES,
        licence: Licence::Intune,
        ..directory(path, kind, get)
    }
}

const fn security(path: &'static str, kind: &'static str, get: Answer) -> Resource {
    Resource {
        options: "$top $skip $count ",
        service: Service::Security,
        needs: &["SecurityEvents.Read.All"],
        ..directory(path, kind, get)
    }
}

static RESOURCES: [Resource; 23] = [
    Resource {
        properties: names::ORGANIZATION,
        needs: &[
            "Organization.Read.All",
            "Directory.Read.All",
            "User.Read.All",
        ],
        ..directory("organization", "organization", organization::list)
    },
    Resource {
        properties: names::SUBSCRIBED_SKU,
        needs: TENANT,
        cost: 3,
        ..directory("subscribedSkus", "subscribedSku", organization::skus)
    },
    Resource {
        properties: names::SUBSCRIPTION,
        needs: TENANT,
        ..directory(
            "directory/subscriptions",
            "companySubscription",
            organization::subscriptions,
        )
    },
    Resource {
        properties: names::DOMAIN,
        options: "$select $top",
        ..directory("domains", "domain", organization::domains)
    },
    Resource {
        properties: names::USER,
        options: "$select $top $skiptoken $count",
        needs: USERS,
        cost: 2,
        ..directory("users", "user", users::list)
    },
    Resource {
        options: "",
        needs: USERS,
        ..directory("users/$count", "user", users::count)
    },
    Resource {
        properties: names::USER,
        options: "$select $top $skiptoken $deltatoken",
        needs: USERS,
        cost: 2,
        ..directory("users/delta", "user", delta::users)
    },
    Resource {
        properties: names::USER,
        needs: USERS,
        ..directory("users/{}", "user", users::one)
    },
    Resource {
        properties: names::USER,
        options: "$select $top $skiptoken $count",
        needs: USERS,
        cost: 2,
        ..directory(
            "directory/deletedItems/microsoft.graph.user",
            "user",
            users::deleted,
        )
    },
    Resource {
        properties: names::APPLICATION,
        options: "$select $top $skiptoken $filter $count",
        cost: 2,
        ..directory("applications", "application", applications::list)
    },
    Resource {
        properties: names::APPLICATION,
        ..directory("applications/{}", "application", applications::one)
    },
    Resource {
        needs: &["Policy.Read.All"],
        ..directory(
            "applications/{}/appManagementPolicies",
            "appManagementPolicy",
            applications::own_policies,
        )
    },
    Resource {
        needs: &["Policy.Read.All"],
        ..directory(
            "policies/defaultAppManagementPolicy",
            "tenantAppManagementPolicy",
            applications::default_policy,
        )
    },
    action("applications/{}/addPassword", applications::add_password),
    action(
        "applications/{}/removePassword",
        applications::remove_password,
    ),
    Resource {
        properties: names::DEVICE,
        options: "$select $top $skiptoken $count",
        ..directory("devices", "device", devices::list)
    },
    Resource {
        properties: names::MANAGED_DEVICE,
        ..intune(
            "deviceManagement/managedDevices",
            "managedDevice",
            managed_devices::list,
        )
    },
    Resource {
        properties: names::DETECTED_APP,
        ..intune(
            "deviceManagement/detectedApps",
            "detectedApp",
            detected_apps::list,
        )
    },
    Resource {
        properties: names::MANAGED_DEVICE,
        ..intune(
            "deviceManagement/detectedApps/{}/managedDevices",
            "managedDevice",
            detected_apps::devices,
        )
    },
    Resource {
        properties: names::MOBILE_APP,
        service: Service::IntuneApps,
        needs: &["DeviceManagementApps.Read.All"],
        ..intune(
            "deviceAppManagement/mobileApps",
            "mobileApp",
            mobile_apps::list,
        )
    },
    Resource {
        properties: names::REGISTRATION,
        options: "$select $top $skiptoken",
        service: Service::EntraReports,
        needs: &["AuditLog.Read.All"],
        licence: Licence::EntraP1,
        ..directory(
            "reports/authenticationMethods/userRegistrationDetails",
            "userRegistrationDetails",
            registration::list,
        )
    },
    security("security/secureScores", "secureScore", secure_scores::list),
    security(
        "security/secureScoreControlProfiles",
        "secureScoreControlProfile",
        control_profiles::list,
    ),
];

static USAGE: [Resource; 2] = [
    Resource {
        options: "$format",
        service: Service::UsageReports,
        needs: &["Reports.Read.All"],
        ..directory(
            "reports/getOffice365ActiveUserDetail()",
            "report",
            usage_reports::redirect,
        )
    },
    Resource {
        properties: names::REPORT_SETTINGS,
        service: Service::UsageReports,
        needs: &["ReportSettings.ReadWrite.All", "ReportSettings.Read.All"],
        patch: Some(report_settings::patch),
        ..directory(
            "admin/reportSettings",
            "adminReportSettings",
            report_settings::get,
        )
    },
];

/// The resource at a path, with the path's arguments.
pub fn find(path: &str) -> Result<(&'static Resource, Vec<&str>), GraphError> {
    let all = || RESOURCES.iter().chain(&USAGE);
    if let Some(found) =
        all().find_map(|resource| Some((resource, arguments(resource.path, path)?)))
    {
        return Ok(found);
    }
    // Graph names the first segment that leads nowhere.
    let wanted: Vec<&str> = path.split('/').collect();
    let depth = |resource: &Resource| {
        let pattern = resource.path.split('/').zip(&wanted);
        pattern
            .take_while(|(pattern, segment)| argument(pattern, segment).is_some())
            .count()
    };
    let known = all().map(depth).max().unwrap_or_default();
    let segment = wanted
        .get(known)
        .or(wanted.last())
        .copied()
        .unwrap_or_default();
    let name = segment.split('(').next().unwrap_or_default();
    Err(GraphError::new(
        400,
        "BadRequest",
        format!("Resource not found for the segment '{name}'."),
    ))
}

fn arguments<'a>(pattern: &str, path: &'a str) -> Option<Vec<&'a str>> {
    if pattern.split('/').count() != path.split('/').count() {
        return None;
    }
    let found: Option<Vec<Option<&str>>> = pattern
        .split('/')
        .zip(path.split('/'))
        .map(|(p, s)| argument(p, s))
        .collect();
    Some(found?.into_iter().flatten().collect())
}

/// Whether a segment is the one of the pattern, and the argument in it if it takes one.
#[expect(
    clippy::option_option,
    reason = "no match, a match, and a match with an argument"
)]
fn argument<'a>(pattern: &str, segment: &'a str) -> Option<Option<&'a str>> {
    if pattern == "{}" {
        return Some(Some(segment)).filter(|_| !segment.is_empty() && !segment.starts_with('$'));
    }
    match pattern.strip_suffix("()") {
        Some(name) => {
            let (called, argument) = segment.split_once('(')?;
            called
                .eq_ignore_ascii_case(name)
                .then(|| argument.strip_suffix(')'))
        }
        None => segment.eq_ignore_ascii_case(pattern).then_some(None),
    }
}
