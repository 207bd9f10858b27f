//! Which addresses may be written to. A webhook's address comes from a person, and this server stands where that person
//! perhaps does not: addresses of private networks, of the machine itself and of its neighbours are refused, unless the
//! configuration allows them.
//!
//! A name is looked up here and the connection goes to the addresses that were judged, so that a name cannot mean one thing
//! when it is judged and another when it is used.

use crate::network::Network;
use domain::Invalid;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// How long a name may take.
const LOOK_UP: Duration = Duration::from_secs(5);

/// Not the internet: this machine, private and link-local networks, tests, documentation, multicast, and what carries one
/// of those inside. From the registries of IANA for special addresses.
static CLOSED: LazyLock<Vec<Network>> = LazyLock::new(|| {
    [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    ]
    .iter()
    .map(|text| text.parse().expect("these are networks"))
    .collect()
});

/// Judges addresses. A clone is cheap.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allowed: Arc<[Network]>,
}

impl Guard {
    /// Allows these networks besides the internet.
    pub fn allowing(allowed: Vec<Network>) -> Self {
        Self { allowed: allowed.into() }
    }

    /// Whether it may be written to.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed.iter().any(|network| network.contains(address))
            || !CLOSED.iter().any(|network| network.contains(address))
    }

    /// The address of a webhook, if it is one that may be used now. Looks its name up.
    pub async fn check(&self, text: &str) -> Result<Url, Invalid> {
        let url = self.parse(text)?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        if host.parse::<IpAddr>().is_ok() {
            return Ok(url);
        }
        match self.look_up(host).await {
            Ok(_) => Ok(url),
            Err(why) => Err(Invalid::new("url", why)),
        }
    }

    /// The address, if it is one at all. An IP address in it is judged, a name is not: that is done when it is used.
    pub fn parse(&self, text: &str) -> Result<Url, Invalid> {
        let wrong = |why: &str| Invalid::new("url", why);
        let url = Url::parse(text).map_err(|error| wrong(&format!("is no address: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("must begin with https:// or http://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("must not hold a user or a password: send them in a header"));
        }
        if url.fragment().is_some() {
            return Err(wrong("must not hold a #"));
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        // The parser has made every way to write an IPv4 address, 0x7f.1 among them, into the usual one.
        if let Ok(address) = host.parse::<IpAddr>()
            && !self.allows(address)
        {
            return Err(wrong(&refusal(host, address)));
        }
        Ok(url)
    }

    /// The addresses of a name that may be used; why not, when there are none.
    async fn look_up(&self, host: &str) -> Result<Vec<SocketAddr>, String> {
        let found = tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((host, 0))).await;
        let found = found.map_err(|_| format!("{host} could not be looked up within {} s", LOOK_UP.as_secs()))?;
        let found: Vec<SocketAddr> = found.map_err(|_| format!("{host} is no known host"))?.collect();
        let first = found.first().copied();
        let allowed: Vec<_> = found.into_iter().filter(|address| self.allows(address.ip())).collect();
        match (allowed.is_empty(), first) {
            (false, _) => Ok(allowed),
            (true, Some(first)) => Err(refusal(host, first.ip())),
            (true, None) => Err(format!("{host} has no address")),
        }
    }
}

fn refusal(host: &str, address: IpAddr) -> String {
    let where_to = if host.parse::<IpAddr>().is_ok() { String::new() } else { format!("{host} leads to ") };
    format!("{where_to}{address} is not on the internet; webhooks.allow in carillon.toml can allow it")
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = guard.look_up(name.as_str()).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_internet_is_closed_however_it_is_written() {
        let guard = Guard::default();
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://017700000001/",
            "http://10.1.2.3:8080/a",
            "http://172.16.0.1/",
            "http://172.31.255.255/",
            "http://192.168.1.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://100.64.0.1/",
            "http://0.0.0.0/",
            "http://255.255.255.255/",
            "http://224.0.0.1/",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[::127.0.0.1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
            "http://[fe80::1]/",
            "http://[fd00::1]/",
            "http://[ff02::1]/",
        ] {
            let problem = guard.parse(url).unwrap_err();
            assert!(problem.field == "url" && problem.problem.contains("not on the internet"), "{url}: {problem}");
        }
        for url in ["https://93.184.216.34/", "https://172.32.0.1/", "https://[2606:2800:220:1::1]/hook?a=b"] {
            guard.parse(url).unwrap();
        }
    }

    #[test]
    fn what_is_no_address_of_a_webhook_is_refused() {
        for url in [
            "",
            "crm.example",
            "ftp://crm.example/",
            "https://a:b@crm.example/",
            "https://crm.example/#a",
            "file:///etc",
        ] {
            assert_eq!(Guard::default().parse(url).unwrap_err().field, "url", "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_where_it_leads_also_at_the_moment_it_is_used() {
        let error = Guard::default().check("http://localhost:9/").await.unwrap_err();
        assert!(error.problem.contains("localhost leads to"), "{error}");
        assert!(Guard::default().resolve("localhost".parse().unwrap()).await.is_err());
        let error = Guard::default().check("http://no-such-host.invalid/").await.unwrap_err();
        assert!(error.problem.contains("no-such-host.invalid"), "{error}");
        let allowing = Guard::allowing(vec!["127.0.0.0/8".parse().unwrap()]);
        allowing.check("http://127.0.0.1:9/").await.unwrap();
        let found: Vec<_> = allowing.resolve("localhost".parse().unwrap()).await.unwrap().collect();
        assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_ipv4()), "{found:?}");
    }
}
