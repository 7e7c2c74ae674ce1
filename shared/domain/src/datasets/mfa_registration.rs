//! MFA registration: who has registered which methods.

use crate::{
    Column, Dataset, Enumeration, Kind, Permission,
    count::{Count, Tally},
    dataset::Key,
    lasting::LastingDates,
    pace::Service,
    verdict::Licence,
};

/// Which sign-in methods each user has registered.
pub const MFA_REGISTRATION: Dataset = Dataset {
    name: "mfa_registration",
    title: "MFA registration",
    about: "Which authentication methods each user has registered, and who could pass multifactor authentication.",
    doc: "https://learn.microsoft.com/graph/api/authenticationmethodsroot-list-userregistrationdetails",
    path: "/reports/authenticationMethods/userRegistrationDetails",
    query: &[],
    service: Service::IdentityReports,
    enumeration: Enumeration::Full,
    count: None,
    key: Key::Column("id"),
    columns: &[
        Column::new("id", "id", Kind::Text, "The user's object id."),
        Column::new(
            "user_display_name",
            "userDisplayName",
            Kind::Text,
            "The user's name.",
        ),
        Column::new(
            "user_principal_name",
            "userPrincipalName",
            Kind::Text,
            "The sign-in name.",
        ),
        Column::new(
            "is_mfa_registered",
            "isMfaRegistered",
            Kind::Bool,
            "Whether a method for multifactor authentication is registered.",
        ),
        Column::new(
            "is_mfa_capable",
            "isMfaCapable",
            Kind::Bool,
            "Whether a registered method is also allowed by policy.",
        ),
        Column::new(
            "is_admin",
            "isAdmin",
            Kind::Bool,
            "Whether the user holds an administrator role.",
        ),
        Column::new("user_type", "userType", Kind::Text, "`member` or `guest`."),
        Column::new(
            "methods_registered",
            "methodsRegistered",
            Kind::Texts,
            "The methods registered: `microsoftAuthenticatorPush`, `fido2SecurityKey` …",
        ),
        Column::new(
            "is_passwordless_capable",
            "isPasswordlessCapable",
            Kind::Bool,
            "Whether a passwordless method is registered and allowed.",
        ),
        Column::new(
            "user_preferred_method_for_secondary_authentication",
            "userPreferredMethodForSecondaryAuthentication",
            Kind::Text,
            "The second factor the user chose as default.",
        ),
        Column::new(
            "is_system_preferred_authentication_method_enabled",
            "isSystemPreferredAuthenticationMethodEnabled",
            Kind::Bool,
            "Whether Microsoft picks the strongest registered method.",
        ),
        Column::new(
            "system_preferred_authentication_methods",
            "systemPreferredAuthenticationMethods",
            Kind::Texts,
            "The method Microsoft picked.",
        ),
        Column::new(
            "is_sspr_registered",
            "isSsprRegistered",
            Kind::Bool,
            "Whether enough is registered for self-service password reset.",
        ),
        Column::new(
            "is_sspr_enabled",
            "isSsprEnabled",
            Kind::Bool,
            "Whether policy lets the user reset the password.",
        ),
        Column::new(
            "is_sspr_capable",
            "isSsprCapable",
            Kind::Bool,
            "Whether the user can reset the password: registered and enabled.",
        ),
        Column::new(
            "last_updated_date_time",
            "lastUpdatedDateTime",
            Kind::DateTime,
            "When Microsoft last computed this row.",
        ),
    ],
    needs: &[&[Permission::AuditLogReadAll]],
    licence: Some(Licence::EntraIdP1),
    // The page documents none; 999 is what this service takes in practice, and each page costs one of five
    // requests in ten seconds.
    page_size: Some(999),
    select: false,
    due_every_minutes: 1440,
    retention_days: None,
    priority: 3,
    volatile: &["last_updated_date_time"],
    lasting: LastingDates::NONE,
    counts: &[REGISTERED, REPORTED],
};

/// Users registered for multifactor authentication.
pub const REGISTERED: Count = Count {
    name: "mfa_registered",
    title: "Registered for MFA",
    evidence: "by Microsoft's registration report",
    columns: &["is_mfa_registered"],
    tally: Tally::Sum(|user| u64::from(user.is("is_mfa_registered"))),
};

/// Users that the registration report names.
pub const REPORTED: Count = Count {
    name: "mfa_users",
    title: "Users in the MFA report",
    evidence: "by Microsoft's registration report",
    columns: &[],
    tally: Tally::Sum(|_| 1),
};
