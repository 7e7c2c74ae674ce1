//! The property names of each resource, as `$select` may name them, separated by spaces.
//!
//! From the v1.0 CSDL, <https://graph.microsoft.com/v1.0/$metadata>.

/// `microsoft.graph.organization`.
pub const ORGANIZATION: &str = "id deletedDateTime assignedPlans businessPhones city country countryLetterCode \
    createdDateTime defaultUsageLocation displayName marketingNotificationEmails \
    mobileDeviceManagementAuthority onPremisesLastSyncDateTime onPremisesSyncEnabled \
    partnerTenantType postalCode preferredLanguage privacyProfile provisionedPlans \
    securityComplianceNotificationMails securityComplianceNotificationPhones state street \
    technicalNotificationMails tenantType verifiedDomains";

/// `microsoft.graph.subscribedSku`.
pub const SUBSCRIBED_SKU: &str = "id accountId accountName appliesTo capabilityStatus consumedUnits prepaidUnits \
    servicePlans skuId skuPartNumber subscriptionIds";

/// `microsoft.graph.user`.
pub const USER: &str = "id deletedDateTime aboutMe accountEnabled ageGroup assignedLicenses assignedPlans \
    authorizationInfo birthday businessPhones city companyName consentProvidedForMinor country \
    createdDateTime creationType customSecurityAttributes department deviceEnrollmentLimit \
    displayName employeeHireDate employeeId employeeLeaveDateTime employeeOrgData employeeType \
    externalUserState externalUserStateChangeDateTime faxNumber givenName hireDate identities \
    identityParentId imAddresses interests isManagementRestricted isResourceAccount jobTitle \
    lastPasswordChangeDateTime legalAgeGroupClassification licenseAssignmentStates mail \
    mailboxSettings mailNickname mobilePhone mySite officeLocation onPremisesDistinguishedName \
    onPremisesDomainName onPremisesExtensionAttributes onPremisesImmutableId \
    onPremisesLastSyncDateTime onPremisesProvisioningErrors onPremisesSamAccountName \
    onPremisesSecurityIdentifier onPremisesSyncEnabled onPremisesUserPrincipalName otherMails \
    passwordPolicies passwordProfile pastProjects postalCode preferredDataLocation \
    preferredLanguage preferredName print provisionedPlans proxyAddresses responsibilities \
    schools securityIdentifier serviceProvisioningErrors showInAddressList signInActivity \
    signInSessionsValidFromDateTime skills state streetAddress surname usageLocation \
    userPrincipalName userType";

/// `microsoft.graph.userRegistrationDetails`.
pub const REGISTRATION: &str = "id isAdmin isMfaCapable isMfaRegistered isPasswordlessCapable isSsprCapable isSsprEnabled \
    isSsprRegistered isSystemPreferredAuthenticationMethodEnabled lastUpdatedDateTime \
    methodsRegistered systemPreferredAuthenticationMethods userDisplayName \
    userPreferredMethodForSecondaryAuthentication userPrincipalName userType";

/// `microsoft.graph.device`.
pub const DEVICE: &str = "id deletedDateTime accountEnabled alternativeSecurityIds approximateLastSignInDateTime \
    complianceExpirationDateTime deviceCategory deviceId deviceMetadata deviceOwnership \
    deviceVersion displayName enrollmentProfileName enrollmentType isCompliant isManaged \
    isManagementRestricted isRooted managementType manufacturer mdmAppId model \
    onPremisesLastSyncDateTime onPremisesSecurityIdentifier onPremisesSyncEnabled \
    operatingSystem operatingSystemVersion physicalIds profileType registrationDateTime \
    systemLabels trustType";

/// `microsoft.graph.domain`.
pub const DOMAIN: &str = "id authenticationType availabilityStatus isAdminManaged isDefault isInitial isRoot \
    isVerified manufacturer model passwordNotificationWindowInDays \
    passwordValidityPeriodInDays state supportedServices";

/// `microsoft.graph.managedDevice`.
pub const MANAGED_DEVICE: &str = "id activationLockBypassCode androidSecurityPatchLevel azureADDeviceId azureADRegistered \
    complianceGracePeriodExpirationDateTime complianceState \
    configurationManagerClientEnabledFeatures deviceActionResults deviceCategoryDisplayName \
    deviceEnrollmentType deviceHealthAttestationState deviceName deviceRegistrationState \
    easActivated easActivationDateTime easDeviceId emailAddress enrolledDateTime \
    enrollmentProfileName ethernetMacAddress exchangeAccessState exchangeAccessStateReason \
    exchangeLastSuccessfulSyncDateTime freeStorageSpaceInBytes iccid imei isEncrypted \
    isSupervised jailBroken lastSyncDateTime managedDeviceName managedDeviceOwnerType \
    managementAgent managementCertificateExpirationDate managementState manufacturer meid \
    model notes operatingSystem osVersion partnerReportedThreatState phoneNumber \
    physicalMemoryInBytes remoteAssistanceSessionErrorDetails remoteAssistanceSessionUrl \
    requireUserEnrollmentApproval serialNumber subscriberCarrier totalStorageSpaceInBytes udid \
    userDisplayName userId userPrincipalName wiFiMacAddress";

/// `microsoft.graph.detectedApp`.
pub const DETECTED_APP: &str = "id deviceCount displayName platform publisher sizeInByte version";

/// `microsoft.graph.mobileApp`.
pub const MOBILE_APP: &str = "id createdDateTime description developer displayName informationUrl isFeatured largeIcon \
    lastModifiedDateTime notes owner privacyInformationUrl publisher publishingState";

/// `microsoft.graph.application`.
pub const APPLICATION: &str = "id deletedDateTime addIns api appId applicationTemplateId appRoles authenticationBehaviors \
    certification createdByAppId createdDateTime defaultRedirectUri description \
    disabledByMicrosoftStatus displayName groupMembershipClaims identifierUris info \
    isDeviceOnlyAuthSupported isDisabled isFallbackPublicClient keyCredentials logo \
    managerApplications nativeAuthenticationApisEnabled notes oauth2RequirePostResponse \
    optionalClaims parentalControlSettings passwordCredentials publicClient publisherDomain \
    requestSignatureVerification requiredResourceAccess samlMetadataUrl \
    serviceManagementReference servicePrincipalLockConfiguration signInAudience spa tags \
    tokenEncryptionKeyId uniqueName verifiedPublisher web";

/// `microsoft.graph.adminReportSettings`.
pub const REPORT_SETTINGS: &str = "id displayConcealedNames";

/// `microsoft.graph.companySubscription`.
pub const SUBSCRIPTION: &str = "id commerceSubscriptionId createdDateTime isTrial nextLifecycleDateTime ownerId \
    ownerTenantId ownerType serviceStatus skuId skuPartNumber status totalLicenses";

/// The security resources document no `$select`: nothing may be selected.
pub const NONE: &str = "";

/// Of a user, what only `GET /users/{id}` gives: listing it answers 501.
///
/// <https://learn.microsoft.com/graph/api/user-list>
pub const USER_NOT_LISTABLE: &str = "aboutMe birthday hireDate interests mailboxSettings mySite pastProjects preferredName \
    responsibilities schools skills";
