//! The certificate in use, found in the app registration however Graph spells its identifier.

use anyhow::Result;
use microsoft_simulator::KeyIdentifiers;
use muster_domain::expiry::Listing;
use muster_it::{Calendar, tenant};

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_certificates_identifier_makes_it_deleted() -> Result<()> {
    let mut calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    calendar
        .microsoft()
        .set_key_identifiers(KeyIdentifiers::Null);
    super::a_year::switch_to_certificate(&calendar).await?;
    for (identifiers, listing) in [
        (KeyIdentifiers::Null, Listing::NotKnown),
        (KeyIdentifiers::Base64, Listing::Listed),
        (KeyIdentifiers::Base64OfHex, Listing::Listed),
        (KeyIdentifiers::Hex, Listing::Listed),
        // By now its key id is known.
        (KeyIdentifiers::Null, Listing::Listed),
    ] {
        calendar.microsoft().set_key_identifiers(identifiers);
        calendar.pass(1);
        calendar.sync().await?;
        let credential = calendar.integration().await?.credential;
        assert_eq!(credential.listing, listing, "{identifiers:?}");
        assert_eq!(credential.deleted_since, None, "{identifiers:?}");
        let told = calendar.alerts();
        assert!(
            !told.iter().any(|(kind, _)| kind.contains("deleted")),
            "{identifiers:?}: {told:?}"
        );
    }
    Ok(())
}
