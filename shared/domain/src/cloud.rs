//! The national clouds, the hosts each is spoken to by, and which links are followed.
//!
//! Hosts: Microsoft, "National cloud deployments" and "National clouds" (identity platform).

use serde::{Deserialize, Serialize};
use std::str::FromStr;
use url::Url;

/// Which login and Graph hosts a tenant is spoken to by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cloud {
    /// The worldwide service, GCC included.
    #[default]
    Global,
    /// Microsoft 365 GCC High (US Government L4).
    GccHigh,
    /// US Government L5.
    Dod,
    /// Operated by 21Vianet.
    China,
}

impl Cloud {
    /// Every cloud.
    pub const ALL: [Self; 4] = [Self::Global, Self::GccHigh, Self::Dod, Self::China];

    /// The name in the API and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::GccHigh => "gcc_high",
            Self::Dod => "dod",
            Self::China => "china",
        }
    }

    /// The name a person reads.
    pub fn title(self) -> &'static str {
        match self {
            Self::Global => "Worldwide (commercial and GCC)",
            Self::GccHigh => "US Government GCC High",
            Self::Dod => "US Government DoD",
            Self::China => "China (21Vianet)",
        }
    }

    /// The sign-in host.
    pub fn login_host(self) -> &'static str {
        match self {
            Self::Global => "login.microsoftonline.com",
            Self::GccHigh | Self::Dod => "login.microsoftonline.us",
            Self::China => "login.partner.microsoftonline.cn",
        }
    }

    /// The Graph host.
    pub fn graph_host(self) -> &'static str {
        match self {
            Self::Global => "graph.microsoft.com",
            Self::GccHigh => "graph.microsoft.us",
            Self::Dod => "dod-graph.microsoft.us",
            Self::China => "microsoftgraph.chinacloudapi.cn",
        }
    }

    /// The scope of a client-credentials token for Graph, whatever host it is asked through.
    pub fn scope(self) -> String {
        format!("https://{}/.default", self.graph_host())
    }

    /// The audience of a federated credential: one that is right in another cloud is answered
    /// AADSTS700212. Microsoft, "CloudMetadataKeyNames.FederatedCredentialAudience"; the names of the
    /// national clouds as AzureAD/microsoft-identity-web (issue 3672, pull request 3435) has them.
    pub fn token_exchange_audience(self) -> &'static str {
        match self {
            Self::Global => "api://AzureADTokenExchange",
            Self::GccHigh | Self::Dod => "api://AzureADTokenExchangeUSGov",
            Self::China => "api://AzureADTokenExchangeChina",
        }
    }

    /// Domains that a usage report's download may be on.
    fn report_domains(self) -> &'static [&'static str] {
        match self {
            Self::Global => &["office.com", "office365.com"],
            Self::GccHigh | Self::Dod => &["office365.us", "office.us"],
            Self::China => &["office365.cn", "partner.outlook.cn"],
        }
    }

    /// The cloud that a tenant's OpenID configuration names: by its sub-scope where there is one
    /// (`DODCON` is GCC High, `DOD` is DoD), else by its cloud instance.
    pub fn of_discovery(cloud_instance_name: &str, sub_scope: &str) -> Option<Self> {
        match (sub_scope, cloud_instance_name) {
            ("DODCON", _) => Some(Self::GccHigh),
            ("DOD", _) => Some(Self::Dod),
            (_, "microsoftonline.com") => Some(Self::Global),
            (_, "microsoftonline.us") => Some(Self::GccHigh),
            (_, "partner.microsoftonline.cn" | "chinacloudapi.cn") => Some(Self::China),
            _ => None,
        }
    }
}

impl FromStr for Cloud {
    type Err = UnknownCloud;
    fn from_str(text: &str) -> Result<Self, UnknownCloud> {
        Self::ALL
            .into_iter()
            .find(|cloud| cloud.name() == text)
            .ok_or(UnknownCloud)
    }
}

/// A name of no cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one of global, gcc_high, dod, china")]
pub struct UnknownCloud;

/// The origins one cloud is reached at: Microsoft's own, or what replaces them in a whole
/// installation (a proxy, or a simulator in tests).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    cloud: Cloud,
    login: Url,
    graph: Url,
    replaced: bool,
}

/// A link that is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForeignLink {
    /// It is no absolute URL.
    #[error("a link that is no URL")]
    NotAUrl,
    /// It leads elsewhere; its host is named, its path and query are not.
    #[error("a link to {0}, which is not this tenant's cloud")]
    Host(String),
    /// It is longer than any of Microsoft's, and would not fit into the stored state of a dataset.
    #[error("a link of more than {} KB", LONGEST_LINK / 1024)]
    TooLong,
}

/// The longest link that is followed or stored, in bytes. Microsoft's links have some hundred bytes, and the
/// delta links of large tenants a few thousand. Links are kept in the state of a dataset, which is one item of
/// at most 400 KB.
pub const LONGEST_LINK: usize = 16 * 1024;

impl Hosts {
    /// Microsoft's hosts for a cloud.
    ///
    /// # Panics
    /// Never: the hosts are constants (a test builds each).
    pub fn of(cloud: Cloud) -> Self {
        let url = |host: &str| Url::parse(&format!("https://{host}")).expect("a constant host");
        Self {
            cloud,
            login: url(cloud.login_host()),
            graph: url(cloud.graph_host()),
            replaced: false,
        }
    }

    /// The same cloud with its hosts replaced, for tests and proxies.
    pub fn replaced(cloud: Cloud, login: Option<&Url>, graph: Option<&Url>) -> Self {
        let mut hosts = Self::of(cloud);
        hosts.replaced = login.is_some() || graph.is_some();
        hosts.login = login.cloned().unwrap_or(hosts.login);
        hosts.graph = graph.cloned().unwrap_or(hosts.graph);
        hosts
    }

    /// The cloud.
    pub fn cloud(&self) -> Cloud {
        self.cloud
    }

    /// A URL at the sign-in host.
    pub fn login(&self, path_and_query: &str) -> Url {
        join(&self.login, path_and_query)
    }

    /// A URL at the Graph host.
    pub fn graph(&self, path_and_query: &str) -> Url {
        join(&self.graph, path_and_query)
    }

    /// Where a `nextLink` or `deltaLink` is asked for: at the Graph host, whichever of its names
    /// the link uses; a link to anywhere else is refused, since the token would go with it.
    ///
    /// # Errors
    /// When the link leaves the tenant's cloud, or is too long.
    pub fn follow(&self, link: &str) -> Result<Url, ForeignLink> {
        if link.len() > LONGEST_LINK {
            return Err(ForeignLink::TooLong);
        }
        let url = Url::parse(link).map_err(|_| ForeignLink::NotAUrl)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ForeignLink::Host(host_of(&url)));
        }
        if url.origin() == self.graph.origin() {
            return Ok(url);
        }
        let canonical = url.scheme() == "https"
            && url.port_or_known_default() == Some(443)
            && url.host_str() == Some(self.cloud.graph_host());
        if !canonical {
            return Err(ForeignLink::Host(host_of(&url)));
        }
        let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
        Ok(self.graph(&format!("{}{query}", url.path())))
    }

    /// Where a report's redirect may lead: the cloud's report hosts by https, or, where the hosts
    /// are replaced, another port of the replacing host. No token is ever sent there.
    ///
    /// # Errors
    /// When the redirect leads elsewhere.
    pub fn follow_report(&self, location: &str) -> Result<Url, ForeignLink> {
        let url = Url::parse(location).map_err(|_| ForeignLink::NotAUrl)?;
        let host = url.host_str().unwrap_or_default();
        let within = |domain: &&str| host == *domain || host.ends_with(&format!(".{domain}"));
        let microsofts = url.scheme() == "https"
            && url.port_or_known_default() == Some(443)
            && self.cloud.report_domains().iter().any(within);
        let replacing =
            self.replaced && url.scheme() == self.graph.scheme() && url.host() == self.graph.host();
        if microsofts || replacing {
            Ok(url)
        } else {
            Err(ForeignLink::Host(host_of(&url)))
        }
    }
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("no host");
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn join(base: &Url, path_and_query: &str) -> Url {
    let mut url = base.clone();
    let (path, query) = path_and_query
        .split_once('?')
        .map_or((path_and_query, None), |(p, q)| (p, Some(q)));
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url.set_query(query);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_out_of_the_cloud_are_refused() {
        let hosts = Hosts::of(Cloud::Global);
        assert!(
            hosts
                .follow("https://graph.microsoft.com/v1.0/users?$skiptoken=x")
                .is_ok()
        );
        for link in [
            "https://evil.example/v1.0/users?$skiptoken=x",
            "http://graph.microsoft.com/v1.0/users",
            "https://graph.microsoft.com:8443/v1.0/users",
            "https://graph.microsoft.us/v1.0/users",
            "https://graph.microsoft.com@evil.example/users",
            "https://user@graph.microsoft.com/users",
            "https://graph.microsoft.com.evil.example/users",
            "//graph.microsoft.com/users",
            "",
        ] {
            assert!(hosts.follow(link).is_err(), "{link}");
        }
        assert!(
            hosts
                .follow_report("https://reportsweu.office.com/data?x=1")
                .is_ok()
        );
        for link in [
            "https://office.com.evil.example/",
            "https://notoffice.com/",
            "http://reports.office.com/",
            "http://127.0.0.1/",
        ] {
            assert!(hosts.follow_report(link).is_err(), "{link}");
        }
    }

    #[test]
    fn a_replaced_host_answers_for_microsofts_links_too() {
        let graph: Url = "http://127.0.0.1:9000/".parse().expect("a URL");
        let hosts = Hosts::replaced(Cloud::Global, None, Some(&graph));
        assert_eq!(
            hosts
                .follow("https://graph.microsoft.com/v1.0/users?$skiptoken=x")
                .map(String::from),
            Ok("http://127.0.0.1:9000/v1.0/users?$skiptoken=x".to_owned()),
        );
        assert!(hosts.follow("http://127.0.0.1:9001/v1.0/users").is_err());
        assert!(hosts.follow_report("http://127.0.0.1:9001/file").is_ok());
        assert!(hosts.follow_report("http://127.0.0.2:9001/file").is_err());
    }

    #[test]
    fn every_cloud_has_hosts_and_a_name() {
        for cloud in Cloud::ALL {
            assert_eq!(cloud.name().parse(), Ok(cloud));
            assert!(
                Hosts::of(cloud)
                    .graph("/v1.0")
                    .as_str()
                    .starts_with("https://")
            );
        }
    }
}
